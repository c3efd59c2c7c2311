//! What the library sends through, and what it would throw away.
//!
//! It drops `Retry-After` where there is an error, panics at one that is too far off, takes the
//! directory from an error's body, and says of an HTML page that it is no JSON. So answers are
//! looked at here first.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT};
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use parking_lot::Mutex;
use serde_json::Value;
use warmfront_semantics::tame::tame;

use super::words;
use crate::endpoint::AGENT;
use crate::https::Https;
use crate::problem::Problem;
use crate::retry_after::retry_after;

/// A URL, longer than which none is of use to anybody.
const URL_BYTES_MAX: usize = 2_000;
/// RFC 9773 §4.3.3: how long to wait where the authority does not say.
const RENEWAL_INFORMATION_KEPT: Duration = Duration::from_hours(6);

/// Of a URL that is of no use.
const URL_SHOWN_BYTES_MAX: usize = 200;

/// The HTTPS client of one attempt. Clones share what was heard.
#[derive(Clone)]
pub(super) struct Transport {
    https: Https,
    clock: fn() -> SystemTime,
    heard: Arc<Mutex<Heard>>,
}

/// What the library does not pass on of the last answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<Duration>,
    pub(super) location: Option<String>,
}

/// An answer that the library would misunderstand. Its `Display` is the end of a sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it names a URL of more than {URL_BYTES_MAX} bytes")]
    Long,
    /// RFC 8555 §6.1.
    #[error("it sends us to {0}, which is not https")]
    Plain(String),
    /// A problem in answer to a request of which the library does not expect one.
    #[error("a problem in answer to a plain request")]
    Problem(Bytes),
    #[error("it sends us on to {0}: write the address of the directory itself")]
    Redirect(String),
    #[error("{0} without a word that an ACME client understands")]
    Status(StatusCode),
}

// === impl Transport ===

impl Transport {
    pub(super) fn new(https: &Https, clock: fn() -> SystemTime) -> Self {
        Self { https: https.clone(), clock, heard: Arc::default() }
    }

    /// Of the last answer; empty where there was none.
    pub(super) fn heard(&self) -> Heard {
        self.heard.lock().clone()
    }

    async fn exchange(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        *self.heard.lock() = Heard::default();
        if request.uri().scheme() != Some(&Scheme::HTTPS) {
            let url = tame(&request.uri().to_string(), URL_SHOWN_BYTES_MAX);
            return Err(Error::Other(Unusable::Plain(url).into()));
        }
        let method = request.method().clone();
        let (mut head, body) = request.into_parts();
        head.headers.insert(USER_AGENT, AGENT);
        let body = body.collect().await.unwrap_or_else(|never| match never {}).to_bytes();
        let answer = self.https.exchange(Request::from_parts(head, body)).await;
        let mut answer = answer.map_err(|error| Error::Other(error.into()))?;
        let wait = retry_after(answer.headers(), (self.clock)());
        *self.heard.lock() = Heard::of(&answer, wait);
        let wait = match method {
            // Of plain requests, those for renewal information fail without it.
            Method::GET => wait.or(Some(RENEWAL_INFORMATION_KEPT)),
            _ => wait,
        };
        // In a form that adds up to a time that exists.
        match wait {
            Some(wait) => answer.headers_mut().insert(RETRY_AFTER, wait.as_secs().into()),
            None => answer.headers_mut().remove(RETRY_AFTER),
        };
        usable(&method, answer)
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().exchange(request))
    }
}

// === impl Heard ===

impl Heard {
    fn of(answer: &Response<Bytes>, retry_after: Option<Duration>) -> Self {
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        Self {
            status: Some(answer.status().as_u16()),
            retry_after,
            location: location.map(str::to_owned),
        }
    }
}

/// The answer as the library takes it, or why it must not see it.
fn usable(method: &Method, answer: Response<Bytes>) -> Result<BytesResponse, Error> {
    let status = answer.status();
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let unusable = if location.is_some_and(|location| location.len() > URL_BYTES_MAX) {
        Unusable::Long
    } else if status.is_redirection() {
        Unusable::Redirect(tame(location.unwrap_or("nowhere"), URL_SHOWN_BYTES_MAX))
    } else if status.is_success() {
        let (parts, body) = answer.into_parts();
        return Ok(BytesResponse { parts, body: Box::new(body) });
    } else if !is_problem(&answer) {
        Unusable::Status(status)
    } else if method == Method::POST {
        let (parts, body) = answer.into_parts();
        return Ok(BytesResponse { parts, body: Box::new(body) });
    } else {
        Unusable::Problem(answer.into_body())
    };
    Err(Error::Other(unusable.into()))
}

/// What an answer says that is a problem.
pub(crate) fn said(answer: &Response<Bytes>) -> Option<Problem> {
    let status = answer.status();
    if status.is_success() || !is_problem(answer) {
        return None;
    }
    let said = serde_json::from_slice(answer.body()).ok()?;
    Some(words::problem(&said, status.as_u16()))
}

/// RFC 7807 §3: an object. Its type is asked for only where the content does not tell.
fn is_problem(answer: &Response<Bytes>) -> bool {
    let said = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match serde_json::from_slice(answer.body()) {
        Ok(Value::Object(members)) => {
            said.is_some_and(|said| said.starts_with("application/problem+json"))
                || members.contains_key("type")
                || members.contains_key("detail")
        }
        _ => false,
    }
}
