//! The URLs that a policy's `Resource` is for.
//!
//! CloudFront takes a pattern and a URL apart into scheme, host, path and query. `*` is any run and
//! `?` any one character within its section, with two exceptions: a `*` that ends the host where no
//! path follows stands for every path and query, and one that ends the path for every query. The
//! `?` before the query is not escaped in a policy, so each `?` of a pattern is that one too.

use super::Url;

/// A `Resource`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    scheme: String,
    authority: String,
    /// Path and query; `None` for all of them.
    rest: Option<String>,
}

// === impl Pattern ===

impl Pattern {
    /// Reads `http://…`, `https://…`, either with wildcards, or something that begins with `*` and
    /// is for both; `None` for anything else.
    pub(super) fn parse(resource: &str) -> Option<Self> {
        let is_scheme = |scheme: &str| scheme.bytes().all(|b| b.is_ascii_lowercase() || is_wild(b));
        let (scheme, behind) = match resource.split_once("://") {
            Some((scheme, behind)) if is_scheme(scheme) => (scheme, behind),
            _ if resource.starts_with('*') => ("*", resource),
            _ => return None,
        };
        if !scheme.bytes().any(is_wild) && !matches!(scheme, "http" | "https") {
            return None;
        }
        let (authority, rest) = match behind.find('/').and_then(|at| behind.split_at_checked(at)) {
            Some((authority, rest)) => (authority, Some(rest)),
            None if behind.ends_with('*') => (behind, None),
            None => (behind, Some("/")),
        };
        let rest = rest.map(str::to_owned);
        Some(Self { scheme: scheme.to_owned(), authority: authority.to_owned(), rest })
    }

    /// Whether a URL, its query without signing parameters, is one of those.
    pub(super) fn covers(&self, url: &Url<'_>) -> bool {
        let matches = |pattern: &str, text: &str| is_match(pattern.as_bytes(), text.bytes(), None);
        let Some(rest) = &self.rest else {
            return matches(&self.scheme, url.scheme) && matches(&self.authority, url.authority);
        };
        let query = url.query.into_iter().flat_map(|query| [b'?'].into_iter().chain(query.bytes()));
        matches(&self.scheme, url.scheme)
            && matches(&self.authority, url.authority)
            && is_match(rest.as_bytes(), url.path.bytes().chain(query), Some(url.path.len()))
    }
}

const fn is_wild(octet: u8) -> bool {
    matches!(octet, b'*' | b'?')
}

/// Whether `*`, any run, and `?`, any one octet, make the pattern this text. The octet at `bound` is
/// between two sections: only a `*` that ends the pattern runs across it.
///
/// Every place in the pattern where the text so far may have led is carried along, so that the work
/// is at most length by length, whatever the pattern.
fn is_match(pattern: &[u8], text: impl Iterator<Item = u8>, bound: Option<usize>) -> bool {
    let mut places = Vec::new();
    reach(pattern, 0, &mut places);
    for (at, octet) in text.enumerate() {
        let mut next = Vec::with_capacity(places.len() + 1);
        for &place in &places {
            match pattern.get(place) {
                Some(b'*') if bound != Some(at) || place + 1 == pattern.len() => {
                    reach(pattern, place, &mut next);
                }
                Some(b'?') => reach(pattern, place + 1, &mut next),
                Some(b'*') | None => {}
                Some(wanted) if *wanted == octet => reach(pattern, place + 1, &mut next),
                Some(_) => {}
            }
        }
        if next.is_empty() {
            return false;
        }
        places = next;
    }
    places.last() == Some(&pattern.len())
}

