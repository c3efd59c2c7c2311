//! The key of a request, before anything else of it is looked at: the one step that both APIs begin
//! with.

mod proof;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use warmfront_config::Action;
use warmfront_keys::{Permission, Principal, Refusal, Signature};

use super::Node;
use super::body::{BODY_BYTES_MAX, BodyFault};
use super::problem::Problem;

pub(crate) use proof::prove;

/// Both ways in which a key may prove itself (RFC 9110 §11.6.1).
const CHALLENGES: HeaderValue =
    HeaderValue::from_static(r#"Bearer realm="warmfront", AWS4-HMAC-SHA256"#);
/// When somebody may come again who met a node that remembers no further signatures.
const CROWDED_WAIT: Duration = Duration::from_mins(1);

/// A request whose key has proven itself, read whole.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) principal: Principal,
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
    signature: Option<Signature>,
}

/// Why a request is nobody's.
#[derive(Debug)]
pub(crate) enum Unproven {
    Refused(Refusal),
    /// Too many wrong keys came from where it comes from; it may try again after this long.
    TooMany(Duration),
    /// Without the whole body no signature can be verified.
    Body(BodyFault),
}

/// What a key may do here: 403 for the rest.
#[derive(Debug, Clone)]
pub(super) struct Access(pub(super) Principal);

// === impl Asked ===

impl Asked {
    pub(super) fn access(&self) -> Access {
        Access(self.principal.clone())
    }
}

/// 401 without a key that proves itself, 429 for who guesses too often. A signed change is taken
/// once: whoever overheard it could send it again for five minutes.
impl FromRequest<Arc<Node>> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, node: &Arc<Node>) -> Result<Self, Problem> {
        let asked = prove(node, request, BODY_BYTES_MAX).await.map_err(Problem::from)?;
        if let Some(signature) = asked.signature.filter(|_| is_change(&asked.head.method)) {
            let first = node.keyring.first_use(&asked.principal, signature, node.now());
            first.map_err(|refusal| Problem::from(Unproven::Refused(refusal)))?;
        }
        Ok(asked)
    }
}

// === impl Unproven ===

impl From<Unproven> for Problem {
    fn from(unproven: Unproven) -> Self {
        let again = |status, detail: String, wait: Duration| {
            // Rounded up: who comes back in time is not told to wait again.
            Self::new(status, detail).with(RETRY_AFTER, (wait.as_secs() + 1).into())
        };
        match unproven {
            Unproven::Body(fault) => Self::from(fault),
            Unproven::TooMany(wait) => {
                let detail = format!("too many wrong keys: try again in {} s", wait.as_secs() + 1);
                again(StatusCode::TOO_MANY_REQUESTS, detail, wait)
            }
            Unproven::Refused(refusal @ Refusal::Replayed) => {
                Self::new(StatusCode::FORBIDDEN, refusal.to_string())
            }
            Unproven::Refused(refusal @ Refusal::Crowded) => {
                again(StatusCode::TOO_MANY_REQUESTS, refusal.to_string(), CROWDED_WAIT)
            }
            Unproven::Refused(refusal) => {
                let problem = Self::new(StatusCode::UNAUTHORIZED, refusal.to_string());
                problem.with(WWW_AUTHENTICATE, CHALLENGES)
            }
        }
    }
}

// === impl Access ===

impl Access {
    /// Whether this is the key with that id.
    pub(super) fn is(&self, id: &str) -> bool {
        self.0.id() == id
    }

    /// Lets go on what the key may do; paths are as they were written.
    pub(super) fn may(
        &self,
        action: Action,
        site: Option<&str>,
        paths: &[&str],
    ) -> Result<(), Problem> {
        permitted(self.0.may(action, site, paths))
    }

    /// Lets go on if the key may take from all of the site: what carries a tag, or stands in a
    /// sitemap, can have any path.
    pub(super) fn may_use_tags(&self, site: &str) -> Result<(), Problem> {
        permitted(self.0.may_use_tags(site))
    }

    /// Lets go on if the key may change the targets of this origin.
    pub(super) fn may_change_targets(&self, origin: &str) -> Result<(), Problem> {
        permitted(self.0.may_change_targets(origin))
    }

    /// Lets go on if it is the root key.
    pub(super) fn may_change_keys(&self) -> Result<(), Problem> {
        if self.0.is_root() {
            return Ok(());
        }
        let detail = "only the root key creates, rotates and revokes keys";
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
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

/// Whether a method asks for more than to be shown something.
pub(super) fn is_change(method: &Method) -> bool {
    ![Method::GET, Method::HEAD].contains(method)
}

fn permitted(permission: Permission) -> Result<(), Problem> {
    match permission {
        Permission::Granted => Ok(()),
        Permission::Denied(why) => Err(Problem::new(StatusCode::FORBIDDEN, why)),
    }
}
