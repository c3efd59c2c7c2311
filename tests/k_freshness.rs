//! How long a stored response stays fresh: RFC 9111 §4.2, §5.1, §5.2.2 and §5.3.

use crate::support::exchange::Served::{Hit, Miss, Validated};
use crate::support::exchange::{
    asked_anew, get, not_modified, ok, play, reused, scenario, sorted, validated,
};

/// RFC 9111 §1.2.2: digits, and very large from 2^31 on. What is not valid is stale, §4.2.1.
#[test]
fn a_lifetime_is_a_number_of_seconds() {
    let fresh = [
        "max-age=60",
        "MAX-AGE=60",
        "mAx-AgE=60",
        r#"max-age="60""#,
        r#"max-age="0060""#,
        "max-age=060",
        "max-age=0000000000000060",
        "max-age=2147483647",
        "max-age=2147483648",
        "max-age=2147483649",
        "max-age=4294967296",
        "max-age=99999999999",
        "max-age=18446744073709551616",
        "max-age=99999999999999999999999999999999999999999",
        "s-maxage=60",
        "S-MaxAge=60",
        r#"s-maxage="60""#,
        "s-maxage=99999999999",
    ];
    let stale = [
        "max-age=0",
        "max-age=00",
        r#"max-age="0""#,
        "max-age=-60",
        "max-age=-1",
        "max-age=+60",
        "max-age=60.0",
        "max-age=60.5",
        "max-age=.5",
        "max-age=6e1",
        "max-age=0x60",
        "max-age=a60",
        "max-age=60a",
        "max-age=60s",
        "max-age='60'",
        "max-age=60;60",
        "max-age=6 0",
        "max-age==60",
        "max-age= 60",
        "max-age =60",
        "max-age = 60",
        "max-age\t=60",
        "max-age:60",
        "max-age",
        "max-age=",
        r#"max-age="""#,
        r#"max-age=" 60""#,
        r#"max-age="60"#,
        "maxage=60",
        "max_age=60",
        "x-max-age=60",
        "max-age-=60",
        "s-maxage=0",
        "s-maxage=-60",
        "s-max-age=60",
        "smaxage=60",
    ];
    play(sorted(&fresh, &stale, |value| ok().cache(value)));
}

/// RFC 9111 §5.2, RFC 9110 §5.6.1: members on one line or many, empty ones, and quoted strings.
#[test]
fn directives_are_members_of_a_list() {
    let fresh = [
        "max-age=60,",
        ",max-age=60",
        ", , max-age=60,,",
        "foo, max-age=60",
        "max-age=60, foo",
        "max-age=60,foo=bar,baz",
        "public,\tmax-age=60",
        "public ,max-age=60",
        "public , max-age=60 ",
        "foo\nmax-age=60",
        "max-age=60\nfoo",
        "\nmax-age=60",
        "max-age=60, max-age=60",
        "max-age=60\nmax-age=60",
        "max-age=60, MAX-AGE=60",
        r#"max-age=60, max-age="60""#,
        r#"ext="max-age=0", max-age=60"#,
        r#"ext="a, max-age=0, b", max-age=60"#,
        r#"ext="a\", max-age=0, \"b", max-age=60"#,
        r#"max-age=60, ext="no-store""#,
        r#"max-age=60, ext="a, no-store, b""#,
        r#"max-age=60, ext="a, private""#,
        "max-age=60, no-stored",
        "max-age=60, x-no-store",
        "max-age=60, nostore",
        "max-age=60, privately",
        "max-age=60, no-cached",
        "max-age=60, ext=no-store",
        "max-age=60, ext=\u{fc}",
        &format!("{}max-age=60", "foo, ".repeat(1000)),
    ];
    let stale = [
        r#"ext="max-age=60""#,
        r#"ext="a, max-age=60""#,
        r#"ext="max-age=60", max-age=0"#,
        r#"max-age=0, ext="max-age=60""#,
        r#"ext="max-age=60", max-age="0""#,
        "max-age=60, max-age=0",
        "max-age=0, max-age=60",
        "max-age=60, max-age=120",
        "max-age=60\nmax-age=120",
        "max-age=120\nmax-age=60",
        "max-age=60, max-age=x",
        "s-maxage=60, s-maxage=61",
        "s-maxage=60\ns-maxage=61",
        r#"max-age=60, ext="a"#,
        r#"max-age=60, ext="a, no-store"#,
        r#"ext="a, no-store, max-age=60"#,
        "foo",
        "public",
    ];
    play(sorted(&fresh, &stale, |value| ok().cache(value)));
}

