//! Serving what is stale: RFC 9111 §4.2.4, RFC 5861.

use crate::support::exchange::Served::{Hit, Miss, Own, Stale, Validated};
use crate::support::exchange::{
    Says, Scenario, Step, get, hang_up, head, not_modified, ok, play, says, scenario,
};

/// Stale since it came, by a minute.
fn stale(cache: &str) -> Says {
    ok().cache(cache).age("120").etag("\"a\"")
}

/// RFC 5861 §3: the stale response at once, and a new one fetched behind it.
#[test]
fn stale_while_revalidate() {
    let values = [
        "max-age=60, stale-while-revalidate=600",
        "stale-while-revalidate=600, max-age=60",
        "max-age=60\nstale-while-revalidate=600",
        "MAX-AGE=60, Stale-While-Revalidate=600",
        "max-age=60, stale-while-revalidate=\"600\"",
        "max-age=60, stale-while-revalidate=00600",
        "max-age=60, stale-while-revalidate=99999999999",
        "max-age=60, stale-if-error=1, stale-while-revalidate=600",
        "max-age=60, private=\"x-a\", stale-while-revalidate=600",
    ];
    let behind = values.map(|value| {
        scenario(format!("`{value}`"))
            .origins([stale(value), ok().cache("max-age=60")])
            .get(Miss)
            .ask(get(Stale).text("answer 001").aged(120..=150).tells("warmfront; hit; ttl=-"))
            .ask(get(Hit).eventually().text("answer 002"))
    });
    let swr = "max-age=60, stale-while-revalidate=600";
    play(
        behind.into_iter().chain([
            scenario("refreshed by a 304")
                .origins([stale(swr), not_modified()])
                .get(Miss)
                .ask(get(Stale).text("answer 001"))
                .ask(get(Hit).eventually().text("answer 001").aged(0..=30)),
            scenario("one request behind it, whoever asks meanwhile")
                .origins([stale(swr), ok().silent()])
                .get(Miss)
                .ask(get(Stale).eventually().asked_in_all(2))
                .ask(get(Stale).asked(0))
                .ask(get(Stale).asked(0))
                .ask(get(Stale).asked(0).asked_in_all(2)),
            scenario("an error behind it")
                .origins([stale(swr), says(500), says(500), says(500), says(500)])
                .get(Miss)
                .get(Stale)
                .ask(get(Stale).text("answer 001")),
            scenario("conditions are judged on the stale response")
                .origins([stale(swr), ok().cache("max-age=60")])
                .get(Miss)
                .ask(get(Stale).with("if-none-match", "\"a\"").status(304)),
            scenario("a stale variant")
                .origins([stale(swr).vary("Foo"), ok().cache("max-age=60").vary("Foo")])
                .ask(get(Miss).with("foo", "1"))
                .ask(get(Stale).with("foo", "1"))
                .ask(get(Hit).with("foo", "1").eventually().text("answer 002")),
        ]),
    );
}

/// RFC 5861 §3, RFC 9111 §4.2.4: not beyond its seconds, and not where something forbids it.
#[test]
fn what_is_not_served_while_it_is_validated() {
    let values = [
        "max-age=60, stale-while-revalidate=30",
        "max-age=60, stale-while-revalidate=0",
        "max-age=60, stale-while-revalidate",
        "max-age=60, stale-while-revalidate=x",
        "max-age=60, stale-while-revalidate=-600",
        "max-age=60, stale-while-revalidate =600",
        "max-age=60, ext=\"stale-while-revalidate=600\"",
        "max-age=60, stale-while-revalidate=600, must-revalidate",
        "max-age=60, stale-while-revalidate=600, proxy-revalidate",
        "max-age=60, stale-while-revalidate=600\nMUST-REVALIDATE",
        "s-maxage=60, stale-while-revalidate=600",
        "max-age=60, stale-while-revalidate=600, no-cache",
        "max-age=60, stale-if-error=600",
        "max-age=60",
    ];
    play(values.map(|value| {
        let name = format!("`{value}`");
        scenario(name).origins([stale(value), not_modified()]).get(Miss).get(Validated)
    }));
}

/// RFC 5861 §4: the stale response in place of an error.
#[test]
fn stale_if_error() {
    let values = [
        "max-age=60, stale-if-error=600",
        "stale-if-error=600, max-age=60",
        "max-age=60\nSTALE-IF-ERROR=600",
        "max-age=60, stale-if-error=\"600\"",
        "max-age=60, stale-if-error=99999999999",
    ];
    let errors = [500, 502, 503, 504];
    let instead = values.into_iter().flat_map(|value| {
        errors.map(|error| {
            let name = format!("`{value}` and {error}");
            let seen = get(Stale).text("answer 001").aged(120..=150);
            scenario(name).origins([stale(value), says(error)]).get(Miss).ask(seen)
        })
    });
    let sie = "max-age=60, stale-if-error=600";
    let no_error = [400, 403, 404, 410, 429, 501, 505, 599].map(|status| {
        let name = format!("{status} is no such error");
        scenario(name).origins([stale(sie), says(status)]).get(Miss).ask(get(Miss).status(status))
    });
    play(
        instead.chain(no_error).chain([
            scenario("conditions are judged on the stale response")
                .origins([stale(sie), says(503)])
                .get(Miss)
                .ask(get(Stale).with("if-none-match", "\"a\"").status(304)),
            scenario("until the origin is well again")
                .origins([stale(sie), says(503), not_modified()])
                .get(Miss)
                .get(Stale)
                .ask(get(Hit).eventually().text("answer 001")),
        ]),
    );
}

