//! Goal: nobody waits long for a form, and for none because of larger ones. Method: the time stands
//! still while there is work, and a lane is held up where the test wants jobs to wait.

use super::*;
use std::pin::Pin;
use std::task::Poll;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use warmfront_semantics::coding::Coding;

const SMALL: &[u8] = &[b'a'; 256 * 1024];
const LARGE: &[u8] = &[b'a'; 256 * 1024 + 1];

/// Asks, and does not wait for the answer: `None` if there is none yet.
async fn at_once<T>(mut asked: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    std::future::poll_fn(|context| match asked.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

impl Bench {
    fn occupy(&self, body: &[u8]) -> Vec<OwnedSemaphorePermit> {
        self.store.workshop.occupy(body.len() as u64)
    }

    async fn idle(&self) {
        while !self.store.workshop.is_idle() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_body_is_never_behind_large_ones() {
    let bench = bench(32 << 20, 1 << 20);
    bench.put(KEY, "/large", LARGE);
    bench.put([2; 16], "/small", SMALL);
    let occupied = bench.occupy(LARGE);
    let mut large = std::pin::pin!(bench.encoded(KEY, Coding::Gzip));
    assert!(at_once(large.as_mut()).await.is_none());
    assert!(bench.encoded([2; 16], Coding::Gzip).await.is_some());
    assert!(at_once(large.as_mut()).await.is_none());
    drop(occupied);
    assert!(large.await.is_some());
    let _occupied = bench.occupy(SMALL);
    assert!(bench.encoded(KEY, Coding::Zstd).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_for_a_second_goes_without_and_the_next_one_has_it() {
    for body in [SMALL, LARGE] {
        let bench = bench(32 << 20, 1 << 20);
        bench.put(KEY, "/a", body);
        let occupied = bench.occupy(body);
        for _ in 0..2 {
            let began = Instant::now();
            assert!(bench.encoded(KEY, Coding::Gzip).await.is_none());
            let waited = began.elapsed();
            assert!(waited.abs_diff(Duration::from_secs(1)) < Duration::from_millis(5));
        }
        assert!(!bench.stored(KEY).in_vain.has(Coding::Gzip), "it was never tried");
        drop(occupied);
        bench.idle().await;
        assert_eq!(bench.store.stats().objects, 2, "nobody waited, and it was made");
        let mut asked = std::pin::pin!(bench.encoded(KEY, Coding::Gzip));
        assert!(at_once(asked.as_mut()).await.unwrap().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn where_many_wait_the_next_one_goes_without_at_once() {
    for (body, most) in [(SMALL, 64), (LARGE, 8)] {
        let bench = bench(256 << 20, 1 << 20);
        let occupied = bench.occupy(body);
        let key = |n: u8| [n; 16];
        (0..=most).for_each(|n| bench.put(key(n), "/a", body));
        let ask = |n| Box::pin(bench.encoded(key(n), Coding::Gzip));
        let mut waiting: Vec<_> = (0..most).map(ask).collect();
        for asked in &mut waiting {
            assert!(at_once(asked.as_mut()).await.is_none(), "{most}");
        }
        assert!(at_once(ask(most).as_mut()).await.unwrap().is_none(), "{most}");
        assert!(!bench.stored(key(most)).in_vain.has(Coding::Gzip), "{most}");
        // For what waits already, more may wait.
        waiting.push(ask(0));
        assert!(at_once(waiting[usize::from(most)].as_mut()).await.is_none(), "{most}");
        drop(occupied);
        for asked in waiting {
            assert!(asked.await.is_some(), "{most}");
        }
        bench.idle().await;
        assert!(ask(most).await.is_some(), "{most}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_before_its_turn_is_not_made_for_nobody() {
    for (goes, leaves, made) in
        [(true, true, false), (true, false, true), (false, true, true), (false, false, true)]
    {
        let bench = bench(8 << 20, 1 << 20);
        // Does not get smaller: what was made leaves a note.
        bench.put(KEY, "/a", b"x");
        let stored = bench.stored(KEY);
        let occupied = bench.occupy(b"x");
        let mut asked = Box::pin(bench.encoded(KEY, Coding::Gzip));
        assert!(at_once(asked.as_mut()).await.is_none());
        let asked = (!leaves).then_some(asked);
        if goes {
            bench.invalidate("/a", None);
        }
        drop(occupied);
        bench.idle().await;
        assert_eq!(stored.in_vain.has(Coding::Gzip), made, "{goes} {leaves}");
        drop(asked);
    }
}
