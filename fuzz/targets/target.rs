//! Request targets: a path has one spelling, which means what it meant.
#![no_main]

use http::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;
use warmfront_config::spelling::{has_dot_segments, matched_path};
use warmfront_semantics::navigation::wanted;
use warmfront_semantics::target::{Target, canonical_path, without_authority};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let rest = without_authority(input);
    assert!(input.ends_with(rest) || rest == b"/");
    if input.starts_with(b"/") {
        assert_eq!(rest, input);
    }
    let Ok(target) = std::str::from_utf8(rest) else {
        return;
    };
    let Target { path, query } = Target::split(target);
    assert!(!path.is_empty() && !path.contains('?'));
    let joined = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    assert!(joined == target || joined.strip_prefix('/') == Some(target), "{target:?}");
    one_spelling(path);
    one_kind(path);
    one_behavior(path);
}

fn one_spelling(path: &str) {
    let canonical = canonical_path(path, b"");
    assert_eq!(octets(&canonical), octets(path), "{path:?} became {canonical:?}");
    assert_eq!(canonical_path(&canonical, b""), canonical);
    let escaped: Vec<_> = octets(path).iter().map(|octet| format!("%{octet:02x}")).collect();
    assert_eq!(canonical_path(&escaped.concat(), b""), canonical, "every octet escaped");

    // An invalidation's path: a bare `*` stays apart from an escaped one.
    let pattern = canonical_path(path, b"*");
    assert_eq!(canonical_path(&pattern, b"*"), pattern);
    assert_eq!(pattern.replace('*', "%2A"), canonical);
    assert_eq!(pattern.matches('*').count(), path.matches('*').count());
}

/// Whether it is a page or a file does not depend on how it is spelled.
fn one_kind(path: &str) {
    let request = HeaderMap::new();
    let kind = wanted(&Method::GET, path, &request);
    assert_eq!(wanted(&Method::GET, &canonical_path(path, b";"), &request), kind, "{path:?}");
}

/// Every spelling of a path is matched alike, and nothing is left that an origin could still resolve.
fn one_behavior(path: &str) {
    let matched = matched_path(path);
    if path.starts_with('/') {
        assert!(matched.starts_with('/') && !matched.contains("//"), "{path:?}: {matched:?}");
        assert!(!matched.split('/').any(|segment| matches!(segment, "." | "..")), "{matched:?}");
        assert_eq!(matched_path(&canonical_path(path, b"*?")), matched, "{path:?}");
    }
    let _ = has_dot_segments(path);
}

/// RFC 3986 §2.1, a byte at a time.
fn octets(path: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|b| char::from(*b).to_digit(16));
        let escaped = match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        octets.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    octets
}
