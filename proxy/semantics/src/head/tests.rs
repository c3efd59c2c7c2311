use super::*;
use proptest::prelude::*;

const LIMITS: HeadLimits = HeadLimits { bytes: 512, fields: 4, target_bytes: 64 };

fn judged(head: &str) -> Result<Framing, BadHead> {
    inspect(head.as_bytes(), &LIMITS)
}

#[test]
fn honest_heads() {
    for (head, framing) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Framing::Length(0)),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Framing::Length(0)),
        ("GET http://a/x HTTP/1.1\r\nHost: A\r\n\r\n", Framing::Length(0)),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", Framing::Length(0)),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n", Framing::Length(12)),
        ("POST / HTTP/1.1\r\nHost:a\r\nTransfer-Encoding: Chunked\r\n\r\n", Framing::Chunked),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\n\r\n", Framing::Upgrade),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", Framing::Length(0)),
        ("GET /\u{fc} HTTP/1.1\r\nHost: a\r\nX: \u{fc}\t\r\n\r\n", Framing::Length(0)),
    ] {
        assert_eq!(judged(head), Ok(framing), "{head:?}");
    }
}

const DISHONEST: &[(&str, BadHead)] = &[
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", BadHead::BareLineEnd),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", BadHead::BareLineEnd),
    ("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", BadHead::BareLineEnd),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", BadHead::Control),
    ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::Control),
    ("GET / HTTP/1.1\r\nX: y\r\n\r\n", BadHead::NoHost),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", BadHead::ManyHosts),
    ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::ForeignTarget),
    ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::ForeignTarget),
    ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::ForeignTarget),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::RequestLine),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", BadHead::RequestLine),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", BadHead::RequestLine),
    ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::RequestLine),
    ("GET /<x> HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::RequestLine),
    ("\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::BareLineEnd),
    ("G\u{fc}T / HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::RequestLine),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", BadHead::Connect),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", BadHead::FieldLine),
    ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", BadHead::FieldLine),
    ("GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", BadHead::FieldLine),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        BadHead::Length,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", BadHead::Length),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", BadHead::Length),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", BadHead::Length),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        BadHead::LengthAndEncoding,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", BadHead::Encoding),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", BadHead::Encoding),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", BadHead::Encoding),
];

#[test]
fn dishonest_heads() {
    for (head, fault) in DISHONEST {
        assert_eq!(judged(head), Err(*fault), "{head:?}");
    }
}

#[test]
fn heads_over_a_limit() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(64));
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(512));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(4));
    assert_eq!(judged(&long), Err(BadHead::TargetTooLong));
    assert_eq!(judged(&large), Err(BadHead::TooLarge));
    assert_eq!(judged(&many), Err(BadHead::TooLarge));
}

#[test]
fn finds_the_end() {
    assert_eq!(end(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"), Some(27));
    assert_eq!(end(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Some(22));
    assert_eq!(end(b"GET / HTTP/1.1\n\nbody"), Some(16));
    assert_eq!(end(b"GET / HTTP/1.1\r\nHost: a\r\n"), None);
    assert_eq!(end(b"\r\n\r\n"), None);
    assert_eq!(end(b""), None);
}

proptest! {
    #[test]
    fn never_panics_and_never_ends_outside(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(end) = end(&bytes) {
            prop_assert!(end <= bytes.len());
            let _ = inspect(&bytes[..end], &LIMITS);
        }
        let _ = inspect(&bytes, &LIMITS);
    }
}
