//! What is asked to be taken out of service, and what became of it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use warmfront_semantics::target::{Target, canonical_path};

use crate::ledger::Position;
use crate::stored::Place;

/// Longest path of an invalidation, in bytes: CloudFront's limit.
const PATH_BYTES_MAX: usize = 4_000;

/// One path of an invalidation: exact, or with `*` at any place for any run of characters.
///
/// Spelled canonically, so that `~`, `%7E`, a space, `%20`, `+` and raw UTF-8 take what a browser's
/// spelling stored. A path without a query takes every query form of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InvalidationPath {
    /// As it was written, for people.
    written: String,
    path: Wildcard,
    query: Option<Wildcard>,
}

/// Why a path cannot be invalidated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// CloudFront's rule; a path without its slash matches nothing and helps nobody.
    #[error("`{0}` must begin with `/`")]
    Slash(String),
    /// Over 4,000 bytes.
    #[error("a path is longer than {PATH_BYTES_MAX} bytes")]
    TooLong,
    /// A control character.
    #[error("a path has a control character")]
    Control,
}

/// Literal pieces with any run of characters between them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Wildcard(Vec<String>);

/// An order to take stored responses out of service.
#[derive(Debug, Clone)]
pub struct Order {
    /// The site's name.
    pub site: String,
    /// Never empty.
    pub paths: Vec<InvalidationPath>,
    /// The caller's name for it: the same reference again is the same invalidation.
    pub reference: Option<String>,
    /// Whose key it was.
    pub by: String,
}

/// What an order came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Receipt {
    /// It is done.
    New(Invalidation),
    /// This reference with these paths was done before.
    Repeated(Invalidation),
    /// This reference was used with other paths.
    Conflict(Invalidation),
}

/// A recorded invalidation. It is completed when it is acknowledged: from then on no request is
/// served an older stored response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invalidation {
    /// `I` and 13 letters and digits, as CloudFront's.
    pub id: String,
    /// Its place in the order of all invalidations.
    pub position: Position,
    /// The site's name.
    pub site: String,
    /// What was asked for.
    pub paths: Vec<InvalidationPath>,
    /// The caller's name for it.
    pub reference: Option<String>,
    /// Whose key it was.
    pub by: String,
    /// When it was recorded.
    pub created: SystemTime,
    /// What it took out of service.
    pub counted: Counted,
}

/// Stored responses that an invalidation matched.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// How many, variants counted one by one. What is kept beyond a deploy was taken too: nobody is served
    /// it any more before its origin was asked.
    pub matched: u64,
    /// How much memory they held, in bytes, the encoded forms of their bodies included.
    pub bytes: u64,
}

// === impl InvalidationPath ===

impl InvalidationPath {
    /// Reads a path as scripts send it: raw UTF-8 and spaces, escaped, or anything between.
    pub fn parse(written: &str) -> Result<Self, BadPath> {
        if !written.starts_with('/') {
            return Err(BadPath::Slash(written.chars().take(80).collect()));
        }
        if written.len() > PATH_BYTES_MAX {
            return Err(BadPath::TooLong);
        }
        if written.chars().any(char::is_control) {
            return Err(BadPath::Control);
        }
        let Target { path, query } = Target::split(written);
        Ok(Self {
            written: written.to_owned(),
            path: Wildcard::new(&canonical_path(path, b"*")),
            query: query.map(Wildcard::new),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether it takes what is stored in this place.
    #[must_use]
    pub fn takes(&self, place: &Place) -> bool {
        let query = self
            .query
            .as_ref()
            .is_none_or(|query| place.query.as_deref().is_some_and(|stored| query.matches(stored)));
        let made_from = place.made_from.as_deref().is_some_and(|page| self.path.matches(page));
        (query && self.path.matches(&place.path)) || (self.query.is_none() && made_from)
    }

    /// The canonical path, if the order is for this one path and all its query forms.
    pub(crate) fn exact(&self) -> Option<&str> {
        match (self.path.0.as_slice(), &self.query) {
            ([path], None) => Some(path),
            _ => None,
        }
    }

    /// Whether it takes everything.
    pub(crate) fn is_all(&self) -> bool {
        self.query.is_none() && self.path.0 == ["/", ""]
    }
}

impl TryFrom<String> for InvalidationPath {
    type Error = BadPath;

    fn try_from(written: String) -> Result<Self, BadPath> {
        Self::parse(&written)
    }
}

impl From<InvalidationPath> for String {
    fn from(path: InvalidationPath) -> Self {
        path.written
    }
}

// === impl Wildcard ===

impl Wildcard {
    fn new(pattern: &str) -> Self {
        Self(pattern.split('*').map(str::to_owned).collect())
    }

    /// Linear: taking the leftmost place for each piece can never spoil a later one.
    fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return text == first;
        };
        let Some(mut text) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for piece in middle {
            match text.split_once(piece.as_str()) {
                Some((_, behind)) => text = behind,
                None => return false,
            }
        }
        text.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(path: &str, query: Option<&str>, made_from: Option<&str>) -> Place {
        Place {
            path: canonical_path(path, b"").into(),
            query: query.map(Into::into),
            made_from: made_from.map(Into::into),
        }
    }

    #[test]
    fn paths_take_what_users_mean() {
        for (order, path, query, taken) in [
            ("/*", "/", None, true),
            ("/a", "/a", None, true),
            ("/a", "/a", Some("x=1"), true),
            ("/a", "/a/", None, false),
            ("/a?x=1", "/a", Some("x=1"), true),
            ("/a?x=1", "/a", None, false),
            ("/a?x=*", "/a", Some("x=2"), true),
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
        ] {
            let order = InvalidationPath::parse(order).unwrap();
            assert_eq!(order.takes(&place(path, query, None)), taken, "{order:?} {path} {query:?}");
        }
        let page = InvalidationPath::parse("/index.html").unwrap();
        assert!(page.takes(&place("/deep/link", None, Some("/index.html"))));
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
                    (Some((x, p)), Some((y, t))) => x == y && naive(p, t),
                    (Some(_), None) => false,
                }
            }
            let expected = naive(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Wildcard::new(&pattern).matches(&text), expected);
        }
    }
}
