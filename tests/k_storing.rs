//! What is stored at all: RFC 9111 §3.

use crate::support::exchange::Served::{Broken, Hit, Miss};
use crate::support::exchange::{
    Says, asked_anew, get, head, ok, play, play_on, reused, says, scenario, send, sorted, validated,
};

/// RFC 9111 §3: any final status with explicit freshness, but those that are of one exchange alone.
#[test]
fn with_a_lifetime_every_final_status() {
    let kept = [
        200, 201, 202, 203, 204, 299, 300, 301, 302, 303, 305, 307, 308, 399, 400, 401, 402, 403,
        404, 405, 406, 408, 409, 410, 411, 413, 414, 415, 417, 418, 421, 422, 423, 425, 426, 451,
        499, 500, 501, 502, 503, 504, 505, 507, 508, 599,
    ];
    let never = [407, 412, 416, 428, 429, 431, 511];
    let reply = |status| says(status).cache("max-age=60");
    let kept = kept.map(|status| reused(format!("{status} with a lifetime"), reply(status)));
    let never = never.map(|status| asked_anew(format!("{status} with a lifetime"), reply(status)));
    play(kept.into_iter().chain(never));
}

/// RFC 9111 §4.2: nor is any status reused beyond its lifetime.
#[test]
fn beyond_its_lifetime_no_status() {
    let statuses = [200, 203, 204, 299, 301, 302, 307, 308, 400, 404, 410, 499, 500, 503, 599];
    play(statuses.map(|status| {
        let reply = says(status).cache("max-age=60").age("60");
        asked_anew(format!("{status} beyond its lifetime"), reply)
    }));
}

/// RFC 9110 §15.1: some statuses are stored without a lifetime, for as long as can be guessed.
#[test]
fn without_a_lifetime_some_statuses() {
    let guessed = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    let never = [201, 202, 302, 303, 307, 400, 401, 403, 500, 502, 503, 504, 599];
    let reply = |status| says(status).modified("{date-864000}");
    let guessed = guessed.map(|status| reused(format!("{status} alone"), reply(status)));
    let never = never.map(|status| asked_anew(format!("{status} alone"), reply(status)));
    // RFC 9111 §5.2.2.9: `public` lets any be guessed.
    let public = [201, 302, 403, 599]
        .map(|status| reused(format!("{status}, public"), reply(status).cache("public")));
    play(guessed.into_iter().chain(never).chain(public));
}

/// RFC 9111 §5.2.2.5, §5.2.2.7: in any case, order and line, whatever else would let it be stored.
#[test]
fn what_forbids_storing() {
    let never = [
        "no-store",
        "No-StOrE",
        "NO-STORE",
        "no-store=foo",
        "no-store=\"foo\"",
        "max-age=60, no-store",
        "no-store, max-age=60",
        "max-age=60,no-store",
        "max-age=60\nno-store",
        "no-store\nmax-age=60",
        "public, max-age=60, no-store",
        "private",
        "Private",
        "max-age=60, private",
        "private, max-age=60",
        "private\nmax-age=60",
        "private, s-maxage=60",
        "max-age=60, public, private",
        "private=\"\", max-age=60",
    ];
    let unless = sorted(&[], &never, |value| ok().cache(value));
    let validators = never.map(|value| {
        let reply = ok().cache(value).etag("\"a\"").modified("{date-864000}");
        asked_anew(format!("`{value}` with validators"), reply.field("Expires", "{date+3600}"))
    });
    play(unless.into_iter().chain(validators));
}

/// RFC 9111 §5.2.2.3: no-store does not count for a cache that knows the status; else nothing does.
#[test]
fn must_understand() {
    let reply = |status, value| says(status).cache(value);
    play([
        reused("200", reply(200, "max-age=60, must-understand")),
        reused("404", reply(404, "max-age=60, must-understand")),
        reused("200, no-store", reply(200, "no-store, must-understand, max-age=60")),
        reused("200, reversed", reply(200, "max-age=60, must-understand, no-store")),
        reused("200, in capitals", reply(200, "NO-STORE, MUST-UNDERSTAND, MAX-AGE=60")),
        asked_anew("599", reply(599, "max-age=60, must-understand")),
        asked_anew("599, no-store", reply(599, "no-store, must-understand, max-age=60")),
        asked_anew("299", reply(299, "must-understand, max-age=60")),
        asked_anew("200, private", reply(200, "must-understand, private, max-age=60")),
        asked_anew("200, no lifetime", reply(200, "no-store, must-understand")),
    ]);
}

