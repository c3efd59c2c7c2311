//! Goal: the promise holds between threads too. Method: some ask and fill, one invalidates as a deploy
//! script does, each so many times and as fast as it can; all read one clock, the version of the origin.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use warmfront_state::Database;

use super::super::{NOW, clock, head, limits};
use super::dice::Dice;
use super::disk::Disk;
use super::resources::{CHOICES, RESOURCES, key, tags, variant};
use crate::body::Body;
use crate::invalidation::{Kind, Order, Receipt};
use crate::store::{Found, Store};
use crate::stored::{Admission, Birth, Head, StoredResponse};
use crate::tenure::Standing;

const ASKING: u64 = 3;
const REQUESTS: u64 = 15_000;
const ORDERS: u64 = 400;
const VERSION: HeaderName = HeaderName::from_static("x-version");
/// Both tags, on everything.
const TAGS: u8 = 0b11;

/// What all threads share.
struct Scene {
    store: Arc<Store>,
    /// What the origin has now, of everything.
    version: AtomicU64,
    floors: [Floor; RESOURCES.len()],
}

/// The oldest version of a resource that a request may be served from here on.
#[derive(Default)]
struct Floor {
    served: AtomicU64,
    as_fresh: AtomicU64,
}

#[test]
fn no_thread_is_served_what_was_invalidated_before_it_asked() {
    let database = Database::on(Disk::default).unwrap();
    let store = Store::open(&limits(1 << 20, 4 << 10), database, clock).unwrap();
    let version = AtomicU64::new(1);
    let scene = Scene { store: Arc::new(store), version, floors: Default::default() };
    let hits = std::thread::scope(|scope| {
        let scene = &scene;
        let asking = (0..ASKING).map(|n| scope.spawn(move || scene.ask(Dice::new(n))));
        let asking: Vec<_> = asking.collect();
        scope.spawn(move || scene.order(Dice::new(ASKING))).join().unwrap();
        asking.into_iter().map(|hits| hits.join().unwrap()).sum::<u64>()
    });
    assert!(hits > REQUESTS, "{hits} hits prove little");
}

// === impl Scene ===

impl Scene {
    fn order(&self, mut dice: Dice) {
        for _ in 0..ORDERS {
            let choice = &CHOICES[usize::try_from(dice.below(CHOICES.len() as u64)).unwrap()];
            let soft = dice.below(3) == 0;
            let order = Order {
                site: "www".into(),
                paths: choice.paths(),
                tags: choice.tags(),
                kind: if soft { Kind::Soft } else { Kind::Hard },
                reference: None,
                by: "root".into(),
                prefetch: None,
            };
            let version = 1 + self.version.fetch_add(1, Ordering::SeqCst);
            let receipt = self.store.invalidate(order, NOW).unwrap();
            assert!(matches!(receipt, Receipt::New(_)));
            for (floor, taken) in self.floors.iter().zip(choice.takes) {
                if taken || choice.tags & TAGS != 0 {
                    floor.raise(version, soft);
                }
            }
        }
    }

    /// Returns how often it was served.
    fn ask(&self, mut dice: Dice) -> u64 {
        let mut hits = 0;
        for _ in 0..REQUESTS {
            let resource = usize::try_from(dice.below(RESOURCES.len() as u64)).unwrap();
            let client = u8::try_from(dice.below(2)).unwrap();
            let floor = &self.floors[resource];
            let served_from = floor.served.load(Ordering::SeqCst);
            let fresh_from = floor.as_fresh.load(Ordering::SeqCst);
            let Some(found) = self.select(resource, client) else {
                self.fetch(resource, client, &mut dice, None);
                continue;
            };
            let version = version_of(&found.stored);
            match found.standing {
                Standing::Live => assert!(version >= fresh_from, "{version} < {fresh_from}"),
                Standing::Stale { .. } => {
                    assert!(version >= served_from, "{version} < {served_from}");
                }
                Standing::Retired => assert!(RESOURCES[resource].keep_deploys.is_some()),
                Standing::Dead => panic!("what is dead was found"),
            }
            if let Body::Whole(segments) = &found.stored.body {
                assert_eq!(segments.concat(), text(version), "a body of another version");
            }
            hits += 1;
            if found.standing != Standing::Live || dice.below(8) == 0 {
                self.fetch(resource, client, &mut dice, Some(&found.stored));
            }
        }
        hits
    }

    fn select(&self, resource: usize, client: u8) -> Option<Found> {
        let key = key(0, resource);
        let found = self.store.find(&key)?;
        let Some(variants) = &found.variants else { return Some(found) };
        let digest = variants.select(|_| variant(key, client))?;
        if found.stored.head.variance == Some(digest) {
            return Some(found);
        }
        self.store.variant(&key, &digest)
    }

    fn fetch(
        &self,
        resource: usize,
        client: u8,
        dice: &mut Dice,
        was: Option<&Arc<StoredResponse>>,
    ) {
        let birth = self.store.birth();
        let version = self.version.load(Ordering::SeqCst);
        let key = key(0, resource);
        let varies = RESOURCES[resource].may_vary && version.is_multiple_of(4);
        let variance = varies.then(|| variant(key, client));
        let mut head = Head { variance, ..head() };
        head.fields.insert(VERSION, version.into());
        if varies {
            head.fields.insert(http::header::VARY, HeaderValue::from_static("a"));
        }
        let admission = self.admission(resource, birth);
        if let Some(was) = was.filter(|was| version_of(was) == version) {
            if was.head.variance == variance {
                self.store.freshen(key, was, head, admission);
            }
            return;
        }
        let mut filling = self.store.fill(key, head, admission);
        let body = text(version);
        let (first, rest) = body.split_at(body.len() / 2);
        for piece in [first, rest] {
            if filling.write(&Bytes::copy_from_slice(piece)).is_err() || dice.below(50) == 0 {
                return;
            }
            std::thread::yield_now();
        }
        filling.finish();
    }

    fn admission(&self, resource: usize, birth: Birth) -> Admission {
        let resource = &RESOURCES[resource];
        Admission {
            keep: resource.keep(),
            tags: Some(tags(TAGS)),
            ..Admission::plain(self.store.site("www"), resource.place(), birth)
        }
    }
}

// === impl Floor ===

impl Floor {
    fn raise(&self, version: u64, soft: bool) {
        self.as_fresh.fetch_max(version, Ordering::SeqCst);
        if !soft {
            self.served.fetch_max(version, Ordering::SeqCst);
        }
    }
}

fn version_of(stored: &StoredResponse) -> u64 {
    stored.fields()[VERSION].to_str().unwrap().parse().unwrap()
}

fn text(version: u64) -> Vec<u8> {
    format!("version {version}; ").repeat(20).into_bytes()
}
