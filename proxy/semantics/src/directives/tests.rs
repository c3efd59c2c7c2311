use super::*;
use proptest::prelude::*;

const INVALID: Option<Seconds> = Some(Seconds::Invalid);

fn read(lines: &[&str]) -> Directives {
    Directives::parse(lines.iter().map(|line| line.as_bytes()))
}

fn named(names: &[&'static str]) -> Scope {
    Scope::Fields(names.iter().map(|name| HeaderName::from_static(name)).collect())
}

fn of(seconds: u32) -> Seconds {
    Seconds::Of(seconds)
}

#[test]
fn a_lifetime_is_digits_or_invalid() {
    for (line, expected) in [
        ("max-age=60", Some(of(60))),
        ("MAX-Age=60", Some(of(60))),
        (" ,, max-age=60 ,\t", Some(of(60))),
        ("max-age=\"60\"", Some(of(60))),
        ("max-age=\"6\\0\"", Some(of(60))),
        ("max-age=0", Some(of(0))),
        ("max-age=0060", Some(of(60))),
        ("max-age=2147483647", Some(of(SECONDS_MAX - 1))),
        ("max-age=2147483648", Some(of(SECONDS_MAX))),
        ("max-age=4294967296", Some(of(SECONDS_MAX))),
        ("max-age=99999999999999999999999", Some(of(SECONDS_MAX))),
        ("max-age", INVALID),
        ("max-age=", INVALID),
        ("max-age=\"\"", INVALID),
        ("max-age=+60", INVALID),
        ("max-age=-1", INVALID),
        ("max-age=60.0", INVALID),
        ("max-age=1e3", INVALID),
        ("max-age=60s", INVALID),
        ("max-age=6 0", INVALID),
        ("max-age='60'", INVALID),
        ("max-age= 60", INVALID),
        ("max-age=\" 60\"", INVALID),
        ("max-age=\"60\"0", INVALID),
        ("max-age==60", INVALID),
        ("max-age=60;x", INVALID),
        ("max-age =60", None),
        ("x-max-age=60", None),
        ("max-age:60", None),
        ("x=\"max-age=60\"", None),
        ("x=\"\\\", max-age=60\"", None),
    ] {
        assert_eq!(read(&[line]).max_age, expected, "{line}");
        let shared = line.replace("max-age", "s-maxage").replace("MAX-Age", "S-MAXAGE");
        assert_eq!(read(&[&shared]).s_maxage, expected, "{shared}");
    }
}

#[test]
fn what_is_said_twice_has_to_agree() {
    let cases: [(&[&str], Option<Seconds>); 8] = [
        (&["max-age=60, max-age=60"], Some(of(60))),
        (&["max-age=60", "Max-Age=\"060\""], Some(of(60))),
        (&["max-age=60, max-age=61"], INVALID),
        (&["max-age=60", "max-age=61"], INVALID),
        (&["max-age=60, max-age=61, max-age=60"], INVALID),
        (&["max-age=60, max-age"], INVALID),
        (&["max-age=60, x=\"max-age=61\""], Some(of(60))),
        (&["max-age=60, s-maxage=61"], Some(of(60))),
    ];
    for (lines, expected) in cases {
        assert_eq!(read(lines).max_age, expected, "{lines:?}");
    }
}

#[test]
fn scopes_are_fields_or_the_whole() {
    for (lines, expected) in [
        (&["public"][..], Scope::Nothing),
        (&["private"], Scope::Whole),
        (&["private="], Scope::Whole),
        (&["private=\"\""], Scope::Whole),
        (&["private=\" , \""], Scope::Whole),
        (&["private=\"a b\""], Scope::Whole),
        (&["private=\"a, b"], Scope::Whole),
        (&["private=\"vary\""], Scope::Whole),
        (&["private= \"a\""], Scope::Whole),
        (&["private=A"], named(&["a"])),
        (&["PRIVATE=\"b, ,A,b\""], named(&["a", "b"])),
        (&["private=\"b\"", "private=a"], named(&["a", "b"])),
        (&["private=\"a\", private"], Scope::Whole),
        (&["private, private=\"a\""], Scope::Whole),
        (&["no-cache=\"a\""], Scope::Nothing),
    ] {
        assert_eq!(read(lines).private, expected, "{lines:?}");
        let lines: Vec<_> =
            lines.iter().map(|l| l.to_lowercase().replace("private", "no-cache")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        if lines[0] != "no-cache=\"a\"" {
            assert_eq!(read(&lines).no_cache, expected, "{lines:?}");
        }
    }
}

#[test]
fn an_argument_that_is_not_asked_for_is_ignored() {
    let lines =
        "no-store=\"x, y\", must-understand=1, must-revalidate=, Proxy-Revalidate=a, public=b";
    let expected = Directives {
        no_store: true,
        must_understand: true,
        must_revalidate: true,
        proxy_revalidate: true,
        public: true,
        ..Directives::default()
    };
    assert_eq!(read(&[lines]), expected);
}

#[test]
fn an_open_quote_hides_nothing_that_forbids() {
    for (lines, no_store, max_age) in [
        (&["x=\"y, no-store"][..], true, None),
        (&["max-age=60, x=\"y, no-store"], true, INVALID),
        (&["x=\"y, max-age=60"], false, INVALID),
        (&["x=\"y", "max-age=60"], false, Some(of(60))),
        (&["x=\"y", "no-store"], true, None),
        (&["x=\"y\\\", no-store"], true, None),
        (&["x=\"y\\"], false, None),
        (&["\"no-store\""], false, None),
        (&["x=\"y, no-store, z=\"w"], true, None),
        (&["x=y\"z, no-store, max-age=60, w\""], true, INVALID),
        (&["x=y\"z\", max-age=60"], false, Some(of(60))),
        (&["x=\"no-store\", max-age=60"], false, Some(of(60))),
    ] {
        let directives = read(lines);
        assert_eq!((directives.no_store, directives.max_age), (no_store, max_age), "{lines:?}");
    }
}

#[test]
fn a_request_speaks_for_itself() {
    let none = RequestDirectives::default();
    let no_cache = RequestDirectives { no_cache: true, ..none };
    let stale = |max_stale| RequestDirectives { max_stale, ..none };
    let (any, some) = (Some(MaxStale::Any), Some(MaxStale::Of(9)));
    let cases: [(&[(&'static str, &str)], RequestDirectives); 16] = [
        (&[], none),
        (&[("cache-control", "No-Cache")], no_cache),
        (&[("pragma", "x, NO-CACHE")], no_cache),
        (&[("pragma", "no-cache"), ("cache-control", "x")], none),
        (&[("pragma", "no-cache"), ("cache-control", "")], none),
        (
            &[("cache-control", "only-if-cached, no-store"), ("cache-control", "max-age=1")],
            RequestDirectives {
                only_if_cached: true,
                no_store: true,
                max_age: Some(of(1)),
                ..none
            },
        ),
        (
            &[("cache-control", "min-fresh=\"9\"")],
            RequestDirectives { min_fresh: Some(of(9)), ..none },
        ),
        (&[("cache-control", "max-age=x")], RequestDirectives { max_age: INVALID, ..none }),
        (&[("cache-control", "max-stale")], stale(any)),
        (&[("cache-control", "max-stale=9")], stale(some)),
        (&[("cache-control", "max-stale=9, max-stale=09")], stale(some)),
        (&[("cache-control", "max-stale=9, max-stale=8")], none),
        (&[("cache-control", "max-stale=9, max-stale")], none),
        (&[("cache-control", "max-stale=x")], none),
        (&[("cache-control", "max-stale, x=\"")], none),
        (&[("cache-control", "max-stale=")], none),
    ];
    for (lines, expected) in cases {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let request = lines.iter().map(field).collect();
        assert_eq!(RequestDirectives::of(&request), expected, "{lines:?}");
    }
}

/// A directive, and how it is written: case, spacing, quotes, and whether a line ends behind it.
#[derive(Debug, Clone)]
struct Writing {
    name: &'static str,
    argument: Option<&'static str>,
    upper: bool,
    quoted: bool,
    space: &'static str,
    last_on_line: bool,
}

impl Writing {
    fn line(&self, plain: bool) -> String {
        let name = if self.upper && !plain { self.name.to_uppercase() } else { self.name.into() };
        let space = if plain { "" } else { self.space };
        match self.argument {
            None => format!("{space}{name}{space}"),
            Some(argument) if argument.contains(',') || self.quoted && !plain => {
                format!("{space}{name}=\"{argument}\"{space}")
            }
            Some(argument) => format!("{space}{name}={argument}{space}"),
        }
    }
}

fn writing() -> impl Strategy<Value = Writing> {
    let names = prop::sample::select(vec![
        ("no-store", None),
        ("public", None),
        ("must-revalidate", None),
        ("no-cache", None),
        ("no-cache", Some("b,a")),
        ("no-cache", Some("c")),
        ("private", Some("a, d")),
        ("max-age", Some("60")),
        ("max-age", Some("61")),
        ("max-age", None),
        ("s-maxage", Some("7")),
        ("stale-if-error", Some("x")),
        ("unknown", Some("max-age=1, no-store")),
    ]);
    let space = prop::sample::select(vec!["", " ", "\t", " , ,"]);
    (names, any::<bool>(), any::<bool>(), space, any::<bool>()).prop_map(
        |((name, argument), upper, quoted, space, last_on_line)| Writing {
            name,
            argument,
            upper,
            quoted,
            space,
            last_on_line,
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_read(lines: Vec<Vec<u8>>) {
        let _ = Directives::parse(lines.iter().map(Vec::as_slice));
    }

    #[test]
    fn anything_like_a_list_is_read(line in "([a-z=\"\\\\, 0-9-]|max-age=|no-cache=){0,40}") {
        let _ = read(&[&line]);
    }

    #[test]
    fn no_open_quote_makes_a_response_storable(
        before in "[ -~&&[^\"]]{0,20}",
        after in "[ -~&&[^\"]]{0,20}",
    ) {
        let line = format!("{before},x=\"{after}, no-store");
        prop_assert!(read(&[&line]).no_store, "{}", line);
    }

    #[test]
    fn only_what_is_said_counts(
        (writings, shuffled) in prop::collection::vec(writing(), 0..8)
            .prop_flat_map(|w| (Just(w.clone()), Just(w).prop_shuffle()))
    ) {
        let plain: Vec<_> = writings.iter().map(|w| w.line(true)).collect();
        let mut lines = vec![String::new()];
        for writing in &shuffled {
            let line = lines.last_mut().unwrap();
            line.push_str(&writing.line(false));
            line.push(',');
            if writing.last_on_line {
                lines.push(String::new());
            }
        }
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        prop_assert_eq!(read(&[&plain.join(",")]), read(&lines), "{:?}", lines);
    }
}
