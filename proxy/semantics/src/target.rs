//! Request targets (RFC 9112 §3.2) and the one spelling a path has inside the node.

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

fn or_root(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

/// The octet that an escape at this place stands for.
pub(crate) fn escape(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |offset: usize| char::from(*bytes.get(at + offset)?).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

/// Spells one octet: bare where it is unreserved or a `/`.
pub(crate) fn push(out: &mut String, byte: u8) {
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

    proptest! {
        #[test]
        fn canonical_is_a_fixed_point(path in "(/|%|[a-z0-9 ~+*%]|ü){0,40}") {
            let once = canonical_path(&path, b"");
            prop_assert_eq!(&canonical_path(&once, b""), &once);
        }
    }
}
