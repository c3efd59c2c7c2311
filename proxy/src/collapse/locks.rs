//! Locks on keys: whoever holds one asks the origin, the others wait for it.
//!
//! Pingora's own table takes a lock back by the key of whoever returns it. A refresh behind a client's
//! back looks up anew, though: if an invalidation took the stale response in between, it would wait
//! for the lock that it was given itself, or return that in the place of another variant's, which
//! would then be locked for good. Here a lock knows its own place.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Extensions;
use parking_lot::Mutex;
use pingora_cache::CacheKey;
use pingora_cache::key::CacheHashKey as _;
use pingora_cache::lock::{CacheKeyLock, LockStatus, LockStub, Locked, WritePermit};
use warmfront_store::{Birth, Digest, Place, SiteLedger};

/// Parts that are locked one by one.
const SHARDS: usize = 16;

/// All locks that are held.
pub(super) struct Locks {
    shards: [Mutex<HashMap<Digest, LockStub>>; SHARDS],
    /// For how long one may be held before another is let through.
    held_max: Duration,
    given: AtomicU64,
}

/// Where a lock stands, and which one it is.
#[derive(Debug, Clone)]
struct Own {
    name: Digest,
    number: u64,
    fill: Arc<Mutex<Option<Fill>>>,
}

/// What whoever holds a lock asks the origin for, and since when.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) ledger: Arc<SiteLedger>,
    pub(crate) place: Place,
    pub(crate) birth: Birth,
}

// === impl Locks ===

impl Locks {
    pub(super) fn new(held_max: Duration) -> Self {
        Self { shards: Default::default(), held_max, given: AtomicU64::new(0) }
    }

    fn shard(&self, name: &Digest) -> &Mutex<HashMap<Digest, LockStub>> {
        let [first, ..] = *name;
        &self.shards[usize::from(first) % SHARDS]
    }

    /// Notes what whoever holds the lock on this key asks for now.
    pub(super) fn begin(&self, key: &CacheKey, fill: Fill) {
        let name = key.combined_bin();
        if let Some(own) = self.shard(&name).lock().get(&name).and_then(own_of) {
            *own.fill.lock() = Some(fill);
        }
    }
}

fn own_of(held: &LockStub) -> Option<&Own> {
    held.extensions().get()
}

fn is_overtaken(held: &LockStub) -> bool {
    let Some(own) = own_of(held) else { return false };
    own.fill.lock().as_ref().is_some_and(|fill| fill.ledger.overtakes(&fill.place, fill.birth))
}

impl CacheKeyLock for Locks {
    fn lock(&self, key: &CacheKey, stale_writer: bool) -> Locked {
        let name = key.combined_bin();
        let mut shard = self.shard(&name).lock();
        if let Some(held) = shard.get(&name) {
            let is_given_up =
                matches!(held.0.lock_status(), LockStatus::Dangling | LockStatus::AgeTimeout);
            // What somebody refreshes is gone when it is missed: there is nothing to wait for, and who
            // asks may be the one that refreshes. What was invalidated since it was asked for will not be
            // stored.
            let is_bygone = !stale_writer && (held.0.stale_writer() || is_overtaken(held));
            if !is_given_up && !is_bygone {
                return Locked::Read(held.read_lock());
            }
            if is_bygone {
                held.0.unlock(LockStatus::TransientError);
            }
        }
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let mut extensions = Extensions::new();
        extensions.insert(Own { name, number, fill: Arc::default() });
        let (permit, stub) = WritePermit::new(self.held_max, stale_writer, extensions);
        shard.insert(name, stub);
        Locked::Write(permit)
    }

    fn release(&self, _: &CacheKey, mut permit: WritePermit, reason: LockStatus) {
        if let Some(own) = permit.extensions().get::<Own>() {
            let mut shard = self.shard(&own.name).lock();
            let standing = shard.get(&own.name).and_then(own_of);
            if standing.is_some_and(|standing| standing.number == own.number) {
                shard.remove(&own.name);
            }
        }
        match permit.lock_status() {
            // Those who waited went on by themselves.
            LockStatus::AgeTimeout => permit.unlock(LockStatus::AgeTimeout),
            _ => permit.unlock(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use pingora_proxy::{Session, subrequest};

    use super::*;
    use crate::collapse::give_back;

    fn key(name: &str) -> CacheKey {
        CacheKey::new(name, "")
    }

    fn locks() -> Locks {
        Locks::new(Duration::from_secs(30))
    }

    fn write(locks: &Locks, name: &str, stale: bool) -> WritePermit {
        match locks.lock(&key(name), stale) {
            Locked::Write(permit) => permit,
            Locked::Read(_) => panic!("{name} is locked"),
        }
    }

    fn is_locked(locks: &Locks, name: &str, stale: bool) -> bool {
        match locks.lock(&key(name), stale) {
            Locked::Read(_) => true,
            Locked::Write(permit) => {
                locks.release(&key(name), permit, LockStatus::Done);
                false
            }
        }
    }

    #[test]
    fn one_asks_and_the_others_wait() {
        let locks = locks();
        for stale in [true, false] {
            let permit = write(&locks, "a", stale);
            assert!(is_locked(&locks, "a", stale));
            assert!(!is_locked(&locks, "b", stale));
            locks.release(&key("a"), permit, LockStatus::Done);
            assert!(!is_locked(&locks, "a", stale));
        }
    }

    #[test]
    fn nobody_waits_for_the_refresh_of_what_is_gone() {
        let locks = locks();
        let refreshes = write(&locks, "a", true);
        let Locked::Read(waits) = locks.lock(&key("a"), true) else { panic!("it is locked") };
        let misses = write(&locks, "a", false);
        assert_eq!(waits.lock_status(), LockStatus::TransientError);
        locks.release(&key("a"), refreshes, LockStatus::Done);
        assert!(is_locked(&locks, "a", false), "it was not the one that stands there");
        locks.release(&key("a"), misses, LockStatus::Done);
        assert!(!is_locked(&locks, "a", false));
    }

    #[test]
    fn a_lock_is_let_go_of_whatever_key_is_said() {
        let locks = locks();
        let (a, b) = (write(&locks, "a", true), write(&locks, "b", true));
        locks.release(&key("b"), a, LockStatus::Done);
        assert!(!is_locked(&locks, "a", true));
        assert!(is_locked(&locks, "b", true));
        locks.release(&key("b"), b, LockStatus::Done);
        assert!(!is_locked(&locks, "b", true));
    }

    #[tokio::test]
    async fn a_refresh_that_was_not_needed_leaves_no_lock() {
        let locks: &'static Locks = Box::leak(Box::new(locks()));
        let permit = write(locks, "a", true);
        let refresh = subrequest::Ctx::builder().cache_write_lock(locks, key("a"), permit).build();
        let (_client, stream) = tokio::io::duplex(1);
        let mut session = Session::new_h1(Box::new(stream));
        session.subrequest_ctx = Some(Box::new(refresh));
        give_back(&mut session);
        assert!(locks.shards.iter().all(|shard| shard.lock().is_empty()));
    }
}
