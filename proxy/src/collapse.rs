//! Collapse: many requests for one missing key are one request to the origin, and what is known not to
//! be shared is not waited for.

mod locks;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use pingora_cache::key::CacheHashKey as _;
use pingora_cache::lock::{CacheKeyLock, LockStatus, Locked, WritePermit};
use pingora_cache::predictor::{CacheablePredictor, Predictor};
use pingora_cache::{CacheKey, HttpCache, NoCacheReason};
use pingora_core::Error;
use pingora_proxy::Session;
use warmfront_semantics::storable::Why;
use warmfront_store::storage::PingoraStorage;
use warmfront_store::{Birth, Digest};

use crate::admit;
use crate::context::Context;
use crate::failure::Fault;
use locks::{Fill, Locks};

/// So often a request waits anew: each invalidation of what it waits for wakes it. The time that it
/// waits in all has a bound of its own, which comes first; this one ends what does not wait at all.
pub(crate) const WAITS_MAX: usize = 10_000;

/// How many keys are remembered as not storable, in each of the predictor's shards.
const UNSTORABLE_KEYS: usize = 4096;

/// Pingora's lock, without its gap between a look-up that finds nothing and the lock that is taken
/// then: whatever was stored in between is found by a second look-up.
pub(crate) struct Collapse {
    lock: Locks,
    storage: &'static PingoraStorage,
}

/// Pingora's memory of what could not be stored, which would hide the variants of a key that can.
pub(crate) struct Unstorable {
    keys: Predictor<16>,
    storage: &'static PingoraStorage,
}

/// Where an origin failed just now: those who waited for the request that failed share its failure,
/// and do not each wait for one of their own.
#[derive(Debug)]
pub(crate) struct Failures(Cache<Digest, (Instant, Fault)>);

/// How long a failure is remembered: longer than it takes those who waited to look.
const FAILURE_KEPT: Duration = Duration::from_secs(10);
const FAILURES_MAX: u64 = 10_000;

// === impl Failures ===

impl Failures {
    pub(crate) fn new() -> Self {
        let cache = Cache::builder().max_capacity(FAILURES_MAX).time_to_live(FAILURE_KEPT);
        Self(cache.build())
    }

    pub(crate) fn note(&self, cache: &HttpCache, fault: &Fault, now: Instant) {
        if let (Some(awaited), Fault::Origin(_)) = (awaited(cache), fault) {
            self.0.insert(awaited, (now, fault.clone()));
        }
    }

    /// Notes what a request failed at, if it is not tried again.
    pub(crate) fn note_last(
        &self,
        error: &Error,
        cache: &HttpCache,
        fault: Option<&Fault>,
        now: Instant,
    ) {
        if error.retry() {
            return;
        }
        match fault {
            Some(fault) => self.note(cache, fault, now),
            None => self.note(cache, &Fault::from_pingora(error), now),
        }
    }

    /// What a request for the same has failed at since a moment.
    pub(crate) fn since(&self, cache: &HttpCache, moment: Instant) -> Option<Fault> {
        let failed = self.0.get(&awaited(cache)?);
        failed.filter(|(at, _)| *at >= moment).map(|(_, fault)| fault)
    }
}

/// What a request waits for: a key, or one of its variants.
fn awaited(cache: &HttpCache) -> Option<Digest> {
    let key = cache.maybe_cache_key()?;
    Some(key.variance_bin().unwrap_or_else(|| key.primary_bin()))
}

/// Gives back the lock that a refresh came with, if others had refreshed it before: of an answer from
/// the cache Pingora lets it dangle (proxy `lib.rs`, `finish`).
pub(crate) fn give_back(session: &mut Session) {
    if let Some(refresh) = session.subrequest_ctx.as_mut() {
        refresh.release_write_lock();
    }
}

// === impl Collapse ===

impl Collapse {
    pub(crate) fn new(age_timeout: Duration, storage: &'static PingoraStorage) -> Self {
        Self { lock: Locks::new(age_timeout), storage }
    }

    /// Notes that what others may wait for is asked of its origin, once more if by another way: whoever
    /// comes after an invalidation of it does not wait.
    pub(crate) fn begin(&self, cache: &HttpCache, context: &Context, birth: Birth) {
        if !cache.enabled() || !cache.is_cache_lock_writer() {
            return;
        }
        if let (Some(key), Ok(routed)) = (cache.maybe_cache_key(), context.routed()) {
            let ledger = routed.route.site().ledger.clone();
            let place = admit::place(&routed, &context.detour);
            self.lock.begin(key, Fill { ledger, place, birth });
        }
    }

    /// A lock that was released already: whoever waits for it looks again at once.
    fn released(&self) -> Option<Locked> {
        // Nobody else knows this key.
        let key = CacheKey::new(rand::random::<[u8; 16]>(), "");
        let Locked::Write(permit) = self.lock.lock(&key, false) else { return None };
        let released = self.lock.lock(&key, false);
        self.lock.release(&key, permit, LockStatus::Done);
        Some(released)
    }
}

impl CacheKeyLock for Collapse {
    fn lock(&self, key: &CacheKey, stale_writer: bool) -> Locked {
        let locked = self.lock.lock(key, stale_writer);
        let Locked::Write(permit) = locked else { return locked };
        if stale_writer || !self.storage.holds(key) {
            return Locked::Write(permit);
        }
        self.lock.release(key, permit, LockStatus::Done);
        self.released().unwrap_or_else(|| self.lock.lock(key, stale_writer))
    }

    fn release(&self, key: &CacheKey, permit: WritePermit, reason: LockStatus) {
        self.lock.release(key, permit, reason);
    }
}

// === impl Unstorable ===

impl Unstorable {
    pub(crate) fn new(storage: &'static PingoraStorage) -> Self {
        Self { keys: Predictor::new(UNSTORABLE_KEYS, Some(is_passing)), storage }
    }
}

impl CacheablePredictor for Unstorable {
    fn cacheable_prediction(&self, key: &CacheKey) -> bool {
        self.keys.cacheable_prediction(&of_audience(key)) || self.storage.holds(key)
    }

    fn predicted_uncacheable_reason(&self, key: &CacheKey) -> Option<NoCacheReason> {
        self.keys.predicted_uncacheable_reason(&of_audience(key))
    }

    fn mark_cacheable(&self, key: &CacheKey) -> bool {
        self.keys.mark_cacheable(&of_audience(key))
    }

    fn mark_uncacheable(&self, key: &CacheKey, reason: NoCacheReason) -> Option<bool> {
        self.keys.mark_uncacheable(&of_audience(key), reason)
    }
}

/// What is remembered of a key is remembered for those alone who the answer was for: `lookup` says who
/// they are in the key's tag.
fn of_audience(key: &CacheKey) -> Cow<'_, CacheKey> {
    if key.user_tag.is_empty() {
        return Cow::Borrowed(key);
    }
    let mut of_audience = key.clone();
    of_audience.set_primary_bin_override(key.primary_bin().map(|byte| !byte));
    Cow::Owned(of_audience)
}

/// Reasons that say nothing of the next request. Pingora has a word of its own for an unasked 304.
fn is_passing(why: &str) -> bool {
    Why::is_passing(why) || why == "304 on miss"
}
