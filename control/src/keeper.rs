//! Tends the target groups: health checks, names, and what drains.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use warmfront_origin::TargetGroup;

/// From one look at a group to the next, at least: a busy group says all the time that something
/// has changed, and one look sees to all of it.
const PAUSE: Duration = Duration::from_millis(10);

/// What is tended.
pub(crate) trait Tended: Send + Sync + 'static {
    /// Begins all that is due, and says when to come again.
    fn tend(&self, now: Instant) -> Instant;

    /// Returns when there is something to see to before that. What happens while nobody waits is
    /// not lost.
    fn changed(&self) -> impl Future<Output = ()> + Send;
}

/// Tends each of them until `shutdown` turns true, its sender is gone, or what is returned is
/// dropped. Called on a tokio runtime.
pub(crate) fn keep<T: Tended>(
    tended: impl IntoIterator<Item = T>,
    shutdown: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut keepers = JoinSet::new();
    for one in tended {
        let mut shutdown = shutdown.clone();
        keepers.spawn(async move {
            tokio::select! {
                // An error is a sender that is gone: nobody could say stop any more.
                _ = shutdown.wait_for(|stop| *stop) => {}
                () = tend_on(&one) => {}
            }
        });
    }
    keepers
}

async fn tend_on(tended: &impl Tended) {
    loop {
        // Tokio's, so that tests can pass the time.
        let wake = tended.tend(tokio::time::Instant::now().into_std());
        sleep(PAUSE).await;
        tokio::select! {
            () = sleep_until(wake.into()) => {}
            () = tended.changed() => {}
        }
    }
}

impl Tended for Arc<TargetGroup> {
    fn tend(&self, now: Instant) -> Instant {
        TargetGroup::tend(self, now)
    }

    async fn changed(&self) {
        TargetGroup::changed(self).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// Wants to be looked at again after so long, and counts the looks.
    struct Counted {
        again: Duration,
        looks: AtomicU32,
        changed: Notify,
    }

    impl Counted {
        fn new(again: Duration) -> Arc<Self> {
            Arc::new(Self { again, looks: AtomicU32::new(0), changed: Notify::new() })
        }

        fn looks(&self) -> u32 {
            self.looks.load(Ordering::Relaxed)
        }
    }

    impl Tended for Arc<Counted> {
        fn tend(&self, now: Instant) -> Instant {
            self.looks.fetch_add(1, Ordering::Relaxed);
            now + self.again
        }

        async fn changed(&self) {
            self.changed.notified().await;
        }
    }

    async fn pass(time: Duration) {
        sleep(time).await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_comes_when_it_is_told_to_and_when_something_changes() {
        let group = Counted::new(Duration::from_secs(30));
        let (_stop, stops) = watch::channel(false);
        let _keepers = keep([group.clone()], &stops);
        pass(Duration::from_secs(1)).await;
        assert_eq!(group.looks(), 1, "at once");
        pass(Duration::from_secs(90)).await;
        assert_eq!(group.looks(), 4, "every 30 s");
        group.changed.notify_one();
        pass(Duration::from_millis(1)).await;
        assert_eq!(group.looks(), 5);
        group.changed.notify_one();
        pass(Duration::from_millis(20)).await;
        assert_eq!(group.looks(), 6, "what changed in between is not lost");
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_group_is_not_spun_on() {
        let group = Counted::new(Duration::ZERO);
        let (_stop, stops) = watch::channel(false);
        let _keepers = keep([group.clone()], &stops);
        for _ in 0..1_000 {
            group.changed.notify_one();
            pass(Duration::from_millis(1)).await;
        }
        assert!((50..=101).contains(&group.looks()), "{} looks in a second", group.looks());
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_control_plane() {
        let group = Counted::new(Duration::from_secs(30));
        let (stop, stops) = watch::channel(false);
        let mut keepers = keep([group.clone(), group], &stops);
        stop.send(true).unwrap();
        let mut ended = 0;
        while let Some(keeper) = keepers.join_next().await {
            keeper.unwrap();
            ended += 1;
        }
        assert_eq!(ended, 2);
    }
}
