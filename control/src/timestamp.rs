//! Times as the API and the log show them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(crate) use warmfront_semantics::timestamp::rfc3339;

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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
