//! What fields are stored, and which travel on: RFC 9110 §7.6, RFC 9111 §3.1, §4, §5.1.

use crate::support::exchange::Served::{Hit, Miss};
use crate::support::exchange::{Says, get, head, ok, play, scenario, send};

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