/// RFC 9111 §5.2: names of fields are read in any case, and so are directives on lines of their own.
#[test]
fn the_field_is_found_in_any_case() {
    let names = ["cache-control", "CACHE-CONTROL", "cAcHe-CoNtRoL"];
    let kept = names.map(|name| reused(name, ok().field(name, "max-age=60")));
    let lines = ok().field("cache-control", "max-age=60").field("CACHE-CONTROL", "no-store");
    play(kept.into_iter().chain([asked_anew("two cases are one field", lines)]));
}

/// RFC 9111 §4.2.1 and §5.2.2.10: for a shared cache, s-maxage is before max-age and Expires.
#[test]
fn s_maxage_is_before_max_age() {
    let fresh = [
        "s-maxage=60, max-age=0",
        "max-age=0, s-maxage=60",
        "max-age=0\ns-maxage=60",
        "s-maxage=60\nmax-age=0",
        "S-MAXAGE=60, MAX-AGE=0",
        "s-maxage=60, max-age=x",
    ];
    let stale = [
        "s-maxage=0, max-age=60",
        "max-age=60, s-maxage=0",
        "max-age=60\ns-maxage=0",
        "s-maxage=0\nmax-age=60",
        "max-age=60, s-maxage=x",
        "max-age=60, s-maxage",
    ];
    play(sorted(&fresh, &stale, |value| ok().cache(value)));
}

/// RFC 9111 §5.3: max-age and s-maxage are before Expires, whichever is longer.
#[test]
fn max_age_is_before_expires() {
    let (past, future) = ("{date-3600}", "{date+3600}");
    play([
        reused("max-age, past", ok().cache("max-age=60").field("Expires", past)),
        reused("s-maxage, past", ok().cache("max-age=0, s-maxage=60").field("Expires", past)),
        reused("max-age, unreadable", ok().cache("max-age=60").field("Expires", "0")),
        asked_anew("max-age=0, future", ok().cache("max-age=0").field("Expires", future)),
        asked_anew("s-maxage=0, future", ok().cache("s-maxage=0").field("Expires", future)),
        asked_anew("max-age=x, future", ok().cache("max-age=x").field("Expires", future)),
        reused("neither, future", ok().cache("foo").field("Expires", future)),
        asked_anew("neither, past", ok().cache("foo").field("Expires", past)),
    ]);
}

/// RFC 9111 §5.1: the first member of Age counts, and what is no number of seconds does not.
#[test]
fn age_received_counts() {
    let fresh = [
        "0",
        "30",
        "0030",
        "0, 7200",
        "0,7200",
        "0\n7200",
        "-7200",
        "abc",
        "7200.0",
        "7200;foo=bar",
        "7200;foo=111",
        "7200 seconds",
        "0x7200",
        "\"7200\"",
        "",
    ];
    let stale = [
        "60",
        "7200",
        "007200",
        "7200,0",
        "7200, 0",
        "7200\n0",
        "7200\nabc",
        "2147483648",
        "99999999999",
        "99999999999999999999999999",
    ];
    let mut all = sorted(&fresh, &stale, |value| ok().cache("max-age=60").age(value));
    all.push(
        scenario("a hit is older than it came")
            .origin(ok().cache("max-age=600").age("30"))
            .ask(get(Miss).has("age", "30"))
            .ask(get(Hit).aged(30..=60)),
    );
    all.push(asked_anew("before s-maxage", ok().cache("s-maxage=60").age("60")));
    let expires = ok().field("Expires", "{date+60}").age("120");
    all.push(asked_anew("before Expires", expires));
    play(all);
}

