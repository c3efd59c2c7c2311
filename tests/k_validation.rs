//! Asking the origin whether a stored response still holds: RFC 9111 §3.2, §4.3.

use crate::support::exchange::Served::{Hit, Miss, Own, Validated};
use crate::support::exchange::{Says, get, not_modified, ok, play, says, scenario, validated};

const THEN: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
const LATER: &str = "Thu, 02 Jan 2020 00:00:00 GMT";

/// Stored, and to be validated at once; without `Age`, it would be fresh for a minute.
fn stale() -> Says {
    ok().cache("max-age=60").age("60")
}

/// RFC 9111 §4.3.1: If-None-Match has the stored tag as it came, If-Modified-Since the stored date.
#[test]
fn the_origin_is_asked_with_the_stored_validators() {
    let tag = |tag: &str| {
        let ask = get(Validated).saw("if-none-match", tag).saw_no("if-modified-since");
        scenario(format!("ETag: {tag}"))
            .origins([stale().etag(tag), not_modified()])
            .get(Miss)
            .ask(ask.saw_method("GET").saw_no("range").saw_no("if-match"))
            .ask(get(Hit).text("answer 001"))
    };
    let date = |date: &str| {
        let ask = get(Validated).saw("if-modified-since", date).saw_no("if-none-match");
        scenario(format!("Last-Modified: {date}"))
            .origins([stale().modified(date), not_modified()])
            .get(Miss)
            .ask(ask)
            .ask(get(Hit).text("answer 001"))
    };
    let both = get(Validated).saw("if-modified-since", THEN).saw("if-none-match", "\"a\"");
    play([
        tag("\"a\""),
        tag("W/\"a\""),
        tag("\"a,b\""),
        tag("\"abcdefü\""),
        date(THEN),
        date("Wednesday, 01-Jan-20 00:00:00 GMT"),
        scenario("both")
            .origins([stale().etag("\"a\"").modified(THEN), not_modified()])
            .get(Miss)
            .ask(both),
        scenario("the fields that select a variant go along")
            .origins([stale().etag("\"a\"").vary("Foo"), not_modified()])
            .ask(get(Miss).with("foo", "123"))
            .ask(get(Validated).with("foo", "123").saw("foo", "123").saw("if-none-match", "\"a\"")),
    ]);
}

/// RFC 9111 §3.2: a 304 brings new values of all fields but some of the body's.
#[test]
fn a_304_updates_fields() {
    let updated = [
        ("Test-Header", "a", "b"),
        ("X-Test-Header", "a", "b"),
        ("Content-Foo", "a", "b"),
        ("X-Content-Foo", "a", "b"),
        ("Content-Location", "/foo", "/bar"),
        ("Content-Security-Policy", "default-src 'self'", "default-src 'self' cdn.example.com"),
        ("Content-Type", "text/plain", "text/plain;charset=utf-8"),
        ("Content-Language", "de", "en"),
        ("Content-Disposition", "inline", "attachment"),
        ("Clear-Site-Data", "cache", "cookies"),
        ("Expires", "Fri, 01 Jan 2038 01:01:01 GMT", "Mon, 11 Jan 2038 11:11:11 GMT"),
        ("Last-Modified", THEN, THEN),
        ("Date", "{date-30}", "{date-5}"),
        ("Link", "</a>", "</b>"),
        ("Public-Key-Pins", "a", "b"),
        ("Strict-Transport-Security", "max-age=1", "max-age=2"),
        ("Access-Control-Allow-Origin", "https://a.test", "https://b.test"),
        ("X-Frame-Options", "deny", "sameorigin"),
        ("X-XSS-Protection", "1", "1; mode=block"),
    ];
    let kept = [
        ("Content-Encoding", "gzip", "br"),
        ("Content-Range", "bytes 0-9/10", "bytes 0-1/10"),
        ("Content-Length", "10", "99"),
    ];
    let updated = updated.map(|(name, old, new)| (name, old, new, new));
    let kept = kept.map(|(name, old, new)| (name, old, new, old));
    play(updated.into_iter().chain(kept).map(|(name, old, new, seen)| {
        let update = not_modified().etag("\"a\"").field(name, new);
        scenario(format!("{name}: {new}"))
            .origins([stale().etag("\"a\"").field(name, old), update])
            .ask(get(Miss).has(name, old))
            .ask(get(Validated).has(name, seen).text("answer 001"))
            .ask(get(Hit).has(name, seen).text("answer 001"))
    }));
}

