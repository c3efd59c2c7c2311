mod catalog;
mod encoded;
mod inspecting;
mod invalidating;
mod kept;
mod lanes;
mod model;
mod recorded;

use super::*;
use crate::body::{BodyReader, Role};
use crate::invalidation::{InvalidationPath, Kind, Order, Receipt};
use crate::stored::Place;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::cell::Cell;
use std::time::{Duration, SystemTime};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;
const KEY: Digest = [1; 16];

struct Bench {
    store: Arc<Store>,
    dir: tempfile::TempDir,
}

fn limits(memory_bytes: u64, object_bytes: u64) -> StoreLimits {
    StoreLimits { memory_bytes, object_bytes, workers: 2 }
}

thread_local! {
    /// Each test has a thread of its own, and so a time of its own.
    static TIME: Cell<SystemTime> = const { Cell::new(NOW) };
}

fn clock() -> SystemTime {
    TIME.get()
}

fn set_time(now: SystemTime) {
    TIME.set(now);
}

fn database(dir: &tempfile::TempDir) -> Arc<Database> {
    Database::open(dir.path()).unwrap()
}

fn bench(memory_bytes: u64, object_bytes: u64) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let limits = limits(memory_bytes, object_bytes);
    let store = Store::open_unswept(&limits, database(&dir), clock).unwrap();
    Bench { store: Arc::new(store), dir }
}

fn head() -> Head {
    Head {
        status: StatusCode::OK,
        fields: HeaderMap::new(),
        epoch: NOW,
        received: NOW,
        fresh_until: NOW + Duration::from_mins(1),
        stale_while_revalidate_secs: 0,
        stale_if_error_secs: 0,
        variance: None,
    }
}

/// One that names nothing yet.
fn order(kind: Kind) -> Order {
    Order {
        site: "www".into(),
        paths: Vec::new(),
        tags: Vec::new(),
        kind,
        reference: None,
        by: "root".into(),
        prefetch: None,
    }
}

impl Bench {
    fn fill(&self, key: Digest, path: &str, length: Option<u64>) -> Filling {
        self.fill_as(key, head(), path, length)
    }

    /// A variant for one value of the field that `vary` names.
    fn put_variant(&self, key: Digest, vary: &str, variant: Digest, body: &'static [u8]) {
        let mut head = head();
        head.fields.insert("vary", vary.parse().unwrap());
        head.variance = Some(variant);
        let mut filling = self.fill_as(key, head, "/v", Some(body.len() as u64));
        filling.write(&Bytes::from_static(body)).unwrap();
        filling.finish();
    }

    fn fill_as(&self, key: Digest, head: Head, path: &str, length: Option<u64>) -> Filling {
        self.store.fill(key, head, self.admission(path, length))
    }

    fn admission(&self, path: &str, length: Option<u64>) -> Admission {
        let place = Arc::new(Place::plain(path));
        let plain = Admission::plain(self.store.site("www"), place, self.store.birth());
        Admission { length, ..plain }
    }

    fn put(&self, key: Digest, path: &str, body: &'static [u8]) {
        let mut filling = self.fill(key, path, Some(body.len() as u64));
        filling.write(&Bytes::from_static(body)).unwrap();
        filling.finish();
    }

    fn invalidate(&self, path: &str, reference: Option<&str>) -> Receipt {
        self.invalidate_all([path.to_owned()], reference)
    }

    fn invalidate_all(
        &self,
        paths: impl IntoIterator<Item = String>,
        reference: Option<&str>,
    ) -> Receipt {
        let paths = paths.into_iter().map(|path| InvalidationPath::parse(&path).unwrap());
        let reference = reference.map(Into::into);
        let order = Order { paths: paths.collect(), reference, ..order(Kind::Hard) };
        let receipt = self.store.invalidate(order, clock()).unwrap();
        self.store.sweep();
        receipt
    }

    async fn read(&self, key: Digest) -> Option<Vec<u8>> {
        let stored = self.store.find(&key)?.stored;
        let mut reader = BodyReader::new(stored.body.clone(), Role::Follower);
        let mut out = Vec::new();
        while let Some(bytes) = reader.next().await.unwrap() {
            out.extend_from_slice(&bytes);
        }
        Some(out)
    }
}

#[tokio::test]
async fn what_is_stored_is_found_and_what_is_invalidated_is_not() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/a", b"body");
    bench.put([2; 16], "/b", b"body");
    assert_eq!(bench.read(KEY).await.as_deref(), Some(b"body".as_slice()));
    let Receipt::New(done) = bench.invalidate("/a", None) else { panic!("not new") };
    assert_eq!((done.counted.matched, done.position.get()), (1, 1));
    assert_eq!(bench.read(KEY).await, None);
    assert!(bench.read([2; 16]).await.is_some());
}

