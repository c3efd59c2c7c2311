//! Request targets (RFC 9112 §3.2) and the one spelling a path has inside the node.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Path and query of a request target, as the client spelled them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// Never empty, begins with `/` (or is `*` for OPTIONS).
    pub path: &'a str,
    /// What stands behind the first `?`; `None` if there is no `?`.
    pub query: Option<&'a str>,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// Splits origin-form (`/a?b`) at its first `?`. A fragment never reaches a server.
    #[must_use]
    pub fn split(path_and_query: &'a str) -> Self {
        match path_and_query.split_once('?') {
            Some((path, query)) => Self { path: or_root(path), query: Some(query) },
            None => Self { path: or_root(path_and_query), query: None },
        }
    }
}

/// Path and query of a target in absolute-form (RFC 9112 §3.2.2); any other form as it is.
#[must_use]
pub fn without_authority(target: &[u8]) -> &[u8] {
    if matches!(target.first(), None | Some(b'/' | b'*')) {
        return target;
    }
    let behind_scheme = target.windows(3).position(|w| w == b"://").map(|at| at + 3);
    let rest = behind_scheme.and_then(|at| target.get(at..)).unwrap_or(target);
    let path = rest.iter().position(|b| matches!(b, b'/' | b'?'));
    path.and_then(|at| rest.get(at..)).unwrap_or(b"/")
}

/// Spells a path in one way, so that `/a~b`, `/a%7Eb` and `/a%7eb` are one path.
///
/// Every octet is percent-decoded and encoded again: unreserved characters and `/` stay bare
/// (RFC 3986 §2.3, §6.2.2.2), everything else is `%XX` in upper case. Raw UTF-8 and spaces, which
/// deploy scripts send, come out as browsers request them. An escape that is none keeps its `%` as `%25`.
///
/// `keep` names further characters that stay as they are: the `*` of an invalidation path.
#[must_use]
pub fn canonical_path(path: &str, keep: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    let bytes = path.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| escape(bytes, at)).flatten();
        at += if escaped.is_some() { 3 } else { 1 };
        match escaped {
            None if keep.contains(&byte) => out.push(char::from(byte)),
            _ => push(&mut out, escaped.unwrap_or(byte)),
        }
    }
    out
}

/// The path that patterns are matched with: decoded, dot segments resolved (RFC 3986 §5.2.4), runs of
/// slashes as one.
///
/// An origin that decodes, resolves or merges must not be reached by a spelling of a path that another
/// behavior, with another idea of who is let in, would have got.
#[must_use]
pub fn matched_path(path: &str) -> Cow<'_, str> {
    if !path.contains('%') && !path.contains("//") && !path.contains("/.") {
        return Cow::Borrowed(path);
    }
    Cow::Owned(resolved(&decoded(path)))
}

/// A path as lenient origins may read it: `\` is a slash to some, what stands behind `;` in a segment
/// is no part of its name to others (RFC 3986 §3.3), who take it off before they decode or after. Empty
/// if none of them could read it otherwise.
#[must_use]
pub fn lenient_paths(path: &str) -> Vec<String> {
    let plain = decoded(path);
    if !plain.contains([';', '\\']) {
        return Vec::new();
    }
    let slashed = |path: &str| path.replace('\\', "/");
    let readings = [
        slashed(&plain),
        bare(&plain),
        bare(&slashed(&plain)),
        slashed(&bare(&plain)),
        decoded(&bare(path)),
        slashed(&decoded(&bare(path))),
        decoded(&bare(&slashed(path))),
    ];
    readings.iter().map(|reading| resolved(reading)).collect()
}

/// Without what stands behind `;` in each segment.
fn bare(path: &str) -> String {
    let bare = path.split('/').map(|segment| segment.split(';').next().unwrap_or(segment));
    bare.collect::<Vec<_>>().join("/")
}

fn resolved(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let ends_in_slash = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    let slash = if ends_in_slash && !segments.is_empty() { "/" } else { "" };
    format!("/{}{slash}", segments.join("/"))
}

/// A pattern of paths as [`matched_path`] spells what it is matched with. An escaped `*` or `?` is no
/// wildcard, and stays escaped, which matches nothing.
#[must_use]
pub fn matched_pattern(pattern: &str) -> Cow<'_, str> {
    if pattern.contains('%') { decoded(pattern).into() } else { Cow::Borrowed(pattern) }
}

/// Whether a path has a segment `.` or `..` when it is decoded, also to a lenient origin. Clients
/// resolve them before they ask.
#[must_use]
pub fn has_dot_segments(path: &str) -> bool {
    let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    let has = |path: &str| path.split(['/', '\\']).any(dots);
    if path.contains('%') { has(&decoded(path)) } else { has(path) }
}

