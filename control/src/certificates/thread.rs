//! Work that waits for the network and writes to the disk, and work that never ends.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long work that panicked rests before it begins again.
const REST: Duration = Duration::from_mins(1);

/// How such work ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work<T> {
    Done(T),
    /// The node stops.
    Dropped,
    /// It panicked.
    Broken,
}

/// Carries it out on a thread that may block, until `stop` turns true or its sender is gone. It is
/// carried on with if what is returned is dropped.
pub(crate) async fn on_a_thread<F, T>(
    mut stop: watch::Receiver<bool>,
    work: impl FnOnce() -> F + Send + 'static,
) -> Work<T>
where
    F: Future<Output = T>,
    T: Send + 'static,
{
    let done = tokio::task::spawn_blocking(move || {
        Handle::current().block_on(async {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => Work::Dropped,
                done = work() => Work::Done(done),
            }
        })
    });
    done.await.unwrap_or_else(|error| {
        tracing::error!(%error, "an attempt to get a certificate failed inside the node");
        Work::Broken
    })
}

/// Does work that never ends, and begins it again after a rest where it panics; `broken` is told so.
pub(crate) async fn without_end<F>(work: impl Fn() -> F, broken: impl Fn())
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        // It ends with what is returned.
        let mut task = JoinSet::new();
        task.spawn(work());
        if let Some(Err(error)) = task.join_next().await {
            tracing::error!(%error, "what keeps a certificate fresh failed inside the node");
        }
        broken();
        sleep(REST).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_panics_begins_again_after_a_rest() {
        let (begun, broken) = (Arc::new(AtomicU32::new(0)), AtomicU32::new(0));
        let work = || {
            let begun = begun.clone();
            async move {
                let times = begun.fetch_add(1, Ordering::Relaxed);
                assert!(times >= 2, "it does not work the first two times");
                std::future::pending::<()>().await;
            }
        };
        let told = || {
            broken.fetch_add(1, Ordering::Relaxed);
        };
        let time = Duration::from_secs(150);
        tokio::time::timeout(time, without_end(work, told)).await.unwrap_err();
        assert_eq!((begun.load(Ordering::Relaxed), broken.load(Ordering::Relaxed)), (3, 2));
    }

    #[tokio::test]
    async fn it_ends_with_the_node() {
        let (stop, stops) = watch::channel(false);
        assert_eq!(on_a_thread(stops.clone(), async || 7).await, Work::Done(7));
        let endless = tokio::spawn(on_a_thread(stops.clone(), std::future::pending::<()>));
        stop.send(true).unwrap();
        assert_eq!(endless.await.unwrap(), Work::Dropped);
    }
}
