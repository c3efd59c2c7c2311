//! The Date of a response is its origin's (RFC 9110 §6.6.1), and so are its interim responses.

use std::time::Duration;

use http::StatusCode;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::support::client::raw;
use crate::support::http2::{Streams, interim, whole};
use crate::support::octets::Octets;
use crate::support::{Edge, Origin, Over, Reply, WWW, run};

#[test]
fn a_response_has_the_date_its_origin_gave_it() {
    run(async {
        let (origin, edge) = site().await;
        for (path, over) in
            [("/plain", Over::Plain), ("/http1", Over::Http1), ("/http2", Over::Http2)]
        {
            let hour_old = http_date(HOUR);
            let reply = Reply::text("0123456789").cache("max-age=7200").field("date", &hour_old);
            origin.answer(path, reply.field("etag", "\"e\""));
            for (method, fields, status, cache) in [
                ("GET", &[][..], 200, "Miss"),
                ("GET", &[], 200, "Hit"),
                ("HEAD", &[], 200, "Hit"),
                ("GET", &[("if-none-match", "\"e\"")], 304, "Hit"),
                ("GET", &[("range", "bytes=2-4")], 206, "Hit"),
            ] {
                let mut ask = edge.ask(method, WWW, path).over(over);
                for (name, value) in fields {
                    ask = ask.field(name, value);
                }
                let answer = ask.send().await;
                let got = (answer.status.as_u16(), &*answer.cache(), &*answer.field("date"));
                assert_eq!(got, (status, cache, &*hour_old), "{method} {path} {fields:?}");
            }
            let own = edge.ask("GET", "nobody.example.test", path).over(over).send().await;
            assert_eq!(own.status, StatusCode::NOT_FOUND);
            assert!(is_now(&own.field("date")), "{path}: {own:?}");
        }
    });
}

#[test]
fn each_response_of_a_connection_has_its_own_date() {
    run(async {
        let (origin, edge) = site().await;
        let (one, two) = (http_date(HOUR), http_date(2 * HOUR));
        // What looks like a head inside a body is none.
        let body = format!("HTTP/1.1 200 OK\r\ndate: {two}\r\n\r\n");
        let reply = Reply::text(&body).cache("max-age=86400");
        origin.answer("/one", reply.clone().field("date", &one));
        origin.answer("/two", reply.field("date", &two));
        let get = |path, host| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
        let requests = [get("/one", WWW), get("/two", WWW), get("/one", "nobody.example.test")];
        let requests = requests.join("\r\n") + "Connection: close\r\n\r\n";
        for _ in ["miss", "hit"] {
            let answers = raw(edge.setup().place.http, requests.as_bytes()).await;
            let heads: Vec<_> = answers.split(&*body).collect();
            let [first, second, third] = &heads[..] else { panic!("{answers}") };
            assert_eq!(dates(first), [&*one], "{answers}");
            assert_eq!(dates(second), [&*two], "{answers}");
            assert!(matches!(dates(third)[..], [date] if is_now(date)), "{answers}");
        }
    });
}

#[test]
fn a_response_without_a_date_gets_one() {
    run(async {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nCache-Control: no-store\r\n\r\na";
        let origin = Octets::start(head.to_owned()).await;
        let edge = Edge::before(&[origin.address()]).await;
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let answer = edge.ask("GET", WWW, "/a").over(over).send().await;
            assert_eq!(answer.text(), "a");
            assert!(is_now(&answer.field("date")), "{over:?}: {answer:?}");
        }
    });
}

#[test]
fn early_hints_reach_the_client_before_the_response() {
    run(async {
        let hour_old = http_date(HOUR);
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
        // Hints that come in one read with a response that is stored are passed over: they would
        // come no earlier than it.
        let fields = format!("Date: {hour_old}\r\nCache-Control: no-store\r\nContent-Length: 1");
        let rest = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\na");
        let origin = Octets::start(hints.to_owned() + &rest).await;
        let edge = Edge::before(&[origin.address()]).await;

        let request = format!("GET /a HTTP/1.1\r\nHost: {WWW}\r\nConnection: close\r\n\r\n");
        let answer = raw(edge.setup().place.http, request.as_bytes()).await;
        let (interim_head, rest) = answer.split_once("\r\n\r\n").unwrap();
        assert!(interim_head.starts_with("HTTP/1.1 103 Early Hints\r\n"), "{answer}");
        assert!(interim_head.contains("</a.css>; rel=preload"), "{answer}");
        assert!(dates(interim_head).is_empty(), "{answer}");
        assert!(rest.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(dates(rest), [&*hour_old], "{answer}");

        let streams = Streams::open(&edge, &h2::client::Builder::new()).await;
        let mut response = streams.get("/a").await.unwrap();
        let early = interim(&mut response).await;
        assert_eq!(early.status(), StatusCode::EARLY_HINTS);
        assert_eq!(early.headers()["link"], "</a.css>; rel=preload");
        let (status, fields, body) = whole(response).await.unwrap();
        assert_eq!((status, &*body), (StatusCode::OK, &b"a"[..]));
        assert_eq!(fields["date"], hour_old);
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}

/// The time this long ago, as a Date field says it.
fn http_date(ago: Duration) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    OffsetDateTime::from(warmfront_proxy::now() - ago).format(&format).unwrap()
}

/// Give or take the seconds that a busy machine takes for a test.
fn is_now(date: &str) -> bool {
    (0..30).any(|seconds| http_date(Duration::from_secs(seconds)) == date)
}

/// The Date fields of a head.
fn dates(head: &str) -> Vec<&str> {
    let fields = head.split("\r\n").filter_map(|line| line.split_once(": "));
    fields.filter(|(name, _)| name.eq_ignore_ascii_case("date")).map(|(_, date)| date).collect()
}

const HOUR: Duration = Duration::from_hours(1);
