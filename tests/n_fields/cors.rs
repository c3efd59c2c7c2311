//! What pages of other origins may do.

use http::StatusCode;

use super::{assert_fields, site};
use crate::support::client::Answer;
use crate::support::edge::before;
use crate::support::{Edge, Origin, Over, Reply, WWW, run};

/// A site for the pages of an app and of a partner.
const LISTED: &str = r#"
response_headers.cors = { origins = ["https://app.example.com", "https://*.example.org"], methods = ["GET", "PUT"], headers = ["X-Token", "content-type"], expose = ["x-total"], credentials = true, max_age = "10m" }
"#;

/// All that Fetch knows, said by an origin that lets everybody in.
fn generous() -> Reply {
    let reply = Reply::text("a").cache("max-age=60").field("access-control-allow-origin", "*");
    let reply = reply.field("access-control-allow-credentials", "yes");
    let reply = reply.field("access-control-expose-headers", "x-secret");
    reply.field("access-control-allow-methods", "DELETE").field("access-control-max-age", "1")
}

async fn from(edge: &Edge, origin: &str) -> Answer {
    edge.ask("GET", WWW, "/a").field("origin", origin).send().await
}

#[test]
fn listed_origins_may_read_what_is_stored_once() {
    run(async {
        let (origin, edge) = site(LISTED).await;
        origin.answer("/a", generous());
        let none = [
            ("access-control-allow-origin", ""),
            ("access-control-allow-credentials", ""),
            ("access-control-expose-headers", ""),
            ("access-control-allow-methods", ""),
            ("access-control-max-age", ""),
            ("vary", "Origin"),
        ];
        let silent = edge.get(WWW, "/a").await;
        assert_fields(&silent, &none);
        for who in [
            "https://app.example.com",
            "https://a.example.org",
            "https://b.c.example.org",
            "https://a.example.org",
        ] {
            let answer = from(&edge, who).await;
            assert_fields(
                &answer,
                &[
                    ("access-control-allow-origin", who),
                    ("access-control-allow-credentials", "true"),
                    ("access-control-expose-headers", "x-total"),
                    ("access-control-allow-methods", ""),
                    ("vary", "Origin"),
                ],
            );
        }
        for who in [
            "null",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.test",
            "https://evil.test/https://app.example.com",
            "https://example.org",
            "https://evilexample.org",
            "https://evil.test?.example.org",
            "https://evil.test/.example.org",
            "https://evil.test:1@a.example.org",
        ] {
            assert_fields(&from(&edge, who).await, &none);
        }
        assert_eq!(origin.seen("/a").len(), 1);
        let known = edge.ask("GET", WWW, "/none").field("origin", "https://app.example.com");
        let missing = known.send().await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert_fields(&missing, &[("access-control-allow-origin", "https://app.example.com")]);
    });
}

#[test]
fn an_origin_that_varies_by_origin_is_not_told_twice() {
    run(async {
        let (origin, edge) = site(LISTED).await;
        origin.answer("/a", generous().field("vary", "Accept, origin"));
        assert_fields(&from(&edge, "https://app.example.com").await, &[("vary", "Accept, origin")]);
    });
}

#[test]
fn everybody_may_read_what_is_for_everybody() {
    run(async {
        let (origin, edge) = site("response_headers.cors = { origins = [\"*\"] }").await;
        origin.answer("/a", generous());
        for who in ["https://anybody.test", "null"] {
            let answer = from(&edge, who).await;
            assert_fields(
                &answer,
                &[
                    ("access-control-allow-origin", "*"),
                    ("access-control-allow-credentials", ""),
                    ("access-control-expose-headers", ""),
                    ("vary", ""),
                ],
            );
        }
        assert_fields(&edge.get(WWW, "/a").await, &[("access-control-allow-origin", "")]);
        assert_eq!(origin.seen("/a").len(), 1);
    });
}

async fn preflight(edge: &Edge, over: Over, fields: &[(&str, &str)]) -> Answer {
    let ask = edge.ask("OPTIONS", WWW, "/a").over(over);
    fields.iter().fold(ask, |ask, (name, value)| ask.field(name, value)).send().await
}

