//! Which of several stored responses answers a request: RFC 9111 §4.1.

use crate::support::exchange::Served::{Hit, Miss, Validated};
use crate::support::exchange::{
    Says, Scenario, Served, Step, get, not_modified, ok, play, says, scenario,
};

/// Fields of a request, with their values.
type Asked = [(&'static str, &'static str)];

fn lasting(vary: &str) -> Says {
    ok().cache("max-age=60").vary(vary)
}

fn asking(served: Served, asked: &Asked) -> Step {
    asked.iter().fold(get(served), |step, (name, value)| step.with(name, value))
}

fn same(vary: &str, first: &Asked, second: &Asked) -> Scenario {
    let name = format!("`{vary}`: {second:?} is answered as {first:?}");
    scenario(name).origin(lasting(vary)).ask(asking(Miss, first)).ask(asking(Hit, second))
}

fn another(vary: &str, first: &Asked, second: &Asked) -> Scenario {
    let name = format!("`{vary}`: {second:?} is not answered as {first:?}");
    let other = asking(Miss, second).tells("fwd=vary-miss");
    scenario(name).origin(lasting(vary)).ask(asking(Miss, first)).ask(other)
}

#[test]
fn a_request_must_agree_in_every_field_named() {
    let three = [("foo", "1"), ("bar", "abc"), ("baz", "789")];
    play([
        same("Foo", &[("foo", "1")], &[("foo", "1")]),
        another("Foo", &[("foo", "1")], &[("foo", "2")]),
        another("Foo", &[("foo", "1")], &[]),
        another("Foo", &[], &[("foo", "1")]),
        same("Foo", &[], &[]),
        same("Foo", &[("foo", "1"), ("bar", "2")], &[("foo", "1"), ("bar", "3")]),
        same("Foo", &[("foo", "1")], &[("bar", "3"), ("foo", "1")]),
        same("Foo, Bar", &[("foo", "1"), ("bar", "2")], &[("bar", "2"), ("foo", "1")]),
        another("Foo, Bar", &[("foo", "1"), ("bar", "2")], &[("foo", "2"), ("bar", "2")]),
        another("Foo, Bar", &[("foo", "1"), ("bar", "2")], &[("foo", "1"), ("bar", "3")]),
        another("Foo, Bar", &[("foo", "1"), ("bar", "2")], &[("foo", "2"), ("bar", "1")]),
        another("Foo, Bar", &[("foo", "1"), ("bar", "2")], &[("foo", "1")]),
        another("Foo, Bar", &[("foo", "1")], &[("bar", "1")]),
        another("Foo, Bar", &[("foo", "1")], &[]),
        same("Foo, Bar", &[("foo", "1")], &[("foo", "1")]),
        same("Foo, Bar, Baz", &three, &three),
        another("Foo, Bar, Baz", &three, &[("foo", "2"), ("bar", "abc"), ("baz", "789")]),
        another("Foo, Bar, Baz", &three, &[("foo", "1"), ("bar", "abc4"), ("baz", "789")]),
        another("Foo, Bar, Baz", &three, &[("foo", "1"), ("bar", "abc"), ("baz", "78")]),
        same("Foo, Bar, Baz", &[("foo", "1"), ("baz", "7")], &[("foo", "1"), ("baz", "7")]),
        another("Foo, Bar", &[("foo", "ab"), ("bar", "c")], &[("foo", "a"), ("bar", "bc")]),
        another("User-Agent", &[("user-agent", "a")], &[("user-agent", "b")]),
        another("Cookie", &[("cookie", "a=1")], &[("cookie", "a=2")]),
        same("Cookie", &[("cookie", "a=1")], &[("cookie", "a=1")]),
        another("Origin", &[("origin", "https://a.test")], &[]),
        another("Accept", &[("accept", "text/html")], &[("accept", "image/webp")]),
        another("Accept-Encoding", &[("accept-encoding", "gzip")], &[]),
        another("Accept-Language", &[("accept-language", "de")], &[("accept-language", "en")]),
    ]);
}

/// Nor is an absent field the same as an empty one.
#[test]
fn absent_is_not_empty() {
    play([
        another("Foo", &[], &[("foo", "")]),
        another("Foo", &[("foo", "")], &[]),
        same("Foo", &[("foo", "")], &[("foo", "")]),
    ]);
}

