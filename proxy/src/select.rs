//! One attempt: which address of the origin is asked next.

use std::time::{Duration, Instant};

use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::Session;
use warmfront_origin::{NoTarget, Origin, bucket_peer, target_peer};

use crate::context::{Attempt, Context};
use crate::failure::{Fault, OriginFault};

/// A bucket's addresses are Amazon's; three that do not answer are an outage.
const BUCKET_ATTEMPTS: usize = 3;
/// How long a switched connection may stand still: CloudFront's limit for WebSocket.
pub(crate) const UPGRADED_IDLE: Duration = Duration::from_mins(10);

/// Picks the address and says how to connect to it.
pub(crate) async fn peer(
    attempt: &mut Attempt,
    origin: &Origin,
    now: Instant,
    upgrade: bool,
) -> Result<HttpPeer, NoTarget> {
    let mut peer = match origin {
        Origin::Bucket(bucket) => {
            let address = bucket.select(&attempt.tried, now).await?;
            attempt.address = Some(address);
            bucket_peer(bucket, address)
        }
        Origin::TargetGroup(group) => {
            let target = group.select(&attempt.tried, now).await?;
            attempt.address = Some(target.address);
            let peer = target_peer(group, &target);
            attempt.target = Some(target);
            peer
        }
    };
    if upgrade {
        peer.options.read_timeout = Some(UPGRADED_IDLE);
    }
    Ok(peer)
}

/// Whether another address may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Try,
    GiveUp,
}

/// Notes that the current address could not be connected to.
pub(crate) fn unreachable(attempt: &mut Attempt, origin: &Origin) -> Next {
    attempt.tried.extend(attempt.address);
    let most = match origin {
        Origin::Bucket(_) => BUCKET_ATTEMPTS,
        Origin::TargetGroup(group) => group.settings().attempts as usize,
    };
    if attempt.tried.len() < most { Next::Try } else { Next::GiveUp }
}

/// Whether a request may be sent again that an origin may have seen already: only what is idempotent
/// (RFC 9110 §9.2.2), and only while all of it is at hand.
pub(crate) fn may_repeat(session: &Session) -> bool {
    session.req_header().method.is_idempotent() && !session.as_ref().retry_buffer_truncated()
}

/// Why there was no address. When all were tried, what is wrong with the last one says more.
pub(crate) fn no_target(context: &mut Context, why: &NoTarget) -> Fault {
    let last = context.fault.take();
    match (why, last) {
        (NoTarget::AllTried, Some(last)) => last,
        (why, _) => Fault::Origin(OriginFault::NoAddress(why.to_string())),
    }
}
