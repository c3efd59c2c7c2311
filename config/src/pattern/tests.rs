use proptest::prelude::*;

use super::*;

#[test]
fn patterns_match_as_cloudfronts_do() {
    let cases = [
        ("/a", "/a", true),
        ("/a", "/a/", false),
        ("/a", "/A", false),
        ("*", "", true),
        ("*", "/a/b", true),
        ("/*", "/", true),
        ("/a/*", "/a/b/c.css", true),
        ("/a/*", "/a", false),
        ("*.jpg", "/x/y.jpg", true),
        ("*.jpg", "/x/y.jpeg", false),
        ("/?.css", "/a.css", true),
        ("/?.css", "/.css", false),
        ("/a*b*c", "/abxbc", true),
        ("/a*b*c", "/abxb", false),
        ("/**/x", "/a/x", true),
        ("/?", "/ü", true),
        ("/??", "/ü", false),
        ("/?x", "/€x", true),
        ("*?", "ü", true),
        ("*??", "/ü", true),
        ("*??", "ü", false),
        ("/*??x", "/üx", false),
        ("/*é", "/aü€é", true),
        ("/ü?", "/üü", true),
        ("/é", "/è", false),
    ];
    for (pattern, path, matches) in cases {
        assert_eq!(path_pattern(pattern).matches(path), matches, "{pattern} {path}");
    }
}

#[test]
fn many_stars_take_no_long_time() {
    let pattern = path_pattern(&format!("/{}b", "a*".repeat(2_000)));
    assert!(!pattern.matches(&format!("/{}", "a".repeat(8_000))));
}

#[test]
fn coverage_is_seen_where_it_matters() {
    let cases = [
        ("*", "/a", true),
        ("*", "*.jpg", true),
        ("/*", "*", true),
        ("/*", "*.jpg", true),
        ("/*", "/a?b", true),
        ("/a/*", "/a/b*", true),
        ("/a/*", "/a/*", true),
        ("/a/b*", "/a/*", false),
        ("/a/*", "/a?b", false),
        ("/a?b", "/a/b", true),
        ("/a?b", "/a*b", false),
        ("/a?b", "/a?b", true),
        ("/*/foo", "*/foo", false),
        ("*.jpg", "/a/*.jpg", true),
        ("/?", "/ü", true),
        ("/??", "/ü", false),
        ("/*?", "/aü", true),
    ];
    for (first, second, covers) in cases {
        let (first, second) = (path_pattern(first), path_pattern(second));
        assert_eq!(first.covers(&second), covers, "{first} over {second}");
    }
}

#[test]
fn bad_path_patterns_are_refused() {
    let long = format!("/{}", "a".repeat(4_096));
    let cases = [
        ("", PatternError::NoSlash),
        ("a/*", PatternError::NoSlash),
        ("?", PatternError::NoSlash),
        ("/a\nb", PatternError::Control),
        (long.as_str(), PatternError::TooLong),
    ];
    for (text, error) in cases {
        assert_eq!(PathPattern::parse(text), Err(error));
    }
    assert!(path_pattern("/a").is_exact() && !path_pattern("/a?").is_exact());
}

#[test]
fn hosts_are_names_addresses_or_one_label_more() {
    let good = [
        ("WWW.Example.com.", "www.example.com"),
        ("localhost", "localhost"),
        ("*.Example.com", "*.example.com"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
    ];
    for (text, shown) in good {
        assert_eq!(HostPattern::parse(text).unwrap().to_string(), shown);
    }
    let bad = [
        ("https://a.b", PatternError::Scheme),
        ("a.b:80", PatternError::Port),
        ("[::1]:80", PatternError::Port),
        ("a.*.b", PatternError::Wildcard),
        ("*", PatternError::Wildcard),
        ("*.*.b", PatternError::Wildcard),
        ("www*.b", PatternError::Wildcard),
        ("", PatternError::Name),
        ("*.", PatternError::Wildcard),
        ("*.0.0.1", PatternError::Name),
        ("a..b", PatternError::Name),
        ("a/b", PatternError::Name),
        ("1.2.3.256", PatternError::Name),
        ("-a.b", PatternError::Name),
    ];
    for (text, error) in bad {
        assert_eq!(HostPattern::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_wildcard_is_exactly_one_more_label() {
    let wildcard = HostPattern::parse("*.example.com").unwrap();
    for (host, matches) in [
        ("a.example.com", true),
        ("example.com", false),
        (".example.com", false),
        ("a.b.example.com", false),
        ("aexample.com", false),
        ("a.example.org", false),
    ] {
        assert_eq!(wildcard.matches(host), matches, "{host}");
    }
    assert!(HostPattern::parse("example.com").unwrap().matches("example.com"));
}

proptest! {
    #[test]
    fn matching_agrees_with_its_definition(pattern in "[/*][aüè/*?]{0,8}", path in "/[aüé/]{0,10}") {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        let matches = by_definition(&letters(&pattern), &letters(&path));
        prop_assert_eq!(path_pattern(&pattern).matches(&path), matches);
    }

    #[test]
    fn coverage_is_sound(
        first in "[/*][aü/*?]{0,6}",
        second in "[/*][aü/*?]{0,6}",
        paths in prop::collection::vec("/[aüé/]{0,8}", 40),
    ) {
        let (first, second) = (path_pattern(&first), path_pattern(&second));
        prop_assert!(first.covers(&first));
        if first.covers(&second) {
            for path in paths.iter().filter(|path| second.matches(path)) {
                prop_assert!(first.matches(path), "{} over {} on {}", first, second, path);
            }
        }
    }
}

fn path_pattern(text: &str) -> PathPattern {
    PathPattern::parse(text).unwrap()
}

fn by_definition(pattern: &[char], path: &[char]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (['*', rest @ ..], _) => (0..=path.len()).any(|taken| by_definition(rest, &path[taken..])),
        (['?', pattern @ ..], [_, path @ ..]) => by_definition(pattern, path),
        ([a, pattern @ ..], [b, path @ ..]) => a == b && by_definition(pattern, path),
        _ => false,
    }
}
