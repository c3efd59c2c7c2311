//! What the store had for a request.

use pingora_cache::{CacheMeta, CachePhase, HttpCache};
use std::time::{Duration, SystemTime};
use warmfront_semantics::cache_status::{CacheStatus, Forward, Lookup};

/// Pingora's phase in RFC 9211's words.
pub(crate) fn status(cache: &HttpCache, forward: Forward, now: SystemTime) -> CacheStatus {
    let lookup = match cache.phase() {
        CachePhase::Hit => Lookup::Hit,
        CachePhase::Stale | CachePhase::StaleUpdating => Lookup::Stale,
        CachePhase::Revalidated | CachePhase::RevalidatedNoCache(_) => Lookup::Revalidated,
        _ => Lookup::Forwarded(forward),
    };
    let stored = matches!(cache.phase(), CachePhase::Miss | CachePhase::Expired);
    let known = cache.enabled() && (stored || !matches!(lookup, Lookup::Forwarded(_)));
    let fresh_until = known.then(|| cache.maybe_cache_meta()).flatten().map(CacheMeta::fresh_until);
    CacheStatus {
        lookup,
        ttl: fresh_until.map(|until| seconds_between(now, until)),
        stored: stored && fresh_until.is_some(),
        collapsed: cache.lock_duration().is_some_and(|waited| !waited.is_zero()),
    }
}

fn seconds_between(now: SystemTime, until: SystemTime) -> i64 {
    // Rounded up: a response is stored a moment after its lifetime began.
    let seconds = |d: Duration| i64::try_from(d.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
    match until.duration_since(now) {
        Ok(left) => seconds(left),
        Err(past) => -seconds(past.duration()),
    }
}
