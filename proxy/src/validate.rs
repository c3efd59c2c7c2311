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
use crate::context::{self, Asks, Context, Detour, Errand};
use crate::edge::Edge;
use crate::key::Key;
use crate::{lookup, stale};

/// What Pingora makes its conditions of.
const VALIDATORS: [HeaderName; 2] = [header::ETAG, header::LAST_MODIFIED];

/// A stale response is validated by a HEAD where only its head is wanted.
pub(crate) fn asks(session: &Session, errand: Errand) -> Asks {
    let head = session.req_header().method == Method::HEAD;
    // A refresh in the background has no client, so it may as well get what is new.
    if head && errand == Errand::Client && session.cache.phase() == CachePhase::Stale {
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

/// Whether an answer that is not stored is the end of the stored response that it was to validate.
///
/// Only what the origin says of the resource, to everybody: what it makes of one client's credentials
/// or of one request's fields must not take away what stands in for it when it fails.
pub(crate) fn ends_stored(
    session: &Session,
    context: &Context,
    status: StatusCode,
    why: Why,
) -> bool {
    let stale = session.cache.phase() == CachePhase::Stale;
    let whole = context.update.is_some() || context.attempt.asks == Asks::Whole;
    let of_resource = status.is_success()
        || status.is_redirection()
        || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
        // A bucket that must not be listed says 403 of what it has no more.
        || stale::is_gone(context, status);
    let of_client = matches!(why, Why::Authorization | Why::RequestNoStore | Why::Method)
        || !lookup::audience(&session.req_header().headers).is_empty();
    stale && whole && of_resource && !of_client
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
pub(crate) fn restart(session: &mut Session, context: &mut Context) -> Option<Box<Error>> {
    let revalidated = matches!(session.cache.phase(), CachePhase::RevalidatedNoCache(_));
    if context.detour != Detour::Unvalidated || !revalidated {
        return None;
    }
    let meta = session.cache.maybe_cache_meta();
    context.unvalidated = meta.and_then(lookup::stored).cloned();
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

/// Drops what was not validated, once the origin has answered what it has now. Until then it stays: an
/// origin that fails in between has not said anything.
pub(crate) fn supersede(edge: &Edge, context: &mut Context, response: &ResponseHeader) {
    if response.status.is_server_error() {
        return;
    }
    if let (Key::Primary { digest: primary, .. }, Some(stored)) =
        (context.key, context.unvalidated.take())
    {
        edge.storage.store().discard(primary, &stored);
    }
}

/// Freshens what is stored by the answer to a HEAD. If it is about something else, what is stored is
/// stale from now on, which it usually was.
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
    match (response.status, head_matches(meta.headers(), &response.headers)) {
        (StatusCode::OK, Selected::Yes) => {
            if let Some(fields) = fields(meta, &response.headers) {
                freshen(edge, session, context, fields, now)?;
            }
        }
        (StatusCode::OK, Selected::No) | (StatusCode::NOT_FOUND | StatusCode::GONE, _) => {
            if meta.is_fresh(now) {
                discard(edge, session);
            }
        }
        // Of no other answer can be said what a GET would get.
        _ => return Ok(()),
    }
    // Those who wait look again: what they find is fresh, or they ask for the whole.
    session.cache.release_write_lock(NoCacheReason::UpstreamError);
    Ok(())
}

/// Gives what is stored new fields, if it may still be stored with them.
fn freshen(
    edge: &Edge,
    session: &Session,
    context: &Context,
    fields: HeaderMap,
    now: SystemTime,
) -> Result<()> {
    let meta = session.cache.cache_meta();
    let Some(began) = context.attempt.began else { return Ok(()) };
    let candidate = Candidate {
        routed: context.routed()?,
        detour: &context.detour,
        request: &session.req_header().headers,
        resource: context.key.resource(),
        status: meta.response_header().status,
        fields,
        tags: context.tags.clone(),
        began,
        bytes_max: edge.storage.store().object_bytes_max(),
    };
    let Ok(Kept { meta: mut new, .. }) = admit::judge(candidate, now) else { return Ok(()) };
    if let Some(stored) = lookup::stored(meta) {
        new.extensions_mut().insert(stored.clone());
    }
    if let Some(variance) = meta.variance() {
        new.set_variance(variance);
    }
    edge.storage.freshen(session.cache.cache_key(), &new)?;
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
