use super::*;
use crate::stored::QueryInKey;
use proptest::prelude::*;
use std::sync::Arc;

fn place(path: &str, query: Option<&str>, query_in_key: QueryInKey) -> Place {
    Place {
        path: canonical_path(path, b"").into(),
        query: query.map(Into::into),
        query_in_key,
        made_from: None,
    }
}

fn names(names: &[&str]) -> Arc<[String]> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn takes(order: &str, place: &Place) -> bool {
    InvalidationPath::parse(order).unwrap().takes(place)
}

#[test]
fn paths_take_what_users_mean() {
    for (order, path, query, taken) in [
        ("/*", "/", None, true),
        ("/a", "/a", None, true),
        ("/a", "/a", Some("x=1"), true),
        ("/a", "/a/", None, false),
        ("/a*", "/ab", Some("x=1"), true),
        ("/dir/*", "/dir/x/y", None, true),
        ("/dir/*", "/dir", None, false),
        ("/*.html", "/deep/index.html", None, true),
        ("/*.html", "/index.htm", None, false),
        ("/a*b*c", "/axxbyyc", None, true),
        ("/a*b*c", "/axxcyyb", None, false),
        ("/A", "/a", None, false),
        ("/runtime%7Emain.js", "/runtime~main.js", None, true),
        ("/runtime~main.js", "/runtime%7emain.js", None, true),
        ("/a b", "/a%20b", None, true),
        ("/ünï", "/%C3%BCn%C3%AF", None, true),
        ("/a%2A", "/a*", None, true),
        ("/a%2A", "/ab", None, false),
        ("/b", "/a/../b", None, false),
    ] {
        let place = place(path, query, QueryInKey::Whole);
        assert_eq!(takes(order, &place), taken, "{order} {path} {query:?}");
    }
}

#[test]
fn two_stars_are_one() {
    for (written, is_all) in
        [("/*", true), ("/**", true), ("/***", true), ("/*a*", false), ("/", false)]
    {
        assert_eq!(InvalidationPath::parse(written).unwrap().is_all(), is_all, "{written}");
    }
}

#[test]
fn a_page_takes_what_was_made_from_it() {
    let made = Place {
        made_from: Some("/index.html".into()),
        ..place("/deep/link", None, QueryInKey::Whole)
    };
    for (order, taken) in [("/index.html", true), ("/*.html", true), ("/index.html?x", false)] {
        assert_eq!(takes(order, &made), taken, "{order}");
    }
}