/// RFC 9111 §4.2.3: the apparent age is the time of receipt minus Date, and never negative.
#[test]
fn the_age_is_reckoned_from_date() {
    let fresh =
        ["{date}", "{date-30}", "{date+3600}", "{rfc850-30}", "{asctime-30}", "0", "tomorrow", ""];
    let stale = ["{date-120}", "{rfc850-120}", "{asctime-120}", "Sun, 06 Nov 1994 08:49:37 GMT"];
    let mut all = sorted(&fresh, &stale, |value| ok().cache("max-age=60").field("Date", value));
    all.push(reused("without Date", ok().cache("max-age=60").undated()));
    for (date, age, seconds) in
        [("{date-40}", "0", 40..=70), ("{date-10}", "40", 40..=70), ("{date+600}", "7", 7..=37)]
    {
        let reply = ok().cache("max-age=600").field("Date", date).age(age);
        let hit = get(Hit).aged(seconds);
        all.push(scenario(format!("Age {age} at {date}")).origin(reply).get(Miss).ask(hit));
    }
    play(all);
}

/// RFC 9111 §5.3, RFC 9110 §5.6.7: three forms of a date, and what is unreadable lies in the past.
#[test]
fn expires_is_a_date() {
    let fresh = [
        "{date+3600}",
        "{rfc850+3600}",
        "{asctime+3600}",
        "Thu, 18 Aug 2050 02:01:18 GMT",
        "thu, 18 aug 2050 02:01:18 gmt",
        "THU, 18 AUG 2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thursday, 18-Aug-50 02:01:18 GMT",
        "Thu Aug 18 02:01:18 2050",
        "Thu Aug  4 02:01:18 2050",
        "Tue, 19 Jan 2038 14:14:08 GMT",
        "Sun, 21 Nov 2286 04:46:39 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "{date+3600}\n{date+3600}",
    ];
    let stale = [
        "{date}",
        "{date-1}",
        "{date-3600}",
        "{rfc850-3600}",
        "{asctime-3600}",
        "0",
        "-1",
        "1",
        "",
        "never",
        "2553465678",
        "2050-08-18T02:01:18Z",
        "Thu, 18 Aug 2050 02:01:18 AEST",
        "Thu, 18 Aug 2050 02:01:18 +0000",
        "Thu, 18 Aug 2050 02:01:18",
        "Thu, 18 Aug 2050",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
        "Thu, 18 Aug 2050 25:01:18 GMT",
        "Thu, 32 Aug 2050 02:01:18 GMT",
        "Thu, 31 Feb 2050 02:01:18 GMT",
        "Thu, 18 Foo 2050 02:01:18 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sunday, 18-Aug-80 02:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:18 GMT\nThu, 18 Aug 2050 02:01:19 GMT",
        "{date+3600}\n0",
    ];
    play(sorted(&fresh, &stale, |value| ok().field("Expires", value)));
}

/// RFC 9111 §4.2.1: the lifetime is Expires minus Date, whatever the clocks.
#[test]
fn expires_counts_from_date() {
    let reply = |date, expires| ok().field("Date", date).field("Expires", expires);
    play([
        asked_anew("before a Date ahead", reply("{date+400}", "{date+300}")),
        asked_anew("at a Date ahead", reply("{date+3600}", "{date+3600}")),
        reused("after a Date ahead", reply("{date+7200}", "{date+10800}")),
        asked_anew("all of it long ago", reply("{date-7200}", "{date-3600}")),
        reused("Date long ago", reply("{date-3600}", "{date+3600}")),
        reused("Date unreadable", reply("foo", "{date+60}")),
        reused("no Date", ok().undated().field("Expires", "{date+60}")),
        asked_anew("older than that, slow", reply("{date-10}", "{date+10}").age("25")),
        asked_anew("older than that, fast", reply("{date+10}", "{date+40}").age("35")),
        reused("younger than that, fast", reply("{date+10}", "{date+3600}").age("35")),
    ]);
}

