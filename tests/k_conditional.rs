//! What clients make conditions of: RFC 9110 §13, RFC 9111 §4.3.2.

use crate::support::exchange::Served::{Hit, Miss, Validated};
use crate::support::exchange::{
    Says, Scenario, Step, get, head, not_modified, ok, play, says, scenario, send,
};

const THEN: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
const BEFORE: &str = "Tue, 31 Dec 2019 23:59:59 GMT";
const AFTER: &str = "Wed, 01 Jan 2020 00:00:01 GMT";

/// A stored response, and what it answers to a request with these fields.
fn stored(name: String, reply: Says, asked: &[(&'static str, &str)], status: u16) -> Scenario {
    let ask = asked.iter().fold(get(Hit), |step, (name, value)| step.with(name, value));
    let reply = reply.cache("max-age=60");
    scenario(name).origin(reply).get(Miss).ask(ask.status(status)).get(Hit)
}

/// RFC 9110 §13.1.2, §8.8.3.2: If-None-Match compares weakly, with each tag of a list.
#[test]
fn if_none_match() {
    let matches = [
        ("\"a\"", "\"a\""),
        ("\"a\"", "W/\"a\""),
        ("W/\"a\"", "\"a\""),
        ("W/\"a\"", "W/\"a\""),
        ("\"a\"", "\"a\", \"b\", \"c\""),
        ("\"a\"", "\"b\", \"a\", \"c\""),
        ("\"a\"", "\"b\", \"c\", \"a\""),
        ("\"a\"", "\"b\",\"a\""),
        ("\"a\"", "\"b\" , W/\"a\""),
        ("\"a\"", ", ,\"a\","),
        ("\"a\"", "*"),
        ("W/\"a\"", "*"),
        ("\"a,b\"", "\"a,b\""),
        ("\"a,b\"", "\"c\", \"a,b\""),
        ("\"a b\"", "\"a b\""),
        ("\"W/a\"", "\"W/a\""),
        ("\"abcdefü\"", "\"abcdefü\""),
        ("\"a\\b\"", "\"a\\b\""),
        ("a", "a"),
        ("w/\"a\"", "w/\"a\""),
    ];
    let differs = [
        ("\"a\"", "\"b\""),
        ("\"a\"", "\"A\""),
        ("\"a\"", "\"a"),
        ("\"a\"", "a"),
        ("\"a\"", "\"ab\""),
        ("\"a\"", "\"b\", \"c\""),
        ("\"a\"", "\"b, a\""),
        ("\"a\"", "w/\"a\""),
        ("\"a\"", "W\"a\""),
        ("\"a\"", "W/a"),
        ("\"a\"", "'a'"),
        ("\"a\"", ""),
        ("\"a\"", ",,"),
        ("\"a,b\"", "\"a\", \"b\""),
        ("a", "\"a\""),
        ("W/\"a\"", "W/\"b\""),
    ];
    let matches = matches.map(|(tag, asked)| {
        let name = format!("If-None-Match: {asked} and ETag: {tag}");
        stored(name, ok().etag(tag), &[("if-none-match", asked)], 304)
    });
    let differs = differs.map(|(tag, asked)| {
        let name = format!("If-None-Match: {asked} and not ETag: {tag}");
        stored(name, ok().etag(tag), &[("if-none-match", asked)], 200)
    });
    let lines = [("if-none-match", "\"b\""), ("if-none-match", "\"a\"")];
    play(matches.into_iter().chain(differs).chain([
        stored("on two lines".to_owned(), ok().etag("\"a\""), &lines, 304),
        stored("any, of what has no tag".to_owned(), ok(), &[("if-none-match", "*")], 304),
        stored("one, of what has no tag".to_owned(), ok(), &[("if-none-match", "\"a\"")], 200),
    ]));
}

/// RFC 9110 §13.1.3: If-Modified-Since is a date in any form; without Last-Modified, RFC 9111 §4.3.2
/// has it compared with Date.
#[test]
fn if_modified_since() {
    let not_since = [
        THEN,
        AFTER,
        "Wednesday, 01-Jan-20 00:00:00 GMT",
        "Wed Jan  1 00:00:00 2020",
        "wed, 01 jan 2020 00:00:00 gmt",
        "Thu, 01 Jan 2026 00:00:00 GMT",
        "{date}",
    ];
    let since = [
        BEFORE,
        "Tuesday, 31-Dec-19 23:59:59 GMT",
        "Tue Dec 31 23:59:59 2019",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "",
        "0",
        "yesterday",
        "2020-01-01T00:00:00Z",
        "Wed, 01 Jan 2020 00:00:00 CET",
        "Wed, 01 Jan 2020 00:00:00 GMT, Wed, 01 Jan 2020 00:00:00 GMT",
    ];
    let table = |name: &'static str, values: &'static [(&str, u16)], reply: fn() -> Says| {
        values.iter().map(move |(value, status)| {
            let asked = [("if-modified-since", *value)];
            stored(format!("{name}: {value}"), reply(), &asked, *status)
        })
    };
    let not_since = not_since.map(|it| ("not since", it, 304));
    let since = since.map(|it| ("since", it, 200));
    let dated =
        table("by Date", &[("{date-30}", 304), ("{date}", 304), ("{date-60}", 200)], || {
            ok().field("Date", "{date-30}")
        });
    let tables = not_since.into_iter().chain(since).map(|(name, value, status)| {
        let asked = [("if-modified-since", value)];
        stored(format!("{name} {value}"), ok().modified(THEN), &asked, status)
    });
    play(tables.chain(dated));
}

/// RFC 9110 §13.1.1 and §13.1.4: on what is not so the answer is 412; If-Match compares strongly.
#[test]
fn if_match_and_if_unmodified_since() {
    let tags = [
        ("\"a\"", "\"a\"", 200),
        ("\"a\"", "*", 200),
        ("\"a\"", "\"b\", \"a\"", 200),
        ("W/\"a\"", "*", 200),
        ("\"a\"", "\"b\"", 412),
        ("\"a\"", "W/\"a\"", 412),
        ("W/\"a\"", "W/\"a\"", 412),
        ("W/\"a\"", "\"a\"", 412),
        ("\"a\"", "\"b\", \"c\"", 412),
        ("\"a\"", "\"A\"", 412),
    ];
    let tags = tags.map(|(tag, asked, status)| {
        let name = format!("If-Match: {asked} and ETag: {tag}");
        stored(name, ok().etag(tag), &[("if-match", asked)], status)
    });
    let dates = [
        (THEN, 200),
        (AFTER, 200),
        ("{date}", 200),
        ("Wednesday, 01-Jan-20 00:00:00 GMT", 200),
        ("never", 200),
        ("", 200),
        (BEFORE, 412),
        ("Tuesday, 31-Dec-19 23:59:59 GMT", 412),
        ("Tue Dec 31 23:59:59 2019", 412),
    ];
    let dates = dates.map(|(asked, status)| {
        let name = format!("If-Unmodified-Since: {asked}");
        stored(name, ok().modified(THEN), &[("if-unmodified-since", asked)], status)
    });
    let (tagless, dateless) = ("If-Match of what has no tag", "of what has no Last-Modified");
    play(tags.into_iter().chain(dates).chain([
        stored(tagless.to_owned(), ok(), &[("if-match", "\"a\"")], 412),
        stored(tagless.to_owned(), ok(), &[("if-match", "*")], 200),
        stored(dateless.to_owned(), ok(), &[("if-unmodified-since", BEFORE)], 200),
    ]));
}

/// RFC 9110 §13.2.2: which condition is looked at first, and which is not looked at all.
#[test]
fn precedence() {
    let (im, ius) = ("if-match", "if-unmodified-since");
    let (inm, ims) = ("if-none-match", "if-modified-since");
    let table: [(&[(&'static str, &str)], u16); 12] = [
        (&[(inm, "\"a\""), (ims, BEFORE)], 304),
        (&[(inm, "\"b\""), (ims, THEN)], 200),
        (&[(ims, THEN), (inm, "\"b\"")], 200),
        (&[(inm, "\"b\""), (ims, AFTER)], 200),
        (&[(im, "\"a\""), (ius, BEFORE)], 200),
        (&[(im, "\"b\""), (ius, AFTER)], 412),
        (&[(im, "\"a\""), (inm, "\"a\"")], 304),
        (&[(im, "\"b\""), (inm, "\"a\"")], 412),
        (&[(im, "\"a\""), (ims, THEN)], 304),
        (&[(ius, THEN), (inm, "\"a\"")], 304),
        (&[(ius, BEFORE), (ims, THEN)], 412),
        (&[(ius, THEN), (ims, THEN)], 304),
    ];
    play(table.map(|(asked, status)| {
        let reply = ok().etag("\"a\"").modified(THEN);
        stored(format!("{asked:?}"), reply, asked, status)
    }));
}

/// RFC 9110 §15.4.5: a 304 has the fields that the 200 would have had, and no body.
#[test]
fn a_304_has_what_guides_a_cache() {
    let reply = ok().cache("max-age=60").etag("\"a\"").vary("Foo").field("Content-Location", "/b");
    let reply = reply.field("Date", "{date-5}").field("Expires", "{date+60}").field("X-A", "1");
    let seen = |step: Step| {
        let step = step.with("if-none-match", "\"a\"").status(304).text("");
        let step = step.has("etag", "\"a\"").has("cache-control", "max-age=60").has("vary", "Foo");
        let step = step.has("content-location", "/b").has("expires", "{date+60}").has("x-a", "1");
        step.lacks("content-length").lacks("content-encoding")
    };
    let hit = || seen(get(Hit)).has("date", "{date-5}").aged(5..=30);
    play([
        scenario("from the store").origin(reply.clone()).get(Miss).ask(hit()),
        scenario("to HEAD").origin(reply.clone()).get(Miss).ask(seen(head(Hit))),
        scenario("from the origin").origin(reply).ask(seen(get(Miss))).ask(hit()),
    ]);
}

/// RFC 9110 §13.2.1: conditions are for answers that would be 2xx, and for the methods they suit.
#[test]
fn what_conditions_are_not_for() {
    let missing = says(404).cache("max-age=60").etag("\"a\"");
    let tagged = ok().cache("max-age=60").etag("\"a\"");
    let inm = |step: Step| step.with("if-none-match", "\"a\"");
    play([
        scenario("404")
            .origin(missing.clone())
            .ask(get(Miss).status(404))
            .ask(inm(get(Hit)).status(404)),
        scenario("404, If-Match")
            .origin(missing)
            .ask(get(Miss).status(404))
            .ask(get(Hit).with("if-match", "\"b\"").status(404)),
        scenario("POST is the origin's to judge")
            .origin(tagged.clone())
            .get(Miss)
            .ask(send("POST", Miss).with("if-match", "\"b\"").saw("if-match", "\"b\"").body("x")),
        scenario("PUT is the origin's to judge")
            .origins([tagged.clone(), says(412)])
            .get(Miss)
            .ask(
                send("PUT", Miss).with("if-none-match", "*").saw("if-none-match", "*").status(412),
            ),
        scenario("HEAD").origin(tagged).get(Miss).ask(inm(head(Hit)).status(304)),
    ]);
}

/// On a miss the whole is fetched without the client's conditions, which are judged on what comes.
#[test]
fn on_a_miss_conditions_stay_here() {
    let conditions = [
        ("if-none-match", "\"a\"", 304),
        ("if-none-match", "\"b\"", 200),
        ("if-none-match", "*", 304),
        ("if-modified-since", THEN, 304),
        ("if-modified-since", BEFORE, 200),
        ("if-match", "\"a\"", 200),
        ("if-match", "\"b\"", 412),
        ("if-unmodified-since", THEN, 200),
        ("if-unmodified-since", BEFORE, 412),
    ];
    let reply = || ok().etag("\"a\"").modified(THEN);
    play(conditions.into_iter().flat_map(|(field, value, status)| {
        let first = || get(Miss).with(field, value).status(status).saw_no(field);
        [
            scenario(format!("{field}: {value}, stored"))
                .origin(reply().cache("max-age=60"))
                .ask(first())
                .ask(get(Hit).text("answer 001")),
            scenario(format!("{field}: {value}, another status"))
                .origin(says(404).cache("max-age=60"))
                .ask(get(Miss).with(field, value).status(404).saw_no(field)),
        ]
    }));
}

/// RFC 9111 §4.3.2: what is stored and stale is validated with its own validator, and then judged.
#[test]
fn on_a_stale_response_the_origin_is_asked_first() {
    let stale = || ok().cache("max-age=60").age("60").etag("\"a\"").modified(THEN);
    let ask = |served, value: &str| get(served).with("if-none-match", value);
    play([
        scenario("the stored one holds, and the client has it")
            .origins([stale(), not_modified()])
            .get(Miss)
            .ask(ask(Validated, "\"a\"").status(304).saw("if-none-match", "\"a\"")),
        scenario("the stored one holds, and the client has another")
            .origins([stale(), not_modified()])
            .get(Miss)
            .ask(ask(Validated, "\"b\"").status(200).saw("if-none-match", "\"a\"")),
        scenario("there is a new one, and the client has it")
            .origins([stale(), ok().cache("max-age=60").etag("\"b\"")])
            .get(Miss)
            .ask(ask(Miss, "\"b\"").status(304).has("etag", "\"b\""))
            .ask(get(Hit).text("answer 002")),
        scenario("there is a new one, and the client has the old")
            .origins([stale(), ok().cache("max-age=60").etag("\"b\"")])
            .get(Miss)
            .ask(ask(Miss, "\"a\"").text("answer 002"))
            .get(Hit),
        scenario("If-Modified-Since")
            .origins([stale(), not_modified()])
            .get(Miss)
            .ask(get(Validated).with("if-modified-since", THEN).status(304)),
        scenario("If-Match")
            .origins([stale(), not_modified()])
            .get(Miss)
            .ask(get(Validated).with("if-match", "\"b\"").status(412)),
    ]);
}
