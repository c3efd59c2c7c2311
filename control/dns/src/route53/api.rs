//! Signed requests to Route 53, repeated while it asks for patience.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{HOST, InvalidHeaderValue};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, sleep, timeout};
use warmfront_config::{Endpoint, Route53};
use warmfront_semantics::sigv4::{self, Payload, Scope, Unsigned};

use super::documents::Refusal;
use crate::SigningKeys;

/// What every path begins with: the API's version.
pub(super) const ROOT: &str = "/2013-04-01";
const HOST_NAME: &str = "route53.amazonaws.com";
const SERVICE: &str = "route53";
const USER_AGENT: &str = concat!("warmfront/", env!("CARGO_PKG_VERSION"));
/// The most that one request may take, connecting included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a call is repeated.
const CALL_MAX: Duration = Duration::from_mins(1);
/// Before the second request of a call; doubles from request to request.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// The most of an answer that is read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Where the API is, and who signs.
pub(super) struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// `https://route53.amazonaws.com`
    base: String,
    /// `route53.amazonaws.com`
    authority: String,
    region: String,
    keys: Arc<dyn SigningKeys>,
}

/// Why a request had no good answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody signs.
    #[error("{0}")]
    Keys(String),
    /// The keys or the endpoint have characters that no request can carry.
    #[error("the credentials or the endpoint do not fit into a request")]
    Unspeakable(#[source] http::Error),
    /// It can not be reached, or hung up.
    #[error("no connection: {0}")]
    Connection(String),
    /// It does not answer.
    #[error("no answer within {} s", REQUEST_TIMEOUT.as_secs())]
    Silence,
    /// It says no.
    #[error("it answers {status} {code}: {message}")]
    Refused {
        /// The answer's status.
        status: u16,
        /// Amazon's own word: `AccessDenied`; empty if there is none.
        code: String,
        /// Amazon's own sentence.
        message: String,
    },
    /// What it answers cannot be read.
    #[error("its answer is not what its API says")]
    Incomplete,
}

// === impl Api ===

impl Api {
    /// Reads the system's roots, of which there has to be one.
    pub(super) fn new(settings: &Route53, keys: Arc<dyn SigningKeys>) -> io::Result<Self> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)?
            .https_or_http()
            .enable_http1()
            .build();
        let (base, authority) = place(settings.endpoint.as_ref());
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base,
            authority,
            region: settings.region.clone(),
            keys,
        })
    }

    /// The document of the answer. `path` and `query` are encoded, the query is sorted. What fails
    /// for a while only is tried again, for a minute: a call changes nothing more when repeated.
    pub(super) async fn call(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Bytes, CallError> {
        let began = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let request = self.request(method, (path, query), body, now + began.elapsed()).await?;
            match self.exchange(request).await {
                Err(error) if error.may_pass() && began.elapsed() + pause <= CALL_MAX => {
                    tracing::debug!(path, "Route 53 is asked again in {pause:?}: {error}");
                }
                answer => return answer,
            }
            sleep(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    async fn request(
        &self,
        method: &Method,
        (path, query): (&str, &str),
        body: &[u8],
        now: SystemTime,
    ) -> Result<Request<Full<Bytes>>, CallError> {
        let keys = self.keys.current(now).await.map_err(CallError::Keys)?;
        let query = sigv4::canonical_query(query);
        let unsigned = Unsigned {
            method,
            path,
            query: &query,
            fields: &[("host", &self.authority)],
            payload: Payload::Hashed(body),
        };
        let scope = Scope { service: SERVICE, region: &self.region };
        let separator = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}{separator}{query}", self.base))
            .header(HOST, &self.authority)
            .header("user-agent", USER_AGENT)
            .header("content-type", "text/xml");
        for (name, value) in sigv4::sign(&unsigned, &keys, scope, now) {
            request = request.header(name, sensitive(&value).map_err(unspeakable)?);
        }
        request.body(Full::new(Bytes::copy_from_slice(body))).map_err(CallError::Unspeakable)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Bytes, CallError> {
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| broken(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok((status, body.map_err(|error| broken(error.as_ref()))?.to_bytes()))
        };
        let (status, document) =
            timeout(REQUEST_TIMEOUT, exchange).await.map_err(|_| CallError::Silence)??;
        if status.is_success() { Ok(document) } else { Err(CallError::refused(status, &document)) }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base).finish_non_exhaustive()
    }
}

// === impl CallError ===

impl CallError {
    fn refused(status: StatusCode, document: &[u8]) -> Self {
        let Refusal { code, message } = Refusal::read(document);
        Self::Refused { status: status.as_u16(), code, message }
    }

    /// Whether the same request may be answered in a moment.
    fn may_pass(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Silence => true,
            Self::Refused { status, code, .. } => {
                *status >= 500
                    || *status == 429
                    || matches!(
                        code.as_str(),
                        "Throttling" | "ThrottlingException" | "PriorRequestNotComplete"
                    )
            }
            Self::Keys(_) | Self::Unspeakable(_) | Self::Incomplete => false,
        }
    }
}

/// The URL's beginning, and the authority as a client writes it.
fn place(endpoint: Option<&Endpoint>) -> (String, String) {
    let Some(endpoint) = endpoint else {
        return (format!("https://{HOST_NAME}"), HOST_NAME.to_owned());
    };
    let host = match &endpoint.host {
        address if address.contains(':') => format!("[{address}]"),
        name => name.clone(),
    };
    let (scheme, own) = if endpoint.tls { ("https", 443) } else { ("http", 80) };
    let authority = if endpoint.port == own { host } else { format!("{host}:{}", endpoint.port) };
    (format!("{scheme}://{authority}"), authority)
}

fn sensitive(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

fn unspeakable(error: InvalidHeaderValue) -> CallError {
    CallError::Unspeakable(error.into())
}

/// The client's own words, `client error (Connect)`, say nothing; what caused it does.
fn broken(error: &dyn std::error::Error) -> CallError {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    CallError::Connection(cause.to_string())
}

#[cfg(test)]
mod tests;