/// RFC 9111 §3.1, §3.2: what a 304 does not mention stays; what is of one connection is not taken.
#[test]
fn a_304_leaves_alone_what_it_does_not_mention() {
    let first = || stale().etag("\"a\"");
    let once = |update: Says| scenario("once").origins([first(), update]).get(Miss);
    play([
        scenario("a field it does not mention")
            .origins([first().field("X-A", "1"), not_modified()])
            .get(Miss)
            .ask(get(Validated).has("x-a", "1"))
            .ask(get(Hit).has("x-a", "1")),
        scenario("all lines of a field at once")
            .origins([first().field("X-A", "1\n2\n3"), not_modified().field("X-A", "4\n5")])
            .ask(get(Miss).has("x-a", "1, 2, 3"))
            .ask(get(Validated).has("x-a", "4, 5"))
            .ask(get(Hit).has("x-a", "4, 5")),
        scenario("a new field")
            .origins([first(), not_modified().field("X-A", "1\n2")])
            .ask(get(Miss).lacks("x-a"))
            .ask(get(Validated).has("x-a", "1, 2"))
            .ask(get(Hit).has("x-a", "1, 2")),
        once(not_modified().field("Connection", "x-hop").field("X-Hop", "1"))
            .ask(get(Validated).lacks("x-hop"))
            .ask(get(Hit).lacks("x-hop")),
        once(not_modified().field("Proxy-Authenticate", "Basic").field("Keep-Alive", "timeout=5"))
            .get(Validated)
            .ask(get(Hit).lacks("proxy-authenticate").lacks("keep-alive")),
        scenario("a cookie is for one client")
            .origins([first(), not_modified().field("Set-Cookie", "id=1"), ok()])
            .get(Miss)
            .ask(get(Validated).has("set-cookie", "id=1"))
            .ask(get(Miss).lacks("set-cookie").text("answer 003")),
        once(not_modified().cache("max-age=60, private=\"x-a\"").field("X-A", "1"))
            .get(Validated)
            .ask(get(Hit).lacks("x-a")),
    ]);
}

/// RFC 9111 §4.3.4, §4.2.3: the lifetime and the age are reckoned again.
#[test]
fn a_304_makes_fresh() {
    let first = || stale().etag("\"a\"");
    play([
        scenario("the age begins again")
            .origins([first(), not_modified()])
            .get(Miss)
            .get(Validated)
            .ask(get(Hit).aged(0..=20)),
        scenario("at the age it says")
            .origins([first(), not_modified().age("30")])
            .get(Miss)
            .get(Validated)
            .ask(get(Hit).aged(30..=50)),
        scenario("at the age its Date says")
            .origins([first(), not_modified().field("Date", "{date-30}")])
            .get(Miss)
            .get(Validated)
            .ask(get(Hit).aged(30..=50)),
        scenario("for the lifetime it says")
            .origins([ok().cache("max-age=0").etag("\"a\""), not_modified().cache("max-age=60")])
            .get(Miss)
            .get(Validated)
            .ask(get(Hit).has("cache-control", "max-age=60")),
        scenario("not if it is old itself")
            .origins([first(), not_modified().age("60")])
            .get(Miss)
            .get(Validated)
            .get(Validated),
        scenario("not if it ends the lifetime")
            .origins([first(), not_modified().cache("max-age=0")])
            .get(Miss)
            .get(Validated)
            .get(Validated),
        scenario("and for nobody else if it is for one client")
            .origins([first(), not_modified().cache("private, max-age=60"), ok()])
            .get(Miss)
            .get(Validated)
            .ask(get(Miss).text("answer 003").saw_no("if-none-match")),
        scenario("and never again if it forbids storing")
            .origins([first(), not_modified().cache("no-store"), ok().cache("max-age=60")])
            .get(Miss)
            .get(Validated)
            .ask(get(Miss).text("answer 003").saw_no("if-none-match")),
    ]);
}

/// RFC 9111 §4.3.4: a 304 about another response says nothing of the stored one.
#[test]
fn a_304_about_another_response() {
    let whole = || ok().cache("max-age=60").etag("\"b\"");
    let another = |name: &str, first: Says, update: Says| {
        let fetched = get(Miss).asked(2).text("answer 003");
        scenario(name)
            .origins([first, update, whole()])
            .get(Miss)
            .ask(fetched.saw_no("if-none-match").saw_no("if-modified-since"))
            .ask(get(Hit).eventually().has("etag", "\"b\""))
    };
    let holds = |name: &str, first: Says, update: Says| {
        scenario(name).origins([first, update]).get(Miss).get(Validated).get(Hit)
    };
    let (tagged, dated) = (|| stale().etag("\"a\""), || stale().modified(THEN));
    play([
        another("a strong tag that differs", tagged(), not_modified().etag("\"b\"")),
        another("a weak tag that differs", stale().etag("W/\"a\""), not_modified().etag("W/\"b\"")),
        another("a date that differs", dated(), not_modified().modified(LATER)),
        holds("the same strong tag", tagged(), not_modified().etag("\"a\"")),
        holds("the same weak tag", stale().etag("W/\"a\""), not_modified().etag("W/\"a\"")),
        holds("the same date", dated(), not_modified().modified(THEN)),
        holds("nothing to tell by", tagged(), not_modified()),
        holds("nothing to tell by but a date", dated(), not_modified()),
    ]);
}

