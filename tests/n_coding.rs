//! Compression: one stored object in the coding that each client takes, and what is left alone.

mod streams;

use http::StatusCode;

use crate::support::client::{Answer, Ask, raw};
use crate::support::coding::{CODINGS, decoded, prose};
use crate::support::edge::before;
use crate::support::origin::Seen;
use crate::support::{Edge, Origin, Over, Reply, Setup, TestBucket, WWW, run, run_within};

/// Where a site's answers come from; both under `optimized`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Targets,
    Bucket,
}

struct Site {
    kind: Kind,
    origin: Origin,
    edge: Edge,
}

impl Site {
    async fn start(kind: Kind) -> Self {
        let origin = Origin::start().await;
        let edge = match kind {
            Kind::Targets => {
                let config = format!("{}policy = \"optimized\"\n", before(&[origin.address()]));
                Edge::start(&config).await
            }
            Kind::Bucket => {
                // A bucket that says what the test wants.
                let config = TestBucket::start()
                    .await
                    .site("\"anonymous\"", "policy = \"optimized\"\nviewer = \"allow-all\"");
                let setup = Setup::new(&config);
                let endpoint = "\nendpoint = \"http://";
                setup.rewrite(endpoint, &format!("{endpoint}{origin}\" #"));
                setup.start().await
            }
        };
        Self { kind, origin, edge }
    }

    fn answer(&self, path: &str, reply: Reply) {
        self.origin.answer(&self.asked(path), reply);
    }

    fn seen(&self, path: &str) -> Vec<Seen> {
        self.origin.seen(&self.asked(path))
    }

    fn asked(&self, path: &str) -> String {
        match self.kind {
            Kind::Targets => path.to_owned(),
            Kind::Bucket => format!("/web{path}"),
        }
    }

    async fn get(&self, path: &str, accepts: &str) -> Answer {
        self.edge.ask("GET", WWW, path).field("accept-encoding", accepts).send().await
    }

    fn ask(&self, method: &str, over: Over) -> Ask {
        self.edge.ask(method, WWW, "/a").over(over)
    }

    /// Has the path stored: from then on, all of it is there to be compressed.
    async fn warm(&self, path: &str) {
        while self.get(path, "gzip").await.field("content-length").is_empty() {}
    }
}

/// An answer that is compressed, if anybody takes it.
fn page(body: impl Into<bytes::Bytes>) -> Reply {
    let page = Reply::bytes(body).field("content-type", "text/html; charset=utf-8");
    page.cache("max-age=600").field("etag", "\"one\"")
}

#[track_caller]
fn assert_coded(answer: &Answer, coding: &str, body: &[u8]) {
    assert_eq!(answer.field("content-encoding"), coding, "{:?}", answer.fields);
    assert!(decoded(answer) == body, "{:?}", answer.fields);
    assert_eq!(answer.field("vary"), "accept-encoding", "{:?}", answer.fields);
    let tag = if coding.is_empty() { "\"one\"" } else { "W/\"one\"" };
    assert_eq!(answer.field("etag"), tag, "{:?}", answer.fields);
    // A part is an offer of ranges in itself.
    let offers = coding.is_empty() && answer.status != StatusCode::PARTIAL_CONTENT;
    assert_eq!(answer.field("accept-ranges").is_empty(), !offers, "{:?}", answer.fields);
}

#[test]
fn one_stored_object_is_given_in_the_coding_that_each_client_takes() {
    run(async {
        let many = (0..2000).map(|n| format!("x{n};q=1")).collect::<Vec<_>>().join(",");
        let (many_and_gzip, body) = (format!("{many}, gzip"), prose(40_000));
        for kind in [Kind::Targets, Kind::Bucket] {
            let site = Site::start(kind).await;
            site.answer("/a", page(body.clone()));
            site.warm("/a").await;
            for (accepts, coding) in [
                ("br", "br"),
                ("zstd", "zstd"),
                ("gzip", "gzip"),
                ("x-gzip", "gzip"),
                ("gzip, zstd, br", "br"),
                ("gzip, deflate", "gzip"),
                ("br;q=0.8, zstd;q=0.9, gzip;q=0.7", "zstd"),
                ("*", "br"),
                ("br;q=0, *", "zstd"),
                ("*;q=0, gzip", "gzip"),
                ("BR;Q=0.001", "br"),
                ("", ""),
                ("deflate", ""),
                ("identity", ""),
                ("identity;q=0", ""),
                ("identity;q=1, gzip;q=0.5", ""),
                ("*;q=0", ""),
                ("gzip;q=0", ""),
                ("br;q=5", ""),
                ("br;q=5, gzip", "gzip"),
                ("br;q=0.0001", ""),
                ("br;q=-1, br;q=, br;q=1.001, br;q=1e9", ""),
                (",,;;q,=,gzip;;q=1", ""),
                (&many, ""),
                (&many_and_gzip, "gzip"),
            ] {
                for over in [Over::Http1, Over::Http2] {
                    let ask = site.ask("GET", over).field("accept-encoding", accepts);
                    let answer = ask.send().await;
                    assert_eq!(answer.cache(), "Hit", "{kind:?} {accepts:.60}");
                    assert_coded(&answer, coding, &body);
                    let length = answer.body.len().to_string();
                    assert_eq!(answer.field("content-length"), length, "{kind:?} {accepts:.60}");
                    assert_eq!(answer.body.len() < body.len(), !coding.is_empty());
                }
            }
            let unsaid = site.edge.get(WWW, "/a").await;
            assert_coded(&unsaid, "", &body);
            let seen = site.seen("/a");
            assert_eq!(seen.len(), 1, "{kind:?}");
            assert_eq!(seen.first().unwrap().field("accept-encoding"), "identity");
        }
    });
}

