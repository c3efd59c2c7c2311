//! What a site does to the fields of its responses, and where it sends its visitors.

mod cors;

use http::StatusCode;

use crate::support::bucket::{SECRET, in_file};
use crate::support::client::Answer;
use crate::support::edge::before;
use crate::support::{Edge, Origin, Over, Reply, Setup, TestBucket, WWW, run};

/// A site that lets both schemes in, with `keys` of its own.
async fn site(keys: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::start(&format!("{}{keys}\n", before(&[origin.address()]))).await;
    (origin, edge)
}

/// An answer that says what sites like to change.
fn outspoken() -> Reply {
    let reply = Reply::text("a").cache("max-age=60").field("etag", "\"a\"");
    let reply = reply.field("x-powered-by", "PHP").field("x-powered-by", "luck");
    reply.field("x-set", "origin").field("x-set", "again").field("x-default", "origin")
}

#[track_caller]
fn assert_fields(answer: &Answer, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(answer.field(name), *value, "{name} of {:?} {:?}", answer.status, answer.fields);
    }
}

#[test]
fn fields_are_set_and_removed_whoever_answers() {
    run(async {
        let keys = r#"
methods = ["GET", "HEAD"]
response_headers = { set = { x-set = "edge", x-new = "edge" }, default = { x-default = "edge", x-silent = "edge" }, remove = ["X-Powered-By"] }
"#;
        let (origin, edge) = site(keys).await;
        origin.answer("/a", outspoken());
        origin.answer("/never", outspoken().cache("no-store"));
        let ours = [("x-set", "edge"), ("x-new", "edge"), ("x-silent", "edge")];
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let ask = |method, path| edge.ask(method, WWW, path).over(over);
            for (path, cache) in [("/a", "Miss"), ("/a", "Hit"), ("/never", "Miss")] {
                let cache = if over == Over::Http2 && path == "/a" { "Hit" } else { cache };
                for method in ["GET", "HEAD"] {
                    let answer = ask(method, path).send().await;
                    let found = answer.cache();
                    assert!(found == cache || method == "HEAD", "{over:?} {path} {found}");
                    assert_fields(&answer, &ours);
                    assert_fields(&answer, &[("x-default", "origin"), ("x-powered-by", "")]);
                }
            }
            let known = ask("GET", "/a").field("if-none-match", "\"a\"").send().await;
            assert_eq!(known.status, StatusCode::NOT_MODIFIED);
            assert_fields(&known, &ours);
            let missing = ask("GET", "/none").send().await;
            assert_eq!(missing.status, StatusCode::NOT_FOUND);
            let refused = ask("POST", "/a").send().await;
            assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
            for answer in [missing, refused] {
                assert_fields(&answer, &ours);
                assert_fields(&answer, &[("x-default", "edge")]);
            }
        }
        drop(origin);
        let failed = edge.get(WWW, "/never").await;
        assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_fields(&failed, &ours);
    });
}

#[test]
fn a_redirect_and_an_error_page_have_them_too() {
    run(async {
        let keys = r#"
response_headers = { set = { x-set = "edge" }, remove = ["x-powered-by"], security = true }
error_pages = [{ status = 404, page = "/oops" }]
"#;
        let origin = Origin::start().await;
        let config = before(&[origin.address()]).replace("allow-all", "redirect-to-https");
        let edge = Edge::start(&format!("{config}{keys}")).await;
        origin.answer("/oops", outspoken());
        let redirect = edge.ask("GET", WWW, "/a").over(Over::Plain).send().await;
        assert_eq!(redirect.status, StatusCode::MOVED_PERMANENTLY);
        let kept_from_http = [("x-set", "edge"), ("strict-transport-security", "")];
        assert_fields(&redirect, &kept_from_http);
        for _ in 0..2 {
            let oops = edge.get(WWW, "/a").await;
            assert_eq!((oops.status.as_u16(), oops.text()), (404, "a"));
            assert_fields(&oops, &[("x-set", "edge"), ("x-powered-by", "")]);
            assert_fields(&oops, &[("strict-transport-security", "max-age=31536000")]);
        }
    });
}

const SECURITY: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("x-xss-protection", "1; mode=block"),
];

