//! What browsers ask before a cross-origin request (Fetch §4.8), answered at the edge.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use warmfront_config::Cors;

use crate::answer::Answer;

/// The answer to a preflight, if the request is one. An origin that is not let in gets no permission,
/// and its browser does the rest.
pub(super) fn answer(cors: &Cors, method: &Method, fields: &HeaderMap) -> Option<Answer> {
    let origin = fields.get(header::ORIGIN)?;
    fields.get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| *method == Method::OPTIONS)?;
    let mut answer = Answer::empty(StatusCode::NO_CONTENT);
    answer.add(header::VARY, HeaderValue::from_static(ASKED));
    if !origin.to_str().is_ok_and(|origin| cors.lets_in(origin)) {
        return Some(answer);
    }
    // `shape` says who may read it, as for every response.
    answer.add(header::ACCESS_CONTROL_ALLOW_METHODS, list(cors.methods.iter().map(Method::as_str)));
    let asked = fields.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let headers = match &cors.headers {
        Some(listed) if listed.is_empty() => None,
        Some(listed) => Some(list(listed.iter().map(HeaderName::as_str))),
        None => asked.cloned(),
    };
    if let Some(headers) = headers {
        answer.add(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
    if let Some(max_age) = cors.max_age {
        answer.add(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(max_age.as_secs()));
    }
    Some(answer)
}

const ASKED: &str = "access-control-request-method, access-control-request-headers";

fn list<'a>(names: impl Iterator<Item = &'a str>) -> HeaderValue {
    let names = names.collect::<Vec<_>>().join(", ");
    // Names of methods and fields are tokens.
    HeaderValue::try_from(names).unwrap_or_else(|_| HeaderValue::from_static(""))
}
