//! How fast an authority is asked whether it is done.

use std::time::Duration;

use tokio::time::{Instant, sleep};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(5);
/// An authority that has not decided by then is left alone until the next attempt.
const PATIENCE: Duration = Duration::from_mins(5);

/// From 500 ms doubling to 5 s, for 5 minutes; slower where the authority says so.
#[derive(Debug)]
pub(crate) struct Pace {
    wait: Duration,
    until: Instant,
}

/// There is no time for another look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfTime;

// === impl Pace ===

impl Pace {
    pub(crate) fn begin() -> Self {
        Self { wait: FIRST, until: Instant::now() + PATIENCE }
    }

    /// As [`begin`](Self::begin), but ends in `patience` if that is sooner.
    pub(crate) fn hurry(&mut self, patience: Duration) {
        self.until = self.until.min(Instant::now() + patience);
    }

    /// Waits for as long as the authority asks, and for as long as we find polite.
    pub(crate) async fn pause(&mut self, ask_again: Option<Duration>) -> Result<(), OutOfTime> {
        let wait = self.wait.max(ask_again.unwrap_or_default());
        if Instant::now() + wait > self.until {
            return Err(OutOfTime);
        }
        sleep(wait).await;
        self.wait = (self.wait * 2).min(LONGEST);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_pace_slows_to_five_seconds_and_ends_after_five_minutes() {
        let start = Instant::now();
        let mut pace = Pace::begin();
        let mut looks = Vec::new();
        while pace.pause(None).await.is_ok() {
            looks.push(start.elapsed().as_millis());
        }
        assert_eq!(looks.get(..6), Some([500, 1500, 3500, 7500, 12500, 17500].as_slice()));
        assert!(*looks.last().unwrap() <= 300_000 && looks.len() < 70, "{looks:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_authority_may_ask_for_more_time_but_not_for_all_of_it() {
        let start = Instant::now();
        let mut pace = Pace::begin();
        pace.pause(Some(Duration::from_secs(90))).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 90);
        assert_eq!(pace.pause(Some(Duration::from_mins(4))).await, Err(OutOfTime));
        assert_eq!(start.elapsed().as_secs(), 90, "and nobody waits for nothing");
        pace.hurry(Duration::from_secs(2));
        assert_eq!(pace.pause(None).await, Ok(()));
        assert_eq!(pace.pause(None).await, Err(OutOfTime));
    }
}
