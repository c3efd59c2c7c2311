//! The key of a request, before anything else of it is read.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use warmfront_config::Action;
use warmfront_store::InvalidationPath;

use super::problem::Problem;
use super::{Node, audit};
use crate::guesses::{Guess, Peer};
use crate::keys::{Permission, Principal, Refusal};

/// A request's principal; 401 without one, 429 for who guesses too often.
pub(super) struct Access(pub(super) Principal);

// === impl Access ===

impl Access {
    /// Lets go on what the key may do; 403 for the rest.
    pub(super) fn may(
        &self,
        action: Action,
        site: Option<&str>,
        paths: &[InvalidationPath],
    ) -> Result<(), Problem> {
        permitted(self.0.may(action, site, paths))
    }

    /// Lets go on if the key may change the targets of this origin; else 403.
    pub(super) fn may_change_targets(&self, origin: &str) -> Result<(), Problem> {
        permitted(self.0.may_change_targets(origin))
    }

    /// Whether what belongs to this site may be shown.
    pub(super) fn may_read(&self, site: &str) -> bool {
        self.0.may(Action::Read, Some(site), &[]) == Permission::Granted
    }

    /// Whether an origin that these sites send their requests to may be shown.
    pub(super) fn may_see_origin(&self, origin: &str, sites: &[&str]) -> bool {
        self.0.may_see_origin(origin, sites) == Permission::Granted
    }
}

impl FromRequestParts<Arc<Node>> for Access {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Problem> {
        authenticate(parts, node)
    }
}

pub(super) fn authenticate(parts: &Parts, node: &Node) -> Result<Access, Problem> {
    let refusal = match node.keyring.authenticate(&parts.headers) {
        Ok(principal) => return Ok(Access(principal)),
        Err(refusal) => refusal,
    };
    // Every connection says who its peer is; one that did not would share the socket's count.
    let peer = parts.extensions.get().copied().unwrap_or(Peer::Unix);
    if refusal == Refusal::Wrong {
        match node.guesses.wrong(peer, node.now()) {
            // Not of every guess: a guesser would fill the disk.
            Guess::Allowed => audit::wrong_key(peer, parts.uri.path()),
            Guess::TooMany(wait) => return Err(too_many(wait)),
        }
    }
    let problem = Problem::new(StatusCode::UNAUTHORIZED, refusal.to_string());
    Err(problem.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
}

fn permitted(permission: Permission) -> Result<(), Problem> {
    match permission {
        Permission::Granted => Ok(()),
        Permission::Denied(why) => Err(Problem::new(StatusCode::FORBIDDEN, why)),
    }
}

fn too_many(wait: Duration) -> Problem {
    // Rounded up: who comes back in time is not told to wait again.
    let seconds = wait.as_secs() + 1;
    let detail = format!("too many wrong keys: try again in {seconds} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).with(RETRY_AFTER, seconds.into())
}
