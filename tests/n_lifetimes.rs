//! `ttl`: what becomes of an origin's words under CloudFront's `min`, `default` and `max`.

use crate::support::exchange::Served::{Hit, Miss, Validated};
use crate::support::exchange::{
    Scenario, asked_anew, get, not_modified, ok, play_on, reused, scenario, validated,
};

/// A field that the origin sends, its value, and for how many seconds that is fresh.
type Row = (&'static str, &'static str, u32);

/// Of each row two: what is nearly that old is a hit that shows the browser the origin's own words,
/// what is that old is none.
fn lifetimes(rows: &[Row]) -> Vec<Scenario> {
    let both = rows.iter().flat_map(|&(name, value, lifetime)| {
        let aged = |age: u32| ok().field(name, value).age(&age.to_string());
        let told = format!("{name}: {value}");
        let hit = get(Hit).has(name, value).aged(u64::from(lifetime - NEARLY)..=u64::MAX);
        let fresh = scenario(format!("{told} is fresh for {lifetime} s"));
        let fresh = fresh.origin(aged(lifetime - NEARLY)).get(Miss).ask(hit);
        [fresh, asked_anew(format!("{told} is stale after {lifetime} s"), aged(lifetime))]
    });
    both.collect()
}

/// In seconds; a test is done with a path sooner.
const NEARLY: u32 = 15;
const NOTHING: &str = "x-of-no-meaning";

#[test]
fn with_no_least_lifetime() {
    let mut all = lifetimes(&[
        ("cache-control", "max-age=300", 300),
        ("cache-control", "max-age=6000", 600),
        ("cache-control", "s-maxage=300, max-age=20", 300),
        ("cache-control", "s-maxage=6000, max-age=20", 600),
        ("expires", "{date+300}", 300),
        ("expires", "{date+6000}", 600),
        ("cache-control", "public", 60),
        (NOTHING, "", 60),
    ]);
    all.extend(["no-cache", "max-age=0", "s-maxage=0"].map(|value| {
        let reply = ok().cache(value).etag("\"a\"");
        let again = scenario(format!("{value} is asked about each time"));
        let again = again.origins([reply, not_modified().cache(value)]).get(Miss);
        again.get(Validated).get(Validated)
    }));
    all.extend(["no-store", "private", "private, max-age=300"].map(never));
    play_on(&policy(r#"min = "0s", default = "60s", max = "10m""#), all);
}

#[test]
fn with_a_least_lifetime() {
    let mut all = lifetimes(&[
        ("cache-control", "max-age=20", 120),
        ("cache-control", "max-age=0", 120),
        ("cache-control", "s-maxage=0, max-age=300", 120),
        ("cache-control", "max-age=300", 300),
        ("cache-control", "max-age=6000", 600),
        ("cache-control", "no-cache", 120),
        ("cache-control", "no-cache, max-age=300", 120),
        ("expires", "{date-60}", 120),
        ("expires", "0", 120),
        ("expires", "{date+300}", 300),
        ("expires", "{date+6000}", 600),
        (NOTHING, "", 200),
    ]);
    let stale = ok().cache("no-cache").etag("\"a\"").age("120");
    all.push(validated("no-cache is asked about after the least lifetime", stale));
    // What is meant for one client is not made anybody's; here CloudFront is not followed.
    all.extend(["no-store", "private", "private, max-age=300", "no-cache, private"].map(never));
    play_on(&policy(r#"min = "2m", default = "200s", max = "10m""#), all);
}

/// CloudFront's: the default is no less than the least, the most no less than the default.
#[test]
fn what_is_not_written_keeps_within_what_is() {
    let day = 24 * 3600;
    for (ttl, rows) in [
        (
            "",
            [
                (NOTHING, "", day),
                ("cache-control", "max-age=20", 20),
                ("cache-control", "max-age=99999999", 365 * day),
            ],
        ),
        (
            r#"min = "2d""#,
            [
                (NOTHING, "", 2 * day),
                ("cache-control", "max-age=20", 2 * day),
                ("cache-control", "max-age=99999999", 365 * day),
            ],
        ),
        (
            r#"max = "10m""#,
            [
                (NOTHING, "", 600),
                ("cache-control", "max-age=20", 20),
                ("cache-control", "max-age=99999999", 600),
            ],
        ),
        (
            r#"default = "400d""#,
            [
                (NOTHING, "", 400 * day),
                ("cache-control", "max-age=20", 20),
                ("cache-control", "max-age=99999999", 400 * day),
            ],
        ),
    ] {
        play_on(&policy(ttl), lifetimes(&rows));
    }
}

#[test]
fn the_nearest_word_counts() {
    let day = 24 * 3600;
    for (site, behavior, lifetime) in [
        (r#"policy = "optimized""#, "", day),
        ("policy = \"optimized\"\nttl = { default = \"2m\" }", "", 120),
        ("policy = \"own\"\nttl = { default = \"3m\" }", "", 180),
        (r#"ttl = { default = "3m" }"#, r#"policy = "own""#, 60),
        (r#"policy = "own""#, r#"ttl = { default = "4m" }"#, 240),
        (r#"policy = "disabled""#, r#"policy = "optimized""#, day),
        (r#"policy = "disabled""#, r#"ttl = { default = "5m", max = "5m" }"#, 300),
    ] {
        let behavior = format!("[[sites.www.behaviors]]\npath = \"/*\"\n{behavior}");
        let own = "[policies.own]\nttl.default = \"1m\"";
        let keys = format!("{site}\n{behavior}\n{own}");
        play_on(&keys, lifetimes(&[(NOTHING, "", lifetime)]));
    }
}

#[test]
fn an_app_servers_own_policy_guesses_and_nothing_else() {
    for keys in ["", r#"policy = "origin""#] {
        play_on(
            keys,
            [
                asked_anew("nothing said", ok()),
                reused("said", ok().cache("max-age=60")),
                reused("guessed", ok().modified("{date-864000}")),
            ],
        );
    }
}

fn never(value: &str) -> Scenario {
    asked_anew(format!("{value} is never kept"), ok().cache(value).etag("\"a\""))
}

fn policy(ttl: &str) -> String {
    format!("policy = \"own\"\n[policies.own]\nttl = {{ {ttl} }}\n")
}
