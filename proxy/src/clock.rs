//! The one place that reads the wall clock. Everything else takes `now`.

use std::time::SystemTime;

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
#[must_use]
pub fn now() -> SystemTime {
    SystemTime::now()
}