/// Adds a place, and those behind it that a `*` for nothing leads to. It is asked in their order, so
/// that what is not behind the last is there already.
fn reach(pattern: &[u8], mut place: usize, places: &mut Vec<usize>) {
    while places.last().is_none_or(|last| *last < place) {
        places.push(place);
        if pattern.get(place) == Some(&b'*') {
            place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn covers(resource: &str, scheme: &str, authority: &str, target: &str) -> bool {
        let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        let url = Url { scheme, authority, path, query };
        Pattern::parse(resource).is_some_and(|pattern| pattern.covers(&url))
    }

    #[test]
    fn wildcards_stay_within_their_section() {
        for (resource, target, expected) in [
            ("https://a.test/hello*world", "/helloworld", true),
            ("https://a.test/hello*world", "/hello-/-world", true),
            ("https://a.test/hello*world", "/hello?world", false),
            ("https://a.test/hello*world", "/helloworld?", false),
            ("https://a.test/hello*", "/hello", true),
            ("https://a.test/hello*", "/hello?", true),
            ("https://a.test/hello*", "/hello/x?y=/?z", true),
            ("https://a.test/hello*", "/hell", false),
            ("https://a.test/*game.zip*", "/my_game.zip?license=yes", true),
            ("https://a.test/*game.zip*", "/x?game.zip", false),
            ("https://a.test/a?b", "/a?b", true),
            ("https://a.test/a?b", "/axb", true),
            ("https://a.test/a?b", "/ab", false),
            ("https://a.test/a\\?b", "/a?b", false),
            ("https://a.test/a?b?c=*", "/axb?c=1", true),
            ("https://a.test/*?b*d", "/x/?b?c?d", true),
            ("https://a.test/*?b*d", "/xyb?d", false),
            ("https://a.test/*?b*d", "/qb?bzd", true),
            ("https://a.test/a?x=*", "/a?x=1&y=2", true),
            ("https://a.test/a?x=*", "/a?y=2&x=1", false),
            ("https://a.test/a?*", "/a", false),
            ("https://a.test/", "/", true),
            ("https://a.test", "/", true),
            ("https://a.test", "/b", false),
            ("https://a.test*", "/b?c", true),
            ("https://a.test?", "/", false),
            ("https://*", "/b?c", true),
            ("https://*/", "/b", false),
            ("https://*.test/b", "/b", true),
            ("https://?.test/b", "/b", true),
            ("https://??.test/b", "/b", false),
            ("https://*b", "/b", false),
            ("https://a*/c", "/b/c", false),
            ("http://a.test/", "/", false),
            ("http*://a.test/", "/", true),
            ("http?://a.test/", "/", true),
            ("*://a.test/", "/", true),
            ("*", "/b?c", true),
            ("*a.test", "/", true),
            ("*a.test", "/b", false),
            ("*a.test/b*", "/b?x=https://c", true),
            ("*/x?u=http://*", "/x?u=http://b", true),
            ("https://A.test/", "/", false),
            ("https://a.test/%61", "/a", false),
        ] {
            assert_eq!(
                covers(resource, "https", "a.test", target),
                expected,
                "{resource} {target}"
            );
        }
    }

    #[test]
    fn what_is_no_url_is_no_pattern() {
        for resource in ["", "/a", "a.test/*", "ftp://a/", "HTTPS://a/", "://a/", "http:/a"] {
            assert_eq!(Pattern::parse(resource), None, "{resource}");
        }
    }

    #[test]
    fn many_stars_are_no_more_work_than_their_number() {
        let resource = ["https://a.test/", &"*a".repeat(500), "b"].concat();
        let target = ["/", &"a".repeat(4_000)].concat();
        assert!(!covers(&resource, "https", "a.test", &target));
        assert!(covers(
            &["https://a.test/", &"*".repeat(4_000)].concat(),
            "https",
            "a.test",
            &target
        ));
    }

    /// The same, as the definition has it.
    fn is_match_slowly(pattern: &[u8], text: &[u8], bound: Option<usize>) -> bool {
        let behind = |bound: Option<usize>| bound.and_then(|bound| bound.checked_sub(1));
        match (pattern, text) {
            ([], _) => text.is_empty(),
            ([b'*'], _) => true,
            ([b'*', rest @ ..], [_, after @ ..]) => {
                is_match_slowly(rest, text, bound)
                    || (bound != Some(0) && is_match_slowly(pattern, after, behind(bound)))
            }
            ([b'*', rest @ ..], []) => is_match_slowly(rest, text, bound),
            ([b'?', rest @ ..], [_, after @ ..]) => is_match_slowly(rest, after, behind(bound)),
            ([wanted, rest @ ..], [octet, after @ ..]) => {
                wanted == octet && is_match_slowly(rest, after, behind(bound))
            }
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn matches_what_the_definition_does(pattern in "[ab*?]{0,8}", text in "[ab?]{0,8}") {
            let bound = text.find('?');
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            let expected = is_match_slowly(pattern, text, bound);
            prop_assert_eq!(is_match(pattern, text.iter().copied(), bound), expected);
        }
    }
}
