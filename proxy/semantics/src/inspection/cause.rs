//! The invalidation that a request owes its course to.

use std::time::SystemTime;

use serde::Serialize;

use super::span::{since, span};
use crate::tame::tame;
use crate::timestamp::rfc3339;

/// An invalidation, as an inspection tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Its id.
    pub id: String,
    /// When it was recorded (RFC 3339).
    pub created: String,
    /// The id of the key that it was made with.
    pub by: String,
    /// What it does to what it takes.
    pub force: Force,
    /// The paths it named.
    pub paths: Vec<String>,
    /// The tags it named.
    pub tags: Vec<String>,
    /// All of that in a sentence, without its full stop.
    pub sentence: String,
}

/// What an invalidation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its paths, as they were written.
    pub paths: Vec<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// With whose key an invalidation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'a> {
    /// The key's id.
    pub id: &'a str,
    /// Its name, as long as there is such a key.
    pub name: Option<&'a str>,
}

/// What an invalidation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// It takes out of service.
    Hard,
    /// It marks stale.
    Soft,
}

/// Longest name that is repeated in a sentence, in bytes.
const NAME_BYTES_MAX: usize = 80;

// === impl Cause ===

impl Cause {
    /// Tells of an invalidation that was `recorded` then.
    #[must_use]
    pub fn tell(
        id: &str,
        by: By<'_>,
        force: Force,
        Named { paths, tags }: Named,
        recorded: SystemTime,
        now: SystemTime,
    ) -> Self {
        let named: Vec<String> = paths
            .iter()
            .map(|path| tame(path, NAME_BYTES_MAX))
            .chain(tags.iter().map(|tag| format!("the tag {}", tame(tag, NAME_BYTES_MAX))))
            .collect();
        let what = match named.as_slice() {
            [] => String::new(),
            [one] => format!(" of {one}"),
            [first, rest @ ..] => format!(" of {first} and {} more", rest.len()),
        };
        let soft = if force == Force::Soft { "soft " } else { "" };
        let ago = span(since(recorded, now));
        let who = by.told();
        Self {
            id: id.to_owned(),
            created: rfc3339(recorded),
            by: by.id.to_owned(),
            force,
            sentence: format!("the {soft}invalidation {id}{what} by {who}, {ago} ago"),
            paths,
            tags,
        }
    }
}

// === impl By ===

impl By<'_> {
    /// People know a key by its name; what they revoke is the id.
    fn told(self) -> String {
        let id = tame(self.id, NAME_BYTES_MAX);
        match self.name {
            Some(name) => format!("{} ({id})", tame(name, NAME_BYTES_MAX)),
            None => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_invalidation_is_told_in_one_tame_line() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        for (paths, tags, force, said) in [
            (
                &["/*"][..],
                &[][..],
                Force::Hard,
                "the invalidation I1 of /* by deploy (K1), 1 min ago",
            ),
            (
                &["/a\u{202e}b", "/c"],
                &["d"],
                Force::Hard,
                "the invalidation I1 of /ab and 2 more by deploy (K1), 1 min ago",
            ),
            (
                &[],
                &["d"],
                Force::Soft,
                "the soft invalidation I1 of the tag d by deploy (K1), 1 min ago",
            ),
        ] {
            let by = By { id: "K1", name: Some("deploy") };
            let named = Named { paths: words(paths), tags: words(tags) };
            let cause = Cause::tell("I1", by, force, named, at(60), at(120));
            assert_eq!(cause.sentence, said);
            assert_eq!((&*cause.created, &*cause.by), ("1970-01-01T00:01:00.000Z", "K1"));
        }
        let named = Named { paths: Vec::new(), tags: Vec::new() };
        let gone = By { id: "K1", name: None };
        let cause = Cause::tell("I1", gone, Force::Hard, named, at(60), at(120));
        assert_eq!(cause.sentence, "the invalidation I1 by K1, 1 min ago");
    }
}
