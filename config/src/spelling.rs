//! The one spelling in which paths and their patterns meet, and the others that origins may read.

use std::borrow::Cow;

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

fn escape(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |offset: usize| char::from(*bytes.get(at + offset)?).to_digit(16);
    u8::try_from(digit(1)? * 16 + digit(2)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    }
}
