//! What an HTTP/2 request must be before a room sees it (RFC 9113 §8.3.1).

use h2::Reason;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use pingora_http::RequestHeader;
use warmfront_semantics::head::BadHead;

use crate::failure::ClientFault;

/// How a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its stream is reset: an answer would dignify it.
    Reset(Reason),
    /// It is answered.
    Answer(ClientFault),
}

/// The request in Pingora's terms, with one authority: that of its Host field.
///
/// What `h2` has seen to already: names in lower case, no field of a connection, the order and
/// number of pseudo-header fields, and a Content-Length that is the content's.
pub(super) fn accept(mut request: Parts) -> Result<RequestHeader, Refused> {
    // RFC 9110 §9.3.6: CONNECT is for proxies. It has no path.
    if request.method == Method::CONNECT {
        return Err(Refused::Answer(ClientFault::Method));
    }
    let target = target(&request.uri)?;
    if is_repeated(&request.headers, &header::CONTENT_LENGTH) {
        return Err(Refused::Answer(ClientFault::Head(BadHead::Length)));
    }
    let host = host(&request)?;
    if let Some(host) = host {
        request.headers.insert(header::HOST, host);
    }
    // Two places for one authority are one too many: from here on it is the field's.
    request.uri = Uri::from(target);
    Ok(RequestHeader::from(request))
}

fn target(uri: &Uri) -> Result<PathAndQuery, Refused> {
    let target = uri.path_and_query().ok_or(Refused::Answer(ClientFault::Target))?;
    // They end a request line of HTTP/1, where the request is on its way to.
    if target.as_str().bytes().any(|b| matches!(b, 0 | b'\n' | b'\r' | b' ')) {
        return Err(Refused::Reset(Reason::PROTOCOL_ERROR));
    }
    // An absolute form would name a second authority.
    if target.as_str().starts_with('/') || target.as_str() == "*" {
        return Ok(target.clone());
    }
    Err(Refused::Answer(ClientFault::Target))
}

/// The Host field that has to be added, if one has to.
fn host(request: &Parts) -> Result<Option<HeaderValue>, Refused> {
    if is_repeated(&request.headers, &header::HOST) {
        return Err(Refused::Answer(ClientFault::Head(BadHead::ManyHosts)));
    }
    let authority = request.uri.authority().map(http::uri::Authority::as_str);
    match (authority, request.headers.get(header::HOST)) {
        (Some(authority), Some(field))
            if !field.as_bytes().eq_ignore_ascii_case(authority.as_bytes()) =>
        {
            Err(Refused::Answer(ClientFault::ForeignTarget))
        }
        (_, Some(_)) => Ok(None),
        (Some(authority), None) => {
            let host = HeaderValue::try_from(authority);
            host.map(Some).map_err(|_| Refused::Answer(ClientFault::Target))
        }
        (None, None) => Err(Refused::Answer(ClientFault::NoHost)),
    }
}

fn is_repeated(fields: &HeaderMap, name: &HeaderName) -> bool {
    fields.get_all(name).iter().nth(1).is_some()
}

/// The request as HTTP/1.1 would send it: what Pingora makes a request of its own from, to freshen
/// what is stored.
pub(super) fn as_http1(request: &RequestHeader) -> Vec<u8> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(request.method.as_str().as_bytes());
    text.push(b' ');
    text.extend_from_slice(request.raw_path());
    text.extend_from_slice(b" HTTP/1.1\r\n");
    request.header_to_h1_wire(&mut text);
    text.extend_from_slice(b"\r\n");
    text
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn accepted(method: &str, uri: &str, fields: &[(&str, &str)]) -> Result<String, Refused> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        accept(parts).map(|request| String::from_utf8(as_http1(&request)).unwrap())
    }

    #[test]
    fn the_authority_becomes_the_host_field() {
        for (uri, fields, expected) in [
            ("https://a.test/b?c", &[][..], "GET /b?c HTTP/1.1\r\nHost: a.test\r\n\r\n"),
            ("https://a.test:8443", &[], "GET / HTTP/1.1\r\nHost: a.test:8443\r\n\r\n"),
            (
                "https://a.test/",
                &[("host", "A.test"), ("x", "1"), ("x", "2")],
                "GET / HTTP/1.1\r\nHost: A.test\r\nx: 1\r\nx: 2\r\n\r\n",
            ),
            ("/b", &[("host", "a.test")], "GET /b HTTP/1.1\r\nHost: a.test\r\n\r\n"),
            ("*", &[("host", "a.test")], "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        ] {
            assert_eq!(accepted("GET", uri, fields).as_deref(), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn malformed_requests_are_refused() {
        use ClientFault as Fault;
        for (method, uri, fields, fault) in [
            ("CONNECT", "a.test:443", &[][..], Fault::Method),
            ("GET", "/", &[], Fault::NoHost),
            ("GET", "https://a.test/", &[("host", "b.test")], Fault::ForeignTarget),
            (
                "GET",
                "https://a.test/",
                &[("host", "a.test"), ("host", "a.test")],
                Fault::Head(BadHead::ManyHosts),
            ),
            (
                "POST",
                "https://a.test/",
                &[("content-length", "1"), ("content-length", "1")],
                Fault::Head(BadHead::Length),
            ),
        ] {
            let refused = accepted(method, uri, fields);
            assert_eq!(refused, Err(Refused::Answer(fault)), "{method} {uri} {fields:?}");
        }
    }
}