#[test]
fn a_head_says_what_a_get_would() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        site.answer("/a", page(prose(5_000)));
        site.warm("/a").await;
        for accepts in CODINGS.into_iter().chain(["", "identity"]) {
            let get = site.get("/a", accepts).await;
            let head = site.ask("HEAD", Over::Http2).field("accept-encoding", accepts);
            let head = head.send().await;
            assert!(head.body.is_empty());
            for name in ["content-encoding", "content-length", "content-type", "etag", "vary"] {
                assert_eq!(head.field(name), get.field(name), "{accepts} {name}");
            }
        }
        assert_eq!(site.seen("/a").len(), 1);
    });
}

#[test]
fn conditions_and_ranges_of_a_compressed_object() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let body = prose(5_000);
        site.answer("/a", page(body.clone()));
        site.warm("/a").await;
        for (accepts, known, tag) in [
            ("br", "W/\"one\"", "W/\"one\""),
            ("br", "\"one\"", "W/\"one\""),
            ("identity", "W/\"one\"", "\"one\""),
            ("identity", "\"one\"", "\"one\""),
        ] {
            let ask = site.ask("GET", Over::Http2).field("accept-encoding", accepts);
            let answer = ask.field("if-none-match", known).send().await;
            assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{accepts} {known}");
            assert_eq!(answer.field("etag"), tag, "{accepts} {known}");
            assert_eq!(answer.field("vary"), "accept-encoding", "{accepts} {known}");
            assert_eq!(answer.field("content-encoding"), "", "{accepts} {known}");
        }
        for (over, if_range, status) in [
            (Over::Http1, None, 206),
            (Over::Http2, None, 206),
            (Over::Http2, Some("\"one\""), 206),
            (Over::Http2, Some("W/\"one\""), 200),
        ] {
            let mut ask = site.ask("GET", over).field("accept-encoding", "br, gzip");
            if let Some(tag) = if_range {
                ask = ask.field("if-range", tag);
            }
            let answer = ask.field("range", "bytes=10-29").send().await;
            assert_eq!(answer.status.as_u16(), status, "{if_range:?} {answer:?}");
            if status == 206 {
                // RFC 9110 §15.3.7: Vary too, as it would be said with 200.
                assert_coded(&answer, "", &body[10..30]);
                assert_eq!(answer.field("content-range"), "bytes 10-29/5000");
                assert_eq!(answer.field("content-length"), "20");
            } else {
                assert_coded(&answer, "br", &body);
            }
        }
        assert_eq!(site.seen("/a").len(), 1);
    });
}

#[test]
fn an_http_1_0_client_gets_identity() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let body = prose(2_000);
        site.answer("/a", page(body.clone()));
        let http = site.edge.setup().place.http;
        for _ in 0..2 {
            let request = format!("GET /a HTTP/1.0\r\nHost: {WWW}\r\nAccept-Encoding: br\r\n\r\n");
            let answer = raw(http, request.as_bytes()).await;
            let (head, sent) = answer.split_once("\r\n\r\n").unwrap();
            let head = head.to_lowercase();
            assert!(!head.contains("content-encoding"), "{head}");
            assert!(head.contains("vary: accept-encoding"), "{head}");
            assert!(sent.as_bytes() == body, "{sent}");
        }
        let ask = site.ask("GET", Over::Plain).field("accept-encoding", "br");
        assert_coded(&ask.send().await, "br", &body);
    });
}

