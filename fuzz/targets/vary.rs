//! Vary: two requests have one secondary key exactly if they say the same in every field it names.
//!
//! Blocks: the values of Vary, the fields of one request, and of another.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, header};
use input::{blocks, fields, repeated, values};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::vary::Vary;

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let [lines, one, other] = blocks(input);
    let lines = values(lines);
    let vary = Vary::of(&repeated(&header::VARY, &lines));
    assert_eq!(Vary::of(&repeated(&header::VARY, lines.iter().rev())), vary, "order of the lines");
    let (one, other) = (fields(one), fields(other));
    let Vary::Fields(names) = &vary else {
        assert_eq!(vary.secondary_key(&one), None);
        return;
    };
    assert!(!names.is_empty() && names.is_sorted_by(|a, b| a.as_str() < b.as_str()), "{names:?}");

    let same = names.iter().all(|name| members(&one, name) == members(&other, name));
    let (key, other_key) = (vary.secondary_key(&one), vary.secondary_key(&other));
    assert_eq!(key == other_key, same, "{names:?} {one:?} {other:?}");
    assert_eq!(vary.secondary_key(&in_one_line(&one)), key, "lines joined");
}

/// The members of a field, `None` if it is absent.
fn members<'a>(request: &'a HeaderMap, name: &HeaderName) -> Option<Vec<&'a [u8]>> {
    let lines = request.get_all(name).iter().map(HeaderValue::as_bytes);
    let members = lines.flat_map(|line| line.split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    request.contains_key(name).then(|| members.collect())
}

/// The same fields, the lines of each as one (RFC 9110 §5.3).
fn in_one_line(request: &HeaderMap) -> HeaderMap {
    let joined = |name: &HeaderName| {
        let lines: Vec<_> = request.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        HeaderValue::from_bytes(&lines.join(b" , ".as_slice())).expect("of such values")
    };
    request.keys().map(|name| (name.clone(), joined(name))).collect()
}