/// RFC 9110 §12.5.5: names in any case, with any spaces, on any number of lines.
#[test]
fn vary_is_a_list_of_names() {
    let lists = [
        "Foo, Bar",
        "foo, bar",
        "FOO,BAR",
        "Bar, Foo",
        "Foo ,Bar",
        "Foo , Bar ,",
        ",, Foo,,Bar",
        "Foo\t,\tBar",
        "Foo\nBar",
        "Bar\nFoo",
        "\nFoo, Bar",
        "Foo, Foo, Bar",
        "Foo, foo, BAR",
    ];
    let (both, one) = ([("foo", "1"), ("bar", "2")], [("foo", "1"), ("bar", "3")]);
    let other = [("foo", "3"), ("bar", "2")];
    play(lists.into_iter().flat_map(|list| {
        [same(list, &both, &both), another(list, &both, &one), another(list, &both, &other)]
    }));
}

/// RFC 9111 §4.1: `*` agrees with nothing, wherever it is.
#[test]
fn a_star_agrees_with_nothing() {
    let lists = [
        "*",
        "*, *",
        "*\n*",
        ", *",
        "*,",
        "\n*",
        "*, Foo",
        "Foo, *",
        "Foo,*,Bar",
        "Foo\n*",
        "*\nFoo",
        " * ",
    ];
    let asked = [("foo", "1"), ("bar", "2")];
    play(lists.map(|list| {
        scenario(format!("`{list}`"))
            .origin(lasting(list).etag("\"a\"").modified("{date-864000}"))
            .ask(asking(Miss, &asked))
            .ask(asking(Miss, &asked).saw_no("if-none-match"))
    }));
}

/// RFC 9111 §4.1: fields are compared with their lines combined and the space between members the
/// same; nothing else about them is known.
#[test]
fn values_are_normalised_in_their_spacing_alone() {
    let vary = |name: &'static str, first: &'static str, second: &'static str, is_same: bool| {
        let form = if is_same { same } else { another };
        form(name, &[(name, first)], &[(name, second)])
    };
    play([
        vary("foo", "1,2", "1, 2", true),
        vary("foo", "1, 2", "1 , 2", true),
        vary("foo", "1,\t2", "1,2", true),
        vary("foo", " 1", "1", true),
        vary("foo", "1  ", "1", true),
        same("Foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", "2")]),
        same("Foo", &[("foo", "1"), ("foo", "2")], &[("foo", "1,2")]),
        same("Foo", &[("foo", "1"), ("foo", "2")], &[("foo", "1"), ("bar", "x"), ("foo", "2")]),
        another("Foo", &[("foo", "1"), ("foo", "2")], &[("foo", "2"), ("foo", "1")]),
        another("Foo", &[("foo", "1"), ("foo", "2")], &[("foo", "1")]),
        vary("accept-language", "en, de", " en ,   de", true),
        vary("accept-language", "en, de", "en,de", true),
        vary("foo", "a", "A", false),
        vary("foo", "1 2", "12", false),
        vary("foo", "1 2", "1,2", false),
        vary("foo", "1, 2", "2, 1", false),
    ]);
}

