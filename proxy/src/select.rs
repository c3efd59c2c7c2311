//! One attempt: which address of the origin is asked next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result, RetryType};
use pingora_proxy::Session;
use warmfront_config::TargetProtocol;
use warmfront_origin::{
    Failure, Lease, NoTarget, Origin, TargetGroup, Wish, Withdrawal, bucket_peer, target_peer,
    to_switch,
};

use crate::context::{Attempt, Connections, Context, Detour, Stage, unnamed};
use crate::failure::{Fault, OriginFault};
use crate::shape;
use crate::stale::Trouble;

/// A bucket's addresses are Amazon's; three that do not answer are an outage.
const BUCKET_ATTEMPTS: usize = 3;
/// For how long an idle connection is kept for what cannot be sent again: servers close theirs after a
/// second at the earliest, and few say when.
const FRESH: Duration = Duration::from_millis(500);
/// How long a switched connection may stand still: CloudFront's limit for WebSocket.
pub(crate) const UPGRADED_IDLE: Duration = Duration::from_mins(10);

/// Whether a request asks to switch the connection to another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    Asked,
    No,
}

/// Picks the address and says how to connect to it. An origin that has none fails over.
pub(crate) async fn peer(
    session: &Session,
    context: &mut Context,
    now: Instant,
    switch: Switch,
) -> Result<std::result::Result<HttpPeer, Fault>> {
    loop {
        let origin = context.origin()?.clone();
        let why = match address(session, context, &origin, now).await {
            Ok(()) => return connection(session, &context.attempt, &origin, switch).map(Ok),
            Err(why) => why,
        };
        if fail_over(context) == Next::GiveUp {
            return Ok(Err(no_target(context, &why)));
        }
    }
}

/// Chooses an address of the origin.
async fn address(
    session: &Session,
    context: &mut Context,
    origin: &Origin,
    now: Instant,
) -> std::result::Result<(), NoTarget> {
    // Of an earlier attempt, which is over.
    context.attempt.lease = None;
    let address = match origin {
        Origin::Bucket(bucket) => bucket.select(&context.attempt.tried, now).await?,
        Origin::TargetGroup(group) => {
            if context.attempt.count == 0 {
                group.deposit();
            }
            let lease = lease(session, context, group, now).await?;
            context.attempt.lease.insert(lease).address()
        }
    };
    context.attempt.count += 1;
    // A body that is sent once more is let through once more.
    context.body_bytes = 0;
    context.attempt.address = Some(address);
    Ok(())
}

async fn lease(
    session: &Session,
    context: &Context,
    group: &Arc<TargetGroup>,
    now: Instant,
) -> std::result::Result<Lease, NoTarget> {
    let routed = context.routed().map_err(|_| NoTarget::NoneInUse)?;
    let wish = Wish {
        tried: &context.attempt.tried,
        client: routed.arrival.connection.client.ip(),
        path: routed.head.target().path,
        fields: &session.req_header().headers,
        at: routed.arrival.at,
    };
    group.lease(&wish, now).await
}

/// How to connect to the address that was chosen.
fn connection(
    session: &Session,
    attempt: &Attempt,
    origin: &Origin,
    switch: Switch,
) -> Result<HttpPeer> {
    let mut peer = match (origin, &attempt.lease, attempt.address) {
        (Origin::Bucket(bucket), _, Some(address)) => bucket_peer(bucket, address),
        (Origin::TargetGroup(group), Some(lease), _) => {
            let (settings, connection) = (group.settings(), group.connection());
            let (address, name, idle) = (lease.address(), lease.name(), lease.idle());
            let mut peer = target_peer(group.name(), settings, connection, address, name, idle);
            let http1 = settings.protocol == TargetProtocol::Http1;
            if http1 && !session.req_header().method.is_idempotent() {
                keep_fresh(&mut peer);
            }
            peer
        }
        _ => return Err(unnamed()),
    };
    if attempt.connections == Connections::New {
        // No connection is kept under a key that nobody asks for again.
        peer.group_key = rand::random();
        peer.options.idle_timeout = Some(Duration::ZERO);
    }
    if switch == Switch::Asked {
        peer.options.read_timeout = Some(UPGRADED_IDLE);
        to_switch(&mut peer);
    }
    Ok(peer)
}

/// A server may close an idle connection while a request is on its way. Where that cannot be sent again,
/// it goes over connections of such requests alone, which are not kept until a server may tire of them.
fn keep_fresh(peer: &mut HttpPeer) {
    peer.group_key = !peer.group_key;
    let idle = peer.options.idle_timeout.unwrap_or(FRESH);
    peer.options.idle_timeout = Some(idle.min(FRESH));
}

/// Whether the request is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Try,
    GiveUp,
}