#[tokio::test]
async fn an_invalidation_overtakes_a_fill_that_began_before_it() {
    let bench = bench(8 << 20, 1 << 20);
    let mut old = bench.fill(KEY, "/a", None);
    old.write(&Bytes::from_static(b"old")).unwrap();
    bench.invalidate("/*", None);
    assert!(bench.store.find(&KEY).is_none(), "found while it was written");
    old.write(&Bytes::from_static(b"old")).unwrap();
    old.finish();
    assert_eq!(bench.read(KEY).await, None, "found after it was finished");
    bench.put(KEY, "/a", b"new");
    assert_eq!(bench.read(KEY).await.as_deref(), Some(b"new".as_slice()));
}

#[tokio::test]
async fn an_old_fill_never_replaces_a_newer_one() {
    let bench = bench(8 << 20, 1 << 20);
    let mut old = bench.fill(KEY, "/a", None);
    bench.invalidate("/*", None);
    bench.put(KEY, "/a", b"new");
    old.write(&Bytes::from_static(b"old")).unwrap();
    old.finish();
    assert_eq!(bench.read(KEY).await.as_deref(), Some(b"new".as_slice()));
}

#[tokio::test]
async fn an_aborted_fill_leaves_what_was_there() {
    let bench = bench(8 << 20, 1 << 20);
    drop(bench.fill(KEY, "/a", None));
    assert_eq!(bench.read(KEY).await, None);
    bench.put(KEY, "/a", b"before");
    let mut cut = bench.fill(KEY, "/a", Some(100));
    cut.write(&Bytes::from_static(b"half")).unwrap();
    drop(cut);
    assert_eq!(bench.read(KEY).await.as_deref(), Some(b"before".as_slice()));
}

#[tokio::test]
async fn variants_take_the_place_of_what_has_none_and_the_reverse() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/v", b"plain");
    bench.put_variant(KEY, "a", [2; 16], b"one");
    bench.put_variant(KEY, "a", [3; 16], b"two");
    let found = bench.store.find(&KEY).unwrap();
    assert_eq!(found.stored.head.variance, Some([3; 16]), "the newest");
    let variants = found.variants.unwrap();
    assert_eq!(variants.select(|_| [2; 16]), Some([2; 16]));
    assert!(bench.store.variant(&KEY, &[2; 16]).is_some());
    bench.put(KEY, "/v", b"plain");
    assert!(bench.store.find(&KEY).unwrap().variants.is_none());
    assert!(bench.store.variant(&KEY, &[2; 16]).is_none(), "a variant outlived its key");
}

#[tokio::test]
async fn a_fill_that_comes_to_nothing_gives_back_what_it_displaced() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_variant(KEY, "a", [2; 16], b"one");
    drop(bench.fill(KEY, "/v", Some(9)));
    assert!(bench.store.variant(&KEY, &[2; 16]).is_some(), "a variant was lost");
    bench.put(KEY, "/v", b"plain");
    let mut head = head();
    head.fields.insert("vary", "a".parse().unwrap());
    head.variance = Some([3; 16]);
    drop(bench.fill_as(KEY, head, "/v", Some(9)));
    assert_eq!(bench.read(KEY).await.as_deref(), Some(b"plain".as_slice()));
    let (first, second) = (bench.fill(KEY, "/v", Some(9)), bench.fill(KEY, "/v", Some(9)));
    drop(second);
    drop(first);
    assert_eq!(bench.read(KEY).await.as_deref(), Some(b"plain".as_slice()));
}

#[tokio::test]
async fn a_variant_without_its_index_is_nobodys() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_variant(KEY, "a", [2; 16], b"old");
    bench.store.variants.remove(&KEY);
    bench.store.change(&KEY);
    bench.put_variant(KEY, "a", [3; 16], b"new");
    assert!(bench.store.variant(&KEY, &[3; 16]).is_some());
    assert!(bench.store.variant(&KEY, &[2; 16]).is_none(), "older than the change");
}

#[tokio::test]
async fn a_change_of_a_resource_takes_all_its_versions_and_no_others() {
    let bench = bench(8 << 20, 1 << 20);
    let (resource, other) = ([7; 16], [8; 16]);
    let put = |key: Digest, resource: Digest| {
        let admission = Admission { resource: Some(resource), ..bench.admission("/v", Some(1)) };
        let mut filling = bench.store.fill(key, head(), admission);
        filling.write(&Bytes::from_static(b"x")).unwrap();
        filling.finish();
    };
    put([1; 16], resource);
    put([2; 16], resource);
    put([3; 16], other);
    bench.store.change(&resource);
    for (key, stands) in [([1; 16], false), ([2; 16], false), ([3; 16], true)] {
        assert_eq!(bench.read(key).await.is_some(), stands, "{key:?}");
    }
    put([1; 16], resource);
    assert!(bench.read([1; 16]).await.is_some(), "what is born later is not taken");
}

