//! How many requests a second all prefetches together make.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// How late a request may be made without the next ones being later for it: what timers are off by.
const SLACK: Duration = Duration::from_millis(10);

/// An even pace: what was not used is not saved up, so that an origin never meets a burst.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// Of the next request.
    due: Instant,
}

// === impl Pace ===

impl Pace {
    /// So many requests a second.
    pub(super) fn new(rate: NonZeroU32, now: Instant) -> Self {
        // Rounded up: so many, and not one more.
        let interval = 1_000_000_000_u64.div_ceil(u64::from(rate.get()));
        Self { interval: Duration::from_nanos(interval), due: now }
    }

    /// When the next request may be made, which it then counts as made.
    pub(super) fn take(&mut self, now: Instant) -> Instant {
        let due = self.due.max(now.checked_sub(SLACK).unwrap_or(now));
        self.due = due + self.interval;
        due.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(rate: u32) -> NonZeroU32 {
        NonZeroU32::new(rate).unwrap()
    }

    #[test]
    fn no_second_has_more_than_the_rate() {
        for per_second in [1, 7, 50, 10_000] {
            let start = Instant::now();
            let mut pace = Pace::new(rate(per_second), start);
            let mut now = start;
            let made = std::iter::from_fn(|| {
                now = pace.take(now);
                (now < start + Duration::from_secs(3)).then_some(())
            });
            assert_eq!(made.count(), 3 * per_second as usize);
        }
    }

    #[test]
    fn a_timer_that_is_late_costs_nothing_and_idleness_saves_nothing() {
        let start = Instant::now();
        let mut pace = Pace::new(rate(100), start);
        let late = start + Duration::from_millis(4);
        assert_eq!(pace.take(start), start);
        assert_eq!(pace.take(late), start + Duration::from_millis(10));
        let idle = start + Duration::from_mins(1);
        assert_eq!(pace.take(idle), idle);
        assert_eq!(pace.take(idle), idle, "the slack");
        assert_eq!(pace.take(idle), idle + Duration::from_millis(10));
    }
}