/// Notes that the current address could not be connected to. Nothing was sent, so any method may be
/// tried at another one.
pub(crate) fn unreachable(context: &mut Context, now: Instant) -> Next {
    let lease = context.attempt.lease.take().map(|mut lease| {
        lease.failed(Failure::Unreachable, now);
        lease
    });
    context.attempt.tried.extend(context.attempt.address);
    if context.attempt.tried.len() < attempts(context) {
        // Beside the budget: what was not sent is no load.
        lease.iter().for_each(Lease::retried);
        return Next::Try;
    }
    let next = fail_over(context);
    if next == Next::GiveUp && matches!(context.origin(), Ok(Origin::TargetGroup(_))) {
        context.fault = context.fault.take().map(out_of_reach);
    }
    next
}

fn attempts(context: &Context) -> usize {
    match context.origin() {
        Ok(Origin::Bucket(_)) => BUCKET_ATTEMPTS,
        Ok(Origin::TargetGroup(group)) => group.settings().attempts as usize,
        Err(_) => 0,
    }
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
    context.attempt.count = 0;
    context.attempt.connections = Connections::Pooled;
    context.attempt.lease = None;
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
    session.req_header().method.is_idempotent() && is_at_hand(session)
}

fn is_at_hand(session: &Session) -> bool {
    !session.as_ref().retry_buffer_truncated()
}

/// What becomes of a request on whose way to or from the origin something failed.
pub(crate) fn judge_failure(
    session: &Session,
    context: &mut Context,
    error: &mut Error,
    reused: bool,
    now: Instant,
) {
    let origins = Trouble::of(error, context.fault.as_ref()) == Trouble::Unreachable;
    let silent = context.attempt.status.is_none() && shape::answered(session).is_none();
    let unprocessed = is_unprocessed(error);
    let repeatable = may_repeat(session) || (unprocessed && is_at_hand(session));
    // An idle connection that its server has closed: it says nothing of the server.
    let expired = reused
        && error.retry == RetryType::ReusedOnly
        && context.attempt.connections == Connections::Pooled;
    // Whatever Pingora thinks of it: over HTTP/2 it would send a POST twice.
    error.set_retry(false);
    if !origins {
        return;
    }
    // It has begun to answer, and Pingora does not read on while it sends over HTTP/2.
    let stalled = !silent && error.etype() == &ErrorType::WriteTimedout;
    let lease = context.attempt.lease.take();
    let again =
        silent && repeatable && has_another_go(context, lease.as_ref(), unprocessed, expired, now);
    if let Some(mut lease) = lease {
        // So does the end of a connection that had its share of requests, or a limit that the server
        // had no time to tell: it may be asked again.
        if !(expired || stalled || unprocessed && again) {
            lease.failed(Failure::Broken, now);
            context.attempt.tried.push(lease.address());
        }
        if again {
            lease.retried();
        }
    }
    if again {
        if expired {
            context.attempt.connections = Connections::New;
        }
        // Told if there is nobody else to ask.
        context.fault.get_or_insert_with(|| Fault::from_pingora(error));
        error.set_retry(true);
    } else if silent && may_repeat(session) && fail_over(context) == Next::Try {
        context.fault = None;
        error.set_retry(true);
    }
}

/// Whether one more attempt is left, and within the budget.
fn has_another_go(
    context: &Context,
    lease: Option<&Lease>,
    unprocessed: bool,
    expired: bool,
    now: Instant,
) -> bool {
    match lease {
        Some(lease) => {
            let failed = context.attempt.tried.len() + 1;
            // What expired was nobody's failure and is not counted. A server that refuses may be asked
            // again and is not among those that failed, but this has to end.
            let asked = if unprocessed { context.attempt.count as usize } else { failed };
            let left = asked < attempts(context);
            (left || expired) && lease.group().withdraw(now) == Withdrawal::Granted
        }
        // A bucket is asked again for the sake of a connection alone.
        None => expired,
    }
}

/// Whether an HTTP/2 origin says that it has not begun with the request (RFC 9113 §8.7): then even what
/// is not idempotent may be sent to another one.
fn is_unprocessed(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<h2::Error>();
    cause.filter(|cause| cause.is_remote()).is_some_and(|cause| {
        let reason = cause.reason();
        (cause.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM))
            || (cause.is_go_away() && reason == Some(h2::Reason::NO_ERROR))
    })
}

/// Why there was no address. When all were tried, what is wrong with the last one says more.
fn no_target(context: &mut Context, why: &NoTarget) -> Fault {
    let last = context.fault.take();
    let grouped = matches!(context.origin(), Ok(Origin::TargetGroup(_)));
    match (why, last) {
        (NoTarget::AllTried, Some(last)) if grouped => out_of_reach(last),
        (NoTarget::AllTried, Some(last)) => last,
        (NoTarget::Busy, _) => Fault::Origin(OriginFault::Busy),
        (why, _) if grouped => Fault::Origin(OriginFault::NoTarget(why.to_string())),
        (why, _) => Fault::Origin(OriginFault::NoAddress(why.to_string())),
    }
}

/// That the last target could not be connected to means that none could.
fn out_of_reach(last: Fault) -> Fault {
    match last {
        Fault::Origin(why @ (OriginFault::Connect(_) | OriginFault::ConnectTimeout)) => {
            Fault::Origin(OriginFault::NoTarget(why.to_string()))
        }
        last => last,
    }
}
