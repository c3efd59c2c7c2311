use super::*;
use crate::invalidation::{InvalidationPath, Kind, Order};
use crate::store::StoreLimits;
use crate::stored::Place;
use crate::tenure::Keep;
use std::cell::Cell;
use std::time::Duration;
use warmfront_semantics::coding::Coding;
use warmfront_semantics::freshness::{Permission, Staleness};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;
const MINUTE: Duration = Duration::from_mins(1);
const STALENESS: Staleness =
    Staleness { while_revalidate: MINUTE, if_error: MINUTE, unreachable: Permission::Allowed };

thread_local! {
    /// Each test has a thread of its own, and so a time of its own.
    static TIME: Cell<SystemTime> = const { Cell::new(NOW) };
}

fn clock() -> SystemTime {
    TIME.get()
}

/// Holds one asset that is kept for one deploy.
async fn storage(body: &'static [u8]) -> &'static PingoraStorage {
    let dir = tempfile::tempdir().unwrap();
    let database = warmfront_state::Database::open(dir.path()).unwrap();
    let limits = StoreLimits { memory_bytes: 8 << 20, object_bytes: 1 << 20, workers: 1 };
    let store = Store::open_unswept(&limits, database, clock).unwrap();
    let storage: &_ = Box::leak(Box::new(PingoraStorage::new(Arc::new(store))));
    let mut meta =
        CacheMeta::new(NOW + MINUTE, NOW, 60, 60, ResponseHeader::build(200, None).unwrap());
    let place = Arc::new(Place::plain("/a.js"));
    let plain = Admission::plain(storage.store.site("www"), place, storage.store.birth());
    let keep = Some(Keep::Deploys(1));
    meta.extensions_mut().insert(Admission { staleness: STALENESS, keep, ..plain });
    let span = Span::inactive().handle();
    let mut miss = storage.get_miss_handler(&key(), &meta, &span).await.unwrap();
    miss.write_body(Bytes::from_static(body), true).await.unwrap();
    miss.finish().await.unwrap();
    storage
}

fn key() -> CacheKey {
    let mut key = CacheKey::new([1; 16], "");
    key.set_primary_bin_override([1; 16]);
    key
}

async fn look(storage: &'static PingoraStorage) -> Option<(CacheMeta, HitHandler)> {
    storage.lookup(&key(), &Span::inactive().handle()).await.unwrap()
}

fn deploy(storage: &PingoraStorage) {
    invalidate(storage, Kind::Hard, NOW);
}

fn invalidate(storage: &PingoraStorage, kind: Kind, now: SystemTime) {
    let order = Order {
        site: "www".into(),
        paths: vec![InvalidationPath::parse("/*").unwrap()],
        tags: Vec::new(),
        kind,
        reference: None,
        by: "root".into(),
        prefetch: None,
    };
    storage.store.invalidate(order, now).unwrap();
}

#[tokio::test]
async fn what_is_kept_is_stale_and_says_so() {
    let storage = storage(b"asset").await;
    let (meta, _) = look(storage).await.unwrap();
    assert_eq!(meta.fresh_until(), NOW + MINUTE);
    assert!(meta.extensions().get::<Kept>().is_none());
    deploy(storage);
    assert!(storage.holds(&key()), "nobody waits for what a look-up finds");
    let (meta, mut hit) = look(storage).await.unwrap();
    assert_eq!(meta.fresh_until(), SystemTime::UNIX_EPOCH);
    assert_eq!(meta.stale_while_revalidate_sec(), 0);
    assert!(meta.extensions().get::<Kept>().is_some());
    assert_eq!(hit.read_body().await.unwrap().unwrap(), "asset");
    deploy(storage);
    assert!(!storage.holds(&key()));
    assert!(look(storage).await.is_none());
}

#[tokio::test]
async fn what_is_softened_is_served_at_once_for_as_long_as_it_would_have_been_fresh() {
    let storage = storage(b"asset").await;
    let told = |meta: &CacheMeta| {
        let reach = |secs: u32| meta.fresh_until() + Duration::from_secs(secs.into());
        let softened = meta.extensions().get::<Softened>().is_some();
        (softened, reach(meta.stale_while_revalidate_sec()), reach(meta.stale_if_error_sec()))
    };
    let (ends, within) = (NOW + 2 * MINUTE, Duration::from_secs(1));
    TIME.set(NOW + MINUTE / 2);
    invalidate(storage, Kind::Soft, clock());
    for seconds in [30, 45, 60] {
        TIME.set(NOW + Duration::from_secs(seconds));
        let (meta, _) = look(storage).await.unwrap();
        let (softened, while_revalidate, if_error) = told(&meta);
        assert!(softened && !meta.is_fresh(clock()), "{seconds}");
        assert!(meta.fresh_until() < NOW + MINUTE / 2, "{seconds}");
        for reach in [while_revalidate, if_error] {
            assert!((ends..=ends + within).contains(&reach), "{seconds} {reach:?}");
        }
        assert!(meta.serve_stale_while_revalidate(clock()), "{seconds}");
    }
    TIME.set(NOW + MINUTE + Duration::from_secs(1));
    let (meta, _) = look(storage).await.unwrap();
    let plainly_stale = (true, NOW + 2 * MINUTE, NOW + 2 * MINUTE);
    assert_eq!((meta.fresh_until(), told(&meta)), (NOW + MINUTE, plainly_stale));
    deploy(storage);
    invalidate(storage, Kind::Soft, clock());
    let (meta, _) = look(storage).await.unwrap();
    assert!(meta.extensions().get::<Kept>().is_some(), "retired is the graver word");
}

#[tokio::test]
async fn a_hit_can_read_the_encoded_form_instead_or_make_it() {
    let storage = storage(&[b'a'; 10_000]).await;
    let (meta, mut hit) = look(storage).await.unwrap();
    hit.read_body().await.unwrap();
    let stored = meta.extensions().get::<Arc<StoredResponse>>().unwrap();
    let encoded = storage.store.encoded([1; 16], stored, Coding::Brotli).await.unwrap();
    read_instead(&mut hit, encoded.reader());
    let body = hit.read_body().await.unwrap().unwrap();
    assert_eq!(body.len() as u64, encoded.bytes);
    assert_eq!(hit.read_body().await.unwrap(), None);
    let (_, mut hit) = look(storage).await.unwrap();
    read_through(&mut hit, Encoder::new(Coding::Brotli).unwrap());
    let mut body = Vec::new();
    while let Some(piece) = hit.read_body().await.unwrap() {
        assert!(!piece.is_empty());
        body.extend_from_slice(&piece);
    }
    let mut out = Vec::new();
    brotli::BrotliDecompress(&mut body.as_slice(), &mut out).unwrap();
    assert_eq!(out, [b'a'; 10_000]);
}
