//! How many requests may be sent once more, so that a target group that is in trouble is not asked
//! several times for everything. The idea and the floor are those of Finagle's `RetryBudget`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What one retry costs: each request pays in as many parts of it as the percentage has.
const RETRY: u64 = 100;
/// For how many requests the budget saves up: what a second's outage at a thousand requests a
/// second needs, and little enough that a storm is over with it. Finagle keeps ten seconds' worth,
/// for which each request would have to read the clock.
const REQUESTS_SAVED: u64 = 1_000;
/// Retries each second that no request has to pay for: a quiet site has not paid in anything yet.
const FLOOR_PER_S: u32 = 10;

/// A target group's retries: a percentage of its requests, and a few each second in any case.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    percent: u64,
    /// In parts of a retry, at most what is saved up.
    balance: AtomicU64,
    floor: Mutex<Floor>,
}

/// Whether a request may be sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// It may, and is paid for.
    Granted,
    /// The budget is spent.
    Refused,
}

/// The retries that are free, as a bucket that is full at first and fills again in a second.
#[derive(Debug, Default)]
struct Floor {
    /// When the bucket will be full again; `None` is full.
    full_at: Option<Instant>,
}

// === impl RetryBudget ===

impl RetryBudget {
    /// Of a hundred requests, so many may be sent once more; with 0 none ever is.
    pub(crate) fn new(percent: u32) -> Self {
        Self { percent: percent.into(), balance: AtomicU64::new(0), floor: Mutex::default() }
    }

    /// Once for each request that a client sends, and not for its retries.
    pub(crate) fn deposit(&self) {
        let most = REQUESTS_SAVED * self.percent;
        let deposited = |balance: u64| (balance < most).then(|| balance + self.percent);
        // Refused where nothing more is saved, which is how it is most of the time.
        _ = self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, deposited);
    }

    /// Once for each retry, before it is sent.
    pub(crate) fn withdraw(&self, now: Instant) -> Withdrawal {
        if self.percent == 0 {
            return Withdrawal::Refused;
        }
        // The free ones first: they come back by themselves.
        if self.floor.lock().withdraw(now) == Withdrawal::Granted {
            return Withdrawal::Granted;
        }
        let paid = |balance: u64| balance.checked_sub(RETRY);
        match self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, paid) {
            Ok(_) => Withdrawal::Granted,
            Err(_) => Withdrawal::Refused,
        }
    }
}

// === impl Floor ===

impl Floor {
    fn withdraw(&mut self, now: Instant) -> Withdrawal {
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now));
        let full_at = full_at + Duration::from_secs(1) / FLOOR_PER_S;
        if full_at.duration_since(now) > Duration::from_secs(1) {
            return Withdrawal::Refused;
        }
        self.full_at = Some(full_at);
        Withdrawal::Granted
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn a_quiet_site_may_retry_ten_times_a_second() {
        let budget = RetryBudget::new(20);
        let start = Instant::now();
        assert_eq!(granted(&budget, start, 50), 10);
        assert_eq!(granted(&budget, start + Duration::from_millis(99), 50), 0);
        assert_eq!(granted(&budget, start + Duration::from_millis(300), 50), 3);
        assert_eq!(granted(&budget, start + Duration::from_hours(1), 50), 10);
    }

    #[test]
    fn requests_pay_for_retries() {
        for (percent, requests, expected) in [
            (20, 0, 10),
            (20, 4, 10),
            (20, 5, 11),
            (20, 100, 30),
            (20, 1_000, 210),
            (20, 1_000_000, 210),
            (100, 7, 17),
            (200, 7, 24),
            (1, 99, 10),
            (1, 100, 11),
            (0, 1_000_000, 0),
        ] {
            let budget = RetryBudget::new(percent);
            (0..requests).for_each(|_| budget.deposit());
            let granted = granted(&budget, Instant::now(), 1_000);
            assert_eq!(granted, expected, "{percent} % of {requests}");
        }
    }

    #[test]
    fn a_clock_that_another_thread_read_earlier_gives_nothing_away() {
        let budget = RetryBudget::new(20);
        let early = Instant::now();
        assert_eq!(granted(&budget, early + Duration::from_secs(9), 50), 10);
        assert_eq!(granted(&budget, early, 50), 0);
        assert_eq!(granted(&budget, early + Duration::from_secs(9), 50), 0);
    }

    proptest! {
        /// The bound, over every stretch of a run: what is paid in, what is saved, and the floor.
        #[test]
        fn retries_stay_within_their_share(
            percent in 0..=100_u32,
            rounds in vec((0..200_u64, 0..100_u64, 0..500_u64), 1..50),
            skipped in any::<proptest::sample::Index>(),
        ) {
            let budget = RetryBudget::new(percent);
            let start = Instant::now();
            let skipped = skipped.index(rounds.len());
            let (mut requests, mut retries, mut elapsed_ms) = (0, 0, 0);
            let mut all_ms = 0;
            for (at, (deposits, withdrawals, gap_ms)) in rounds.into_iter().enumerate() {
                (0..deposits).for_each(|_| budget.deposit());
                all_ms += gap_ms;
                let granted = granted(&budget, start + Duration::from_millis(all_ms), withdrawals);
                if at >= skipped {
                    requests += deposits;
                    elapsed_ms += gap_ms;
                    retries += granted;
                }
            }
            let percent = u64::from(percent);
            let saved = if skipped == 0 { 0 } else { REQUESTS_SAVED * percent / RETRY };
            let free = if percent == 0 { 0 } else { 10 + elapsed_ms / 100 + 1 };
            assert!(retries <= requests * percent / RETRY + saved + free + 1);
        }
    }

    fn granted(budget: &RetryBudget, now: Instant, wanted: u64) -> u64 {
        (0..wanted).map(|_| u64::from(budget.withdraw(now) == Withdrawal::Granted)).sum()
    }
}
