//! What a client's conditions make of a response (RFC 9110 §13).

use http::{HeaderName, HeaderValue, StatusCode, header};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use warmfront_semantics::control;
use warmfront_semantics::precondition::{Outcome, is_kept_in_304};

/// Makes a response what the client's conditions say it is; its body is not sent then.
pub(crate) fn conclude(response: &mut ResponseHeader, outcome: Outcome) -> Result<()> {
    if outcome == Outcome::Proceed {
        return Ok(());
    }
    let fields = &response.headers;
    let dropped: Vec<HeaderName> =
        fields.keys().filter(|name| !is_kept_in_304(name, fields)).cloned().collect();
    for name in &dropped {
        response.remove_header(name);
    }
    if outcome == Outcome::Failed {
        response.set_status(StatusCode::PRECONDITION_FAILED)?;
        // What the stored response says of its freshness is not true of a refusal.
        for name in [header::EXPIRES, control::CDN] {
            response.remove_header(&name);
        }
        response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
        response.insert_header(header::CONTENT_LENGTH, HeaderValue::from_static("0"))?;
    }
    Ok(())
}
