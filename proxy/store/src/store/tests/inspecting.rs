//! Goal: whoever asks is told what is held, and which invalidation took what is not.

use super::*;
use crate::stored::Place;
use warmfront_semantics::coding::Coding;

impl Bench {
    fn taken_by(&self, key: Digest, path: &str) -> Option<u64> {
        let place = Place::clone(&self.admission(path, None).place);
        let taken = self.store.taken_by(&key, "www", &place).unwrap();
        taken.map(|invalidation| invalidation.position.get())
    }
}

#[tokio::test]
async fn what_is_held_is_told_in_the_order_of_a_look_up() {
    let bench = bench(8 << 20, 1 << 20);
    assert!(bench.store.held(&KEY).is_empty());
    bench.put_variant(KEY, "a", [2; 16], &[b'a'; 5_000]);
    bench.put_variant(KEY, "a", [3; 16], b"two");
    bench.encoded(KEY, Coding::Gzip).await;
    let variant = bench.store.variant(&KEY, &[2; 16]).unwrap().stored;
    bench.store.encoded(KEY, &variant, Coding::Brotli).await.unwrap();
    let held = bench.store.held(&KEY);
    let digests: Vec<Digest> = held.iter().map(|held| held.digest).collect();
    assert_eq!(digests, [[3; 16], [2; 16]]);
    assert!(held.iter().all(|held| held.vary.is_some() && held.standing == Standing::Live));
    assert_eq!(held[1].codings, [Coding::Brotli]);
    assert_eq!(held[1].stored.content_bytes(), Some(5_000));
    let filling = bench.fill([9; 16], "/w", None);
    let held = bench.store.held(&[9; 16]);
    assert!(held[0].vary.is_none());
    assert_eq!(held[0].stored.content_bytes(), None);
    drop(filling);
    bench.order(Kind::Hard, &["/v"]);
    let held = bench.store.held(&KEY);
    assert!(held.iter().all(|held| held.standing == Standing::Dead) && held.len() == 2);
    bench.store.sweep();
    assert!(bench.store.held(&KEY).is_empty());
}

#[test]
fn it_is_known_what_took_it() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_tagged(KEY, "/a", &["t"]);
    assert_eq!(bench.taken_by(KEY, "/a"), None);
    bench.order(Kind::Soft, &["/a"]);
    assert_eq!(bench.taken_by(KEY, "/a"), None, "it is still there");
    let softened = bench.store.softened_by(&bench.stored(KEY)).unwrap();
    assert_eq!(softened.map(|done| done.position.get()), Some(1));
    bench.order(Kind::Hard, &["#t"]);
    assert_eq!(bench.taken_by(KEY, "/a"), Some(2), "not swept yet");
    bench.store.sweep();
    assert_eq!(bench.taken_by(KEY, "/a"), Some(2));
    assert_eq!(bench.taken_by([2; 16], "/a"), None, "nothing that carried a tag stood there");
    bench.order(Kind::Hard, &["/b", "/c*"]);
    assert_eq!(bench.taken_by([2; 16], "/b"), Some(3), "had it stood there");
    assert_eq!(bench.taken_by([2; 16], "/cd"), Some(3));
    bench.order(Kind::Hard, &["/*"]);
    assert_eq!(bench.taken_by(KEY, "/a"), Some(4));
    bench.put(KEY, "/a", b"new");
    assert_eq!(bench.store.softened_by(&bench.stored(KEY)).unwrap(), None);
}

#[test]
fn of_variants_it_is_known_too() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_variant(KEY, "a", [2; 16], b"one");
    bench.order(Kind::Hard, &["/v?x=1", "/v?"]);
    assert_eq!(bench.taken_by(KEY, "/v"), Some(1));
    for n in 0..5_000_u128 {
        bench.put(n.to_be_bytes(), "/many", b"x");
    }
    bench.order(Kind::Hard, &["/man*"]);
    bench.order(Kind::Hard, &["/v"]);
    assert_eq!(bench.taken_by(5_u128.to_be_bytes(), "/many"), Some(2));
}
