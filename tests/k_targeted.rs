//! Directives for CDNs alone: RFC 9213.

use crate::support::exchange::Served::{Hit, Miss, Stale, Validated};
use crate::support::exchange::{
    Says, Step, asked_anew, get, not_modified, ok, play, reused, says, scenario, sorted, validated,
};

/// RFC 9213 §2.2: the targeted field decides alone.
#[test]
fn cdn_cache_control_is_before_cache_control_and_expires() {
    let both = |cdn: &str, all: &str| ok().field("CDN-Cache-Control", cdn).cache(all);
    play([
        reused("no-store beside it", both("max-age=60", "no-store")),
        reused("private beside it", both("max-age=60", "private")),
        reused("no-cache beside it", both("max-age=60", "no-cache")),
        reused("max-age=0 beside it", both("max-age=60", "max-age=0")),
        reused("s-maxage=0 beside it", both("max-age=60", "s-maxage=0")),
        reused(
            "a past beside it",
            ok().field("CDN-Cache-Control", "max-age=60").field("Expires", "0"),
        ),
        asked_anew("no-store in it", both("no-store", "max-age=60")),
        asked_anew("private in it", both("private", "max-age=60")),
        asked_anew("max-age=0 in it", both("max-age=0", "max-age=60")),
        asked_anew("max-age=0 in it, s-maxage beside it", both("max-age=0", "s-maxage=60")),
        asked_anew(
            "max-age=0 in it, a future beside it",
            ok().field("CDN-Cache-Control", "max-age=0").field("Expires", "{date+3600}"),
        ),
        asked_anew("no lifetime in it", both("must-revalidate", "max-age=60")),
        validated("no-cache in it", both("no-cache", "max-age=60").etag("\"a\"")),
        reused("s-maxage in it", both("s-maxage=60, max-age=0", "no-store")),
        asked_anew("s-maxage=0 in it", both("s-maxage=0, max-age=60", "max-age=60")),
        reused("Pragma has no meaning", both("max-age=60", "no-store").field("Pragma", "no-cache")),
    ]);
}

/// The edge's own field is before the one for all CDNs.
#[test]
fn our_own_field_is_first() {
    let all = |own: &str, cdn: &str, cache: &str| {
        let reply = ok().field("Warmfront-CDN-Cache-Control", own);
        reply.field("CDN-Cache-Control", cdn).cache(cache)
    };
    play([
        reused("lifetime before no-store", all("max-age=60", "no-store", "no-store")),
        asked_anew("no-store before lifetime", all("no-store", "max-age=60", "max-age=60")),
        reused("unreadable: the next", all("max-age=", "max-age=60", "no-store")),
        asked_anew("unreadable: the next's no-store", all("?!", "no-store", "max-age=60")),
        reused("both unreadable: the last", all("?!", "max-age=", "max-age=60")),
        reused("empty: the next", all("", "max-age=60", "no-store")),
    ]);
}

/// RFC 9213 §2.1, RFC 8941 §3.2: a dictionary, whose last member of a name counts.
#[test]
fn it_is_a_structured_dictionary() {
    let fresh = [
        "max-age=60",
        "max-age=60;foo",
        "max-age=60;foo=bar;baz=?0",
        "foo, max-age=60",
        "foo=(a b), max-age=60",
        "max-age=60, foo=:YQ==:",
        "max-age=60,foo",
        "max-age=60\t,\tfoo",
        "foo\nmax-age=60",
        "max-age=0, max-age=60",
        "max-age=0\nmax-age=60",
        "max-age=60, no-store=?0",
        "max-age=60, private=?0",
        "max-age=99999999999",
        "max-age=999999999999999",
        "max-age=060",
        "  max-age=60  ",
    ];
    let not = [
        "max-age=0",
        "max-age=-60",
        "max-age=60, max-age=0",
        "max-age=60\nmax-age=0",
        "max-age=60, no-store",
        "max-age=60, no-store=?1",
        "max-age=60, no-store;foo",
        "no-store\nmax-age=60",
        "max-age=60\nno-store",
        "max-age=60, private",
        "max-age=60;foo, no-store;bar=1",
    ];
    play(sorted(&fresh, &not, |value| ok().field("CDN-Cache-Control", value)));
}

