//! What somebody who means harm, or is only unlucky, has tried.

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::client::raw;
use crate::support::octets::Octets;
use crate::support::program::{output, program};
use crate::support::reply::Gate;
use crate::support::{Edge, Origin, Over, Reply, WWW, run};

const PAGE: &str =
    r#"error_pages = [{ status = [404, 500, 502], page = "/oops.html", respond = 503 }]"#;

async fn site(keys: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    let config = format!(
        r#"
[origins.app]
targets = ["{origin}"]

[policies.keyed]
headers = ["x-lang"]
cookies = ["theme"]

[sites.www]
hosts = ["www.example.test"]
origin = "app"
viewer = "allow-all"
{keys}
"#
    );
    (origin, Edge::start(&config).await)
}

#[test]
fn what_was_answered_with_a_cookie_is_nobody_elses_by_the_sites_word_alone() {
    run(async {
        for (keys, path, kept) in [
            (r#"policy = "optimized""#, "/silent", 2),
            (r#"policy = "keyed""#, "/silent", 2),
            ("policy = \"optimized\"\nttl = { min = \"1m\" }", "/no-cache", 2),
            ("policy = \"optimized\"\nforward = { cookies = \"none\" }", "/silent", 1),
            ("policy = \"keyed\"\nforward = { cookies = [\"theme\"] }", "/silent", 1),
            (r#"policy = "optimized""#, "/spoken", 1),
            ("", "/modified", 2),
            ("", "/tagged", 2),
            ("", "/spoken", 1),
            ("error_pages = [{ status = 404, ttl = \"1m\" }]", "/none", 2),
            (
                "error_pages = [{ status = 404, ttl = \"1m\" }]\nforward = { cookies = \"none\" }",
                "/none",
                1,
            ),
        ] {
            let (origin, edge) = site(keys).await;
            origin.answer("/silent", Reply::text("{n}"));
            origin.answer("/no-cache", Reply::text("{n}").cache("no-cache"));
            let modified =
                Reply::text("{n}").field("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT");
            origin.answer("/modified", modified);
            origin.answer("/tagged", Reply::text("{n}").field("etag", "\"a\""));
            origin.answer("/spoken", Reply::text("{n}").cache("max-age=60"));
            let cookies = "session=alice; theme=dark";
            edge.ask("GET", WWW, path).field("cookie", cookies).send().await;
            edge.ask("GET", WWW, path).field("cookie", "session=bob; theme=dark").send().await;
            assert_eq!(origin.seen(path).len(), kept, "{keys} {path}");
        }
    });
}

#[test]
fn a_field_that_cgi_takes_for_a_keyed_one_stays_outside() {
    run(async {
        let (origin, edge) = site(r#"policy = "keyed""#).await;
        origin.answer("/a", Reply::text("{n}").cache("max-age=60"));
        edge.ask("GET", WWW, "/a").field("x_lang", "evil").send().await;
        let seen = origin.seen("/a");
        assert_eq!((seen[0].field("x_lang"), seen[0].field("x-lang")), ("", ""));
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Hit");
        edge.ask("GET", WWW, "/a").field("x-lang", "de").send().await;
        assert_eq!(origin.seen("/a")[1].field("x-lang"), "de");
    });
}

#[test]
fn an_interim_response_is_no_answer() {
    run(async {
        let (origin, edge) = site(PAGE).await;
        origin.answer("/oops.html", Reply::text("oops").cache("max-age=60"));
        let body = "x".repeat(100_000);
        let head = format!(
            "POST /none HTTP/1.1\r\nHost: {WWW}\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut tcp = TcpStream::connect(edge.setup().place.http).await.unwrap();
        tcp.write_all(head.as_bytes()).await.unwrap();
        let (mut answer, mut octets) = (Vec::new(), [0; 1024]);
        while !answer.ends_with(b"\r\n\r\n") {
            let read = tcp.read(&mut octets).await.unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&octets[..read]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&answer));
        tcp.write_all(body.as_bytes()).await.unwrap();
        tcp.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("HTTP/1.1 503 ") && answer.ends_with("oops"), "{answer}");
        assert_eq!(edge.logged("/none").await["status"], 503);

        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        let dying = Octets::start(hints.to_owned()).await;
        let edge = Edge::before(&[dying.address()]).await;
        let get = format!("GET /a HTTP/1.1\r\nHost: {WWW}\r\nConnection: close\r\n\r\n");
        let answer = raw(edge.setup().place.http, get.as_bytes()).await;
        assert!(answer.contains("HTTP/1.1 502 "), "{answer}");
        assert_eq!(edge.logged("/a").await["status"], 502);
    });
}

#[test]
fn a_request_whose_body_has_gone_by_is_not_sent_again() {
    run(async {
        let (primary, secondary) = (Origin::start().await, Origin::start().await);
        secondary.answer("/a", Reply::text("second"));
        let config = format!(
            r#"
[origins.one]
targets = ["{primary}"]
[origins.two]
targets = ["{secondary}"]
[origins.both]
primary = "one"
secondary = "two"
on = [404]
[sites.www]
hosts = ["www.example.test"]
origin = "both"
viewer = "allow-all"
"#
        );
        let edge = Edge::start(&config).await;
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            for (bytes, answered) in [(100, "second"), (500_000, "missing")] {
                let ask = edge.ask("GET", WWW, "/a").over(over).body(vec![b'x'; bytes]);
                assert_eq!(ask.send().await.text(), answered, "{over:?} {bytes}");
            }
        }
    });
}

#[test]
fn those_who_still_send_are_answered() {
    run(async {
        let keys = r#"
error_pages = [{ status = [405, 500], page = "/oops.html", respond = 503 }]
[[sites.www.behaviors]]
path = "/read/*"
methods = ["GET", "HEAD"]
"#;
        let (origin, edge) = site(keys).await;
        origin.answer("/oops.html", Reply::text("oops").cache("max-age=60"));
        origin.answer("/late", Reply::text("no").status(500));
        let body = edge.setup().dir().join("body");
        std::fs::write(&body, vec![b'x'; 300_000]).unwrap();
        let https = edge.setup().place.https;
        for version in ["--http1.1", "--http2"] {
            for path in ["/late", "/read/only", "/read/only", "/read/only"] {
                let mut curl = program("curl");
                curl.args(["-sS", version, "--cacert"]).arg(edge.setup().dir().join("ca.pem"));
                curl.args(["--connect-to", &format!("::{}:{}", https.ip(), https.port())]);
                curl.args(["-w", " %{http_code}", "-H", "Expect:", "--data-binary"]);
                curl.arg(format!("@{}", body.display())).arg(format!("https://{WWW}{path}"));
                let ended = output(&mut curl).await;
                assert_eq!(ended.stdout, "oops 503", "{version} {path}: {ended:?}");
            }
        }
    });
}

#[test]
fn what_the_error_says_of_itself_is_said_beside_the_page() {
    run(async {
        let pages = r#"
            methods = ["GET", "HEAD"]
            error_pages = [{ status = [401, 405, 503], page = "/oops.html" }]"#;
        let (origin, edge) = site(pages).await;
        let page = Reply::text("oops").cache("max-age=60").field("retry-after", "1");
        origin.answer("/oops.html", page);
        let busy = Reply::text("busy").status(503).field("retry-after", "120");
        origin.answer("/busy", busy.clone());
        origin.answer("/busy-unstored", busy.cache("no-store"));
        let who = Reply::text("who").status(401).field("www-authenticate", "Basic");
        origin.answer("/who", who);
        for (method, path, name, value) in [
            ("GET", "/busy", "retry-after", "120"),
            ("GET", "/busy", "retry-after", "120"),
            ("GET", "/busy-unstored", "retry-after", "120"),
            ("GET", "/who", "www-authenticate", "Basic"),
            ("DELETE", "/any", "allow", "GET, HEAD"),
            ("DELETE", "/any", "retry-after", ""),
        ] {
            let answer = edge.ask(method, WWW, path).send().await;
            assert_eq!((answer.text(), &*answer.field(name)), ("oops", value), "{method} {path}");
        }
    });
}

#[test]
fn an_error_does_not_wait_for_long_for_its_page() {
    run(async {
        let (origin, edge) = site(PAGE).await;
        let gate = Gate::closed();
        origin.answer("/oops.html", Reply::text("oops").cache("max-age=60").held_by(&gate));
        origin.answer("/dead", Reply::hang_up());
        for (path, status) in [("/none", 404), ("/dead", 502)] {
            let answer = edge.get(WWW, path).await;
            assert_eq!(answer.status, status, "{answer:?}");
            assert!(answer.field("cache-status").contains("no-error-page"), "{answer:?}");
        }
        gate.open();
        // What came too late is there for the next.
        while edge.get(WWW, "/none").await.text() != "oops" {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_page_of_more_than_a_mebibyte_is_none() {
    run(async {
        let (origin, edge) = site(PAGE).await;
        for (bytes, shown) in [(1 << 20, true), ((1 << 20) + 1, false)] {
            origin.answer("/oops.html", Reply::bytes(vec![b'x'; bytes]).cache("no-store"));
            let path = format!("/none/{bytes}");
            for over in [Over::Plain, Over::Http2] {
                let answer = edge.ask("GET", WWW, &path).over(over).send().await;
                assert_eq!(answer.body.len() == bytes, shown, "{bytes}: {}", answer.status);
            }
        }
    });
}

#[test]
fn a_standby_bucket_keeps_pages_apart_from_files() {
    run(async {
        let bucket = crate::support::bucket::TestBucket::start().await;
        bucket.put("index.html", "text/html", b"<h1>app</h1>").await;
        let app = Origin::start().await;
        let site =
            bucket.site(&crate::support::bucket::in_file(crate::support::bucket::SECRET), "");
        let config = format!(
            r#"{site}
viewer = "allow-all"
spa = "/index.html"

[origins.app]
targets = ["{app}"]

[origins.both]
primary = "app"
secondary = "web"
on = [404]

[[sites.www.behaviors]]
path = "/f/*"
origin = "both"
"#
        );
        let edge = Edge::start(&config).await;
        let ask = |mode| edge.ask("GET", WWW, "/f/deep").field("sec-fetch-mode", mode);
        let page = ask("navigate").send().await;
        assert_eq!((page.status.as_u16(), page.text()), (200, "<h1>app</h1>"), "{page:?}");
        let script = ask("cors").send().await;
        assert_eq!(script.status, 404, "{script:?}");
        assert_eq!(app.seen("/f/deep")[0].method, Method::GET);
    });
}