/// RFC 9110 §5.6.4: what is in quotes is one value, with its spaces and commas.
#[test]
fn quoted_values_are_not_normalised() {
    let foo = |first: &'static str, second: &'static str, is_same: bool| {
        let form = if is_same { same } else { another };
        form("Foo", &[("foo", first)], &[("foo", second)])
    };
    play([
        foo(r#""a, b""#, r#""a,b""#, false),
        foo(r#""a , b""#, r#""a, b""#, false),
        foo(r#"" a""#, r#""a""#, false),
        foo(r#""a\", b""#, r#""a\",b""#, false),
        foo(r#""a\\", b"#, r#""a\\",b"#, true),
        foo(r#""a, b" , c"#, r#""a, b",c"#, true),
        foo(r#"x="a, b", y"#, r#"x="a, b",y"#, true),
        foo(r#""a, b"#, r#""a,b"#, false),
        same("Foo", &[("foo", r#""a, b", c"#)], &[("foo", r#""a, b""#), ("foo", "c")]),
        another("Foo", &[("foo", r#""a"#), ("foo", r#"b""#)], &[("foo", r#""a,b""#)]),
    ]);
}

/// RFC 6265 §5.4, RFC 9113 §8.2.3: pairs of a Cookie are separated by semicolons, its lines too.
#[test]
fn cookies_are_no_list() {
    let two = [("cookie", "a=1"), ("cookie", "b=2")];
    play([
        same("Cookie", &[("cookie", "a=1; b=2")], &two),
        same("Cookie", &two, &[("cookie", "a=1; b=2")]),
        another("Cookie", &two, &[("cookie", "a=1,b=2")]),
        another("Cookie", &[("cookie", "a=1,b=2")], &two),
        another("Cookie", &[("cookie", "a=1, b=2")], &[("cookie", "a=1,b=2")]),
        another("Cookie", &two, &[("cookie", "b=2; a=1")]),
        another("Cookie", &[("cookie", "a=1")], &[]),
    ]);
}

/// RFC 9111 §4.1: many variants are kept at once.
#[test]
fn variants_are_kept_side_by_side() {
    let ask = |value: &str, served| get(served).with("foo", value);
    let all: Vec<String> = (0..20).map(|i| i.to_string()).collect();
    let many = scenario("twenty of them").origin(lasting("Foo"));
    let many = all.iter().fold(many, |all, value| all.ask(ask(value, Miss)));
    let many = all.iter().enumerate().fold(many, |all, (i, value)| {
        all.ask(ask(value, Hit).text(&format!("answer {:03}", i + 1)))
    });
    play([
        many,
        scenario("two and none")
            .origin(lasting("Foo"))
            .ask(ask("1", Miss))
            .ask(ask("2", Miss))
            .get(Miss)
            .ask(ask("1", Hit).text("answer 001"))
            .ask(ask("2", Hit).text("answer 002"))
            .ask(get(Hit).text("answer 003")),
        scenario("one is validated, the other is not touched")
            .origins([
                lasting("Foo").etag("\"a\"").age("60"),
                lasting("Foo").etag("\"b\""),
                not_modified().cache("max-age=600"),
            ])
            .ask(ask("1", Miss))
            .ask(ask("2", Miss))
            .ask(ask("1", Validated).saw("foo", "1").saw("if-none-match", "\"a\""))
            .ask(ask("1", Hit).has("cache-control", "max-age=600").text("answer 001"))
            .ask(ask("2", Hit).has("cache-control", "max-age=60").text("answer 002")),
    ]);
}

/// RFC 9111 §4.1: each stored response is judged by its own list, and the newest that fits is used.
#[test]
fn lists_may_differ_from_response_to_response() {
    let ask = |foo: &str, served| get(served).with("foo", foo);
    play([
        scenario("another list")
            .origins([lasting("Foo"), lasting("Bar")])
            .ask(ask("1", Miss))
            .ask(ask("2", Miss).with("bar", "x"))
            .ask(ask("1", Hit).with("bar", "x").text("answer 002"))
            .ask(ask("1", Hit).text("answer 001"))
            .ask(ask("3", Hit).with("bar", "x").text("answer 002"))
            .ask(ask("3", Miss)),
        scenario("a longer list")
            .origins([lasting("Foo"), lasting("Foo, Bar")])
            .ask(ask("1", Miss))
            .ask(ask("2", Miss).with("bar", "x"))
            .ask(ask("2", Hit).with("bar", "x"))
            .ask(ask("2", Miss).with("bar", "y"))
            .ask(ask("1", Hit).with("bar", "y").text("answer 001")),
        scenario("no list any more")
            .origins([lasting("Foo"), ok().cache("max-age=60")])
            .ask(ask("1", Miss))
            .ask(ask("2", Miss))
            .ask(ask("3", Hit).text("answer 002"))
            .ask(ask("1", Hit).text("answer 002")),
        scenario("what is not stored takes no other variant away")
            .origins([lasting("Foo"), ok().cache("no-store"), lasting("Foo")])
            .ask(ask("1", Miss))
            .ask(ask("2", Miss))
            .ask(ask("1", Hit).text("answer 001"))
            .ask(ask("2", Miss).text("answer 003")),
        scenario("nor does an error")
            .origins([lasting("Foo"), says(500), lasting("Foo")])
            .ask(ask("1", Miss))
            .ask(ask("2", Miss).status(500))
            .ask(ask("1", Hit).text("answer 001")),
        scenario("a star among them")
            .origins([lasting("Foo"), lasting("*"), lasting("Foo")])
            .ask(ask("1", Miss))
            .ask(ask("2", Miss))
            .ask(ask("1", Hit).text("answer 001"))
            .ask(ask("2", Miss).text("answer 003"))
            .ask(ask("2", Hit).text("answer 003")),
    ]);
}
