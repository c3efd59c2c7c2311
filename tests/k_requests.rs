//! What requests say of caches: RFC 9111 §5.2.1, §5.4; and what `Cache-Status` says: RFC 9211.

use crate::support::exchange::Served::{Hit, Miss, Own, Stale, Validated};
use crate::support::exchange::{
    Says, get, head, not_modified, ok, play, play_on, says, scenario, send,
};
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

/// The site's clients are heard.
const HONOR: &str = r#"request_directives = "honor""#;

fn lasting() -> Says {
    ok().cache("max-age=60")
}

/// A client must not be able to have the origin asked, unless the site lets it.
#[test]
fn a_client_cannot_pass_over_a_fresh_response() {
    let fields = [
        ("cache-control", "no-cache"),
        ("cache-control", "No-Cache"),
        ("cache-control", "max-age=0"),
        ("cache-control", "max-age=1"),
        ("cache-control", "min-fresh=600"),
        ("cache-control", "max-age=0, no-cache, must-revalidate"),
        ("cache-control", "no-store"),
        ("cache-control", "foo"),
        ("pragma", "no-cache"),
        ("pragma", "foo"),
        ("expires", "0"),
    ];
    let fresh = fields.map(|(name, value)| {
        let reply = lasting().age("30").etag("\"a\"");
        let name_value = format!("{name}: {value}");
        scenario(name_value).origin(reply).get(Miss).ask(get(Hit).with(name, value))
    });
    let stale = ["max-stale", "max-stale=600", "max-age=600, max-stale=600"].map(|value| {
        scenario(format!("stale and {value}"))
            .origins([lasting().age("60").etag("\"a\""), not_modified()])
            .get(Miss)
            .ask(get(Validated).with("cache-control", value))
    });
    play(fresh.into_iter().chain(stale));
}

/// RFC 9111 §5.2.1.5: what answers a request with no-store is not stored.
#[test]
fn no_store_in_a_request() {
    let values = [
        "no-store",
        "No-Store",
        "max-age=0, no-store",
        "foo\nno-store",
        "no-store=1",
        "no-cache, no-store",
    ];
    let stale = scenario("what takes a stale one's place")
        .origins([lasting().age("60").etag("\"a\""), lasting()])
        .get(Miss)
        .ask(get(Miss).with("cache-control", "no-store").text("answer 002"))
        .ask(get(Miss).text("answer 003"));
    let new = values.map(|values| {
        let ask = |served| {
            values.split('\n').fold(get(served), |step, line| step.with("cache-control", line))
        };
        scenario(format!("`{values}`"))
            .origin(lasting())
            .ask(ask(Miss).tells_no("stored"))
            .get(Miss)
            .ask(get(Hit).text("answer 002"))
    });
    play(new.into_iter().chain([stale]));
}

/// RFC 9111 §5.2.1.7: 504 where nothing is stored that may be used as it is.
#[test]
fn only_if_cached() {
    let values = [
        "only-if-cached",
        "Only-If-Cached",
        "ONLY-IF-CACHED",
        "max-age=60, only-if-cached",
        "only-if-cached=1",
    ];
    let refused = |value: &str| get(Own).with("cache-control", value).status(504).asked(0);
    play(values.into_iter().flat_map(|value| {
        let stale = lasting().age("60").etag("\"a\"");
        [
            scenario(format!("`{value}`, nothing stored"))
                .origin(lasting())
                .ask(refused(value))
                .get(Miss),
            scenario(format!("`{value}`, fresh"))
                .origin(lasting())
                .get(Miss)
                .ask(get(Hit).with("cache-control", value)),
            scenario(format!("`{value}`, stale")).origin(stale).get(Miss).ask(refused(value)),
            scenario(format!("`{value}`, another variant"))
                .origin(lasting().vary("Foo"))
                .ask(get(Miss).with("foo", "1"))
                .ask(refused(value).with("foo", "2")),
        ]
    }));
}

