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
    // Within quotes a comma separates nothing, so that more is kept apart than is told apart here.
    let plain = names.iter().all(|name| is_plain(&one, name) && is_plain(&other, name));
    assert!(same || key != other_key, "{names:?} {one:?} {other:?}");
    assert!(!plain || !same || key == other_key, "{names:?} {one:?} {other:?}");
    let is_list = plain && !names.contains(&header::COOKIE);
    assert!(!is_list || vary.secondary_key(&in_one_line(&one)) == key, "lines joined");
}

fn is_plain(request: &HeaderMap, name: &HeaderName) -> bool {
    request.get_all(name).iter().all(|line| !line.as_bytes().contains(&b'"'))
}

/// The members of a field, `None` if it is absent. Cookie is no list: its lines are one (RFC 9113
/// §8.2.3).
fn members(request: &HeaderMap, name: &HeaderName) -> Option<Vec<Vec<u8>>> {
    let lines: Vec<_> = request.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    if *name == header::COOKIE {
        return request.contains_key(name).then(|| vec![lines.join(b"; ".as_slice())]);
    }
    let members = lines.iter().flat_map(|line| line.split(|b| *b == b','));
    request.contains_key(name).then(|| members.map(|m| m.trim_ascii().to_vec()).collect())
}

/// The same fields, the lines of each as one (RFC 9110 §5.3).
fn in_one_line(request: &HeaderMap) -> HeaderMap {
    let joined = |name: &HeaderName| {
        let lines: Vec<_> = request.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        HeaderValue::from_bytes(&lines.join(b" , ".as_slice())).expect("of such values")
    };
    request.keys().map(|name| (name.clone(), joined(name))).collect()
}
