//! What fields are stored, and which travel on: RFC 9110 §7.6, RFC 9111 §3.1, §4, §5.1.

use crate::support::client::raw;
use crate::support::exchange::Served::{Hit, Miss};
use crate::support::exchange::{Says, get, head, ok, play, says, scenario, send};
use crate::support::octets::Octets;
use crate::support::{Edge, Origin, Reply, WWW, run};

fn lasting() -> Says {
    ok().cache("max-age=60")
}

/// RFC 9111 §3.1: all fields of a response are stored, known or not, as they came.
#[test]
fn fields_are_stored_as_they_came() {
    let fields = [
        ("Test-Header", "a value"),
        ("X-Test-Header", "a value"),
        ("Content-Foo", "a"),
        ("X-Content-Foo", "a"),
        ("Content-Encoding", "x-test"),
        ("Content-Language", "de, en"),
        ("Content-Location", "/foo"),
        ("Content-MD5", "rL0Y20zC+Fzt72VPzMSk2A=="),
        ("Content-Security-Policy", "default-src 'self' cdn.example.com"),
        ("Content-Type", "text/plain;charset=utf-8"),
        ("Content-Disposition", "attachment; filename=example.txt"),
        ("Clear-Site-Data", "cache"),
        ("ETag", "W/\"abcdef\""),
        ("Expires", "Fri, 01 Jan 2038 01:01:01 GMT"),
        ("Last-Modified", "Wednesday, 01-Jan-20 00:00:00 GMT"),
        ("Link", "</a>; rel=preload, </b>; rel=preload"),
        ("Link", "</a>; rel=preload\n</b>; rel=preload"),
        ("Location", "/foo"),
        ("Pragma", "no-cache"),
        ("Public-Key-Pins", "a"),
        ("Refresh", "5"),
        ("Retry-After", "120"),
        ("Strict-Transport-Security", "max-age=60"),
        ("Vary", "X-Nothing"),
        ("Warning", "110 - \"stale\""),
        ("WWW-Authenticate", "Basic realm=\"a\", Digest realm=\"b\""),
        ("X-Empty", ""),
        ("X-Frame-Options", "deny"),
        ("X-Many", "3\n1\n2\n1"),
        ("X-Text", "gr\u{fc}n \u{a0}\u{ff}"),
        ("X-XSS-Protection", "1; mode=block"),
        ("X-Long", &"long".repeat(500)),
        ("x_under_score", "1"),
        ("X!#$%&'*+-.^_`|~9", "1"),
        ("CACHE-CONTROL", "max-age=60, foo=bar"),
    ];
    play(fields.map(|(name, values)| {
        let seen = values.replace('\n', ", ");
        let reply = if name == "CACHE-CONTROL" { ok() } else { lasting() };
        let name = name.to_ascii_lowercase().leak();
        scenario(format!("{name}: {seen}"))
            .origin(reply.field(name, values))
            .ask(get(Miss).has(name, &seen))
            .ask(get(Hit).has(name, &seen))
            .ask(head(Hit).has(name, &seen))
    }));
}

/// RFC 9110 §7.6.1, RFC 9111 §3.1: what is of one connection, and what Connection names, is neither
/// passed on nor stored.
#[test]
fn fields_of_one_connection() {
    let lists = [
        "x-a, x-b",
        "X-A,X-B",
        "x-b , x-a",
        "x-a\nx-b",
        ",x-a,,x-b,",
        "keep-alive, x-a, x-b",
        "close, x-a, x-b",
        "x-a, x-b, x-absent",
    ];
    let named = lists.into_iter().map(|list| {
        let reply = lasting().field("X-A", "1").field("X-B", "2").field("X-C", "3");
        let reply = reply.field("Connection", list);
        let reply = if list.contains("close") { reply.until_close() } else { reply };
        scenario(format!("Connection: {list}"))
            .origin(reply)
            .ask(get(Miss).lacks("x-a").lacks("x-b").has("x-c", "3"))
            .ask(get(Hit).lacks("x-a").lacks("x-b").has("x-c", "3"))
    });
    let own = [
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Authentication-Info", "a"),
        ("Proxy-Authorization", "Basic YTpi"),
    ];
    let own = own.into_iter().map(|(name, value)| {
        let seen = name.to_ascii_lowercase().leak();
        scenario(name).origin(lasting().field(name, value)).get(Miss).ask(get(Hit).lacks(seen))
    });
    play(named.chain(own));
}