/// RFC 9111 §5.2.1.1 to §5.2.1.4, §5.4: where the site lets them, clients are obeyed.
#[test]
fn directives_of_requests_where_they_are_honored() {
    let reply = || lasting().age("20");
    let passed = [
        ("cache-control", "no-cache"),
        ("cache-control", "NO-CACHE"),
        ("cache-control", "foo, no-cache"),
        ("cache-control", "max-age=0"),
        ("cache-control", "max-age=10"),
        ("cache-control", "MAX-AGE=10"),
        ("cache-control", "max-age=\"10\""),
        ("cache-control", "min-fresh=50"),
        ("cache-control", "min-fresh=600"),
        ("cache-control", "max-age=600, min-fresh=50"),
        ("pragma", "no-cache"),
        ("pragma", "No-Cache"),
    ];
    let passed = passed.into_iter().flat_map(|(name, value)| {
        let of = format!("{name}: {value}");
        [
            scenario(format!("{of}, no validator"))
                .origin(reply())
                .get(Miss)
                .ask(get(Miss).with(name, value).text("answer 002").tells("fwd=request"))
                .ask(get(Hit).text("answer 002")),
            scenario(format!("{of}, a validator"))
                .origins([reply().etag("\"a\""), not_modified()])
                .get(Miss)
                .ask(get(Validated).with(name, value).text("answer 001").tells("fwd=request")),
        ]
    });
    let used = [
        ("cache-control", "max-age=600"),
        ("cache-control", "max-age=40"),
        ("cache-control", "min-fresh=10"),
        ("cache-control", "min-fresh=0"),
        ("cache-control", "max-stale"),
        ("cache-control", "foo=no-cache"),
        ("cache-control", "ext=\"no-cache\""),
        ("pragma", "foo"),
    ];
    let used = used.map(|(name, value)| {
        let name_value = format!("{name}: {value}");
        scenario(name_value).origin(reply()).get(Miss).ask(get(Hit).with(name, value))
    });
    let both = get(Hit).with("cache-control", "max-age=600").with("pragma", "no-cache");
    let both = scenario("Cache-Control is before Pragma").origin(reply()).get(Miss).ask(both);
    play_on(HONOR, passed.chain(used).chain([both]));
}

/// RFC 9111 §5.2.1.2, §4.2.4: a client may take what is stale, where the response does not forbid it.
#[test]
fn max_stale_where_it_is_honored() {
    let stale = |cache: &str| ok().cache(cache).age("120").etag("\"a\"");
    let taken = [
        "max-stale",
        "max-stale=600",
        "Max-Stale=600",
        "max-stale=\"600\"",
        "max-age=600, max-stale=90",
    ];
    let taken = taken.map(|value| {
        let ask = get(Stale).with("cache-control", value).asked(0);
        scenario(format!("`{value}`")).origin(stale("max-age=60")).get(Miss).ask(ask)
    });
    let left = [
        "max-stale=30",
        "max-stale=0",
        "max-stale=x",
        "max-stale=-600",
        "max-age=60, max-stale=600, no-cache",
    ];
    let left = left.map(|value| {
        scenario(format!("`{value}`"))
            .origins([stale("max-age=60"), ok().cache("max-age=60")])
            .get(Miss)
            .ask(get(Miss).with("cache-control", value).saw("if-none-match", "\"a\""))
    });
    let forbidden = [
        "max-age=60, must-revalidate",
        "max-age=60, proxy-revalidate",
        "s-maxage=60",
        "max-age=60, no-cache",
    ];
    let forbidden = forbidden.map(|cache| {
        scenario(format!("max-stale and `{cache}`"))
            .origins([stale(cache), not_modified()])
            .get(Miss)
            .ask(get(Validated).with("cache-control", "max-stale"))
    });
    play_on(HONOR, taken.into_iter().chain(left).chain(forbidden));
}

/// RFC 9111 §2: method and target are the key; what else a request has makes no difference.
#[test]
fn the_key() {
    play([
        scenario("another query")
            .origin(lasting())
            .ask(get(Miss).query("?a=1"))
            .ask(get(Miss).query("?a=2"))
            .get(Miss)
            .ask(get(Hit).query("?a=1").text("answer 001"))
            .ask(get(Hit).query("?a=2").text("answer 002"))
            .ask(get(Hit).text("answer 003")),
        scenario("the query's order")
            .origin(lasting())
            .ask(get(Miss).query("?a=1&b=2"))
            .ask(get(Miss).query("?b=2&a=1")),
        scenario("the path's case")
            .origins_at("/a", [lasting()])
            .origins_at("/A", [lasting()])
            .ask(get(Miss).at("/a"))
            .ask(get(Miss).at("/A")),
        scenario("fields that nothing varies by")
            .origin(lasting())
            .ask(get(Miss).with("user-agent", "a").with("cookie", "a=1").with("accept", "*/*"))
            .ask(get(Hit).with("user-agent", "b").with("cookie", "b=1").with("x-a", "1")),
    ]);
}