#[test]
fn a_preflight_is_answered_at_the_edge() {
    run(async {
        let (origin, edge) = site(LISTED).await;
        origin.answer("/a", generous());
        let asked = ("access-control-request-method", "PUT");
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let let_in =
                preflight(&edge, over, &[("origin", "https://app.example.com"), asked]).await;
            assert_eq!((let_in.status, let_in.text()), (StatusCode::NO_CONTENT, ""), "{over:?}");
            assert_fields(
                &let_in,
                &[
                    ("access-control-allow-origin", "https://app.example.com"),
                    ("access-control-allow-credentials", "true"),
                    ("access-control-allow-methods", "GET, PUT"),
                    ("access-control-allow-headers", "x-token, content-type"),
                    ("access-control-max-age", "600"),
                    ("access-control-expose-headers", ""),
                    ("content-length", ""),
                ],
            );
            assert!(let_in.field("vary").to_lowercase().contains("origin"), "{let_in:?}");
            let other = preflight(&edge, over, &[("origin", "https://evil.test"), asked]).await;
            assert_eq!(other.status, StatusCode::NO_CONTENT);
            assert_fields(
                &other,
                &[
                    ("access-control-allow-origin", ""),
                    ("access-control-allow-methods", ""),
                    ("access-control-allow-headers", ""),
                ],
            );
        }
        assert_eq!(origin.seen("/a").len(), 0);
        // An OPTIONS that is no preflight is the origin's.
        for fields in [&[][..], &[("origin", "https://app.example.com")], &[asked]] {
            assert_eq!(preflight(&edge, Over::Http2, fields).await.status, StatusCode::OK);
        }
        assert_eq!(origin.seen("/a").len(), 3);
    });
}

#[test]
fn a_preflight_is_allowed_the_fields_it_asks_for_if_all_are() {
    run(async {
        let fields = [
            ("origin", "https://anybody.test"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "x-one,x-two"),
        ];
        for (cors, allowed) in [
            ("{ origins = [\"*\"], headers = \"all\" }", "x-one,x-two"),
            ("{ origins = [\"*\"], headers = [\"x-one\"] }", "x-one"),
            ("{ origins = [\"*\"] }", ""),
        ] {
            let keys = format!("methods = [\"GET\", \"HEAD\"]\nresponse_headers.cors = {cors}");
            let (_origin, edge) = site(&keys).await;
            let answer = preflight(&edge, Over::Http2, &fields).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{cors}");
            assert_fields(
                &answer,
                &[
                    ("access-control-allow-origin", "*"),
                    ("access-control-allow-headers", allowed),
                    ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
                    ("access-control-max-age", ""),
                ],
            );
        }
    });
}

#[test]
fn without_cors_a_preflight_and_its_answer_are_the_origins() {
    run(async {
        let (origin, edge) = site("").await;
        origin.answer("/a", generous());
        let fields = [("origin", "https://a.test"), ("access-control-request-method", "PUT")];
        let answer = preflight(&edge, Over::Http2, &fields).await;
        assert_fields(
            &answer,
            &[
                ("access-control-allow-origin", "*"),
                ("access-control-allow-methods", "DELETE"),
                ("access-control-allow-credentials", "yes"),
            ],
        );
        assert_eq!(origin.seen("/a").len(), 1);
    });
}

#[test]
fn an_error_page_says_no_more_than_its_site() {
    run(async {
        let pages = "methods = [\"GET\", \"HEAD\"]\n\
                     error_pages = [{ status = [404, 405, 502], page = \"/a\" }]\n";
        let (origin, edge) = site(&format!("{pages}{LISTED}")).await;
        origin.answer("/a", generous());
        origin.answer("/down", Reply::hang_up());
        for (method, path, status) in
            [("GET", "/none", 404), ("PUT", "/a", 405), ("GET", "/down", 502)]
        {
            for (who, allowed) in
                [("https://evil.test", ""), ("https://app.example.com", "https://app.example.com")]
            {
                let answer = edge.ask(method, WWW, path).field("origin", who).send().await;
                assert_eq!((answer.status.as_u16(), answer.text()), (status, "a"), "{answer:?}");
                assert_fields(&answer, &[("access-control-allow-origin", allowed)]);
                assert_fields(&answer, &[("access-control-allow-methods", "")]);
            }
        }
    });
}

#[test]
fn a_preflight_is_not_redirected() {
    run(async {
        let origin = Origin::start().await;
        let config = before(&[origin.address()]);
        let hosts = r#"hosts = ["www.example.test", "other.example.test"]"#;
        let config = config.replace(r#"hosts = ["www.example.test"]"#, hosts);
        let canonical = "canonical_host = \"www.example.test\"";
        let edge = Edge::start(&format!("{config}{canonical}\n{LISTED}\n")).await;
        let asked =
            [("origin", "https://app.example.com"), ("access-control-request-method", "PUT")];
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let mut ask = edge.ask("OPTIONS", "other.example.test", "/a").over(over);
            for (name, value) in asked {
                ask = ask.field(name, value);
            }
            let answer = ask.send().await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{over:?}: {answer:?}");
            assert_eq!(answer.cache(), "Miss", "it is no error: {answer:?}");
            let redirected = edge.ask("PUT", "other.example.test", "/a").over(over).send().await;
            assert_eq!(redirected.status, StatusCode::TEMPORARY_REDIRECT, "{over:?}");
        }
        assert!(origin.seen("/a").is_empty());
    });
}
