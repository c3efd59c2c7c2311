//! How long to wait after a failure.

use std::time::Duration;

use crate::renewal::SMALL_PART;

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
/// After the first failure, the second, and so on; the last one for ever. The sixth failure comes
/// more than an hour after the first: Let's Encrypt takes 5 an hour for a name and an account.
const WAITS: [u64; 9] =
    [10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 40 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR];
/// Only ever later: earlier would be more than 5 an hour.
const JITTER: f64 = 0.1;

/// How long to wait after so many failures in a row. Never more than a 24th of `served`, the
/// lifetime of the certificate that is shown meanwhile: it must not end for a long wait. `random`
/// is from 0 to 1.
pub fn wait(failures: u32, served: Option<Duration>, random: f64) -> Duration {
    let Some(last) = failures.checked_sub(1) else { return Duration::ZERO };
    let at = usize::try_from(last).unwrap_or(usize::MAX).min(WAITS.len() - 1);
    let wait = WAITS.get(at).copied().map_or(Duration::ZERO, Duration::from_secs);
    let random = if random.is_nan() { 0.0 } else { random.clamp(0.0, 1.0) };
    let wait = wait.mul_f64(1.0 + JITTER * random);
    served.map_or(wait, |served| wait.min(served / SMALL_PART))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn the_waits_grow_to_six_hours() {
        for (failures, secs) in [
            (0, 0),
            (1, 10),
            (2, 60),
            (3, 300),
            (4, 900),
            (5, 2400),
            (6, 3600),
            (7, 7200),
            (8, 14_400),
            (9, 21_600),
            (10, 21_600),
            (u32::MAX, 21_600),
        ] {
            assert_eq!(wait(failures, None, 0.0).as_secs(), secs, "{failures}");
        }
    }

    #[test]
    fn a_short_lived_certificate_does_not_end_for_a_long_wait() {
        assert_eq!(wait(9, Some(6 * DAY), 1.0), Duration::from_hours(6));
        assert_eq!(wait(9, Some(DAY), 1.0), Duration::from_hours(1));
        assert_eq!(wait(2, Some(Duration::from_mins(12)), 0.0), Duration::from_secs(30));
        assert_eq!(wait(1, Some(90 * DAY), 0.0), Duration::from_secs(10));
    }

    proptest! {
        #[test]
        fn more_failures_never_wait_less(
            failures in 0..40_u32,
            served in proptest::option::of(0..10_000_000_u64),
            random in 0.0..=1.0_f64,
        ) {
            let served = served.map(Duration::from_secs);
            let (less, more) = (wait(failures, served, random), wait(failures + 1, served, random));
            prop_assert!(less <= more);
            prop_assert!(served.is_none_or(|served| more <= served / 24));
        }

        #[test]
        fn there_are_at_most_five_failures_an_hour(
            served in proptest::option::of(24..2400_u64),
            random in proptest::collection::vec(0.0..=1.0_f64, 20),
        ) {
            let served = served.map(Duration::from_hours);
            let mut at = Duration::ZERO;
            let mut failed = vec![at];
            for (failures, random) in (1..).zip(random) {
                at += wait(failures, served, random);
                failed.push(at);
            }
            for six in failed.windows(6) {
                prop_assert!(six[5] > six[0] + Duration::from_hours(1), "{six:?}");
            }
        }
    }
}