/// RFC 9211 §2: what the edge did and why.
#[test]
fn cache_status_tells_what_was_done() {
    let stale = || lasting().age("60").etag("\"a\"");
    play([
        scenario("stored, then found")
            .origin(lasting())
            .ask(get(Miss).tells("warmfront; fwd=uri-miss; fwd-status=200; ttl=").tells("; stored"))
            .ask(get(Hit).tells("warmfront; hit; ttl=").tells_no("fwd").tells_no("stored")),
        scenario("the lifetime that is left")
            .origin(ok().cache("max-age=100000").age("50000"))
            .ask(get(Miss).tells("; ttl=50000"))
            .ask(get(Hit).aged(50_000..=50_030).tells("hit; ttl=")),
        scenario("not stored")
            .origin(ok().cache("no-store"))
            .ask(get(Miss).tells("fwd=uri-miss; fwd-status=200").tells_no("stored")),
        scenario("a status that is not 200")
            .origin(says(404).cache("max-age=60"))
            .ask(get(Miss).status(404).tells("fwd=uri-miss; fwd-status=404").tells("stored"))
            .ask(get(Hit).status(404)),
        scenario("a method that is not cached").origin(lasting()).ask(
            send("POST", Miss).body("x").tells("fwd=method; fwd-status=200").tells_no("stored"),
        ),
        scenario("another variant")
            .origin(lasting().vary("Foo"))
            .ask(get(Miss).with("foo", "1").tells("fwd=uri-miss"))
            .ask(get(Miss).with("foo", "2").tells("fwd=vary-miss; fwd-status=200").tells("stored")),
        scenario("validated")
            .origins([stale(), not_modified()])
            .get(Miss)
            .ask(get(Validated).tells("fwd=stale; fwd-status=304").tells_no("hit"))
            .ask(get(Hit).tells("hit")),
        scenario("validated in vain")
            .origins([stale(), lasting()])
            .get(Miss)
            .ask(get(Miss).tells("fwd=stale; fwd-status=200").tells("stored")),
        scenario("HEAD on a miss")
            .origin(lasting())
            .ask(head(Miss).tells("fwd=uri-miss; fwd-status=200").tells("stored"))
            .ask(head(Hit).tells("hit")),
        scenario("a cache before this one")
            .origin(lasting().field("Cache-Status", "Other; hit; ttl=5"))
            .ask(get(Miss).has_part("cache-status", "Other; hit; ttl=5, warmfront; fwd=uri-miss")),
    ]);
}

#[test]
fn cache_status_tells_of_requests_that_are_honored() {
    let no_cache = get(Miss).with("cache-control", "no-cache").tells("fwd=request; fwd-status=200");
    play_on(HONOR, [scenario("no-cache").origin(lasting()).get(Miss).ask(no_cache)]);
}

/// RFC 9110 §9.3.1: a GET with content is between its client and the origin, conditions and all.
#[test]
fn what_is_not_for_a_cache_reaches_the_origin_as_it_is() {
    let ask = || get(Miss).body("x").tells("fwd=bypass").tells_no("stored");
    let part = says(206).field("Content-Range", "bytes 0-1/10").body("01");
    play([
        scenario("a lifetime")
            .origin(lasting().field("X-A", "1"))
            .ask(ask().has("x-a", "1"))
            .ask(ask().text("answer 002")),
        scenario("If-None-Match")
            .origin(not_modified().etag("\"a\""))
            .ask(ask().with("if-none-match", "\"a\"").saw("if-none-match", "\"a\"").status(304)),
        scenario("If-Modified-Since")
            .origin(lasting())
            .ask(ask().with("if-modified-since", THEN).saw("if-modified-since", THEN)),
        scenario("If-Match")
            .origin(says(412))
            .ask(ask().with("if-match", "\"a\"").saw("if-match", "\"a\"").status(412)),
        scenario("Range").origin(part).ask(
            ask()
                .with("range", "bytes=0-1")
                .with("if-range", "\"a\"")
                .saw("range", "bytes=0-1")
                .saw("if-range", "\"a\"")
                .status(206)
                .has("content-range", "bytes 0-1/10")
                .text("01"),
        ),
        scenario("Age").origin(lasting().age("30")).ask(ask().has("age", "30")),
        scenario("what is stored stays")
            .origin(lasting())
            .get(Miss)
            .ask(ask().text("answer 002"))
            .ask(get(Hit).text("answer 001")),
    ]);
}

/// RFC 9211 §2.6: who waited for another's answer is told so, and who did not is not.
#[test]
fn cache_status_tells_who_waited() {
    run(async {
        let origin = Origin::start().await;
        let edge = Edge::before(&[origin.address()]).await;
        for over in [Over::Plain, Over::Http2] {
            // Whether the second comes in time to wait is seen by its answer alone.
            let mut round = 0;
            let mut waited = false;
            while !waited {
                round += 1;
                let (path, gate) = (format!("/{over:?}/{round}"), Gate::closed());
                origin.answer(&path, Reply::text("one").cache("max-age=60").held_by(&gate));
                let ask = || edge.ask("GET", WWW, &path).over(over).send();
                let first = tokio::spawn(ask());
                origin.reached(&path, 1).await;
                let second = tokio::spawn(ask());
                edge.connected(2).await;
                gate.open();
                let (first, second) = (first.await.unwrap(), second.await.unwrap());
                assert!(!first.field("cache-status").contains("collapsed"), "{first:?}");
                waited = second.field("cache-status").contains("; collapsed");
                assert!(waited || second.cache() == "Hit", "{second:?}");
                assert_eq!(origin.seen(&path).len(), 1);
                edge.connected(0).await;
            }
        }
    });
}

const THEN: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
