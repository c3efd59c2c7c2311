//! Parts of stored and of fetched responses: RFC 9110 §14, RFC 9111 §3.3, §3.4.

use crate::support::exchange::Served::{Hit, Miss, Validated};
use crate::support::exchange::{
    Says, Scenario, Step, get, head, not_modified, ok, play, says, scenario, send,
};
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

const THEN: &str = "Wed, 01 Jan 2020 00:00:00 GMT";

fn ten() -> Says {
    ok().cache("max-age=60").body("0123456789").field("Content-Type", "text/plain")
}

fn of_stored(range: &str, reply: Says, seen: impl Fn(Step) -> Step) -> Scenario {
    let name = format!("Range: {range}");
    scenario(name).origin(reply).get(Miss).ask(seen(get(Hit).with("range", range)))
}

/// RFC 9110 §14.1.2, §15.3.7: first and last octet, an open end, a suffix.
#[test]
fn one_part() {
    let table = [
        ("bytes=0-0", "0-0", "0"),
        ("bytes=0-1", "0-1", "01"),
        ("bytes=9-9", "9-9", "9"),
        ("bytes=1-", "1-9", "123456789"),
        ("bytes=5-", "5-9", "56789"),
        ("bytes=0-", "0-9", "0123456789"),
        ("bytes=0-9", "0-9", "0123456789"),
        ("bytes=0-99", "0-9", "0123456789"),
        ("bytes=8-99999999999999999999999", "8-9", "89"),
        ("bytes=-1", "9-9", "9"),
        ("bytes=-5", "5-9", "56789"),
        ("bytes=-10", "0-9", "0123456789"),
        ("bytes=-99", "0-9", "0123456789"),
        ("bytes=-99999999999999999999999", "0-9", "0123456789"),
        ("bytes=00-01", "0-1", "01"),
        ("BYTES=0-1", "0-1", "01"),
        ("Bytes=0-1", "0-1", "01"),
        ("bytes=0-1,", "0-1", "01"),
        ("bytes=,0-1", "0-1", "01"),
        ("bytes=0-1 , , ", "0-1", "01"),
        ("bytes=0-1,20-30", "0-1", "01"),
        ("bytes=20-30, 0-1, -0", "0-1", "01"),
    ];
    play(table.into_iter().flat_map(|(range, content_range, body)| {
        let seen = move |step: Step| {
            let step = step.status(206).has("content-range", &format!("bytes {content_range}/10"));
            let step = step.has("content-length", &body.len().to_string()).text(body);
            step.has("content-type", "text/plain").has("cache-control", "max-age=60")
        };
        [of_stored(range, ten(), seen), of_stored(range, ten().chunked(), seen)]
    }));
}

/// RFC 9110 §14.2: what is not understood is ignored, and so is what asks for too much.
#[test]
fn the_whole() {
    let ranges = [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=,",
        "bytes 0-1",
        "bytes:0-1",
        "bytes=5-2",
        "bytes=0-1,5-2",
        "bytes=a-b",
        "bytes=0-x",
        "bytes=0-1, x",
        "bytes=+0-1",
        "bytes=0-1-2",
        "bytes=--1",
        "bytes=0.0-1",
        "bytes=0x0-1",
        "octets=0-1",
        "items=0-1",
        "0-1",
        "bytes=0-1;2-3",
        "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,0-0,1-1,2-2,3-3,4-4,5-5,6-6",
        "bytes=0-,0-,0-,0-",
        "bytes=0-5,1-6,2-7,3-8",
    ];
    let seen = |step: Step| step.text("0123456789").lacks("content-range");
    let twice = seen(get(Hit).with("range", "bytes=0-1").with("range", "bytes=2-3"));
    let two = scenario("two lines").origin(ten()).get(Miss).ask(twice);
    play(ranges.into_iter().map(|range| of_stored(range, ten(), seen)).chain([two]));
}

/// RFC 9110 §15.5.17: 416 tells how much there is.
#[test]
fn no_such_part() {
    let ranges = [
        "bytes=10-",
        "bytes=10-20",
        "bytes=10-10",
        "bytes=-0",
        "bytes=99999999999999999999999-",
        "bytes=10-, 20-30",
        "bytes=-0, 10-11",
    ];
    let nowhere =
        |total: &'static str| move |step: Step| step.status(416).has("content-range", total);
    let ten = ranges.map(|range| of_stored(range, ten(), nowhere("bytes */10")));
    let none = ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"]
        .map(|range| of_stored(range, ok().cache("max-age=60").body(""), nowhere("bytes */0")));
    play(ten.into_iter().chain(none));
}

