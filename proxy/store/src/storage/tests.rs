use super::*;
use crate::invalidation::{InvalidationPath, Order};
use crate::store::StoreLimits;
use crate::stored::{Place, Room};
use crate::tenure::Keep;
use std::time::Duration;
use warmfront_semantics::coding::Coding;
use warmfront_semantics::freshness::{Permission, Staleness};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;
const MINUTE: Duration = Duration::from_mins(1);
const STALENESS: Staleness =
    Staleness { while_revalidate: MINUTE, if_error: MINUTE, unreachable: Permission::Allowed };

/// Holds one asset that is kept for one deploy.
async fn storage(body: &'static [u8]) -> &'static PingoraStorage {
    let dir = tempfile::tempdir().unwrap();
    let database = redb::Database::create(dir.path().join("ledger")).unwrap();
    let limits = StoreLimits { memory_bytes: 8 << 20, object_bytes: 1 << 20, workers: 1 };
    let store = Store::open(&limits, Arc::new(database), || NOW).unwrap();
    let storage: &_ = Box::leak(Box::new(PingoraStorage::new(Arc::new(store))));
    let mut meta =
        CacheMeta::new(NOW + MINUTE, NOW, 60, 60, ResponseHeader::build(200, None).unwrap());
    let place = Place { path: "/a.js".into(), query: None, made_from: None };
    meta.extensions_mut().insert(Admission {
        ledger: storage.store.site("www"),
        place: Arc::new(place),
        birth: storage.store.birth(),
        length: None,
        staleness: STALENESS,
        keep: Some(Keep::Deploys(1)),
        resource: None,
        room: Room::default(),
    });
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
    let paths = vec![InvalidationPath::parse("/*").unwrap()];
    let order = Order { site: "www".into(), paths, reference: None, by: "root".into() };
    storage.store.invalidate(order, NOW).unwrap();
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
