//! What a target has done since the node started, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

/// Upper bounds of the latency histogram, in seconds.
pub const LATENCY_BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Counters of one target.
#[derive(Debug, Default)]
pub struct Tally {
    /// By the first digit of the status; 1xx of a switch of protocols first.
    answers: [AtomicU64; 5],
    unreachable: AtomicU64,
    broken: AtomicU64,
    retried: AtomicU64,
    failed_checks: AtomicU64,
    /// Answers by latency; the last holds what is beyond every bound.
    latency: [AtomicU64; LATENCY_BOUNDS.len() + 1],
    latency_micros: AtomicU64,
}

/// How many requests ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// `1xx` to `5xx`, `unreachable` (no connection) or `broken` (a connection, and no answer).
    pub how: &'static str,
    /// Requests.
    pub count: u64,
}

/// From the request to the head of the answer, over all answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// Answers that took at most the bound, in the order of [`LATENCY_BOUNDS`].
    pub within: Vec<u64>,
    /// All answers.
    pub count: u64,
    /// What they took together, in seconds.
    pub sum: f64,
}

// === impl Tally ===

impl Tally {
    /// Requests, by how they ended.
    pub fn ended(&self) -> impl Iterator<Item = Ended> {
        let answers = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(&self.answers);
        let failures = [("unreachable", &self.unreachable), ("broken", &self.broken)];
        let all = answers.chain(failures);
        all.map(|(how, count)| Ended { how, count: count.load(Ordering::Relaxed) })
    }

    /// Requests that went to another target, or once more to this one, because this one failed.
    pub fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// Health checks that failed.
    pub fn failed_checks(&self) -> u64 {
        self.failed_checks.load(Ordering::Relaxed)
    }

    /// How long answers took.
    pub fn latency(&self) -> Latency {
        let counts = self.latency.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let mut within: Vec<u64> = counts
            .scan(0, |sum, count| {
                *sum += count;
                Some(*sum)
            })
            .collect();
        let count = within.pop().unwrap_or_default();
        let sum = Duration::from_micros(self.latency_micros.load(Ordering::Relaxed)).as_secs_f64();
        Latency { within, count, sum }
    }

    pub(crate) fn answered(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(count) = self.answers.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let seconds = took.as_secs_f64();
        let bucket = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound);
        self.latency[bucket.unwrap_or(LATENCY_BOUNDS.len())].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn unreachable(&self) {
        self.unreachable.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn broken(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn retry(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn check_failed(&self) {
        self.failed_checks.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_class_and_by_bound() {
        let tally = Tally::default();
        for (status, millis) in [(200, 1), (204, 3), (503, 40_000), (101, 0)] {
            let status = StatusCode::from_u16(status).unwrap();
            tally.answered(status, Duration::from_millis(millis));
        }
        tally.broken();
        let ended: Vec<_> = tally.ended().map(|ended| (ended.how, ended.count)).collect();
        let (one, two) = (("1xx", 1), ("2xx", 2));
        let rest = [("3xx", 0), ("4xx", 0), ("5xx", 1), ("unreachable", 0), ("broken", 1)];
        assert_eq!(ended, [[one, two].as_slice(), &rest].concat());
        let latency = tally.latency();
        assert_eq!(latency.within, [2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
        assert_eq!(latency.count, 4);
        assert!((latency.sum - 40.004).abs() < 1e-9);
    }
}