/// RFC 9110 §14.6, §15.3.7.2: several parts in one body, in its order.
#[test]
fn several_parts() {
    let table = [
        ("bytes=0-1,4-5", &[("0-1", "01"), ("4-5", "45")][..]),
        ("bytes=0-1 , 4-5", &[("0-1", "01"), ("4-5", "45")]),
        ("bytes=4-5,0-1", &[("4-5", "45"), ("0-1", "01")]),
        ("bytes=0-0,-1", &[("0-0", "0"), ("9-9", "9")]),
        ("bytes=0-0,2-2,4-4", &[("0-0", "0"), ("2-2", "2"), ("4-4", "4")]),
        ("bytes=0-1,20-30,8-", &[("0-1", "01"), ("8-9", "89")]),
    ];
    play(table.map(|(range, parts)| {
        of_stored(range, ten(), |step| {
            let step = step.status(206).lacks("content-range");
            let step = step.has_part("content-type", "multipart/byteranges; boundary=");
            parts.iter().fold(step, |step, (content_range, body)| {
                let step = step.text_part(&format!("bytes {content_range}/10\r\n"));
                step.text_part(&format!("\r\n\r\n{body}\r\n--"))
            })
        })
    }));
}

/// RFC 9110 §13.1.5: the part only of the response that the client has the rest of.
#[test]
fn if_range() {
    let reply = || ten().etag("\"a\"").modified(THEN).field("Date", "{date-5}");
    let table = [
        ("\"a\"", reply(), 206),
        (THEN, reply(), 206),
        ("Wednesday, 01-Jan-20 00:00:00 GMT", reply(), 206),
        ("\"b\"", reply(), 200),
        ("\"A\"", reply(), 200),
        ("W/\"a\"", reply(), 200),
        ("a", reply(), 200),
        ("*", reply(), 200),
        ("", reply(), 200),
        ("\"a\", \"b\"", reply(), 200),
        ("Wed, 01 Jan 2020 00:00:01 GMT", reply(), 200),
        ("Tue, 31 Dec 2019 23:59:59 GMT", reply(), 200),
        ("yesterday", reply(), 200),
        ("W/\"a\"", ten().etag("W/\"a\""), 200),
        ("\"a\"", ten().etag("W/\"a\""), 200),
        ("\"a\"", ten(), 200),
        (THEN, ten(), 200),
        // RFC 9110 §8.8.2.2: in the second it was made in, it may have been made anew.
        ("{date}", ten().modified("{date}").field("Date", "{date}"), 200),
    ];
    play(table.map(|(value, reply, status)| {
        let ask = get(Hit).with("range", "bytes=0-1").with("if-range", value).status(status);
        let ask = ask.text(if status == 206 { "01" } else { "0123456789" });
        scenario(format!("If-Range: {value}")).origin(reply).get(Miss).ask(ask)
    }));
}

/// RFC 9110 §13.2.2, §14.2: conditions come first, and other methods and statuses have no parts.
#[test]
fn when_a_range_counts() {
    let range = |step: Step| step.with("range", "bytes=0-1");
    let tagged = || ten().etag("\"a\"");
    let missing = || says(404).cache("max-age=60").body("0123456789");
    play([
        scenario("If-None-Match that holds")
            .origin(tagged())
            .get(Miss)
            .ask(range(get(Hit)).with("if-none-match", "\"a\"").status(304)),
        scenario("If-None-Match that does not")
            .origin(tagged())
            .get(Miss)
            .ask(range(get(Hit)).with("if-none-match", "\"b\"").status(206).text("01")),
        scenario("If-Match that does not")
            .origin(tagged())
            .get(Miss)
            .ask(range(get(Hit)).with("if-match", "\"b\"").status(412)),
        scenario("If-Range without Range")
            .origin(tagged())
            .get(Miss)
            .ask(get(Hit).with("if-range", "\"b\"").text("0123456789")),
        scenario("HEAD")
            .origin(tagged())
            .get(Miss)
            .ask(range(head(Hit)).has("content-length", "10").lacks("content-range")),
        scenario("404")
            .origin(missing())
            .ask(get(Miss).status(404))
            .ask(range(get(Hit)).status(404).text("0123456789")),
        scenario("404 on a miss").origin(missing()).ask(range(get(Miss)).status(404)),
        scenario("POST")
            .origin(ten())
            .ask(range(send("POST", Miss)).body("x").saw("range", "bytes=0-1").text("0123456789")),
    ]);
}

