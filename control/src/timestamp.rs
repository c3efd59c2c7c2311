//! Times as the API and the log show them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::macros::format_description;

/// One moment, by both clocks: what is shown of states is kept by the one that nobody sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) wall: SystemTime,
    pub(crate) instant: Instant,
}

// === impl Moment ===

impl Moment {
    /// Another moment, earlier or later, as it is shown. By the wall clock as it is set now.
    pub(crate) fn show(self, at: Instant) -> String {
        let earlier = self.instant.saturating_duration_since(at);
        let later = at.saturating_duration_since(self.instant);
        let wall = self.wall.checked_sub(earlier).and_then(|wall| wall.checked_add(later));
        rfc3339(wall.unwrap_or(UNIX_EPOCH))
    }
}

/// In UTC, to the millisecond. A time that no calendar has is written as the epoch.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos())
        .ok()
        .and_then(|nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(format)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_utc_to_the_millisecond() {
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_042);
        assert_eq!(rfc3339(at), "2023-11-14T22:13:20.042Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
        let far = UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX) * 1_000);
        assert_eq!(rfc3339(far), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_moment_is_shown_by_the_wall_clock() {
        let wall = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let now = Moment { wall, instant: Instant::now() };
        assert_eq!(now.show(now.instant), "2023-11-14T22:13:20.000Z");
        let later = now.instant + Duration::from_millis(1_500);
        assert_eq!(now.show(later), "2023-11-14T22:13:21.500Z");
        assert_eq!(Moment { instant: later, ..now }.show(now.instant), "2023-11-14T22:13:18.500Z");
    }
}