/// Octets that are no UTF-8 become one character of their own: a path is matched, not asked for.
fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| escape(bytes, at)).flatten();
        at += if escaped.is_some() { 3 } else { 1 };
        match escaped {
            Some(wildcard @ (b'*' | b'?')) => {
                out.extend_from_slice(format!("%{wildcard:02X}").as_bytes());
            }
            _ => out.push(escaped.unwrap_or(byte)),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn or_root(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

fn escape(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |offset: usize| char::from(*bytes.get(at + offset)?).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

fn push(out: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
        out.push(char::from(byte));
    } else {
        // Writing to a String cannot fail.
        let _ = write!(out, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling() {
        for (path, canonical) in [
            ("/runtime~main.js", "/runtime~main.js"),
            ("/runtime%7Emain.js", "/runtime~main.js"),
            ("/a b", "/a%20b"),
            ("/a%20b", "/a%20b"),
            ("/ü", "/%C3%BC"),
            ("/%c3%bc", "/%C3%BC"),
            ("/a+b", "/a%2Bb"),
            ("/100%.txt", "/100%25.txt"),
            ("/a*", "/a%2A"),
            ("/%2Fa", "//a"),
        ] {
            assert_eq!(canonical_path(path, b""), canonical, "{path}");
        }
        assert_eq!(canonical_path("/a*%2A", b"*"), "/a*%2A");
    }

    #[test]
    fn splits_at_the_first_question_mark() {
        assert_eq!(Target::split("/a?b?c"), Target { path: "/a", query: Some("b?c") });
        assert_eq!(Target::split("?b"), Target { path: "/", query: Some("b") });
        assert_eq!(Target::split("/a?"), Target { path: "/a", query: Some("") });
    }

    #[test]
    fn absolute_form_loses_its_authority() {
        for (target, rest) in [
            ("http://a/b?c", "/b?c"),
            ("https://a?c", "?c"),
            ("https://a", "/"),
            ("/http://a/b", "/http://a/b"),
            ("*", "*"),
        ] {
            assert_eq!(without_authority(target.as_bytes()), rest.as_bytes(), "{target}");
        }
    }

    #[test]
    fn paths_are_matched_in_one_spelling() {
        for (path, matched) in [
            ("/", "/"),
            ("/private/x", "/private/x"),
            ("/%70rivate/x", "/private/x"),
            ("/private%2Fx", "/private/x"),
            ("//private///x", "/private/x"),
            ("/a/../private/x", "/private/x"),
            ("/a/%2e%2E/private/x", "/private/x"),
            ("/a%2f..%2fprivate/./x", "/private/x"),
            ("/../../x", "/x"),
            ("/private/", "/private/"),
            ("/private/.", "/private/"),
            ("/a/b/..", "/a/"),
            ("/..", "/"),
            ("/.well-known/x", "/.well-known/x"),
            ("/100%", "/100%"),
            ("/a%2Ab%3Fc", "/a%2Ab%3Fc"),
            ("/%ff", "/\u{fffd}"),
            ("/%C3%BC", "/ü"),
            ("*", "*"),
        ] {
            assert_eq!(matched_path(path), matched, "{path}");
        }
        assert_eq!(matched_pattern("/%C3%BC%2A*"), "/ü%2A*");
    }

    #[test]
    fn lenient_origins_read_paths_otherwise() {
        for (path, read) in [
            ("/private/x", None),
            ("/private;a=1/x", Some("/private/x")),
            ("/;/private/x", Some("/private/x")),
            ("/private%3Ba/x;b", Some("/private/x")),
            ("/private%5Cx", Some("/private/x")),
            ("\\private/x", Some("/private/x")),
            ("/;%2Fa/private/x", Some("/private/x")),
            ("/;%5Ca/private/x", Some("/private/x")),
            ("/docs/a.pdf;x%5Cy", Some("/docs/a.pdf")),
            ("/docs/a.pdf;%2Fx", Some("/docs/a.pdf")),
        ] {
            let readings = lenient_paths(path);
            match read {
                Some(read) => assert!(readings.iter().any(|it| it == read), "{path}: {readings:?}"),
                None => assert!(readings.is_empty(), "{path}"),
            }
        }
    }

    #[test]
    fn dot_segments_are_seen_through_escapes() {
        for (path, has) in [
            ("/a/../b", true),
            ("/a/.", true),
            ("/a/%2E%2e/b", true),
            ("/a%2F..%2Fb", true),
            ("/a/..;/b", true),
            ("/a/..;x=1/b", true),
            ("/a/%2e%2e%3b/b", true),
            ("/a%5C..%5Cb", true),
            ("/a..b/...", false),
            ("/.well-known", false),
            ("/%252e%252e/", false),
        ] {
            assert_eq!(has_dot_segments(path), has, "{path}");
        }
    }

    proptest! {
        #[test]
        fn matched_paths_have_one_slash_at_a_time(path in "/(/|%|%2[fF]|\\.|%2[eE]|[a-z]){0,40}") {
            let matched = matched_path(&path);
            prop_assert!(matched.starts_with('/'));
            prop_assert!(!matched.contains("//"), "{matched}");
            prop_assert!(!has_dot_segments(&matched) || matched.contains('%'), "{matched}");
        }

        #[test]
        fn canonical_is_a_fixed_point(path in "(/|%|[a-z0-9 ~+*%]|ü){0,40}") {
            let once = canonical_path(&path, b"");
            prop_assert_eq!(&canonical_path(&once, b""), &once);
        }
    }
}
