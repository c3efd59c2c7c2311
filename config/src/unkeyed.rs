//! Request fields that the edge passes on to no origin: they are outside every key, and an origin could
//! answer by them for another key.

use http::HeaderName;

/// Whether a client could make an origin answer for another host, path or client by this field.
pub fn is_unkeyed(name: &HeaderName) -> bool {
    is_among(&UNKEYED, name)
}

/// Whether a client could make an origin take a request for one of another method by this field. With
/// GET and HEAD, which alone are stored, it is not passed on.
pub fn overrides_method(name: &HeaderName) -> bool {
    is_among(&METHOD_OVERRIDES, name)
}

/// Fields by which a client could make an origin answer for another host, path or client than the
/// one that its answer would be stored under.
const UNKEYED: [&str; 26] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-url-scheme",
    "front-end-https",
    "x-forwarded-server",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-host",
    "x-http-host-override",
    "x-original-host",
    "x-original-uri",
    "x-real-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-request-id",
    // httpoxy (CVE-2016-5385).
    "proxy",
    // Of a switch that is not offered (RFC 7540 §3.2.1), and named by Connection.
    "http2-settings",
];

/// As those, for the method.
const METHOD_OVERRIDES: [&str; 5] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-forwarded-method",
    "x-original-method",
];

/// CGI and its heirs take `_` and `-` in a name for the same.
fn is_among(names: &[&str], name: &HeaderName) -> bool {
    let same = |a: u8, b: u8| a == b || (a == b'_' && b == b'-');
    let name = name.as_str().as_bytes();
    names
        .iter()
        .map(|known| known.as_bytes())
        .any(|known| name.len() == known.len() && name.iter().zip(known).all(|(a, b)| same(*a, *b)))
}