#[test]
fn security_is_cloudfronts_five_fields() {
    run(async {
        let (origin, edge) = site("response_headers = { security = true }").await;
        origin.answer("/a", Reply::text("a").cache("max-age=60"));
        let own = Reply::text("b").field("x-content-type-options", "sniff");
        let own = own.field("x-frame-options", "DENY").field("referrer-policy", "no-referrer");
        let own = own.field("x-xss-protection", "0");
        origin.answer("/b", own.field("strict-transport-security", "max-age=5"));
        for (over, hsts) in [
            (Over::Plain, ""),
            (Over::Http1, "max-age=31536000"),
            (Over::Http2, "max-age=31536000"),
        ] {
            for _ in 0..2 {
                let answer = edge.ask("GET", WWW, "/a").over(over).send().await;
                assert_fields(&answer, &SECURITY);
                assert_fields(&answer, &[("strict-transport-security", hsts)]);
            }
        }
        let answer = edge.get(WWW, "/b").await;
        assert_fields(
            &answer,
            &[
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                ("x-xss-protection", "0"),
                ("strict-transport-security", "max-age=5"),
            ],
        );
        // Of a host that is no site's, nothing is known.
        assert_fields(&edge.get("else.example.test", "/a").await, &[("x-frame-options", "")]);
    });
}

#[test]
fn hsts_is_what_its_table_says() {
    run(async {
        for (said, value, frame) in [
            ("hsts = {}", "max-age=31536000", ""),
            ("hsts = { max_age = \"1d\" }", "max-age=86400", ""),
            (
                "hsts = { max_age = \"730d\", include_subdomains = true, preload = true }",
                "max-age=63072000; includeSubDomains; preload",
                "",
            ),
            ("security = true, hsts = \"off\"", "", "SAMEORIGIN"),
            ("security = true, hsts = { max_age = \"1h\" }", "max-age=3600", "SAMEORIGIN"),
        ] {
            let (_origin, edge) = site(&format!("response_headers = {{ {said} }}")).await;
            let expected = [("strict-transport-security", value), ("x-frame-options", frame)];
            assert_fields(&edge.get(WWW, "/a").await, &expected);
            let plain = edge.ask("GET", WWW, "/a").over(Over::Plain).send().await;
            assert_fields(&plain, &[("strict-transport-security", ""), ("x-frame-options", frame)]);
        }
    });
}

#[test]
fn a_behaviors_fields_take_the_place_of_the_sites() {
    run(async {
        let keys = r#"
response_headers = { set = { x-site = "yes" }, security = true }
server_timing = true

[[sites.www.behaviors]]
path = "/api/*"
response_headers = { set = { x-api = "yes" } }
server_timing = false

[[sites.www.behaviors]]
path = "/bare/*"
response_headers = {}

[[sites.www.behaviors]]
path = "/silent/*"
"#;
        let (_origin, edge) = site(keys).await;
        for (path, of_site, of_api, frame) in [
            ("/a", "yes", "", "SAMEORIGIN"),
            ("/api/a", "", "yes", ""),
            ("/bare/a", "", "", ""),
            ("/silent/a", "yes", "", "SAMEORIGIN"),
        ] {
            let answer = edge.get(WWW, path).await;
            let expected = [("x-site", of_site), ("x-api", of_api), ("x-frame-options", frame)];
            assert_fields(&answer, &expected);
            let timed = !answer.field("server-timing").is_empty();
            assert_eq!(timed, path != "/api/a", "{path}");
        }
    });
}

