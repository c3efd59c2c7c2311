//! Work that waits for the network and writes to the disk.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::sync::watch;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_ends_with_the_node() {
        let (stop, stops) = watch::channel(false);
        assert_eq!(on_a_thread(stops.clone(), async || 7).await, Work::Done(7));
        let endless = tokio::spawn(on_a_thread(stops.clone(), std::future::pending::<()>));
        stop.send(true).unwrap();
        assert_eq!(endless.await.unwrap(), Work::Dropped);
    }
}