/// RFC 9111 §3.5: an answer to one who logged in is for all only if it says so.
#[test]
fn authorization() {
    let shared = [
        "max-age=60, public",
        "PUBLIC, max-age=60",
        "max-age=60, must-revalidate",
        "s-maxage=60",
        "max-age=60\npublic",
    ];
    let own = [
        "max-age=60",
        "max-age=60, proxy-revalidate",
        "max-age=60, no-transform",
        "max-age=60, xpublic",
    ];
    let ask =
        |served| get(served).with("authorization", "Basic YTpi").saw("authorization", "Basic YTpi");
    let shared = shared.map(|value| {
        let reply = ok().cache(value);
        scenario(format!("`{value}` is for all")).origin(reply).ask(ask(Miss)).get(Hit)
    });
    let own = own.map(|value| {
        let reply = ok().cache(value);
        scenario(format!("`{value}` is for one")).origin(reply).ask(ask(Miss)).get(Miss).get(Hit)
    });
    let expires = ok().field("Expires", "{date+3600}");
    play(
        shared.into_iter().chain(own).chain([
            scenario("Expires is for one").origin(expires).ask(ask(Miss)).ask(ask(Miss)),
            scenario("what took a stale one's place for one client is for none")
                .origins([
                    ok().cache("max-age=60").age("60").etag("\"a\""),
                    ok().cache("max-age=60"),
                ])
                .get(Miss)
                .ask(get(Miss).with("authorization", "Basic YTpi").text("answer 002"))
                .ask(get(Miss).text("answer 003")),
            scenario("what is stored for all is for those who logged in too")
                .origin(ok().cache("max-age=60"))
                .get(Miss)
                .ask(get(Hit).with("authorization", "Basic YTpi")),
        ]),
    );
}

/// RFC 9111 §5.2.2.4, §5.2.2.7: with a list of fields, all but these are stored.
#[test]
fn fields_that_are_for_one_client_alone() {
    let reply =
        |cache: &str| ok().cache(cache).field("X-A", "1").field("X-B", "2").field("X-C", "3");
    let named = [
        ("private=\"x-a\"", "x-b"),
        ("private=\"X-A\"", "x-b"),
        ("private=\" x-a \"", "x-b"),
        ("private=x-a", "x-b"),
        ("no-cache=\"x-a\"", "x-b"),
        ("NO-CACHE=\"x-a\"", "x-b"),
        ("no-cache=x-a", "x-b"),
        ("private=\"x-a, x-b\"", "x-c"),
        ("private=\"x-a,x-b\"", "x-c"),
        ("private=\",x-a,,x-b,\"", "x-c"),
        ("no-cache=\"x-a, x-b\"", "x-c"),
        ("no-cache=\"x-a\", private=\"x-b\"", "x-c"),
        ("private=\"x-a\", private=\"x-b\"", "x-c"),
    ];
    play(named.into_iter().flat_map(|(value, kept)| {
        let number = if kept == "x-b" { "2" } else { "3" };
        let orders = [
            format!("max-age=60, {value}"),
            format!("{value}, max-age=60"),
            format!("{value}\nmax-age=60"),
        ];
        orders.map(|cache| {
            let hit = get(Hit).lacks("x-a").has(kept, number);
            let hit = if kept == "x-c" { hit.lacks("x-b") } else { hit };
            let miss = get(Miss).has("x-a", "1").has("x-b", "2");
            scenario(format!("`{cache}`")).origin(reply(&cache)).ask(miss).ask(hit)
        })
    }));
}

