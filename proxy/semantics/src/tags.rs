//! Tags: the names that an origin gives its responses, so that what belongs together can be taken out
//! of service together.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

/// Tags separated by spaces, as Fastly and Varnish read them.
pub const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");

/// Longest tag, in bytes: CloudFront's limit.
const TAG_BYTES_MAX: usize = 256;
/// Tags of one response: CloudFront's limit.
const TAGS_MAX: usize = 50;
/// What a tag costs in memory beside its text.
const TAG_OVERHEAD_BYTES: usize = 32;

/// One tag: 1 to 256 bytes of visible ASCII without a comma. Letter case says nothing: it is kept in
/// lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Arc<str>);

/// Why something is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTag {
    /// Nothing at all.
    #[error("a tag is empty")]
    Empty,
    /// Over 256 bytes.
    #[error("a tag is longer than {TAG_BYTES_MAX} bytes")]
    TooLong,
    /// A space, a comma, a control character, or no ASCII.
    #[error("a tag has a character that is not visible ASCII, or a comma")]
    Character,
}

/// The tags of one stored response: at most 50, each once, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Option<Arc<[Tag]>>);

// === impl Tag ===

impl Tag {
    /// Reads a tag as it is written.
    pub fn parse(written: &str) -> Result<Self, BadTag> {
        if written.is_empty() {
            return Err(BadTag::Empty);
        }
        if written.len() > TAG_BYTES_MAX {
            return Err(BadTag::TooLong);
        }
        if written.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b',') {
            return Err(BadTag::Character);
        }
        Ok(Self(written.to_ascii_lowercase().into()))
    }

    /// In lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Tag {
    type Error = BadTag;

    fn try_from(written: String) -> Result<Self, BadTag> {
        Self::parse(&written)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.as_str().to_owned()
    }
}

// === impl Tags ===

impl Tags {
    /// No tags.
    pub const NONE: Self = Self(None);

    /// What an origin says: in `comma`, separated by commas, and in `Surrogate-Key`, by spaces.
    ///
    /// `None` if neither field is there: a 304 that says nothing leaves the tags as they were. What is
    /// no tag is dropped, and what is beyond the 50th.
    #[must_use]
    pub fn of(fields: &HeaderMap, comma: &HeaderName) -> Option<Self> {
        if !fields.contains_key(comma) && !fields.contains_key(SURROGATE_KEY) {
            return None;
        }
        let by_comma = members(fields, comma, b',');
        let by_space = members(fields, &SURROGATE_KEY, b' ');
        let mut tags = BTreeSet::new();
        for tag in by_comma.chain(by_space).filter_map(tag) {
            if tags.len() < TAGS_MAX {
                tags.insert(tag);
            }
        }
        Some(tags.into_iter().collect())
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Tag> {
        self.0.iter().flat_map(|tags| tags.iter())
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn contains(&self, tag: &Tag) -> bool {
        self.0.as_ref().is_some_and(|tags| tags.binary_search(tag).is_ok())
    }

    /// What they cost in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.iter().map(|tag| tag.as_str().len() + TAG_OVERHEAD_BYTES).sum()
    }
}

impl FromIterator<Tag> for Tags {
    /// Each once, in order, and no more than 50.
    fn from_iter<I: IntoIterator<Item = Tag>>(tags: I) -> Self {
        let each_once: BTreeSet<Tag> = tags.into_iter().collect();
        let any = !each_once.is_empty();
        Self(any.then(|| each_once.into_iter().take(TAGS_MAX).collect()))
    }
}

fn members<'f>(
    fields: &'f HeaderMap,
    name: &HeaderName,
    separator: u8,
) -> impl Iterator<Item = &'f [u8]> + use<'f> {
    let lines = fields.get_all(name).into_iter();
    lines.flat_map(move |line| line.as_bytes().split(move |byte| *byte == separator))
}

fn tag(written: &[u8]) -> Option<Tag> {
    let written = std::str::from_utf8(written.trim_ascii()).ok()?;
    Tag::parse(written).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HeaderValue;
    use proptest::prelude::*;

    const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

    fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            fields.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        fields
    }

    fn read(lines: &[(&'static str, &str)]) -> Option<Vec<String>> {
        let tags = Tags::of(&fields(lines), &CACHE_TAG)?;
        Some(tags.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn both_fields_are_read_and_letter_case_says_nothing() {
        for (lines, expected) in [
            (&[][..], None),
            (&[("x-tag", "a")], None),
            (&[("cache-tag", "")], Some(&[][..])),
            (&[("cache-tag", "b, A ,,a,  c:1")], Some(&["a", "b", "c:1"])),
            (&[("cache-tag", "a"), ("cache-tag", "b")], Some(&["a", "b"])),
            (&[("surrogate-key", "Post-1  author/2 ")], Some(&["author/2", "post-1"])),
            (&[("cache-tag", "a"), ("surrogate-key", "b a")], Some(&["a", "b"])),
            (&[("cache-tag", "two words, ü, ok")], Some(&["ok"])),
            (&[("surrogate-key", "a,b c")], Some(&["c"])),
        ] {
            let expected = expected.map(|tags| tags.iter().map(ToString::to_string).collect());
            assert_eq!(read(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_response_has_so_many_and_each_is_so_long() {
        let many: Vec<String> = (0..60).map(|n| format!("t{n:02}")).collect();
        let tags = read(&[("cache-tag", &many.join(","))]).unwrap();
        assert_eq!(tags, many[..50]);
        let longest = "a".repeat(256);
        assert!(Tag::parse(&longest).is_ok());
        assert_eq!(Tag::parse(&format!("{longest}a")), Err(BadTag::TooLong));
        assert_eq!(Tag::parse(""), Err(BadTag::Empty));
        assert_eq!(Tag::parse("a b"), Err(BadTag::Character));
        let json = serde_json::to_string(&Tag::parse("Post-1").unwrap()).unwrap();
        assert_eq!(json, "\"post-1\"");
        assert!(serde_json::from_str::<Tag>("\"a,b\"").is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_within_bounds(
            comma in "[\\x20-\\x7e]{0,2000}", space in "[a-cA-C ,]{0,40}",
        ) {
            let tags = Tags::of(&fields(&[("cache-tag", &comma), ("surrogate-key", &space)]), &CACHE_TAG);
            let tags = tags.unwrap();
            prop_assert!(tags.iter().count() <= TAGS_MAX);
            for tag in tags.iter() {
                prop_assert_eq!(Tag::parse(tag.as_str()), Ok(tag.clone()));
                prop_assert!(tags.contains(tag));
            }
        }
    }
}
