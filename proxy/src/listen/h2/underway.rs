//! The requests of a connection that are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Counts them.
#[derive(Debug)]
pub(super) struct Underway {
    count: AtomicUsize,
    /// When the last of them was done.
    idle_since: Mutex<Instant>,
    is_idle: Notify,
}

/// One of them; dropping it says that it is done.
#[derive(Debug)]
pub(super) struct Counted(Arc<Underway>);

// === impl Underway ===

impl Underway {
    pub(super) fn new(now: Instant) -> Arc<Self> {
        let (count, is_idle) = (AtomicUsize::new(0), Notify::new());
        Arc::new(Self { count, idle_since: Mutex::new(now), is_idle })
    }

    pub(super) fn begin(self: &Arc<Self>) -> Counted {
        self.count.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// Waits until there is none.
    pub(super) async fn done(&self) {
        while self.count.load(Ordering::Acquire) > 0 {
            self.is_idle.notified().await;
        }
    }

    /// Waits until there was none for so long.
    pub(super) async fn idle_for(&self, timeout: Duration) {
        loop {
            self.done().await;
            let until = *self.idle_since.lock() + timeout;
            if until <= Instant::now() {
                return;
            }
            // Others may begin meanwhile, and be done again.
            sleep_until(until).await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Self(underway) = self;
        if underway.count.load(Ordering::Relaxed) == 1 {
            *underway.idle_since.lock() = Instant::now();
        }
        if underway.count.fetch_sub(1, Ordering::Release) == 1 {
            underway.is_idle.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn idle_is_counted_from_the_end_of_the_last() {
        let start = Instant::now();
        let underway = Underway::new(start);
        let one = underway.begin();
        let requests = async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            drop(one);
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(underway.begin());
        };
        tokio::join!(requests, underway.idle_for(TIMEOUT));
        assert_eq!(start.elapsed().as_secs(), 30);
        underway.done().await;
    }
}
