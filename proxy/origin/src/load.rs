//! What a target has had to do lately: moving averages that forget.

use std::time::{Duration, Instant};

/// After this long an observation counts a third as much as a new one.
const MEMORY: Duration = Duration::from_secs(10);
/// So far at least an observation moves the average, however short ago the one before was: what a
/// target was like a hundred requests ago does not matter.
const STEP_MIN: f64 = 0.2;

/// A moving average over time (Finagle's and Linkerd's latency tracking works so).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Average {
    value: f64,
    /// When it was last moved; `None` is never.
    at: Option<Instant>,
}

// === impl Average ===

impl Average {
    /// Takes an observation in.
    pub(crate) fn observe(&mut self, observed: f64, now: Instant) {
        let Some(at) = self.at.replace(now) else {
            self.value = observed;
            return;
        };
        let passed = now.saturating_duration_since(at).as_secs_f64() / MEMORY.as_secs_f64();
        let step = if passed >= 1.0 { 1.0 } else { (1.0 - (-passed).exp()).max(STEP_MIN) };
        self.value += (observed - self.value) * step;
    }

    /// The average, if anything was observed within the last 10 s.
    pub(crate) fn recent(&self, now: Instant) -> Option<f64> {
        let at = self.at?;
        (now.saturating_duration_since(at) < MEMORY).then_some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_what_is_observed_and_forgets() {
        let start = Instant::now();
        let mut average = Average::default();
        assert_eq!(average.recent(start), None);
        average.observe(1.0, start);
        assert_eq!(average.recent(start), Some(1.0));
        average.observe(11.0, start);
        let after_one = average.recent(start).unwrap();
        assert!((2.0..4.0).contains(&after_one), "one observation does not carry it: {after_one}");
        for _ in 0..50 {
            average.observe(11.0, start);
        }
        assert!((average.recent(start).unwrap() - 11.0).abs() < 0.1);
        let late = start + MEMORY;
        assert_eq!(average.recent(late), None, "what is old is not known");
        average.observe(3.0, late);
        assert_eq!(average.recent(late), Some(3.0), "and does not count any more");
    }
}
