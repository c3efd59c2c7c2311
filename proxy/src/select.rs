//! One attempt: which address of the origin is asked next.

use std::time::{Duration, Instant};

use http::StatusCode;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, Result};
use pingora_proxy::Session;
use warmfront_origin::{NoTarget, Origin, bucket_peer, target_peer};

use crate::context::{Attempt, Context, Detour, Stage};
use crate::failure::{Fault, OriginFault};
use crate::shape;
use crate::stale::Trouble;

/// A bucket's addresses are Amazon's; three that do not answer are an outage.
const BUCKET_ATTEMPTS: usize = 3;
/// How long a switched connection may stand still: CloudFront's limit for WebSocket.
pub(crate) const UPGRADED_IDLE: Duration = Duration::from_mins(10);

/// Picks the address and says how to connect to it. An origin that has none fails over.
pub(crate) async fn peer(
    context: &mut Context,
    now: Instant,
    upgrade: bool,
) -> Result<std::result::Result<HttpPeer, Fault>> {
    loop {
        let origin = context.origin()?.clone();
        let why = match address(&mut context.attempt, &origin, now).await {
            Ok(mut peer) => {
                if upgrade {
                    peer.options.read_timeout = Some(UPGRADED_IDLE);
                }
                return Ok(Ok(peer));
            }
            Err(why) => why,
        };
        if fail_over(context) == Next::GiveUp {
            return Ok(Err(no_target(context, &why)));
        }
    }
}

async fn address(
    attempt: &mut Attempt,
    origin: &Origin,
    now: Instant,
) -> std::result::Result<HttpPeer, NoTarget> {
    match origin {
        Origin::Bucket(bucket) => {
            let address = bucket.select(&attempt.tried, now).await?;
            attempt.address = Some(address);
            Ok(bucket_peer(bucket, address))
        }
        Origin::TargetGroup(group) => {
            let target = group.select(&attempt.tried, now).await?;
            attempt.address = Some(target.address);
            let peer = target_peer(group, &target);
            attempt.target = Some(target);
            Ok(peer)
        }
    }
}

/// Whether the request is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Try,
    GiveUp,
}

/// Notes that the current address could not be connected to. Nothing was sent, so any method may be
/// tried at another one.
pub(crate) fn unreachable(context: &mut Context) -> Next {
    let attempt = &mut context.attempt;
    attempt.tried.extend(attempt.address);
    let tried = attempt.tried.len();
    let most = match context.origin() {
        Ok(Origin::Bucket(_)) => BUCKET_ATTEMPTS,
        Ok(Origin::TargetGroup(group)) => group.settings().attempts as usize,
        Err(_) => 0,
    };
    if tried < most { Next::Try } else { fail_over(context) }
}

/// Turns to what stands in for the origin, if there is such and the request can be repeated: GET, HEAD
/// and OPTIONS alone, as in CloudFront. Each request asks its own origin first.
pub(crate) fn fail_over(context: &mut Context) -> Next {
    let standby = context.route.as_ref().is_some_and(|r| r.behavior().standby.is_some());
    let safe = context.head.as_ref().is_some_and(|head| head.method.is_safe());
    if !standby || !safe || context.attempt.stage == Stage::Secondary {
        return Next::GiveUp;
    }
    context.attempt.stage = Stage::Secondary;
    context.attempt.tried.clear();
    context.attempt.target = None;
    // What one bucket said of its region says nothing of another's.
    if context.detour == Detour::Region {
        context.detour = Detour::None;
    }
    Next::Try
}

/// Whether this status of the origin's is one for which another one is asked.
pub(crate) fn is_failing(context: &Context, status: StatusCode) -> bool {
    let standby = context.route.as_ref().and_then(|route| route.behavior().standby.as_ref());
    standby.is_some_and(|standby| standby.on.contains(&status))
}

/// Whether a request may be sent again that an origin may have seen already: only what is idempotent
/// (RFC 9110 §9.2.2), and only while all of it is at hand.
pub(crate) fn may_repeat(session: &Session) -> bool {
    session.req_header().method.is_idempotent() && !session.as_ref().retry_buffer_truncated()
}

/// What becomes of a request on whose way to or from the origin something failed.
pub(crate) fn judge_failure(
    session: &Session,
    context: &mut Context,
    error: &mut Error,
    reused: bool,
) {
    let repeatable = may_repeat(session);
    if repeatable {
        error.retry.decide_reuse(reused);
    } else {
        error.set_retry(false);
    }
    let silent = context.attempt.status.is_none() && shape::answered(session).is_none();
    let origins = Trouble::of(error, context.fault.as_ref()) == Trouble::Unreachable;
    if !error.retry() && repeatable && silent && origins && fail_over(context) == Next::Try {
        context.fault = None;
        error.set_retry(true);
    }
}

/// Why there was no address. When all were tried, what is wrong with the last one says more.
fn no_target(context: &mut Context, why: &NoTarget) -> Fault {
    let last = context.fault.take();
    match (why, last) {
        (NoTarget::AllTried, Some(last)) => last,
        (why, _) => Fault::Origin(OriginFault::NoAddress(why.to_string())),
    }
}
