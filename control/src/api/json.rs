//! JSON request bodies.

use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The largest body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long the whole body may take to come in.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Reads the whole body. 415 for what is not called JSON, 413 for more than 1 MiB, 408 for what
/// does not come, 400 for what is no JSON of this shape.
pub(super) async fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    if !is_json(headers) {
        let detail = "the body must be JSON: Content-Type: application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let whole = Limited::new(body, BODY_BYTES_MAX).collect();
    let Ok(read) = tokio::time::timeout(BODY_TIME_MAX, whole).await else {
        let detail = format!("the body did not come within {BODY_TIME_MAX:?}");
        return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail));
    };
    let body = read.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes");
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
        }
        Problem::bad_request(format!("the body broke off: {error}"))
    })?;
    serde_json::from_slice(&body.to_bytes())
        .map_err(|error| Problem::bad_request(format!("the body is not understood: {error}")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = named.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
