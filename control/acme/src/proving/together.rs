//! Several futures at once, on one task: they may borrow.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Waits for all of them; their outputs are in their order.
pub(super) async fn together<'a, T>(
    futures: Vec<Pin<Box<dyn Future<Output = T> + Send + 'a>>>,
) -> Vec<T> {
    let mut running: Vec<_> = futures.into_iter().map(Running::Pending).collect();
    poll_fn(|context| {
        let mut pending = false;
        for one in &mut running {
            let Running::Pending(future) = one else { continue };
            match future.as_mut().poll(context) {
                Poll::Ready(output) => *one = Running::Done(output),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    let done = running.into_iter().filter_map(|one| match one {
        Running::Done(output) => Some(output),
        Running::Pending(_) => None,
    });
    done.collect()
}

enum Running<'a, T> {
    Pending(Pin<Box<dyn Future<Output = T> + Send + 'a>>),
    Done(T),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_run_at_once_and_keep_their_order() {
        let start = Instant::now();
        let wait = |secs: u64| -> Pin<Box<dyn Future<Output = u64> + Send>> {
            Box::pin(async move {
                sleep(Duration::from_secs(secs)).await;
                secs
            })
        };
        assert_eq!(together(vec![wait(3), wait(1), wait(2)]).await, [3, 1, 2]);
        assert_eq!(start.elapsed().as_secs(), 3);
    }
}
