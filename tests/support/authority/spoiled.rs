//! The answers of a bad day.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use serde_json::json;

/// An answer that no client wants.
#[derive(Debug, Clone)]
pub(crate) enum Spoiled {
    /// A whole answer.
    Answer { status: u16, content_type: &'static str, again: Option<String>, body: String },
    /// There is none, ever.
    Never,
    /// The connection is closed instead.
    HangUp,
}

// === impl Spoiled ===

impl Spoiled {
    /// A problem (RFC 8555 §6.7); its type without the prefix.
    pub(crate) fn problem(status: u16, kind: &str, detail: &str) -> Self {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        let body = json!({ "type": kind, "detail": detail, "status": status }).to_string();
        Self::Answer { status, content_type: "application/problem+json", again: None, body }
    }

    /// 429 with `Retry-After`: seconds or a date.
    pub(crate) fn rate_limited(again: &str) -> Self {
        let detail = "too many certificates already issued for this exact set of identifiers";
        Self::problem(429, "rateLimited", detail).again(again)
    }

    /// 503, as a load balancer before an authority in maintenance says it.
    pub(crate) fn unavailable() -> Self {
        Self::problem(503, "serverInternal", "The service is down for maintenance")
    }

    /// 502 with a page for people.
    pub(crate) fn html() -> Self {
        let body = "<html><head><title>502 Bad Gateway</title></head></html>".to_owned();
        Self::Answer { status: 502, content_type: "text/html", again: None, body }
    }

    /// 200 with what is neither JSON nor a certificate.
    pub(crate) fn nonsense() -> Self {
        let body = "{\"status\":".to_owned();
        Self::Answer { status: 200, content_type: "application/json", again: None, body }
    }

    /// With `Retry-After`: seconds or a date.
    pub(crate) fn again(self, when: &str) -> Self {
        match self {
            Self::Answer { status, content_type, body, .. } => {
                Self::Answer { status, content_type, again: Some(when.to_owned()), body }
            }
            Self::Never | Self::HangUp => self,
        }
    }

    /// The answer; none if the connection is to be closed.
    pub(super) async fn give(self) -> Option<Response<Full<Bytes>>> {
        match self {
            Self::Answer { status, content_type, again, body } => {
                let mut answer = Response::new(Full::from(body));
                *answer.status_mut() = status.try_into().unwrap();
                let content_type = HeaderValue::from_static(content_type);
                answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
                if let Some(again) = again {
                    answer.headers_mut().insert(header::RETRY_AFTER, again.parse().unwrap());
                }
                Some(answer)
            }
            Self::Never => std::future::pending().await,
            Self::HangUp => None,
        }
    }
}
