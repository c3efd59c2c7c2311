//! Spans of time as people say them.

use std::time::{Duration, SystemTime};

/// Seconds of each unit, the largest first.
const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];

/// A span in its two largest units, such as `2 d 3 h`, `4 min 12 s` or `0 s`. What is left is dropped.
pub(super) fn span(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut said: Vec<String> = Vec::with_capacity(2);
    for (seconds, unit) in UNITS {
        let count = left / seconds;
        left %= seconds;
        match (said.len(), count) {
            (0, 0) if seconds > 1 => {}
            (1, 0) => break,
            _ => said.push(format!("{count} {unit}")),
        }
        if said.len() == 2 {
            break;
        }
    }
    said.join(" ")
}

/// The time since then; none if it is still to come.
pub(super) fn since(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_two_units_at_most() {
        for (seconds, said) in [
            (0, "0 s"),
            (48, "48 s"),
            (60, "1 min"),
            (252, "4 min 12 s"),
            (3_600, "1 h"),
            (3_605, "1 h"),
            (86_400 + 3_600, "1 d 1 h"),
            (86_400 + 59, "1 d"),
            (365 * 86_400, "365 d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), said);
        }
        assert_eq!(span(Duration::from_millis(999)), "0 s");
    }
}