/// RFC 9213 §2.1: what does not parse, is empty, or has a value of the wrong type is not there.
#[test]
fn an_invalid_one_is_ignored_as_a_whole() {
    let invalid = [
        "",
        " ",
        "max-age=",
        "max-age =60",
        "max-age= 60",
        "MAX-AGE=60",
        "No-Store",
        "max-age=60,",
        ",max-age=60",
        "max-age=60,,foo",
        "max-age=60 foo",
        "max-age=1000000000000000",
        "max-age=\"60",
        "max-age=60, é",
        "max-age=60; ",
        "&",
        "=60",
        "no-store, max-age=60,",
        "max-age",
        "max-age=?1",
        "max-age=60.0",
        "max-age=\"60\"",
        "max-age=abc",
        "max-age=(60)",
        "no-store=1",
        "no-store=\"a\"",
        "no-store=abc",
    ];
    let beside = |value: &str, cache: &str| ok().field("CDN-Cache-Control", value).cache(cache);
    play(invalid.into_iter().flat_map(|value| {
        [
            reused(format!("`{value}` forbids nothing"), beside(value, "max-age=60")),
            asked_anew(format!("`{value}` allows nothing"), beside(value, "no-store")),
        ]
    }));
}

/// RFC 9213 §3.1: other CDNs behind this one read CDN-Cache-Control too; our own field is for us.
#[test]
fn the_one_for_all_cdns_is_passed_on() {
    let seen = |step: Step| {
        let step = step.has("cdn-cache-control", "max-age=60, foo=(a b);c");
        step.lacks("warmfront-cdn-cache-control").has("cache-control", "no-store")
    };
    let reply = ok().field("CDN-Cache-Control", "max-age=60, foo=(a b);c").cache("no-store");
    let unstored = ok().field("Warmfront-CDN-Cache-Control", "no-store").cache("max-age=60");
    play([
        scenario("stored").origin(reply.clone()).ask(seen(get(Miss))).ask(seen(get(Hit))),
        scenario("ours is not shown")
            .origin(reply.field("Warmfront-CDN-Cache-Control", "max-age=90"))
            .ask(seen(get(Miss)))
            .ask(seen(get(Hit))),
        scenario("ours is not shown of what is not stored")
            .origin(unstored)
            .ask(get(Miss).lacks("warmfront-cdn-cache-control"))
            .ask(get(Miss).lacks("warmfront-cdn-cache-control")),
    ]);
}

/// RFC 9111 §3.5, §4.2.4, RFC 5861: the other directives count in a targeted field as elsewhere.
#[test]
fn its_other_directives_count_too() {
    let cdn = |value: &str| -> Says {
        ok().field("CDN-Cache-Control", value).cache("no-store").etag("\"a\"")
    };
    let swr = "max-age=60, stale-while-revalidate=600";
    let sie = "max-age=60, stale-if-error=600";
    let authorized = get(Miss).with("authorization", "Bearer a");
    play([
        scenario("stale-while-revalidate")
            .origins([cdn(swr).age("120"), cdn(swr)])
            .get(Miss)
            .ask(get(Stale).text("answer 001"))
            .ask(get(Hit).eventually().text("answer 002")),
        scenario("stale-if-error")
            .origins([cdn(sie).age("120"), says(503)])
            .get(Miss)
            .ask(get(Stale).text("answer 001")),
        scenario("stale-if-error beside it does not count")
            .origins([cdn("max-age=60").age("120").cache("stale-if-error=600"), says(503)])
            .get(Miss)
            .ask(get(Miss).status(503)),
        scenario("public and Authorization")
            .origin(cdn("max-age=60, public"))
            .ask(authorized.clone())
            .get(Hit),
        scenario("a lifetime alone and Authorization")
            .origin(cdn("max-age=60"))
            .ask(authorized.clone())
            .get(Miss),
        scenario("public beside it and Authorization")
            .origin(cdn("max-age=60").cache("public"))
            .ask(authorized)
            .get(Miss),
        scenario("a 304 may bring one")
            .origins([
                cdn("max-age=60").age("60"),
                not_modified().field("CDN-Cache-Control", "max-age=600"),
            ])
            .get(Miss)
            .get(Validated)
            .ask(get(Hit).has("cdn-cache-control", "max-age=600")),
    ]);
}