/// RFC 9110 §7.6.1: nor is a client's connection the origin's business.
#[test]
fn fields_of_a_clients_connection() {
    let table = [
        ("connection", "x-a", "x-a"),
        ("connection", "X-A", "x-a"),
        ("connection", "close, x-a", "x-a"),
        ("connection", "keep-alive", "connection"),
        ("keep-alive", "timeout=5", "keep-alive"),
        ("proxy-connection", "keep-alive", "proxy-connection"),
        ("te", "gzip", "te"),
        ("upgrade", "h2c", "upgrade"),
        ("proxy-authorization", "Basic YTpi", "proxy-authorization"),
    ];
    play(table.into_iter().flat_map(|(name, value, gone)| {
        ["GET", "POST"].map(|method| {
            let ask = send(method, Miss).with(name, value).with("x-b", "2").saw("x-b", "2");
            let ask = if gone == "x-a" { ask.with("x-a", "1") } else { ask };
            let name = format!("{method} with {name}: {value}");
            scenario(name).origin(ok()).ask(ask.saw_no(gone)).over_http1_only()
        })
    }));
}

/// RFC 9110 §8.6, §14.4, §15.3.7: what a head says of its body, it says once, and where it is so.
#[test]
fn fields_of_the_framing() {
    let lengths = ["10, 10", "10,10", "10\n10", "10 ,\t10", "10\n10, 10"].map(|length| {
        let ask = |served| get(served).has("content-length", "10").text("answer 001");
        scenario(format!("Content-Length: {length}"))
            .origin(lasting().field("Content-Length", length))
            .ask(ask(Miss))
            .ask(ask(Hit))
            .ask(head(Hit).has("content-length", "10"))
            .ask(get(Hit).with("range", "bytes=0-5").status(206).text("answer"))
    });
    let empty = scenario("204 with a length")
        .origin(says(204).cache("max-age=60").field("Content-Length", "10"))
        .ask(get(Miss).status(204).lacks("content-length"))
        .ask(get(Hit).status(204).lacks("content-length"));
    // It means nothing to a whole response (RFC 9110 §14.4), and says nothing of a part of it.
    let ask = |served| get(served).has("content-range", "bytes 0-9/20");
    let range = |range: &str, status| get(Hit).with("range", range).status(status);
    let whole = scenario("200 with a range")
        .origin(lasting().field("Content-Range", "bytes 0-9/20"))
        .ask(ask(Miss))
        .ask(ask(Hit))
        .ask(range("bytes=0-5", 206).has("content-range", "bytes 0-5/10").text("answer"))
        .ask(
            range("bytes=0-1,4-5", 206)
                .lacks("content-range")
                .text_part("Content-Range: bytes 4-5/10"),
        )
        .ask(range("bytes=10-", 416).has("content-range", "bytes */10").text(""));
    play(lengths.into_iter().chain([empty, whole]));
}

/// The other fields stay where they were, and an interim response has no length either.
#[test]
fn the_framing_is_mended_in_its_place() {
    run(async {
        let origin = Octets::start(
            "HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\nLink: </a>\r\n\r\n\
             HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\nX-B: 1\r\nX-A: 2\r\n\
             Content-Length: 2, 2\r\nX-C: 1\r\n\r\nab"
                .to_owned(),
        )
        .await;
        let edge = Edge::before(&[origin.address()]).await;
        let ask = format!("GET / HTTP/1.1\r\nHost: {WWW}\r\nConnection: close\r\n\r\n");
        let told = raw(edge.setup().place.http, ask.as_bytes()).await.to_ascii_lowercase();
        let (interim, last) = told.split_once("\r\n\r\n").unwrap();
        assert!(interim.starts_with("http/1.1 103 "), "{told}");
        assert!(interim.contains("\r\nlink: </a>"), "{told}");
        assert!(!interim.contains("content-length"), "{told}");
        let fields = "\r\nx-a: 1\r\nx-a: 2\r\ncontent-length: 2\r\nx-b: 1\r\nx-c: 1\r\n";
        assert!(last.contains(fields), "{told}");
        assert_eq!(last.matches("content-length").count(), 1, "{told}");
    });
}

/// RFC 9112 §6.1: to a client of HTTP/1.0 no coding is sent; its body ends with the connection.
#[test]
fn old_clients_get_no_chunks() {
    run(async {
        let origin = Origin::start().await;
        let edge = Edge::before(&[origin.address()]).await;
        let body = || Reply::stream().send("one, ").send("two");
        origin.answer("/a", body().cache("max-age=60"));
        origin.answer("/b", body().cache("no-store"));
        let ask = async |method: &str, path: &str| {
            let ask = |then: &str| {
                format!("{method} {path} HTTP/1.0\r\nHost: {WWW}\r\nConnection: {then}\r\n\r\n")
            };
            // Of two, so that the second shows whether the first was the last.
            let asked = ask("keep-alive") + &ask("close");
            let told = raw(edge.setup().place.http, asked.as_bytes()).await;
            assert!(!told.to_ascii_lowercase().contains("transfer-encoding"), "{told}");
            told
        };
        for (path, cache, ends) in [
            ("/a", "Miss", Ends::Connection),
            // All of it is here, so its length is known.
            ("/a", "Hit", Ends::Length),
            ("/b", "Miss", Ends::Connection),
        ] {
            let told = ask("GET", path).await;
            assert!(told.contains(&format!("x-cache: {cache} ")), "{told}");
            assert!(told.ends_with("\r\n\r\none, two"), "{told}");
            let (answers, connection) = match ends {
                Ends::Connection => (1, "\r\nconnection: close\r\n"),
                Ends::Length => (2, "\r\nconnection: keep-alive\r\n"),
            };
            assert_eq!(told.matches("HTTP/1.1 200 ").count(), answers, "{told}");
            assert!(told.to_ascii_lowercase().contains(connection), "{told}");
        }
        assert!(ask("HEAD", "/a").await.ends_with("\r\n\r\n"));
    });
}

