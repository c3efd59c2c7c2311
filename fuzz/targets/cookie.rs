//! Cookies: what the origin gets and what the key holds are the pairs that were chosen.
//!
//! Blocks: the chosen names between spaces, and the Cookie lines.
#![no_main]

use http::{HeaderMap, header};
use input::{blocks, repeated, values};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::cookie::{key, pairs, selected};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let [names, lines] = blocks(input);
    let lines = values(lines);
    let request = repeated(&header::COOKIE, &lines);
    let is_chosen = |name: &[u8]| names.split(|b| *b == b' ').any(|chosen| chosen == name);
    let mut chosen: Vec<_> = pairs(&request).filter(|(name, _)| is_chosen(name)).collect();

    let sent = selected(&request, is_chosen);
    let origin: HeaderMap = sent.into_iter().map(|sent| (header::COOKIE, sent)).collect();
    assert_eq!(pairs(&origin).collect::<Vec<_>>(), chosen, "{lines:?}");

    let held = key(&request, is_chosen);
    assert_eq!(held.is_some(), !chosen.is_empty());
    assert_eq!(key(&origin, |_| true), held, "the key of what the origin gets");
    chosen.sort_by_key(|(name, _)| *name);
    let are_distinct = chosen.is_sorted_by(|(a, _), (b, _)| a < b);
    let backwards = repeated(&header::COOKIE, lines.iter().rev());
    // Within a line the order stays, so that it is the lines' alone that is turned round here.
    assert!(!are_distinct || key(&backwards, is_chosen) == held, "{lines:?}");
}