/// RFC 9111 §3.3: on a miss the whole is fetched and stored, and the client gets its part.
#[test]
fn a_part_of_what_is_not_stored_yet() {
    let table = [
        ("bytes=0-1", "bytes 0-1/10", "01"),
        ("bytes=-1", "bytes 9-9/10", "9"),
        ("bytes=5-", "bytes 5-9/10", "56789"),
    ];
    let fetched = table.map(|(range, content_range, body)| {
        let first = get(Miss).with("range", range).status(206).text(body);
        scenario(format!("Range: {range}"))
            .origin(ten())
            .ask(first.has("content-range", content_range).saw_no("range").saw_no("if-range"))
            .ask(get(Hit).text("0123456789").lacks("content-range"))
            .ask(get(Hit).with("range", range).status(206).text(body))
    });
    play(
        fetched.into_iter().chain([
            scenario("no such part")
                .origin(ten())
                .ask(
                    get(Miss)
                        .with("range", "bytes=10-")
                        .status(416)
                        .has("content-range", "bytes */10"),
                )
                .ask(get(Hit).text("0123456789")),
            scenario("If-Range that does not hold")
                .origin(ten().etag("\"a\""))
                .ask(
                    get(Miss)
                        .with("range", "bytes=0-1")
                        .with("if-range", "\"b\"")
                        .text("0123456789"),
                )
                .get(Hit),
        ]),
    );
}

/// RFC 9111 §3.4, §4.3: a part of a stale response is validated as a whole, or fetched as a whole.
#[test]
fn a_part_of_what_is_stale() {
    let stale = || ten().age("60").etag("\"a\"");
    let ask = |served| get(served).with("range", "bytes=0-1").status(206).saw_no("range");
    play([
        scenario("it holds")
            .origins([stale(), not_modified()])
            .get(Miss)
            .ask(ask(Validated).text("01").saw("if-none-match", "\"a\""))
            .ask(get(Hit).text("0123456789")),
        scenario("there is a new one")
            .origins([stale(), ten().body("abcdefghij").etag("\"b\"")])
            .get(Miss)
            .ask(ask(Miss).text("ab"))
            .ask(get(Hit).text("abcdefghij")),
        scenario("fields of the stored one come along")
            .origin(ten().field("X-A", "1").etag("\"a\""))
            .get(Miss)
            .ask(
                get(Hit)
                    .with("range", "bytes=0-1")
                    .status(206)
                    .has("x-a", "1")
                    .has("etag", "\"a\""),
            ),
    ]);
}

/// RFC 9110 §14.2: nobody waits for the end of a body of which the part asked for is there.
#[test]
fn a_part_of_what_is_still_being_fetched() {
    run(async {
        let origin = Origin::start().await;
        let edge = Edge::before(&[origin.address()]).await;
        for over in [Over::Plain, Over::Http2] {
            let (path, gate) = (format!("/{over:?}"), Gate::closed());
            let slow = Reply::stream().cache("max-age=60").length(10).send("01234");
            origin.answer(&path, slow.wait_for(&gate).send("56789"));
            let mut whole = edge.ask("GET", WWW, &path).over(over).open().await.unwrap();
            assert_eq!(whole.chunk().await.unwrap().unwrap(), "01234");
            let part =
                |range: &str| edge.ask("GET", WWW, &path).over(over).field("range", range).send();
            let early = part("bytes=1-2").await;
            assert_eq!((early.status.as_u16(), early.text()), (206, "12"), "{over:?}");
            assert_eq!(early.field("content-range"), "bytes 1-2/10", "{over:?}");
            let late = tokio::spawn(part("bytes=3-6"));
            gate.open();
            assert_eq!(late.await.unwrap().text(), "3456", "{over:?}");
            assert_eq!(whole.rest().await.unwrap().text(), "56789", "{over:?}");
            assert_eq!(part("bytes=-2").await.text(), "89", "{over:?}");
            assert_eq!(origin.seen(&path).len(), 1, "{over:?}");
        }
    });
}