#[test]
fn a_query_takes_what_a_request_for_it_would_be_served() {
    let (only, except) =
        (QueryInKey::Only(names(&["x", "a b"])), QueryInKey::Except(names(&["u"])));
    for (order, query, key, taken) in [
        ("/a?x=1", Some("x=1"), QueryInKey::Whole, true),
        ("/a?x=1", None, QueryInKey::Whole, false),
        ("/a?x=1&y=2", Some("y=2&x=1"), QueryInKey::Whole, true),
        ("/a?x=1", Some("x=1&y=2"), QueryInKey::Whole, false),
        ("/a?q=~", Some("q=%7e"), QueryInKey::Whole, true),
        ("/a?q=%7E", Some("q=~"), QueryInKey::Whole, true),
        ("/a?q=a b", Some("q=a+b"), QueryInKey::Whole, true),
        ("/a?q=a+b", Some("q=a%20b"), QueryInKey::Whole, true),
        ("/a?q=ü", Some("q=%c3%bc"), QueryInKey::Whole, true),
        ("/a?q=%2A", Some("q=*"), QueryInKey::Whole, true),
        ("/a?q=%2A", Some("q=b"), QueryInKey::Whole, false),
        ("/a?q=%26", Some("q=&"), QueryInKey::Whole, false),
        ("/a?", None, QueryInKey::Whole, true),
        ("/a?", Some(""), QueryInKey::Whole, true),
        ("/a?", Some("x=1"), QueryInKey::Whole, false),
        ("/a?x=1", None, QueryInKey::None, true),
        ("/a?", None, QueryInKey::None, true),
        ("/a?x=1&u=9", Some("x=1"), only.clone(), true),
        ("/a?u=9", None, only.clone(), true),
        ("/a?u=9", Some("x=1"), only.clone(), false),
        ("/a?a+b=1&u=2", Some("a%20b=1"), only.clone(), true),
        ("/a?x=1&u=9", Some("x=1"), except.clone(), true),
        ("/a?x=1&u=9", Some("u=9"), except.clone(), false),
        ("/a?x=1", Some("x=1&%75=9"), except.clone(), true),
        ("/a?x=*", Some("x=2"), QueryInKey::Whole, true),
        ("/a?x=*", Some("x=2&y=1"), QueryInKey::Whole, true),
        ("/a?x=*", Some("y=2"), QueryInKey::Whole, false),
        ("/a?*", None, QueryInKey::Whole, true),
        ("/a?x=*", None, QueryInKey::Whole, false),
        ("/a?b=*&a=1", Some("a=1&b=7"), QueryInKey::Whole, true),
        ("/a?x=*y=2", Some("x=1&y=2"), QueryInKey::Whole, true),
        ("/a?x=~*", Some("x=%7e1"), QueryInKey::Whole, true),
        ("/a?x=*", None, QueryInKey::None, true),
        ("/a?x=*&u=9", Some("x=3"), only.clone(), true),
        ("/a?x=1*", Some("x=3"), only.clone(), false),
        ("/a?u=*", Some("x=3"), only.clone(), true),
        ("/a?*u=9", Some("x=3"), only, true),
        ("/a?x=1&u=*", Some("x=2"), except, false),
    ] {
        let place = place("/a", query, key.clone());
        assert_eq!(takes(order, &place), taken, "{order} {query:?} {key:?}");
    }
}

#[test]
fn paths_that_help_nobody_are_refused() {
    assert_eq!(InvalidationPath::parse("a"), Err(BadPath::Slash("a".into())));
    assert_eq!(InvalidationPath::parse("/\n"), Err(BadPath::Control));
    let long = format!("/{}", "a".repeat(4_000));
    assert_eq!(InvalidationPath::parse(&long), Err(BadPath::TooLong));
}

proptest! {
    #[test]
    fn wildcards_agree_with_the_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
        fn naive(p: &[u8], t: &[u8]) -> bool {
            match (p.split_first(), t.split_first()) {
                (None, _) => t.is_empty(),
                (Some((b'*', p)), None) => naive(p, t),
                (Some((b'*', rest)), Some((_, t_rest))) => naive(rest, t) || naive(p, t_rest),
                (Some(_), None) => false,
                (Some((x, p)), Some((y, t))) => x == y && naive(p, t),
            }
        }
        let expected = naive(pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(Wildcard::new(&pattern).matches(&text), expected);
    }

    /// A request that an exact path spells is served from a key, and the path takes that key.
    #[test]
    fn an_exact_path_never_misses(
        path in "/[a-c~%+ 7Eeü*]{0,6}".prop_filter("a wildcard", |path| !path.contains('*')),
        query in prop::option::of("[xyu=&+%7Ee]{0,10}"),
        kind in 0..4,
    ) {
        use warmfront_semantics::query::{Order, selected};
        let key = match kind {
            0 => QueryInKey::Whole,
            1 => QueryInKey::None,
            2 => QueryInKey::Only(names(&["x", "y"])),
            _ => QueryInKey::Except(names(&["u"])),
        };
        let asked = query.as_deref().filter(|_| key != QueryInKey::None);
        let keyed = asked.and_then(|query| selected(query, |name| key.has(name), Order::AsSent));
        let place = place(&path, keyed.as_deref(), key);
        let written = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        prop_assert!(takes(&written, &place), "{} {:?}", written, place);
    }
}
