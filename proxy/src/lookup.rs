//! What the store had for a request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method, header};
use pingora_cache::{CacheKey, CacheMeta, CachePhase, ForcedFreshness, HttpCache};
use pingora_proxy::Session;
use warmfront_config::RequestDirectives as Obey;
use warmfront_semantics::cache_status::{CacheStatus, Forward, Lookup};
use warmfront_semantics::directives::{MaxStale, RequestDirectives, Seconds};
use warmfront_semantics::freshness::Permission;
use warmfront_semantics::inspection::INVALIDATED;
use warmfront_semantics::vary::Vary;
use warmfront_store::{Digest, Digester, Kept, Softened, StoredResponse, Variants};

use crate::context::{Context, Errand};
use crate::edge::Edge;
use crate::failure::{ClientFault, Fault};
use crate::key::Key;
use crate::policy::with_shown_cookies;
use crate::route::Route;
use crate::{explain, forward};

/// The stored response that a meta was made from.
pub(crate) fn stored(meta: &CacheMeta) -> Option<&Arc<StoredResponse>> {
    meta.extensions().get()
}

/// What Cache-Status says of an asset of an earlier deploy.
pub(crate) const KEPT: &str = "kept";

/// Whether what was found is an asset of an earlier deploy, for those who still have that open.
pub(crate) fn is_kept(meta: &CacheMeta) -> bool {
    meta.extensions().get::<Kept>().is_some()
}

/// The soft invalidation that marked what was found stale.
pub(crate) fn softened(meta: &CacheMeta) -> Option<Softened> {
    meta.extensions().get().copied()
}

/// Whether a request found one, and asks its origin about it.
pub(crate) fn holds_kept(session: &Session) -> bool {
    session.cache.maybe_cache_meta().is_some_and(is_kept)
}

/// Whether others may wait for what this request is answered: what one client is let in to see may be
/// nobody else's, and what must not be stored cannot be handed on.
pub(crate) fn may_share(request: &HeaderMap) -> bool {
    !request.contains_key(header::AUTHORIZATION) && !RequestDirectives::of(request).no_store
}

/// What tells requests apart that an origin may answer for one person, for what is remembered of a key
/// as not storable: their answers say nothing of what everybody else gets.
pub(crate) fn audience(request: &HeaderMap) -> &'static str {
    let personal = [header::COOKIE, header::AUTHORIZATION];
    if personal.iter().any(|name| request.contains_key(name)) { "personal" } else { "" }
}

/// A primary key in Pingora's terms. The digest stands for the whole of it; Pingora's own hash is not
/// needed.
pub(crate) fn cache_key(digest: Digest, request: &HeaderMap) -> CacheKey {
    let mut key = CacheKey::new(digest, audience(request));
    key.set_primary_bin_override(digest);
    key
}

/// Why a request does not go to the origin: what it waited for has failed there, or the client will
/// have a stored response or none (RFC 9111 §5.2.1.7).
pub(crate) fn refused(edge: &Edge, session: &Session, context: &Context) -> Option<Fault> {
    if context.errand == Errand::Refresh {
        return None;
    }
    let request = session.req_header();
    if let Some(fault) = shared_failure(edge, session, context) {
        return Some(fault);
    }
    let only_stored = matches!(request.method, Method::GET | Method::HEAD)
        && RequestDirectives::of(&request.headers).only_if_cached;
    only_stored.then_some(Fault::Client(ClientFault::NotStored))
}

/// What the request that this one waited for has failed at.
fn shared_failure(edge: &Edge, session: &Session, context: &Context) -> Option<Fault> {
    let waited = session.cache.lock_duration().is_some_and(|waited| !waited.is_zero());
    let arrived = context.arrival.as_ref().filter(|_| waited)?.started;
    edge.failures.since(&session.cache, arrived)
}

/// The variant that a request selects, or under which the answer to it will be stored.
pub(crate) fn variant(
    meta: &CacheMeta,
    context: &Context,
    digester: &Digester,
    request: &HeaderMap,
) -> Option<Digest> {
    let (Key::Primary { digest: primary, .. }, Some(route)) = (&context.key, &context.route) else {
        return None;
    };
    let digest_of = |vary: &Vary| variant_of(primary, vary, route, digester, request);
    if let Some(variants) = meta.extensions().get::<Arc<Variants>>() {
        return variants.select(digest_of);
    }
    match Vary::of(meta.headers()) {
        vary @ Vary::Fields(_) => Some(digest_of(&vary)),
        Vary::Nothing | Vary::Everything => None,
    }
}

/// The digest that a request has under a Vary field.
pub(crate) fn variant_of(
    primary: &Digest,
    vary: &Vary,
    route: &Route,
    digester: &Digester,
    request: &HeaderMap,
) -> Digest {
    let shown = |name: &HeaderName| forward::is_shown(route, name);
    let request = match vary {
        Vary::Fields(names) if names.contains(&header::COOKIE) => {
            &with_shown_cookies(&route.behavior().behavior, request)
        }
        _ => request,
    };
    let secondary = vary.secondary_key_of(request, shown).unwrap_or_default();
    digester.digest([Some(primary.as_slice()), Some(secondary.as_slice())])
}