#[test]
fn which_responses_are_compressed() {
    run(async {
        let site = Site::start(Kind::Targets).await;
        let reply = |bytes, content_type: &str, cache: &str| {
            let reply = Reply::bytes(prose(bytes)).cache(cache);
            if content_type.is_empty() { reply } else { reply.field("content-type", content_type) }
        };
        let text = |bytes| reply(bytes, "text/plain", "max-age=60");
        for (n, (answer, coding)) in [
            (text(999), ""),
            (text(1_000), "gzip"),
            (reply(1_000, "text/html; charset=utf-8", "max-age=60"), "gzip"),
            (reply(1_000, "APPLICATION/JSON", "max-age=60"), "gzip"),
            (reply(1_000, "image/svg+xml", "max-age=60"), "gzip"),
            (reply(1_000, "application/wasm", "max-age=60"), "gzip"),
            (reply(1_000, "image/png", "max-age=60"), ""),
            (reply(1_000, "application/octet-stream", "max-age=60"), ""),
            (reply(1_000, "", "max-age=60"), ""),
            (reply(1_000, "text/plain", "max-age=60, no-transform"), ""),
            (reply(1_000, "text/plain", "no-store, No-Transform"), ""),
            (reply(1_000, "text/plain", "no-store"), "gzip"),
            (text(1_000).field("content-encoding", "identity"), "gzip"),
            (text(1_000).status(404), "gzip"),
            (text(1_000).status(403), "gzip"),
            (text(1_000).status(500), ""),
            (text(1_000).status(203), ""),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{n}");
            site.answer(&path, answer);
            // The first of them is a miss.
            for asked in 1..=2 {
                let answer = site.get(&path, "gzip").await;
                let got = answer.field("content-encoding").replace("identity", "");
                assert_eq!(got, coding, "{n} {asked} {:?}", answer.fields);
                assert_eq!(decoded(&answer).len(), if n == 0 { 999 } else { 1_000 }, "{n}");
                let vary = if coding.is_empty() { "" } else { "accept-encoding" };
                assert_eq!(answer.field("vary"), vary, "{n} {asked}");
            }
        }
        let ask = site.edge.ask("GET", WWW, "/1").field("accept-encoding", "gzip");
        let left_alone = ask.field("cache-control", "no-transform").send().await;
        assert_eq!(left_alone.field("content-encoding"), "");
        assert_eq!(left_alone.field("vary"), "accept-encoding");
    });
}

#[test]
fn ten_million_bytes_are_compressed_and_one_more_is_not() {
    run_within(std::time::Duration::from_mins(1), async {
        let site = Site::start(Kind::Targets).await;
        let line = bytes::Bytes::from(vec![b'x'; 10_000]);
        for (path, bytes, coding) in [("/a", 10_000_000, "gzip"), ("/b", 10_000_001, "")] {
            let more = vec![b'x'; bytes - 10_000_000];
            let reply = Reply::stream().length(bytes as u64).repeat(line.clone(), 1_000);
            let reply = if more.is_empty() { reply } else { reply.send(more) };
            site.answer(path, reply.field("content-type", "text/plain").cache("max-age=600"));
            assert_eq!(site.get(path, "gzip").await.field("content-encoding"), coding, "{bytes}");
            // A form that is not there in time is sent without its coding.
            let answer = loop {
                let answer = site.get(path, "gzip").await;
                assert_eq!(decoded(&answer).len(), bytes);
                if answer.field("content-encoding") == coding {
                    break answer;
                }
            };
            assert_eq!(answer.cache(), "Hit", "{bytes}");
        }
    });
}

#[test]
fn what_comes_coded_is_passed_on_as_it_is_to_everybody() {
    run(async {
        for kind in [Kind::Targets, Kind::Bucket] {
            let site = Site::start(kind).await;
            for (path, coding) in [("/a", "gzip"), ("/b", "br"), ("/c", "compress")] {
                site.answer(path, page(prose(2_000)).field("content-encoding", coding));
                for accepts in ["", "identity", "br", "zstd", "gzip"] {
                    let answer = site.get(path, accepts).await;
                    assert_eq!(answer.field("content-encoding"), coding, "{kind:?} {accepts}");
                    assert!(answer.body == prose(2_000), "{kind:?} {accepts}");
                    assert_eq!(answer.field("etag"), "\"one\"", "{kind:?} {accepts}");
                    assert_eq!(answer.field("content-length"), "2000");
                }
                assert_eq!(site.seen(path).len(), 1);
            }
        }
    });
}