/// What tells a client of HTTP/1.0 that a body is over.
enum Ends {
    Connection,
    Length,
}

/// What the app is to see of its client's request, it sees.
#[test]
fn other_fields_reach_the_origin() {
    let fields = [
        ("accept", "text/html, */*;q=0.1"),
        ("authorization", "Bearer a"),
        ("cookie", "a=b; c=d"),
        ("origin", "https://a.test"),
        ("referer", "https://a.test/"),
        ("user-agent", "test"),
        ("x-anything", "gr\u{fc}n"),
        ("x-many", "a, b"),
    ];
    play(fields.map(|(name, value)| {
        let ask = get(Miss).with(name, value).saw(name, value);
        scenario(format!("{name}: {value}")).origin(ok()).ask(ask)
    }));
}

/// RFC 9111 §4, §5.1: a stored response has the age it has now, and the date it was made at.
#[test]
fn age_and_date() {
    play([
        scenario("no Age when it was just fetched")
            .origin(lasting())
            .ask(get(Miss).lacks("age"))
            .ask(get(Hit).aged(0..=20)),
        scenario("the origin's Age goes through")
            .origin(ok().cache("max-age=600").age("100"))
            .ask(get(Miss).has("age", "100"))
            .ask(get(Hit).aged(100..=120)),
        scenario("with Expires")
            .origin(ok().field("Expires", "{date+3600}").age("30"))
            .get(Miss)
            .ask(get(Hit).aged(30..=50)),
        scenario("the date is the origin's")
            .origin(lasting().field("Date", "{date-30}"))
            .ask(get(Miss).has("date", "{date-30}"))
            .ask(get(Hit).has("date", "{date-30}").aged(30..=50))
            .ask(head(Hit).has("date", "{date-30}")),
        scenario("a date ahead is the origin's too")
            .origin(lasting().field("Date", "{date+30}"))
            .ask(get(Miss).has("date", "{date+30}"))
            .ask(get(Hit).has("date", "{date+30}").aged(0..=20)),
        scenario("without a Date it gets one")
            .origin(lasting().undated())
            .ask(get(Miss).has_part("date", " GMT"))
            .ask(get(Hit).has_part("date", " GMT")),
        scenario("of what is not stored")
            .origin(ok().cache("no-store").age("7").field("Date", "{date-30}"))
            .ask(get(Miss).has("age", "7").has("date", "{date-30}")),
    ]);
}

/// RFC 9110 §6.5.1: trailers are not fields of the head, and never become such.
#[test]
fn trailers_stay_behind() {
    play([
        scenario("a trailer")
            .origin(lasting().trailer("X-Trailer", "1"))
            .ask(get(Miss).text("answer 001").lacks("x-trailer"))
            .ask(get(Hit).text("answer 001").lacks("x-trailer")),
        scenario("a trailer that would forbid storing")
            .origin(lasting().trailer("Cache-Control", "no-store"))
            .get(Miss)
            .ask(get(Hit).has("cache-control", "max-age=60")),
        scenario("a trailer that would allow it")
            .origin(ok().trailer("Cache-Control", "max-age=60"))
            .get(Miss)
            .get(Miss),
    ]);
}

/// RFC 9110 §15.2: what comes before the final response is passed on, and never stored.
#[test]
fn interim_responses() {
    let hint = "</a.css>; rel=preload";
    let early = || get(Miss).after(103, "link", hint);
    play([
        scenario("103")
            .origin(ok().after(103, "Link", hint))
            .ask(early().lacks("link"))
            .ask(early())
            .over_http1_only(),
        scenario("103 and a stored response")
            .origin(lasting().after(103, "Link", hint).field("X-A", "1"))
            .ask(early().has("x-a", "1"))
            .ask(get(Hit).has("x-a", "1").lacks("link").text("answer 001"))
            .over_http1_only(),
        scenario("103 twice")
            .origin(ok().after(103, "Link", "</b.css>").after(103, "Link", hint))
            .ask(early().after(103, "link", "</b.css>"))
            .over_http1_only(),
        scenario("102")
            .origin(lasting().after(102, "X-A", "1"))
            .ask(get(Miss).lacks("x-a"))
            .ask(get(Hit).lacks("x-a")),
    ]);
}
