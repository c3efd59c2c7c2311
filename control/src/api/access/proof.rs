//! How a request proves its key.

use axum::extract::Request;
use http::request::Parts;
use http::uri::PathAndQuery;
use warmfront_keys::{Claimed, Guess, Peer, Refusal};

use super::{Asked, Unproven};
use crate::api::metrics::Refused;
use crate::api::trail::Trail;
use crate::api::{Node, audit, body};

/// Reads the whole request. A key that is not known is refused by the head alone; a signature can be
/// verified only once the body is there.
pub(crate) async fn prove(
    node: &Node,
    request: Request,
    body_bytes_max: usize,
) -> Result<Asked, Unproven> {
    let (head, body) = request.into_parts();
    let refused = |refusal| refuse(node, &head, refusal);
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let claim =
        || node.keyring.claim(&head.method, target, &head.headers, node.now()).map_err(refused);
    let mut claimed = claim()?;
    let body = body::read(body, body_bytes_max).await.map_err(Unproven::Body)?;
    if matches!(claimed, Claimed::Proven(_)) {
        // The key may have been revoked while the body came in.
        claimed = claim()?;
    }
    let (principal, signature) = match claimed {
        Claimed::Proven(principal) => (principal, None),
        Claimed::Signed(signed) => {
            let principal = signed.prove(&body, node.now()).map_err(refused)?;
            (principal, Some(signed.signature()))
        }
    };
    if let Some(trail) = head.extensions.get::<Trail>() {
        trail.note(&principal);
    }
    Ok(Asked { principal, head, body, signature })
}

/// Leaves a line, but not of all that come: who asks without an end would fill the disk.
fn refuse(node: &Node, head: &Parts, refusal: Refusal) -> Unproven {
    // Every connection says who its peer is; one that did not would share the socket's count.
    let peer = head.extensions.get().copied().unwrap_or(Peer::Unix);
    let counted = if refusal.is_guess() { &node.guesses } else { &node.flawed };
    let guess = counted.wrong(peer, node.now());
    match guess {
        Guess::Allowed => audit::unproven(peer, head.uri.path(), &refusal),
        Guess::TooMany(wait) if refusal.is_guess() => {
            node.counts.refused(Refused::Guesser);
            return Unproven::TooMany(wait);
        }
        Guess::TooMany(_) => {}
    }
    node.counts.refused(Refused::Unproven);
    Unproven::Refused(refusal)
}