#[tokio::test]
async fn a_change_takes_all_variants_and_what_is_on_its_way() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put_variant(KEY, "a", [2; 16], b"one");
    let mut written = bench.fill([9; 16], "/w", None);
    let born = bench.store.birth();
    bench.store.change(&KEY);
    bench.store.change(&[9; 16]);
    assert!(bench.store.find(&KEY).is_none());
    assert!(bench.store.variant(&KEY, &[2; 16]).is_none());
    written.write(&Bytes::from_static(b"old")).unwrap();
    written.finish();
    assert_eq!(bench.read([9; 16]).await, None, "what was being written");
    let late = Admission { birth: born, ..bench.admission("/w", None) };
    bench.store.fill([9; 16], head(), late).finish();
    assert_eq!(bench.read([9; 16]).await, None, "what was asked for before");
    bench.put([9; 16], "/w", b"new");
    assert!(bench.read([9; 16]).await.is_some());
}

#[tokio::test]
async fn only_what_was_validated_is_freshened() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/a", b"old");
    let old = bench.store.find(&KEY).unwrap().stored;
    let fresh = |was: &Arc<StoredResponse>| {
        let head = Head { status: StatusCode::NOT_FOUND, ..head() };
        bench.store.freshen(KEY, was, head, was.admission().clone())
    };
    assert!(fresh(&old));
    assert_eq!(bench.store.find(&KEY).unwrap().stored.head.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.read(KEY).await.as_deref(), Some(b"old".as_slice()));
    assert!(!fresh(&old), "it was replaced meanwhile");
    bench.store.discard(KEY, &old);
    assert!(bench.store.find(&KEY).is_some(), "so was this one");
}

#[tokio::test]
async fn a_body_that_outgrows_the_limit_is_not_stored() {
    let bench = bench(8 << 20, 1 << 20);
    let mut filling = bench.fill(KEY, "/a", None);
    for _ in 0..20 {
        filling.write(&Bytes::from(vec![0; 100 * 1024])).unwrap();
    }
    assert!(bench.store.find(&KEY).is_none());
    assert_eq!(filling.finish(), 20 * 100 * 1024);
    assert!(bench.store.find(&KEY).is_none());
    let unknown = bench.fill(KEY, "/a", Some(2 << 20));
    assert!(bench.store.find(&KEY).is_none(), "declared too large");
    drop(unknown);
}

#[tokio::test]
async fn memory_is_bounded_by_bytes() {
    let bench = bench(4 << 20, 1 << 20);
    for n in 0..100u8 {
        let mut filling = bench.fill([n; 16], "/a", None);
        filling.write(&Bytes::from(vec![n; 256 * 1024])).unwrap();
        filling.finish();
    }
    let stats = bench.store.stats();
    assert!(stats.bytes <= 4 << 20, "{stats:?}");
    assert!(bench.store.find(&[99; 16]).is_some(), "the newest was refused");
    assert!(bench.store.find(&[0; 16]).is_none());
}

#[test]
fn a_reference_is_one_invalidation_across_restarts() {
    let bench = bench(8 << 20, 1 << 20);
    let Receipt::New(first) = bench.invalidate("/a", Some("build-41")) else { panic!("not new") };
    assert_eq!(bench.invalidate("/a", Some("build-41")), Receipt::Repeated(first.clone()));
    assert_eq!(bench.invalidate("/b", Some("build-41")), Receipt::Conflict(first.clone()));
    let Bench { store, dir } = bench;
    drop(store);
    let store = Store::open(&limits(8 << 20, 1 << 20), database(&dir), clock).unwrap();
    assert_eq!(store.birth().position, first.position);
    assert_eq!(store.invalidation(&first.id).unwrap(), Some(first.clone()));
    assert_eq!(store.invalidations(&|_| true, None, 10).unwrap().unwrap(), vec![first]);
}

#[test]
fn the_ledger_is_bounded_by_bytes() {
    let bench = bench(8 << 20, 1 << 20);
    let long = "x".repeat(3_900);
    let file_bytes = || std::fs::metadata(bench.dir.path().join("ledger.redb")).unwrap().len();
    let record = |from: usize, to: usize| {
        for n in from..to {
            bench.invalidate_all((0..500).map(|m| format!("/{n}/{m}/{long}")), None);
        }
        file_bytes()
    };
    // Full by the first, and no fuller by the second.
    let (full, later) = (record(0, 17), record(17, 24));
    assert!(later < full + full / 4, "{full} bytes, later {later}");
    let kept = bench.store.invalidations(&|_| true, None, 100).unwrap().unwrap();
    assert!((10..20).contains(&kept.len()), "{} are kept", kept.len());
    assert_eq!(kept[0].position.get(), 24);
}

#[tokio::test]
async fn invalidations_without_number_take_only_what_they_name() {
    let bench = bench(8 << 20, 1 << 20);
    bench.put(KEY, "/kept", b"kept");
    let began = bench.fill([2; 16], "/began", None);
    for n in 0..8 {
        bench.invalidate_all((0..3_000).map(|m| format!("/{n}/{m}")), None);
        bench.invalidate(&format!("/{n}/*"), None);
    }
    assert_eq!(bench.read(KEY).await.as_deref(), Some(b"kept".as_slice()));
    began.finish();
    assert!(bench.read([2; 16]).await.is_some(), "it was judged while it was on its way");
}
