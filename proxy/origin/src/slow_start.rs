//! Slow start: a target that has become healthy gets its share of the requests little by little,
//! so that its caches and its compiler are warm before the whole of it comes.

use std::time::{Duration, Instant};

/// The least share: a weight of nothing cannot be balanced by, and a target is warmed by requests
/// alone.
const LEAST: f64 = 0.01;

/// What part of its weight counts for a target that became healthy at `since`, more than 0 and at
/// most 1: it grows evenly over `duration`, as an Application Load Balancer's does.
///
/// `since` is `None` for a target that is not to start slowly; a `duration` of zero is off.
pub(crate) fn share(since: Option<Instant>, duration: Duration, now: Instant) -> f64 {
    let Some(since) = since else {
        return 1.0;
    };
    // A request that read its clock before the target became healthy is at the very start.
    let elapsed = now.saturating_duration_since(since);
    if elapsed >= duration {
        return 1.0;
    }
    elapsed.div_duration_f64(duration).max(LEAST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn a_share_grows_evenly() {
        let start = Instant::now();
        for (elapsed_ms, duration_ms, expected) in [
            (0, 0, 1.0),
            (0, 30_000, 0.01),
            (100, 30_000, 0.01),
            (3_000, 30_000, 0.1),
            (15_000, 30_000, 0.5),
            (29_999, 30_000, 29_999.0 / 30_000.0),
            (30_000, 30_000, 1.0),
            (86_400_000, 30_000, 1.0),
        ] {
            let now = start + Duration::from_millis(elapsed_ms);
            let share = share(Some(start), Duration::from_millis(duration_ms), now);
            assert!((share - expected).abs() < 1e-9, "{elapsed_ms} of {duration_ms} ms: {share}");
        }
    }

    #[test]
    fn a_target_that_does_not_start_slowly_has_all_of_its_share() {
        assert!((share(None, Duration::from_secs(30), Instant::now()) - 1.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_share_is_never_nothing_and_never_shrinks(
            duration_ms in any::<u32>(),
            elapsed_ms in any::<u32>(),
            later_ms in any::<u32>(),
        ) {
            let start = Instant::now() + Duration::from_secs(1);
            let at = |ms: u32| {
                let now = start + Duration::from_millis(ms.into());
                share(Some(start), Duration::from_millis(duration_ms.into()), now)
            };
            let (first, second) = (at(elapsed_ms.min(later_ms)), at(elapsed_ms.max(later_ms)));
            assert!(0.0 < first && first <= second && second <= 1.0);
            let early = start.checked_sub(Duration::from_secs(1)).unwrap();
            assert!(share(Some(start), Duration::from_secs(1), early) > 0.0);
        }
    }
}