/// RFC 9111 §4.3.3: a full answer takes the stored one's place; so does an error, for its client.
#[test]
fn a_full_answer_to_a_condition() {
    let first = || stale().etag("\"a\"");
    play([
        scenario("200")
            .origins([first(), ok().cache("max-age=60").etag("\"b\"")])
            .get(Miss)
            .ask(get(Miss).saw("if-none-match", "\"a\"").text("answer 002").tells("fwd-status=200"))
            .ask(get(Hit).text("answer 002").has("etag", "\"b\"")),
        scenario("200 without the old one's fields")
            .origins([first().field("X-A", "1"), ok().cache("max-age=60")])
            .ask(get(Miss).has("x-a", "1"))
            .ask(get(Miss).lacks("x-a").lacks("etag"))
            .ask(get(Hit).lacks("x-a").lacks("etag")),
        scenario("404")
            .origins([first(), says(404).cache("max-age=60")])
            .get(Miss)
            .ask(get(Miss).status(404))
            .ask(get(Hit).status(404)),
        scenario("200 that is not to be stored")
            .origins([first(), ok().cache("no-store")])
            .get(Miss)
            .ask(get(Miss).text("answer 002"))
            .ask(get(Miss).text("answer 003")),
        scenario("500").origins([first(), says(500)]).get(Miss).ask(get(Miss).status(500)),
        scenario("503 once")
            .origins([first(), says(503), not_modified()])
            .get(Miss)
            .ask(get(Miss).status(503))
            .ask(get(Validated).eventually().text("answer 001")),
    ]);
}

/// RFC 9110 §15.4.5: a 304 to a request without conditions is an origin's mistake.
#[test]
fn a_304_that_nobody_asked_for() {
    play([
        scenario("what is stored has no validator")
            .origins([
                ok().cache("max-age=60, stale-if-error=600").age("60"),
                not_modified(),
                ok().cache("max-age=60"),
            ])
            .get(Miss)
            .ask(get(Miss).text("answer 003").asked(2)),
        scenario("on a miss").origin(not_modified()).ask(get(Own).status(502)),
        scenario("with a tag")
            .origin(not_modified().etag("\"a\"").cache("max-age=60"))
            .ask(get(Own).status(502))
            .ask(get(Own).status(502).asked(1)),
        scenario("though the client made a condition")
            .origin(not_modified().etag("\"a\""))
            .ask(get(Own).with("if-none-match", "\"a\"").status(502)),
    ]);
}

/// RFC 9111 §5.2.2.4: no-cache is stored, and validated on every use.
#[test]
fn no_cache_is_validated_on_every_use() {
    let values = [
        "no-cache",
        "No-CaChE",
        "max-age=60, no-cache",
        "no-cache, max-age=60",
        "no-cache\nmax-age=60",
        "max-age=60\nNO-CACHE",
        "s-maxage=60, no-cache",
        "max-age=60, no-cache, stale-while-revalidate=60, stale-if-error=60",
        "no-cache=\"\", max-age=60",
        "no-cache, no-cache=\"x-a\", max-age=60",
    ];
    play(values.into_iter().flat_map(|value| {
        let reply = ok().cache(value).etag("\"a\"");
        let expires = ok().cache(value).modified(THEN).field("Expires", "{date+3600}");
        let again = get(Validated).saw("if-none-match", "\"a\"");
        [
            validated(format!("`{value}`"), reply).ask(again),
            validated(format!("`{value}` and Expires"), expires),
        ]
    }));
}

/// RFC 9111 §3.2: what a 304 makes of a stored response can be a response for other requests, or one
/// that nobody may keep. The client it came for still gets it.
#[test]
fn a_304_ends_what_it_makes_unfit() {
    let ends = |name: &'static str, update: Says| {
        scenario(name)
            .origins([stale().etag("\"a\""), update, ok().cache("max-age=60")])
            .get(Miss)
            .ask(get(Validated).text("answer 001"))
            .ask(get(Miss).text("answer 003").saw_no("if-none-match"))
            .get(Hit)
    };
    play([
        ends("no-store", not_modified().cache("no-store")),
        ends("private", not_modified().cache("private")),
        ends("another Vary", not_modified().cache("max-age=60").vary("Foo")),
        ends("Vary: *", not_modified().cache("max-age=60").vary("*")),
    ]);
}
