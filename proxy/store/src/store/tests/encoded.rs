//! Goal: a body is encoded once, and a form is served only for the body that it was made from.

use super::*;
use crate::encoding::Encoded;
use std::task::Poll;
use warmfront_semantics::coding::Coding;

const TEXT: &[u8] = &[b'a'; 10_000];
const OTHER: &[u8] = &[b'b'; 10_000];

impl Bench {
    pub(super) fn stored(&self, key: Digest) -> Arc<StoredResponse> {
        self.store.find(&key).unwrap().stored
    }

    pub(super) async fn encoded(&self, key: Digest, coding: Coding) -> Option<Encoded> {
        self.store.encoded(key, &self.stored(key), coding).await
    }
}

async fn unzipped(encoded: &Encoded) -> Vec<u8> {
    let (mut reader, mut bytes) = (encoded.reader(), Vec::new());
    while let Some(more) = reader.next().await.unwrap() {
        bytes.extend_from_slice(&more);
    }
    assert_eq!(bytes.len() as u64, encoded.bytes);
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut out).unwrap();
    out
}

#[tokio::test]
async fn a_body_is_encoded_once_for_each_coding() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/a", TEXT);
    let before = bench.store.stats();
    let mut first = Vec::new();
    for coding in [Coding::Gzip, Coding::Zstd, Coding::Brotli] {
        first.push(bench.encoded(KEY, coding).await.unwrap());
    }
    assert_eq!(unzipped(&first[0]).await, TEXT);
    let again = bench.encoded(KEY, Coding::Gzip).await.unwrap();
    assert!(again.is(&first[0]), "it was made again");
    assert!(!first[1].is(&first[0]));
    let after = bench.store.stats();
    assert_eq!(after.objects, before.objects + 3);
    let held: u64 = first.iter().map(|encoded| encoded.bytes).sum();
    assert!(after.bytes > before.bytes + held, "{before:?} {after:?}");
}

#[tokio::test]
async fn whoever_wants_the_same_waits_for_the_same() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/a", TEXT);
    let stored = bench.stored(KEY);
    let ask = || {
        let (store, stored) = (bench.store.clone(), stored.clone());
        tokio::spawn(async move { store.encoded(KEY, &stored, Coding::Gzip).await })
    };
    let asked: Vec<_> = std::iter::repeat_with(ask).take(20).collect();
    let mut made = Vec::new();
    for asked in asked {
        made.push(asked.await.unwrap().unwrap());
    }
    assert!(made.iter().all(|encoded| encoded.is(&made[0])));
}

#[tokio::test]
async fn whoever_leaves_while_it_is_made_harms_nobody() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/a", TEXT);
    let stored = bench.stored(KEY);
    let mut leaves = Box::pin(bench.store.encoded(KEY, &stored, Coding::Gzip));
    std::future::poll_fn(|context| {
        assert!(leaves.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
    drop(leaves);
    assert_eq!(unzipped(&bench.encoded(KEY, Coding::Gzip).await.unwrap()).await, TEXT);
}

#[tokio::test]
async fn what_does_not_get_smaller_is_not_tried_again() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/a", b"x");
    let stored = bench.stored(KEY);
    assert!(bench.encoded(KEY, Coding::Brotli).await.is_none());
    assert!(stored.in_vain.has(Coding::Brotli));
    assert!(!stored.in_vain.has(Coding::Gzip));
    assert!(bench.encoded(KEY, Coding::Brotli).await.is_none());
    bench.store.freshen(KEY, &stored, head(), stored.admission().clone());
    assert!(bench.stored(KEY).in_vain.has(Coding::Brotli), "the body is the same");
    assert_eq!(bench.store.stats().objects, 1);
}

#[tokio::test]
async fn what_is_still_written_has_no_form_yet() {
    let bench = bench(8 << 20, 1 << 20);
    let mut filling = bench.fill(KEY, "/a", None);
    filling.write(&Bytes::from_static(TEXT)).unwrap();
    assert!(bench.encoded(KEY, Coding::Gzip).await.is_none());
    filling.finish();
    assert!(bench.encoded(KEY, Coding::Gzip).await.is_some());
}

#[tokio::test]
async fn a_form_is_of_the_body_that_is_stored_now() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/a", TEXT);
    let old = bench.stored(KEY);
    let form = bench.encoded(KEY, Coding::Gzip).await.unwrap();
    bench.store.freshen(KEY, &old, head(), old.admission().clone());
    assert!(bench.encoded(KEY, Coding::Gzip).await.unwrap().is(&form), "freshened");
    bench.put(KEY, "/a", OTHER);
    let new = bench.encoded(KEY, Coding::Gzip).await.unwrap();
    assert_eq!(unzipped(&new).await, OTHER);
    // Whoever still serves the old one gets the old one, and is not in the way of the new one.
    let old = bench.store.encoded(KEY, &old, Coding::Gzip).await.unwrap();
    assert_eq!(unzipped(&old).await, TEXT);
    assert!(bench.encoded(KEY, Coding::Gzip).await.unwrap().is(&new));
}

#[tokio::test]
async fn a_form_goes_with_its_response_and_is_none_of_its_own() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/a", TEXT);
    bench.put_variant([3; 16], "a", [4; 16], TEXT);
    let form = bench.encoded(KEY, Coding::Gzip).await.unwrap();
    bench.encoded([3; 16], Coding::Gzip).await.unwrap();
    let weight = bench.stored(KEY).weight;
    let paths = vec![InvalidationPath::parse("/a").unwrap()];
    let told = bench.store.count(&Order { paths, ..order(Kind::Hard) });
    let Receipt::New(done) = bench.invalidate("/a", None) else { panic!("not new") };
    assert_eq!(done.counted, told);
    assert_eq!(done.counted.matched, 1);
    assert!(done.counted.bytes > weight + form.bytes);
    assert_eq!(bench.store.stats().objects, 2, "the variant and its form");
}
