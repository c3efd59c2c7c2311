//! Queries: what is chosen are whole pairs of the query, and choosing again changes nothing.
//!
//! First line: the chosen names between spaces. Behind it: the query.
#![no_main]

use input::first_line;
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::query::{Order, selected};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let (names, query) = first_line(input);
    let Ok(query) = std::str::from_utf8(query) else { return };
    let is_chosen = |name: &[u8]| names.split(|b| *b == b' ').any(|chosen| chosen == name);
    let sent = selected(query, is_chosen, Order::AsSent);
    let sorted = selected(query, is_chosen, Order::Sorted);
    assert_eq!(selected(query, |_| true, Order::AsSent).as_deref(), Some(query));

    let mut pairs: Vec<&str> = sent.iter().flat_map(|sent| sent.split('&')).collect();
    let mut whole = query.split('&');
    assert!(pairs.iter().all(|pair| whole.any(|of_all| of_all == *pair)), "{query} {sent:?}");
    for pair in query.split('&') {
        let name = pair.split('=').next().unwrap_or_default();
        let is_plain = !name.contains(['%', '+']);
        let stays = pair.contains(';') || is_chosen(name.as_bytes());
        assert!(!is_plain || stays == pairs.contains(&pair), "{pair} of {query}");
    }
    pairs.sort_by_key(|pair| pair.split_once('=').unwrap_or((pair, "")));
    assert_eq!(sorted.as_deref(), sent.as_ref().map(|_| pairs.join("&")).as_deref());
    for (once, order) in [(&sent, Order::AsSent), (&sorted, Order::Sorted)] {
        if let Some(once) = once {
            assert_eq!(selected(once, is_chosen, order).as_ref(), Some(once));
        }
    }
}
