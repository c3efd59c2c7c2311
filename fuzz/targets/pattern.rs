//! Path and host patterns: they match by their definition, and what covers another matches more.
//!
//! Lines: a pattern, another, a path; a host pattern, a host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warmfront_config::{HostPattern, PathPattern};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (pattern, other, path) = (line(), line(), line());
    check_paths(PathPattern::parse(pattern).ok(), PathPattern::parse(other).ok(), path);
    let (pattern, host) = (line(), line());
    if let Ok(pattern) = HostPattern::parse(pattern) {
        check_hosts(&pattern, host);
    }
}

fn check_paths(pattern: Option<PathPattern>, other: Option<PathPattern>, path: &str) {
    let Some(pattern) = pattern else {
        return;
    };
    assert_eq!(PathPattern::parse(pattern.as_str()).as_ref(), Ok(&pattern));
    assert!(PathPattern::any().matches(path) && PathPattern::any().covers(&pattern));
    let matched = pattern.matches(path);
    assert_eq!(matched, by_definition(&letters(pattern.as_str()), &letters(path)), "{pattern}");
    if pattern.is_exact() {
        assert_eq!(matched, pattern.as_str() == path);
    }
    let covered = other.filter(|other| path.starts_with('/') && pattern.covers(other));
    if let Some(other) = covered {
        assert!(matched || !other.matches(path), "{pattern} covers {other}, but not {path}");
    }
}

fn check_hosts(pattern: &HostPattern, host: &str) {
    let written = pattern.to_string();
    assert_eq!(HostPattern::parse(&written).as_ref(), Ok(pattern), "its own spelling");
    assert_eq!(HostPattern::parse(&written.to_ascii_uppercase()).as_ref(), Ok(pattern));
    match pattern {
        HostPattern::Exact(name) => assert!(pattern.matches(name)),
        HostPattern::Wildcard(parent) => {
            assert!(pattern.matches(&format!("a.{parent}")));
            assert!(!pattern.matches(parent) && !pattern.matches(&format!("a.b.{parent}")));
        }
    }
    if pattern.matches(host) {
        let end = written.trim_start_matches('*');
        assert!(host.ends_with(end), "{pattern} {host}");
    }
}

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// Which prefixes of the text the pattern matches, a letter of the pattern at a time.
fn by_definition(pattern: &[char], text: &[char]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for wanted in pattern {
        let before = reached.clone();
        for at in 0..=text.len() {
            let previous = at.checked_sub(1);
            reached[at] = match wanted {
                '*' => before[at] || previous.is_some_and(|previous| reached[previous]),
                wanted => previous.is_some_and(|previous| {
                    before[previous] && (*wanted == '?' || *wanted == text[previous])
                }),
            };
        }
    }
    reached[text.len()]
}
