//! CDN-Cache-Control: what it means is what its Dictionary means, however that is written.
#![no_main]

use http::{HeaderMap, HeaderValue, header};
use input::{repeated, values};
use libfuzzer_sys::fuzz_target;
use sfv::{BareItem, Dictionary, FieldType, ListEntry, Parser};
use warmfront_semantics::control::{CDN, Control, OWN, Source};
use warmfront_semantics::directives::{Directives, Seconds};
use warmfront_semantics::targeted;

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let lines = values(input);
    let fields = repeated(&CDN, &lines);
    let read = targeted::parse(&fields, &CDN);
    assert_eq!(targeted::parse(&repeated(&OWN, &lines), &OWN), read, "another name");

    let joined = lines.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(b", ".as_slice());
    let dictionary: Option<Dictionary> = Parser::new(&joined).parse().ok();
    let dictionary = dictionary.filter(|dictionary| !dictionary.is_empty());
    match (&read, &dictionary) {
        (Some(read), Some(dictionary)) => agree(read, dictionary),
        (Some(_), None) => panic!("read what is no Dictionary, or an empty one"),
        (None, _) => {}
    }
    if let Some(written) = dictionary.and_then(|dictionary| dictionary.serialize()) {
        let written = HeaderValue::try_from(written).expect("a Dictionary is ASCII");
        assert_eq!(targeted::parse(&repeated(&CDN, [&written]), &CDN), read, "written again");
    }
    decides_alone(fields, read);
}

fn agree(read: &Directives, dictionary: &Dictionary) {
    let flags = [
        ("no-store", read.no_store),
        ("must-understand", read.must_understand),
        ("must-revalidate", read.must_revalidate),
        ("proxy-revalidate", read.proxy_revalidate),
        ("public", read.public),
    ];
    for (name, flag) in flags {
        let said = item(dictionary, name).is_some_and(|item| item.as_boolean() == Some(true));
        assert_eq!(flag, said, "{name}");
    }
    for (name, seconds) in [("max-age", read.max_age), ("s-maxage", read.s_maxage)] {
        let said = item(dictionary, name).and_then(BareItem::as_integer).map(i64::from);
        match (seconds, said) {
            (None, None) => {}
            (Some(Seconds::Invalid), Some(said)) => assert!(said < 0, "{name}"),
            (Some(Seconds::Of(n)), Some(said)) => assert!(i64::from(n) <= said, "{name}"),
            _ => panic!("{name} is {seconds:?} and was {said:?}"),
        }
    }
}

fn item<'a>(dictionary: &'a Dictionary, name: &str) -> Option<&'a BareItem> {
    match dictionary.get(name)? {
        ListEntry::Item(item) => Some(&item.bare_item),
        ListEntry::InnerList(_) => None,
    }
}

/// RFC 9213 §2.2: beside a targeted field Cache-Control does not count, and else it does.
fn decides_alone(mut fields: HeaderMap, read: Option<Directives>) {
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("s-maxage=7"));
    let control = Control::of(&fields);
    if let Some(read) = read {
        assert_eq!(control, Control { directives: read, source: Source::Targeted });
    } else {
        assert_eq!(control.source, Source::CacheControl);
        assert_eq!(control.directives.s_maxage, Some(Seconds::Of(7)));
    }
}
