//! Request bodies: read whole, within bounds; JSON, where one is asked for.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::access::Asked;
use super::problem::Problem;

/// The largest body of a request to either API, in bytes: 3,000 long paths.
pub(crate) const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the whole body may take to come in.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyFault {
    /// It has more bytes than this.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It was not there after this long.
    #[error("the body did not come within {0:?}")]
    TooSlow(Duration),
    /// The client went, or broke the framing.
    #[error("the body broke off")]
    Broken(#[source] axum::Error),
}

/// Reads the whole body, of at most so many bytes, within 10 s.
pub(super) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, BodyFault> {
    let whole = Limited::new(body, bytes_max).collect();
    let Ok(read) = tokio::time::timeout(BODY_TIME_MAX, whole).await else {
        return Err(BodyFault::TooSlow(BODY_TIME_MAX));
    };
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge(bytes_max)),
        Err(error) => Err(BodyFault::Broken(axum::Error::new(error))),
    }
}

// === impl Asked ===

impl Asked {
    /// The body's meaning. 415 for what is not called JSON, 400 for what is no JSON of this shape.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !is_json(&self.head.headers) {
            let detail = "the body must be JSON: Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        // A list would be taken for an object's fields in their order, which is nobody's to rely on.
        if self.body.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::bad_request("the body is a list: it must be an object"));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Problem::bad_request(format!("the body is not understood: {error}")))
    }
}

// === impl BodyFault ===

impl From<BodyFault> for Problem {
    fn from(fault: BodyFault) -> Self {
        let status = match fault {
            BodyFault::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyFault::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            BodyFault::Broken(_) => StatusCode::BAD_REQUEST,
        };
        Self::new(status, fault.to_string())
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = named.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
