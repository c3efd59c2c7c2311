//! What one invalidation may be, whichever API it comes by: both write into one ledger.

use warmfront_semantics::tags::Tag;

/// Paths and tags of one invalidation, and paths of one prefetch: CloudFront's limit.
pub(crate) const NAMED_MAX: usize = 3_000;
/// Wildcards among them: each is held against all that is stored. CloudFront takes 15.
pub(crate) const WILDCARDS_MAX: usize = 100;
/// Longest reference, in bytes.
const REFERENCE_BYTES_MAX: usize = 256;

/// No name for an invalidation. Its `Display` is the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is 1 to {REFERENCE_BYTES_MAX} bytes, none of them a control character")]
pub(crate) struct BadReference;

/// Reads what names an invalidation, so that it is not done twice. An empty one is a script's unset
/// variable: it would make every invalidation the same.
pub(crate) fn reference(written: String) -> Result<String, BadReference> {
    let is_fit = (1..=REFERENCE_BYTES_MAX).contains(&written.len());
    if is_fit && !written.chars().any(char::is_control) { Ok(written) } else { Err(BadReference) }
}

/// Reads a tag that is invalidated by. One that looks like a wildcard would silently take nothing.
pub(crate) fn tag(written: &str) -> Result<Tag, String> {
    if written.contains('*') {
        return Err("a tag has no wildcard".to_owned());
    }
    Tag::parse(written).map_err(|bad| bad.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_bounded_in_bytes() {
        for (written, is_fit) in [
            ("build 41", true),
            ("", false),
            ("a\nb", false),
            ("a\u{85}b", false),
            (&*"a".repeat(256), true),
            (&*"a".repeat(257), false),
            (&*"ü".repeat(128), true),
            (&*"ü".repeat(129), false),
        ] {
            assert_eq!(reference(written.to_owned()).is_ok(), is_fit, "{written}");
        }
    }
}
