//! When a stale response stands in for a fresh one (RFC 9111 §4.2.4, RFC 5861).

use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::Session;
use warmfront_origin::Origin;
use warmfront_semantics::freshness::{Permission, Staleness};

use crate::context::Context;
use crate::failure::{Fault, OriginFault};
use crate::lookup;

/// How long an origin that failed is not asked again for the same thing.
const BACK_OFF: Duration = Duration::from_secs(1);

/// What became of the request to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It answered that it has a problem (RFC 5861 §4).
    Answered(StatusCode),
    /// There was no answer: the edge is disconnected from it.
    Unreachable,
    /// It is not the origin's trouble.
    Elsewhere,
}

// === impl Trouble ===

impl Trouble {
    pub(crate) fn of(error: &Error, fault: Option<&Fault>) -> Self {
        match (error.etype(), error.esource(), fault) {
            (ErrorType::HTTPStatus(status), ..) => {
                StatusCode::from_u16(*status).map_or(Self::Elsewhere, Self::Answered)
            }
            (_, _, Some(Fault::Origin(OriginFault::Answered(status)))) => Self::Answered(*status),
            (_, _, Some(Fault::Origin(_))) | (_, ErrorSource::Upstream, _) => Self::Unreachable,
            _ => Self::Elsewhere,
        }
    }
}

/// For how long a response may be served after it became stale, at the most: Pingora asks no further.
pub(crate) fn longest(staleness: Staleness, reach: Duration) -> Duration {
    let unreachable = match staleness.unreachable {
        Permission::Allowed => reach,
        Permission::Forbidden => Duration::ZERO,
    };
    staleness.if_error.max(unreachable)
}

/// Whether a stale response is served in place of an error. If so, its origin is left alone for a
/// moment: what is down must not be asked by every client at once.
pub(crate) fn stands_in(
    session: &mut Session,
    context: &mut Context,
    error: &Error,
    now: SystemTime,
) -> bool {
    let meta = session.cache.maybe_cache_meta();
    let stored = meta.and_then(lookup::stored);
    let (Some(meta), Some(stored), Ok(routed)) = (meta, stored, context.routed()) else {
        return false;
    };
    let trouble = Trouble::of(error, context.fault.as_ref());
    if lookup::is_kept(meta) {
        return outlives(context, trouble) && outlast(session, context, error, trouble);
    }
    let staleness = stored.staleness();
    let window = match trouble {
        Trouble::Answered(status) if matches!(status.as_u16(), 500 | 502 | 503 | 504) => {
            staleness.if_error
        }
        Trouble::Unreachable => longest(staleness, routed.site().stale_if_unreachable),
        Trouble::Answered(_) | Trouble::Elsewhere => return false,
    };
    let past = now.duration_since(stored.fresh_until()).unwrap_or_default();
    // What was only marked stale has the whole of its own lifetime left to stand in for its origin.
    let is_spared = past.is_zero() && lookup::softened(meta).is_some();
    if !is_spared && (window.is_zero() || past > window) {
        return false;
    }
    stored.back_off(now + BACK_OFF);
    context.stood_in = true;
    if let Trouble::Answered(status) = trouble {
        context.attempt.status = Some(status);
    } else {
        context.detail = Some("unreachable");
        // The log says what it was, beside the status that the client got instead.
        context.fault.get_or_insert_with(|| Fault::from_pingora(error));
        // Pingora keeps no connection behind a request that failed; the client is told so.
        session.set_keepalive(None);
    }
    true
}

/// Serves an asset of an earlier deploy. Those who waited for the same hear why, and ask no more.
fn outlast(session: &mut Session, context: &mut Context, error: &Error, trouble: Trouble) -> bool {
    context.stood_in = true;
    context.detail = Some(lookup::KEPT);
    let fault = match trouble {
        Trouble::Answered(status) => {
            context.attempt.status = Some(status);
            context.fault = None;
            Fault::Origin(OriginFault::Answered(status))
        }
        _ => context.fault.get_or_insert_with(|| Fault::from_pingora(error)).clone(),
    };
    context.edge.failures.note(&session.cache, &fault, Instant::now());
    if !matches!(error.etype(), ErrorType::HTTPStatus(500..)) {
        // As for what is unreachable.
        session.set_keepalive(None);
    }
    true
}

/// Whether an asset of an earlier deploy is still served: its origin has it no more, or cannot say.
fn outlives(context: &Context, trouble: Trouble) -> bool {
    match trouble {
        Trouble::Answered(status) => is_gone(context, status) || status.is_server_error(),
        Trouble::Unreachable => true,
        Trouble::Elsewhere => false,
    }
}

/// Whether an origin says by this status that there is no such thing any more, and no more than that: a
/// bucket that must not be listed says 403; an app server that says 403 or 410 has withdrawn it.
pub(crate) fn is_gone(context: &Context, status: StatusCode) -> bool {
    match context.origin() {
        Ok(Origin::Bucket(_)) => matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND),
        _ => status == StatusCode::NOT_FOUND,
    }
}