/// RFC 9111 §5.2.2.2, §5.2.2.8, §5.2.2.10, §4.2.4: what forbids it, and a window that is over.
#[test]
fn an_error_that_is_passed_on() {
    let values = [
        "max-age=60",
        "max-age=60, stale-if-error=30",
        "max-age=60, stale-if-error=0",
        "max-age=60, stale-if-error=x",
        "max-age=60, stale-if-error",
        "max-age=60, stale-if-error=600, must-revalidate",
        "must-revalidate, stale-if-error=600, max-age=60",
        "max-age=60, stale-if-error=600, proxy-revalidate",
        "s-maxage=60, stale-if-error=600",
        "max-age=60, stale-if-error=600, no-cache",
        "max-age=60, stale-while-revalidate=30",
    ];
    play(values.into_iter().flat_map(|value| {
        [500, 503].map(|error| {
            let name = format!("`{value}` and {error}");
            let origin = scenario(name).origins([stale(value), says(error)]);
            origin.get(Miss).ask(get(Miss).status(error).text("answer 002"))
        })
    }));
}

fn gone(value: &str) -> Scenario {
    scenario(format!("`{value}` and no answer")).origins([stale(value), hang_up()]).get(Miss)
}

/// RFC 9111 §4.2.4: where the origin cannot be reached, a stale response is better than none.
#[test]
fn an_origin_that_hangs_up() {
    let served = [
        "max-age=60",
        "max-age=60, stale-if-error=600",
        "max-age=0",
        "max-age=60, stale-if-error=1",
    ];
    play(served.map(|value| gone(value).ask(get(Stale).text("answer 001"))));
}

/// RFC 9111 §5.2.2.2: not even then.
#[test]
fn an_origin_that_hangs_up_on_what_must_be_validated() {
    let refused = [
        "max-age=60, must-revalidate",
        "MUST-REVALIDATE, max-age=60",
        "max-age=60, proxy-revalidate",
        "s-maxage=60",
        "max-age=60, s-maxage=60",
        "max-age=60, no-cache",
        "max-age=60, must-revalidate, stale-if-error=600",
        "s-maxage=60, stale-if-error=600",
    ];
    play(refused.map(|value| gone(value).ask(get(Own).status(502))));
}

/// An origin that is down is asked once in a while, not for every client.
#[test]
fn an_origin_that_is_down_is_left_alone() {
    play([
        gone("max-age=60, stale-if-error=600")
            .get(Stale)
            .ask(get(Stale).eventually().asked(0))
            .ask(get(Stale).eventually().asked(0)),
        scenario("an error")
            .origins([stale("max-age=60, stale-if-error=600"), says(503)])
            .get(Miss)
            .ask(get(Stale).asked(1))
            .ask(get(Stale).eventually().asked(0))
            .ask(get(Stale).eventually().asked(0)),
    ]);
}

/// As one that hangs up: an origin that says nothing in time.
#[test]
fn an_origin_that_says_nothing() {
    let sie = "max-age=60, stale-if-error=600";
    let strict = "max-age=60, must-revalidate";
    play([
        scenario("stale-if-error").origins([stale(sie), ok().silent()]).get(Miss).get(Stale),
        scenario("no directive").origins([stale("max-age=60"), ok().silent()]).get(Miss).get(Stale),
        scenario("must-revalidate")
            .origins([stale(strict), ok().silent()])
            .get(Miss)
            .ask(get(Own).status(504)),
    ]);
}

/// What one client brings about is no reason to leave all the others without what stands in.
#[test]
fn what_stands_in_outlives_one_clients_request() {
    let sie = "max-age=60, stale-if-error=600";
    let after = |name: String, says: Says, step: Step| {
        scenario(name)
            .origins([stale(sie), says, hang_up()])
            .get(Miss)
            .ask(step)
            .ask(get(Stale).text("answer 001"))
    };
    let asks = [("authorization", "x"), ("cookie", "a=b"), ("cache-control", "no-store")];
    let answers = [(401, ""), (403, ""), (400, ""), (429, ""), (431, ""), (200, "private")];
    let refusals = asks.into_iter().flat_map(|(field, value)| {
        answers.map(|(status, cache)| {
            let step = get(Miss).with(field, value).status(status);
            after(format!("{field} and {status} {cache}"), says(status).cache(cache), step)
        })
    });
    let unshared = asks.into_iter().filter(|(field, _)| *field != "cookie");
    let confirmed = unshared.map(|(field, value)| {
        let step = get(Validated).with(field, value).text("answer 001");
        after(format!("{field} and 304"), not_modified().cache("max-age=0"), step)
    });
    let heads = [(404, "x"), (200, "x"), (405, "\"a\"")].map(|(status, tag)| {
        let step = head(Miss).saw_method("HEAD").status(status);
        after(format!("HEAD and {status}"), says(status).etag(tag), step)
    });
    let other = not_modified().etag("\"b\"");
    play(
        refusals.chain(confirmed).chain(heads).chain([scenario(
            "a 304 about something else, and a failure",
        )
        .origins([stale(sie), other, says(503), hang_up()])
        .get(Miss)
        .ask(get(Miss).status(503).text("answer 003").asked(2))
        .ask(get(Stale).text("answer 001"))]),
    );
}
