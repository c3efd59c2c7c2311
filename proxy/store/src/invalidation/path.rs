//! The paths of an invalidation, and what they take.

use serde::{Deserialize, Serialize};
use warmfront_semantics::target::{Target, canonical_path};

use super::query::QueryPattern;
use crate::stored::Place;

/// Longest path of an invalidation, in bytes: CloudFront's limit.
const PATH_BYTES_MAX: usize = 4_000;

/// One path of an invalidation: exact, or with `*` at any place for any run of characters.
///
/// Spelled canonically, so that `~`, `%7E`, a space, `%20` and raw UTF-8 take what a browser's
/// spelling stored. A path without a query takes every query form of it; one with a query takes
/// whatever a request for it could be served.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InvalidationPath {
    /// As it was written, for people.
    written: String,
    path: Wildcard,
    query: Option<QueryPattern>,
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
pub(super) struct Wildcard(Vec<String>);

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
            query: query.map(QueryPattern::new),
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
        let Some(query) = &self.query else {
            let made_from = place.made_from.as_deref();
            return self.path.matches(&place.path)
                || made_from.is_some_and(|page| self.path.matches(page));
        };
        self.path.matches(&place.path) && query.takes(place)
    }

    /// Whether it takes more than one path.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.literal().is_none()
    }

    /// Whether it takes everything.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.query.is_none() && self.path.0 == ["/", ""]
    }

    /// The canonical path, if there is no `*` in it.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.path.0.as_slice() {
            [path] => Some(path),
            _ => None,
        }
    }

    /// What every canonical path that it takes begins with.
    pub(crate) fn prefix(&self) -> &str {
        self.path.0.first().map_or("", String::as_str)
    }

    /// Whether it takes some query forms only.
    pub(crate) fn has_query(&self) -> bool {
        self.query.is_some()
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
    pub(super) fn new(pattern: &str) -> Self {
        let mut pieces: Vec<String> = pattern.split('*').map(str::to_owned).collect();
        // `**` is `*`.
        let last = pieces.len() - 1;
        let mut at = 0;
        pieces.retain(|piece| {
            let is_middle = (1..last).contains(&at);
            at += 1;
            !(is_middle && piece.is_empty())
        });
        Self(pieces)
    }

    /// Linear: taking the leftmost place for each piece can never spoil a later one.
    pub(super) fn matches(&self, text: &str) -> bool {
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
mod tests;