/// RFC 9111 §4.2.2: a tenth of the time since Last-Modified, for a day at most.
#[test]
fn a_lifetime_may_be_guessed() {
    let lm = |value| ok().modified(value);
    play([
        reused("a day ago", lm("{date-86400}")),
        reused("ten days ago, in RFC 850's form", lm("{rfc850-864000}")),
        reused("ten days ago, in asctime's form", lm("{asctime-864000}")),
        reused("ten days ago, an hour old", lm("{date-864000}").age("3600")),
        reused("no Date", lm("{date-864000}").undated()),
        reused("unknown directives", lm("{date-864000}").cache("foo")),
        reused("public", lm("{date-864000}").cache("public")),
        reused(
            "Pragma has no meaning in a response",
            lm("{date-864000}").field("Pragma", "no-cache"),
        ),
        validated("older than a tenth", lm("{date-10000}").age("3600")),
        validated("more than a day", lm("{date-86400000}").field("Date", "{date-172800}")),
        validated("max-age is no guess", lm("{date-864000}").cache("max-age=0")),
        validated("an unreadable max-age is no guess", lm("{date-864000}").cache("max-age=x")),
        validated("an unreadable Expires is no guess", lm("{date-864000}").field("Expires", "0")),
        asked_anew("Last-Modified unreadable", lm("long ago")),
        asked_anew("nothing to go by", ok()),
    ]);
}

/// RFC 9111 §5.2.2.2, §5.2.2.8: a fresh response is reused whatever is to be done when it is stale.
#[test]
fn what_must_be_validated_when_stale_is_reused_while_fresh() {
    let fresh = ["must-revalidate", "proxy-revalidate", "immutable", "no-transform", "public"];
    let kept = fresh.map(|value| reused(value, ok().cache(&format!("max-age=60, {value}"))));
    let stale = ["must-revalidate", "proxy-revalidate", "immutable"].map(|value| {
        let reply = ok().cache(&format!("max-age=60, {value}")).age("60").etag("\"a\"");
        validated(format!("stale, {value}"), reply)
    });
    play(kept.into_iter().chain(stale));
}

/// RFC 9111 §4.2.3: a stored response grows older, and is stale when its lifetime is over.
#[test]
fn time_goes_by() {
    play([
        scenario("Age grows")
            .origin(ok().cache("max-age=60"))
            .get(Miss)
            .ask(get(Hit).aged(0..=1))
            .ask(get(Hit).eventually().aged(2..=60).text("answer 001")),
        scenario("the lifetime is over")
            .origins([ok().cache("max-age=2").etag("\"a\""), not_modified().cache("max-age=60")])
            .get(Miss)
            .ask(get(Validated).eventually())
            .ask(get(Hit).aged(0..=20)),
        scenario("and nothing is left to validate by")
            .origins([ok().cache("max-age=2"), ok().cache("max-age=60")])
            .get(Miss)
            .ask(get(Miss).eventually().text("answer 002"))
            .get(Hit),
        scenario("Expires has come")
            .origins([ok().field("Expires", "{date+2}"), ok().cache("max-age=60")])
            .get(Miss)
            .ask(get(Miss).eventually().text("answer 002"))
            .get(Hit),
    ]);
}

/// RFC 9111 §4.2.4, §4.3: what is stale and can be validated is asked for again and again.
#[test]
fn what_is_stale_is_never_served_unasked() {
    let stale = [
        ok().cache("max-age=0").etag("\"a\""),
        ok().cache("max-age=60").age("60").etag("\"a\""),
        ok().cache("max-age=60").field("Date", "{date-120}").etag("\"a\""),
        ok().field("Expires", "0").etag("\"a\""),
        ok().etag("\"a\""),
        ok().cache("foo").etag("W/\"a\""),
    ];
    play(stale.into_iter().enumerate().map(|(i, reply)| {
        let not_changed = not_modified().cache("max-age=0");
        scenario(format!("stale in way {i}"))
            .origins([reply, not_changed])
            .get(Miss)
            .get(Validated)
            .get(Validated)
    }));
}
