//! CloudFront's own API, as its command line and its SDKs speak it: XML, version 2020-05-31.
//!
//! A site is a distribution here. Everything is carried out by what the own API is made of, too: the
//! same keys, the same ledger, so a `CallerReference` is a reference, and both APIs list the same
//! invalidations. What this node has no word for is refused with an error that the SDKs understand,
//! never with a page they cannot read.

mod batch;
mod call;
mod distribution;
mod fault;
mod invalidation;
mod operation;
#[cfg(test)]
mod tests;
mod xml;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{CONTENT_TYPE, HOST, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use rand::Rng as _;

use crate::api::Node;
use crate::api::access::{Unproven, prove};
use crate::api::audit;
use crate::api::body::{BODY_BYTES_MAX, BodyFault};
use call::{Answer, Call};
use fault::Fault;
use operation::Operation;

/// Named in every answer, so that a report to the operator can name one.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Whether a path is one of CloudFront's API, in whatever version: it begins with a date.
pub(crate) fn is_asked(path: &str) -> bool {
    let version = path.strip_prefix('/').and_then(|rest| rest.split('/').next());
    version.is_some_and(|version| {
        let shape = version.bytes().map(|byte| if byte.is_ascii_digit() { b'd' } else { byte });
        shape.eq(*b"dddd-dd-dd")
    })
}

/// Answers a request, whatever its method, to a path that [`is_asked`].
pub(crate) async fn answer(State(node): State<Arc<Node>>, request: Request) -> Response {
    match carry_out(&node, request).await {
        Ok(answer) => document(answer.status, answer.document, answer.fields, &request_id()),
        Err(fault) => refused(&fault),
    }
}

/// The answer to a request that is let in for nobody, in the words of this API.
pub(crate) fn refuse(status: StatusCode, sentence: &str) -> Response {
    refused(&Fault::Forbidden { status, sentence: sentence.to_owned() })
}

async fn carry_out(node: &Arc<Node>, request: Request) -> Result<Answer, Fault> {
    let asked = prove(node, request, BODY_BYTES_MAX).await?;
    let uri = &asked.head.uri;
    let operation = Operation::read(&asked.head.method, uri.path(), uri.query())?;
    let call = Call {
        node: node.clone(),
        principal: asked.principal,
        operation,
        body: asked.body,
        here: here(node, &asked.head.headers),
    };
    // The ledger is on disk. It is carried to its end even if the client goes.
    let done = tokio::task::spawn_blocking(move || call.carry_out()).await;
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "a request to the CloudFront API failed");
        Err(Fault::Internal)
    })
}

fn refused(fault: &Fault) -> Response {
    let id = request_id();
    let (status, _) = fault.row();
    let mut fields = HeaderMap::new();
    if let Fault::TooManyGuesses(seconds) = fault {
        fields.insert(RETRY_AFTER, (*seconds).into());
    }
    let mut response = document(status, fault.document(&id), fields, &id);
    if let Fault::Audited(_) = fault {
        response.extensions_mut().insert(audit::Written);
    }
    response
}

fn document(status: StatusCode, text: String, fields: HeaderMap, request_id: &str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    let xml = HeaderValue::from_static("text/xml");
    response.headers_mut().insert(CONTENT_TYPE, xml);
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A random UUID (RFC 9562 §5.4).
fn request_id() -> String {
    let mut bytes: [u8; 16] = rand::rng().random();
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    let digits = bytes.map(|byte| format!("{byte:02x}"));
    let groups = [&digits[..4], &digits[4..6], &digits[6..8], &digits[8..10], &digits[10..]];
    groups.map(<[String]>::concat).join("-")
}

/// What a place on this node begins with: `http://127.0.0.1:9900`, as the client calls it.
fn here(node: &Node, headers: &HeaderMap) -> String {
    let scheme = if node.config.listen.admin_tls.is_some() { "https" } else { "http" };
    match headers.get(HOST).and_then(|host| host.to_str().ok()) {
        Some(host) => format!("{scheme}://{host}"),
        None => String::new(),
    }
}

// === impl Fault ===

impl From<Unproven> for Fault {
    fn from(unproven: Unproven) -> Self {
        match unproven {
            Unproven::Refused(refusal) => Self::Unproven(refusal),
            // Rounded up: who comes back in time is not told to wait again.
            Unproven::TooMany(wait) => Self::TooManyGuesses(wait.as_secs() + 1),
            Unproven::Body(BodyFault::TooLarge(bytes)) => {
                Self::BatchTooLarge(format!("The body is larger than {bytes} bytes."))
            }
            Unproven::Body(BodyFault::TooSlow(time)) => Self::TooSlow(time),
            Unproven::Body(broken @ BodyFault::Broken(_)) => Self::Broken(broken.to_string()),
        }
    }
}
