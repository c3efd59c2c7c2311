//! The response as this client sees it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use warmfront_semantics::cache_status::{CacheStatus, Lookup};

use crate::answer::Answer;
use crate::forward::{VIA, X_REQUEST_ID};
use crate::request::Arrival;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Adds what every response of ours says.
pub(crate) fn mark(
    session: &Session,
    response: &mut ResponseHeader,
    arrival: &Arrival,
    status: &CacheStatus,
) -> Result<()> {
    keep_date(session, arrival, response);
    let x_cache = match (status.lookup, response.status.is_redirection()) {
        // CloudFront's word for a redirect of its own.
        (Lookup::Answered, true) => "Redirect from warmfront",
        (lookup, _) => lookup.as_x_cache(),
    };
    let cache_status = HeaderValue::try_from(status.to_string());
    let cache_status = cache_status.unwrap_or_else(|_| HeaderValue::from_static(VIA));
    // RFC 9211 §2: each cache adds its own; the origin's comes first.
    response.append_header(CACHE_STATUS, cache_status)?;
    response.insert_header(X_CACHE, HeaderValue::from_static(x_cache))?;
    response.append_header(header::VIA, HeaderValue::from_static("2.0 warmfront"))?;
    response.insert_header(X_REQUEST_ID, arrival.id.clone())?;
    Ok(())
}

/// RFC 9110 §6.6.1: what is passed on keeps its Date. Over HTTP/2 it does so by itself; over HTTP/1
/// the connection has to be told.
fn keep_date(session: &Session, arrival: &Arrival, response: &ResponseHeader) {
    // A request of the edge's own, to freshen what is stored, has a client's connection too.
    if session.as_http1().is_some() && !response.status.is_informational() {
        arrival.connection.date.set(response.headers.get(header::DATE).cloned());
    }
}

/// The head of an answer of the edge's own.
fn own(session: &Session, answer: &Answer, arrival: &Arrival) -> Result<ResponseHeader> {
    let mut head = ResponseHeader::build_no_case(answer.status, Some(answer.fields.len() + 8))?;
    for (name, value) in &answer.fields {
        head.append_header(name, value)?;
    }
    if answer.status != StatusCode::NO_CONTENT {
        head.insert_header(header::CONTENT_LENGTH, answer.body.len())?;
    }
    head.insert_header(header::SERVER, HeaderValue::from_static(VIA))?;
    let status =
        CacheStatus { lookup: Lookup::Answered, ttl: None, stored: false, collapsed: false };
    mark(session, &mut head, arrival, &status)?;
    Ok(head)
}

/// Writes an answer of the edge's own.
pub(crate) async fn send(session: &mut Session, arrival: &Arrival, answer: &Answer) -> Result<()> {
    if answer.closes {
        session.set_keepalive(None);
    }
    let head = Box::new(own(session, answer, arrival)?);
    let bodiless = answer.body.is_empty() || session.req_header().method == Method::HEAD;
    session.as_downstream_mut().write_response_header(head).await?;
    if !bodiless {
        session.as_downstream_mut().write_response_body(answer.body.clone(), true).await?;
    }
    Ok(())
}

/// Whether a Range header asks for something that Pingora's arithmetic gets wrong: the suffix of
/// nothing, or a suffix of no length. Both are unsatisfiable (RFC 9110 §14.1.2).
pub(crate) fn range_of_nothing(request: &HeaderMap, response: &ResponseHeader) -> bool {
    let Some(range) = request.get(header::RANGE).and_then(|r| r.to_str().ok()) else {
        return false;
    };
    let length = response.headers.get(header::CONTENT_LENGTH);
    let empty = length.is_some_and(|length| length == "0");
    let Some((_, set)) = range.split_once('=') else {
        return false;
    };
    let mut suffixes = set.split(',').map(str::trim).filter_map(|spec| spec.strip_prefix('-'));
    suffixes.any(|suffix| empty || suffix.bytes().all(|b| b == b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_nothing() {
        for (range, length, nothing) in [
            ("bytes=-0", "10", true),
            ("bytes=-5", "0", true),
            ("bytes=0-1, -000", "10", true),
            ("bytes=-5", "10", false),
            ("bytes=0-", "10", false),
            ("bytes=5-10", "20", false),
        ] {
            let mut request = HeaderMap::new();
            request.insert(header::RANGE, range.parse().unwrap());
            let mut response = ResponseHeader::build(200, None).unwrap();
            response.insert_header(header::CONTENT_LENGTH, length).unwrap();
            assert_eq!(range_of_nothing(&request, &response), nothing, "{range} of {length}");
        }
    }
}
