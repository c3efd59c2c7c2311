//! What an authority looks for to see who holds a name (http-01, RFC 8555 §8.3).

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use warmfront_certs::Challenges;

use crate::answer::Answer;
use crate::request::RequestHead;

const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// The answer to an open challenge. It comes before routes, redirects and refusals: whatever a site
/// does, its certificate can be renewed. A token that is nobody's here may be the origin's own.
pub(crate) fn answer_challenge(challenges: &Challenges, head: &RequestHead) -> Option<Answer> {
    let token = head.target().path.strip_prefix(CHALLENGES)?;
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return None;
    }
    let content = challenges.answer_http(token)?;
    let mut answer = Answer::empty(StatusCode::OK)
        .with(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
        .with(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.body.push(Bytes::copy_from_slice(content.as_bytes()));
    Some(answer)
}
