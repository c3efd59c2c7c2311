//! An invalidation as the API shows it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;
use warmfront_store::{Invalidation, InvalidationPath};

/// An invalidation as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    id: &'a str,
    /// What is recorded is in force.
    status: &'static str,
    /// Stored responses it took out of service.
    matched: u64,
    /// What they held, in bytes.
    bytes: u64,
    created: String,
    site: &'a str,
    paths: &'a [InvalidationPath],
    reference: Option<&'a str>,
}

// === impl Record ===

impl<'a> From<&'a Invalidation> for Record<'a> {
    fn from(done: &'a Invalidation) -> Self {
        Self {
            id: &done.id,
            status: "completed",
            matched: done.counted.matched,
            bytes: done.counted.bytes,
            created: rfc3339(done.created),
            site: &done.site,
            paths: &done.paths,
            reference: done.reference.as_deref(),
        }
    }
}

/// In UTC, to the millisecond. A time that no calendar has is written as the epoch.
fn rfc3339(at: SystemTime) -> String {
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
}