/// Cookies are for one client, unless the response says that it is for all.
#[test]
fn a_cookie_is_for_one_client() {
    let reply = |cache: &str| ok().cache(cache).field("Set-Cookie", "id={n}");
    let targeted = ok().cache("max-age=60").field("CDN-Cache-Control", "max-age=60");
    play([
        asked_anew("max-age", reply("max-age=60")),
        asked_anew("a guess", ok().modified("{date-864000}").field("Set-Cookie", "id={n}")),
        scenario("public")
            .origin(reply("max-age=60, public"))
            .ask(get(Miss).has("set-cookie", "id=001"))
            .ask(get(Hit).has("set-cookie", "id=001")),
        reused("s-maxage", reply("s-maxage=60")),
        reused("a targeted field", targeted.field("Set-Cookie", "id={n}")),
        scenario("a client's cookie makes no difference")
            .origin(ok().cache("max-age=60"))
            .ask(get(Miss).with("cookie", "a=b"))
            .ask(get(Hit).with("cookie", "a=c")),
    ]);
}

#[test]
fn a_site_may_store_cookies() {
    let reply = ok().cache("max-age=60").field("Set-Cookie", "a=1\nb=2; Path=/");
    play_on(
        r#"set_cookie = "store""#,
        [
            scenario("by the RFC alone")
                .origin(reply)
                .ask(get(Miss).has("set-cookie", "a=1, b=2; Path=/"))
                .ask(get(Hit).has("set-cookie", "a=1, b=2; Path=/")),
            asked_anew("not private", ok().cache("private, max-age=60").field("Set-Cookie", "a=1")),
        ],
    );
}

#[test]
fn a_site_may_store_without_cookies() {
    let reply = |cache: &str| ok().cache(cache).field("Set-Cookie", "a=1\nb=2").field("X-A", "1");
    let stripped = |reply| {
        let hit = get(Hit).lacks("set-cookie").has("x-a", "1");
        scenario("stripped").origin(reply).get(Miss).ask(hit)
    };
    play_on(
        r#"set_cookie = "strip""#,
        [stripped(reply("max-age=60")), stripped(reply("s-maxage=60, public"))],
    );
}

/// RFC 9111 §3: methods other than GET and HEAD are not stored, whatever they say.
#[test]
fn methods() {
    let lasting = || ok().cache("max-age=60");
    let sent = ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "M-SEARCH", "PROPFIND"];
    let sent = sent.map(|method| {
        let step = || send(method, Miss).saw_method(method);
        scenario(method).origin(lasting()).ask(step()).ask(step()).get(Miss).get(Hit)
    });
    play(
        sent.into_iter().chain([
            scenario("POST with Content-Location")
                .origin(lasting().field("Content-Location", "{here}"))
                .ask(send("POST", Miss).body("x"))
                .get(Miss),
            scenario("HEAD fetches the whole")
                .origin(lasting())
                .ask(head(Miss).saw_method("GET").has("content-length", "10"))
                .ask(get(Hit).text("answer 001"))
                .ask(head(Hit).has("content-length", "10")),
        ]),
    );
}

/// RFC 9111 §3.3: a body that broke off is not stored as a whole one.
#[test]
fn what_is_not_whole() {
    let cut = |reply: Says| {
        scenario("a body that breaks off")
            .origins([reply.cut_after(3), ok().cache("max-age=60")])
            .get(Broken)
            .ask(get(Miss).text("answer 002"))
            .get(Hit)
    };
    play([
        cut(ok().cache("max-age=60")),
        cut(ok().cache("max-age=60").chunked()),
        cut(ok().cache("max-age=60").etag("\"a\"").modified("{date-864000}")),
        reused("a whole body in chunks", ok().cache("max-age=60").chunked()),
        reused("an empty body", ok().cache("max-age=60").body("")),
        reused("an empty body in chunks", ok().cache("max-age=60").body("").chunked()),
    ]);
}

/// RFC 9111 §3: something to go by is needed, a lifetime or a validator.
#[test]
fn a_validator_alone_is_something_to_go_by() {
    play([
        asked_anew("nothing", ok()),
        asked_anew("an unknown directive", ok().cache("foo")),
        asked_anew("an unreadable Last-Modified", ok().modified("foo")),
        validated("a strong tag", ok().etag("\"a\"")),
        validated("a weak tag", ok().etag("W/\"a\"")),
        validated("a tag, stale", ok().etag("\"a\"").cache("max-age=0")),
        validated("a date, stale", ok().modified("{date-864000}").cache("max-age=0")),
        validated("a tag, Expires unreadable", ok().etag("\"a\"").field("Expires", "0")),
    ]);
}