/// Whether what was found is used as it stands, whatever its lifetime says: the client may ask for
/// less or for more (RFC 9111 §5.2.1), and an origin that failed just now is left alone.
///
/// `None` is as its lifetime says.
pub(crate) fn found(
    session: &mut Session,
    meta: &CacheMeta,
    context: &mut Context,
    now: SystemTime,
) -> Option<ForcedFreshness> {
    let fresh = meta.is_fresh(now);
    if !fresh {
        context.forward = Forward::Stale;
        // Whatever comes of it: this is why.
        context.detail = softened(meta).map(|_| INVALIDATED);
    }
    if !fresh && is_never_fresh(meta) && !is_kept(meta) {
        session.cache.set_cache_lock(None, None);
    }
    // Nobody but its origin says whether an asset of an earlier deploy is still of use. Those who waited
    // for its word have heard it.
    if is_kept(meta) {
        let heard = shared_failure(&context.edge, session, context).is_some();
        context.detail = heard.then_some(KEPT);
        return heard.then_some(ForcedFreshness::ForceFresh);
    }
    let obey = context.routed().ok()?.route.site().site.request_directives;
    let request = &session.req_header().headers;
    if obey == Obey::Honor
        && let Some(wish) = wish(&Found::of(meta), &RequestDirectives::of(request), now)
    {
        context.forward = Forward::Request;
        return Some(match wish {
            Wish::Asked => ForcedFreshness::ForceExpired,
            Wish::Borne => ForcedFreshness::ForceFresh,
        });
    }
    let backed_off = !fresh && stored(meta).is_some_and(|stored| stored.is_backed_off(now));
    backed_off.then_some(ForcedFreshness::ForceFresh)
}

/// Whether each request has to ask the origin for itself: what one of them brings is stale for the
/// next, so that waiting for it would only make a queue.
fn is_never_fresh(meta: &CacheMeta) -> bool {
    meta.fresh_until() < meta.epoch() && meta.stale_while_revalidate_sec() == 0
}

/// What a client's own directives are judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// What its age is counted from.
    pub(crate) epoch: SystemTime,
    pub(crate) fresh_until: SystemTime,
    /// Whether it may be served stale, where the client takes it so.
    pub(crate) stale: Permission,
}

/// What a client says of what was found, if that makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It wants the origin to be asked.
    Asked,
    /// It takes it, stale as it is.
    Borne,
}

impl Found {
    fn of(meta: &CacheMeta) -> Self {
        let stored = stored(meta);
        let stale = stored.map_or(Permission::Forbidden, |stored| stored.staleness().unreachable);
        Self { epoch: meta.epoch(), fresh_until: meta.fresh_until(), stale }
    }
}

/// What the directives of a request make of what was found.
pub(crate) fn wish(found: &Found, request: &RequestDirectives, now: SystemTime) -> Option<Wish> {
    let age = now.duration_since(found.epoch).unwrap_or_default();
    let left = found.fresh_until.duration_since(now);
    let too_old = matches!(request.max_age, Some(Seconds::Of(most)) if age > seconds(most));
    let too_short = match request.min_fresh {
        Some(Seconds::Of(least)) => left.as_ref().map_or(true, |left| *left < seconds(least)),
        _ => false,
    };
    if request.no_cache || too_old || too_short {
        return Some(Wish::Asked);
    }
    let past = left.err()?.duration();
    let borne = match request.max_stale? {
        MaxStale::Any => true,
        MaxStale::Of(most) => past <= seconds(most),
    };
    (found.stale == Permission::Allowed && borne).then_some(Wish::Borne)
}

fn seconds(n: u32) -> Duration {
    Duration::from_secs(n.into())
}

/// Pingora's phase in RFC 9211's words.
pub(crate) fn status(cache: &HttpCache, context: &Context, now: SystemTime) -> CacheStatus {
    let waited = cache.lock_duration().is_some_and(|waited| !waited.is_zero());
    let lookup = match cache.phase() {
        CachePhase::Hit if waited => Lookup::Collapsed(context.forward),
        CachePhase::Hit => Lookup::Hit,
        CachePhase::Stale if context.stood_in => Lookup::StoodIn,
        CachePhase::Stale | CachePhase::StaleUpdating => Lookup::Stale,
        CachePhase::Revalidated | CachePhase::RevalidatedNoCache(_) => {
            Lookup::Revalidated(context.forward)
        }
        _ => Lookup::Forwarded(context.forward),
    };
    let stored = matches!(cache.phase(), CachePhase::Miss | CachePhase::Expired);
    let known = cache.enabled() && (stored || !matches!(lookup, Lookup::Forwarded(_)));
    let kept = context.detail == Some(KEPT);
    let meta = known.then(|| cache.maybe_cache_meta()).flatten().filter(|_| !kept);
    let fresh_until = meta.map(CacheMeta::fresh_until);
    CacheStatus {
        lookup,
        forward_status: context.attempt.status.map(|status| status.as_u16()),
        ttl: fresh_until.map(|until| seconds_between(now, until)),
        stored: stored && fresh_until.is_some(),
        key: explain::key(context),
        detail: context.detail,
    }
}

/// What is said of an answer of the edge's own.
pub(crate) fn none(context: &Context) -> CacheStatus {
    let asked = context.attempt.began.is_some();
    let lookup = if asked { Lookup::Failed(context.forward) } else { Lookup::Answered };
    CacheStatus {
        forward_status: context.attempt.status.map(|status| status.as_u16()),
        key: explain::key(context),
        detail: context.detail,
        ..CacheStatus::of(lookup)
    }
}

/// Rounded so that a lifetime of 60 s at the age of 60 s leaves 0, and a moment later still does.
fn seconds_between(now: SystemTime, until: SystemTime) -> i64 {
    match until.duration_since(now) {
        Ok(left) => i64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(i64::MAX),
        Err(past) => -i64::try_from(past.duration().as_secs()).unwrap_or(i64::MAX),
    }
}
