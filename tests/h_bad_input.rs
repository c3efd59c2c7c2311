//! Requests that no honest client sends.

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::client::{raw, tls_stream};
use crate::support::edge::before;
use crate::support::{Edge, Origin, Over, Reply, WWW, run};

#[test]
fn ambiguous_requests_are_refused_and_the_connection_closed() {
    run(async {
        let (origin, edge) = site().await;
        for (request, status) in BAD {
            // Whoever smuggles hides a second request behind the first.
            let smuggled = format!("{request}GET /a HTTP/1.1\r\nHost: {WWW}\r\n\r\n");
            let answer = raw(edge.setup().place.http, smuggled.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request:?}: {answer}");
        }
        assert_eq!(origin.seen("/a").len(), 0);
        assert_eq!(edge.get(WWW, "/a").await.text(), "a", "it is none the worse for it");
    });
}

#[test]
fn the_same_holds_over_tls() {
    run(async {
        let (origin, edge) = site().await;
        for (request, status) in BAD {
            let mut stream = tls_stream(&edge.setup().place, WWW, &[b"http/1.1"]).await;
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        }
        assert_eq!(origin.seen("/a").len(), 0);
    });
}

#[test]
fn over_a_limit_says_which() {
    run(async {
        let (origin, edge) = site().await;
        let long = "x".repeat(9000);
        let many = "x-many: y\r\n".repeat(200);
        let large = format!("x-large: {long}\r\n").repeat(5);
        for (request, status) in [
            (format!("GET /{long} HTTP/1.1\r\nHost: {WWW}\r\n\r\n"), 414),
            (format!("GET /a HTTP/1.1\r\nHost: {WWW}\r\n{many}\r\n"), 431),
            (format!("GET /a HTTP/1.1\r\nHost: {WWW}\r\n{large}\r\n"), 431),
            (
                format!("POST /a HTTP/1.1\r\nHost: {WWW}\r\nContent-Length: 99999999999\r\n\r\n"),
                413,
            ),
        ] {
            let answer = raw(edge.setup().place.http, request.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        }
        let over_h2 = edge.ask("GET", WWW, &format!("/{long}")).send().await;
        assert_eq!(over_h2.status, StatusCode::URI_TOO_LONG);
        assert_eq!(origin.seen("/a").len(), 0);
    });
}

#[test]
fn a_body_over_the_limit_is_refused_however_it_is_framed() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/a", Reply::text("a"));
        let config = before(&[origin.address()]);
        let edge = Edge::start(&(config + "\n[limits]\nbody_bytes = \"1KiB\"\n")).await;
        for over in [Over::Http1, Over::Http2] {
            let fits = edge.ask("POST", WWW, "/a").over(over).body(vec![b'x'; 1024]).send().await;
            assert_eq!(fits.status, StatusCode::OK, "{over:?}");
            let large = edge.ask("POST", WWW, "/a").over(over).body(vec![b'x'; 1025]).send().await;
            assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE, "{over:?}");
        }
        let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
        let chunked = format!(
            "POST /a HTTP/1.1\r\nHost: {WWW}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
        );
        let answer = raw(edge.setup().place.http, chunked.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert_eq!(origin.seen("/a").len(), 2, "only what fits");
    });
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    run(async {
        let origin = Origin::start().await;
        let config = before(&[origin.address()]);
        let edge = Edge::start(&(config + "\n[limits]\nheader_timeout = \"2s\"\n")).await;
        let partial = format!("GET /a HTTP/1.1\r\nHost: {WWW}\r\nX-Slow: ");
        let answer = raw(edge.setup().place.http, partial.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        let silent = raw(edge.setup().place.https, b"").await;
        assert_eq!(silent, "");
    });
}

#[test]
fn a_host_of_no_site_is_404() {
    run(async {
        let (_origin, edge) = site().await;
        let nobody = edge.ask("GET", "nobody.example.test", "/a");
        for (ask, over) in [(nobody, Over::Http2), (edge.ask("GET", "x.test", "/a"), Over::Plain)] {
            let answer = ask.over(over).send().await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            assert!(answer.text().contains("no site answers to this host"));
        }
    });
}

#[test]
fn no_redirect_leads_elsewhere() {
    run(async {
        let origin = Origin::start().await;
        let config = before(&[origin.address()]).replace("allow-all", "redirect-to-https");
        let edge = Edge::start(&config).await;
        let port = edge.setup().place.https.port();
        for path in [
            "/a?b=c",
            "//evil.test/%2e%2e?x=%zz",
            "/a%0d%0aSet-Cookie:x",
            "/?next=https://evil.test",
        ] {
            let answer = edge.ask("GET", WWW, path).over(Over::Plain).send().await;
            assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY);
            assert_eq!(answer.field("location"), format!("https://{WWW}:{port}{path}"));
        }
        let redirected = edge.ask("POST", WWW, "/a").over(Over::Plain).body("x").send().await;
        assert_eq!(redirected.status, StatusCode::TEMPORARY_REDIRECT);
        for (request, status) in [
            ("GET http://evil.test/ HTTP/1.1\r\nHost: www.example.test\r\n\r\n", 400),
            ("GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n", 404),
        ] {
            let answer = raw(edge.setup().place.http, request.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(!answer.to_lowercase().contains("location:"), "{answer}");
        }
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/a", Reply::text("a"));
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}

/// Requests, and the status each is refused with.
const BAD: [(&str, u16); 22] = [
    ("GET /a HTTP/1.1\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: www.example.test\r\nHost: www.example.test\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: \r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: www.example.test@evil.test\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: www.example.test/a\r\n\r\n", 400),
    ("GET http://other.test/a HTTP/1.1\r\nHost: www.example.test\r\n\r\n", 400),
    (
        "POST /a HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST /a HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        400,
    ),
    (
        "POST /a HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        400,
    ),
    ("POST /a HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: +3\r\n\r\nabc", 400),
    ("POST /a HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 3, 3\r\n\r\nabc", 400),
    (
        "POST /a HTTP/1.1\r\nHost: www.example.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST /a HTTP/1.1\r\nHost: www.example.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST /a HTTP/1.0\r\nHost: www.example.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST /a HTTP/1.1\r\nHost: www.example.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("GET /a HTTP/1.1\r\nHost: www.example.test\r\nX: a\nY: b\r\n\r\n", 400),
    ("GET /a HTTP/1.1\nHost: www.example.test\n\n", 400),
    ("GET /a HTTP/1.1\r\nHost: www.example.test\r\nX: a\rb\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: www.example.test\r\nX: a\0b\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: www.example.test\r\n folded: x\r\n\r\n", 400),
    ("GET /a HTTP/1.1\r\nHost: www.example.test\r\nConnection: host\r\n\r\n", 400),
];
