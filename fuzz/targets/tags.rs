//! Tags of answers: each fits, each is there once, and there are only so many.
#![no_main]

use http::HeaderName;
use input::fields;
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::tags::{SURROGATE_KEY, Tag, Tags};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let fields = fields(input);
    let comma = HeaderName::from_static("cache-tag");
    let said = fields.contains_key(&comma) || fields.contains_key(SURROGATE_KEY);
    let tags = Tags::of(&fields, &comma);
    assert_eq!(tags.is_some(), said);
    let tags: Vec<Tag> = tags.iter().flat_map(Tags::iter).cloned().collect();
    assert!(tags.len() <= 50);
    for (at, tag) in tags.iter().enumerate() {
        assert!((1..=256).contains(&tag.as_str().len()));
        assert_eq!(Tag::parse(tag.as_str()).as_ref(), Ok(tag), "one spelling");
        assert!(!tags.iter().skip(at + 1).any(|other| other == tag), "{tag}");
    }
}