#[test]
fn server_timing_tells_where_the_time_went() {
    run(async {
        let (origin, edge) = site("server_timing = true").await;
        let reply = Reply::text("a").cache("max-age=60").field("etag", "\"a\"");
        origin.answer("/a", reply.clone());
        origin.answer("/own", reply.clone().field("server-timing", "db;dur=53"));
        origin.answer("/stale", reply.clone().field("age", "100"));
        let timing = |answer: &Answer| -> Vec<String> {
            let id = format!("cdn-rid;desc=\"{}\"", answer.field("x-request-id"));
            let timing = answer.field("server-timing");
            assert!(timing.contains(&id), "{id}: {timing}");
            let members = timing.split(',').map(|it| it.split(';').next().unwrap().trim().into());
            members.collect()
        };
        let asked = ["cdn-rid", "cdn-upstream-fbl", "cdn-downstream-fbl"];
        let miss = [&["cdn-cache-miss"][..], &asked].concat();
        let hit = ["cdn-cache-hit", "cdn-rid", "cdn-downstream-fbl"];
        let refresh = [&["cdn-cache-refresh"][..], &asked].concat();
        for over in [Over::Http1, Over::Http2] {
            edge.invalidate(r#"{"paths":["/*"]}"#).await;
            origin.answer("/stale", reply.clone().field("age", "100"));
            let get = async |path| timing(&edge.ask("GET", WWW, path).over(over).send().await);
            assert_eq!(get("/a").await, miss);
            assert_eq!(get("/a").await, hit);
            assert_eq!(get("/stale").await, miss);
            let valid = Reply::text("").status(304).field("etag", "\"a\"");
            origin.answer("/stale", valid.cache("max-age=60").field("age", "100"));
            assert_eq!(get("/stale").await, refresh);
            let own = [&["db"][..], &miss].concat();
            assert_eq!(get("/own").await, own, "what the origin says of its own time comes first");
        }
        let (origin, edge) = site("").await;
        origin.answer("/own", reply.field("server-timing", "db;dur=53"));
        assert_eq!(edge.get(WWW, "/own").await.field("server-timing"), "db;dur=53");
        assert_eq!(edge.get(WWW, "/none").await.field("server-timing"), "");
    });
}

#[test]
fn other_hosts_are_sent_to_the_canonical_one_in_one_step() {
    run(async {
        for viewer in ["allow-all", "redirect-to-https"] {
            let origin = Origin::start().await;
            origin.answer("/a//b", Reply::text("a"));
            let config = before(&[origin.address()])
                .replace("allow-all", viewer)
                .replace(r#"["www.example.test"]"#, r#"["www.example.test", "*.example.test"]"#);
            let config = format!("{config}canonical_host = \"www.example.test\"\n");
            let edge = Edge::start(&config).await;
            let https = edge.setup().place.https.port();
            let (path, to_https) = ("/a//b?q=%2F&q", viewer != "allow-all");
            let old = "old.example.test";
            for (method, over, host, location) in [
                ("GET", Over::Http1, old, format!("https://{WWW}{path}")),
                ("GET", Over::Http2, old, format!("https://{WWW}{path}")),
                ("HEAD", Over::Http2, old, format!("https://{WWW}{path}")),
                ("POST", Over::Http2, old, format!("https://{WWW}{path}")),
                ("GET", Over::Plain, old, plain(to_https, https, "", path)),
                ("POST", Over::Plain, old, plain(to_https, https, "", path)),
                (
                    "GET",
                    Over::Plain,
                    "OLD.example.test:8080",
                    plain(to_https, https, ":8080", path),
                ),
            ] {
                let answer = edge.ask(method, host, path).over(over).send().await;
                let status = if method == "POST" { 307 } else { 301 };
                assert_eq!(answer.status.as_u16(), status, "{viewer} {method} {over:?} {host}");
                assert_eq!(answer.field("location"), location, "{viewer} {over:?} {host}");
                assert_eq!(answer.cache(), "Redirect");
            }
            assert!(origin.seen("/a//b").is_empty());
            for host in [WWW, "WWW.example.test"] {
                let there = edge.ask("GET", host, path).over(Over::Http1).send().await;
                assert_eq!(there.text(), "a", "{host}");
            }
        }
    });
}

/// Where a request in clear is sent.
fn plain(to_https: bool, https: u16, port: &str, path: &str) -> String {
    if to_https {
        format!("https://{WWW}:{https}{path}")
    } else {
        format!("http://{WWW}{port}{path}")
    }
}

#[test]
fn a_secret_field_reaches_a_bucket_and_the_signature_stands() {
    run(async {
        let bucket = TestBucket::start().await;
        bucket.put("a.txt", "text/plain", b"object").await;
        let secret = "[origins.web]\nheaders = { x-origin-verify = \"s3cret\" }\n";
        let config = bucket.site(&in_file(SECRET), "") + secret;
        let edge = Edge::start(&config).await;
        let answer = edge.get(WWW, "/a.txt").await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "object"), "{answer:?}");
        assert_fields(&answer, &[("x-origin-verify", "")]);

        let s3 = Origin::start().await;
        s3.answer("/web/a.txt", Reply::text("object"));
        let setup = Setup::new(&config);
        let endpoint = "\nendpoint = \"http://";
        setup.rewrite(endpoint, &format!("{endpoint}{s3}\" #"));
        let edge = setup.start().await;
        let ask = edge.ask("GET", WWW, "/a.txt").field("x-origin-verify", "guessed");
        assert_eq!(ask.send().await.text(), "object");
        let seen = s3.seen("/web/a.txt").pop().unwrap();
        assert_eq!(seen.field("x-origin-verify"), "s3cret");
    });
}
