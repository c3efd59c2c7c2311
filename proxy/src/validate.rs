//! What the origin says about a stored response that is stale: a 304, or the answer to a HEAD
//! (RFC 9111 §4.3.3 to §4.3.5).

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use pingora_cache::{CacheMeta, CachePhase, NoCacheReason};
use pingora_core::{Error, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use warmfront_semantics::control::Control;
use warmfront_semantics::storable::{Cookies, Why, withheld};
use warmfront_semantics::validate::{Selected, freshened, head_matches, selects};
use warmfront_semantics::vary::Vary;

use crate::admit::{self, Candidate, Kept};
use crate::context::{self, Asks, Context, Detour};
use crate::edge::Edge;

/// What Pingora makes its conditions of.
const VALIDATORS: [HeaderName; 2] = [header::ETAG, header::LAST_MODIFIED];

/// A stale response is validated by a HEAD where only its head is wanted.
pub(crate) fn asks(session: &Session) -> Asks {
    let head = session.req_header().method == Method::HEAD;
    // A refresh in the background has no client, so it may as well get what is new.
    let background = session.subrequest_ctx.is_some();
    if head && !background && session.cache.phase() == CachePhase::Stale {
        Asks::Head
    } else {
        Asks::Whole
    }
}

/// Whether the origin was asked whether what is stored, or what the client has, is still good.
pub(crate) fn is_conditional(session: &Session) -> bool {
    if session.cache.enabled() {
        return session.cache.phase() == CachePhase::Stale;
    }
    let fields = &session.req_header().headers;
    !session.upstream_headers_mutated_for_cache()
        && [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE].iter().any(|n| fields.contains_key(n))
}

/// Notes by which fields a 304 freshens what is stored, or that it is about something else.
pub(crate) fn note(session: &Session, context: &mut Context, response: &ResponseHeader) {
    if session.cache.phase() != CachePhase::Stale || response.status != StatusCode::NOT_MODIFIED {
        return;
    }
    let stored = session.cache.cache_meta().headers();
    let asked = VALIDATORS.iter().any(|name| stored.contains_key(name));
    match selects(stored, &response.headers) {
        Selected::Yes if asked => context.update = Some(response.headers.clone()),
        _ => context.detour = Detour::Unvalidated,
    }
}

/// The fields of what is stored, freshened; `None` if it must not be used again.
///
/// A response whose Vary changes would have to be stored under another secondary key than it was
/// selected by.
pub(crate) fn fields(meta: &CacheMeta, update: &HeaderMap) -> Option<HeaderMap> {
    let stored = meta.headers();
    let withheld = withheld(&Control::of(stored), Cookies::Store);
    let fields = freshened(stored, update, &withheld);
    (Vary::of(&fields) == Vary::of(stored)).then_some(fields)
}

/// If the origin validated another response than the stored one, all of it is fetched at once.
pub(crate) fn restart(edge: &Edge, session: &mut Session, context: &Context) -> Option<Box<Error>> {
    let revalidated = matches!(session.cache.phase(), CachePhase::RevalidatedNoCache(_));
    if context.detour != Detour::Unvalidated || !revalidated {
        return None;
    }
    discard(edge, session);
    session.cache.disable(NoCacheReason::Custom(Why::Unvalidated.as_str()));
    session.upstream_headers_mutated_for_cache = false;
    Some(context::again())
}

/// A 304 whose fields forbid to keep the stored response still says how it is served this once.
pub(crate) fn overlay(session: &Session, context: &Context, response: &mut ResponseHeader) {
    let CachePhase::RevalidatedNoCache(_) = session.cache.phase() else { return };
    let Some(update) = &context.update else { return };
    let fields = freshened(&response.headers, update, &[]);
    for name in update.keys() {
        response.remove_header(name);
        for value in fields.get_all(name) {
            // Both come from a parsed head.
            let _ = response.append_header(name, value);
        }
    }
}

/// Freshens what is stored by the answer to a HEAD, or drops it if it is no longer what the origin
/// has.
pub(crate) fn by_head(
    edge: &Edge,
    session: &mut Session,
    context: &Context,
    response: &ResponseHeader,
    now: SystemTime,
) -> Result<()> {
    let asked = context.attempt.asks == Asks::Head && session.cache.phase() == CachePhase::Stale;
    if !asked || response.status == StatusCode::NOT_MODIFIED {
        return Ok(());
    }
    let meta = session.cache.cache_meta();
    let fresh = match response.status {
        StatusCode::OK if head_matches(meta.headers(), &response.headers) == Selected::Yes => {
            fields(meta, &response.headers)
        }
        StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::GONE => None,
        // Of no other answer can be said what a GET would get.
        _ => return Ok(()),
    };
    let key = session.cache.cache_key();
    let judged = match (fresh, context.attempt.began) {
        (Some(fields), Some(began)) => {
            let candidate = Candidate {
                routed: context.routed()?,
                detour: &context.detour,
                request: &session.req_header().headers,
                status: meta.response_header().status,
                fields,
                began,
                bytes_max: edge.storage.store().object_bytes_max(),
            };
            admit::judge(candidate, now).ok()
        }
        _ => None,
    };
    match judged {
        Some(Kept { meta: mut new, .. }) => {
            if let Some(stored) = crate::lookup::stored(meta) {
                new.extensions_mut().insert(stored.clone());
            }
            if let Some(variance) = meta.variance() {
                new.set_variance(variance);
            }
            edge.storage.freshen(key, &new)?;
        }
        None => edge.storage.discard(key, meta),
    }
    // Those who wait look again: what they find is fresh, or they ask for the whole.
    session.cache.release_write_lock(NoCacheReason::UpstreamError);
    Ok(())
}

/// Drops what is stored.
pub(crate) fn discard(edge: &Edge, session: &Session) {
    if let (Some(key), Some(meta)) =
        (session.cache.maybe_cache_key(), session.cache.maybe_cache_meta())
    {
        edge.storage.discard(key, meta);
    }
}
