//! The query of a URL as pairs, of which some are chosen: for the key, for the origin.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::target::{escape, push};

/// In what order the chosen pairs stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The client's.
    AsSent,
    /// By name, then by value, both as they were sent; equals as the client had them.
    Sorted,
}

/// The pairs of a query whose name is chosen, byte for byte and joined by `&`; `None` if none is.
///
/// A name is what stands before the first `=`, percent-decoded and with `+` for a space, as a form's
/// is. An empty pair has the empty name, so that it stays where everything is chosen. A pair with a
/// `;` stays whatever is chosen: some origins end a pair there, and a name that is chosen could
/// stand behind it.
#[must_use]
pub fn selected(
    query: &str,
    is_chosen: impl Fn(&[u8]) -> bool,
    order: Order,
) -> Option<Cow<'_, str>> {
    let stays = |pair: &&str| pair.contains(';') || is_chosen(&decoded(halves(pair).0));
    if order == Order::AsSent {
        return filtered(query, stays);
    }
    let mut pairs: Vec<&str> = query.split('&').filter(stays).collect();
    let is_whole = joined_length(&pairs) == query.len();
    if is_whole && pairs.is_sorted_by_key(|pair| halves(pair)) {
        return (!pairs.is_empty()).then_some(Cow::Borrowed(query));
    }
    pairs.sort_by_key(|pair| halves(pair));
    (!pairs.is_empty()).then(|| Cow::Owned(pairs.join("&")))
}

/// The pairs of a query, each spelled in one way, in the client's order and without empty ones.
///
/// As [`canonical_path`](crate::target::canonical_path) does it for a path, with the two things that a
/// query has of its own: `+` is a space, and the first `=` of a pair parts its name from its value.
/// `keep` names characters that stay as they are: the `*` of an invalidation.
#[must_use]
pub fn canonical_pairs(query: &str, keep: &[u8]) -> Vec<String> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| canonical(pair, keep)).collect()
}

fn canonical(pair: &str, keep: &[u8]) -> String {
    let mut out = String::with_capacity(pair.len());
    let bytes = pair.as_bytes();
    let (mut at, mut in_value) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| escape(bytes, at)).flatten();
        at += if escaped.is_some() { 3 } else { 1 };
        match (escaped, byte) {
            (None, byte) if keep.contains(&byte) => out.push(char::from(byte)),
            (None, b'+') => push(&mut out, b' '),
            // Whoever splits at the first `=` takes no other for more than a character.
            (Some(b'='), _) if in_value => out.push('='),
            (None, b'=') => {
                in_value = true;
                out.push('=');
            }
            (escaped, byte) => push(&mut out, escaped.unwrap_or(byte)),
        }
    }
    out
}

/// The pairs that stay, in their order; `None` if none does.
pub(crate) fn filtered(query: &str, stays: impl Fn(&&str) -> bool) -> Option<Cow<'_, str>> {
    if query.split('&').all(|pair| stays(&pair)) {
        return Some(Cow::Borrowed(query));
    }
    let pairs: Vec<&str> = query.split('&').filter(stays).collect();
    (!pairs.is_empty()).then(|| Cow::Owned(pairs.join("&")))
}

/// Name and value of a pair as they are; the value is empty where there is no `=`.
pub(crate) fn halves(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

/// How long the pairs are with a `&` between any two.
fn joined_length(pairs: &[&str]) -> usize {
    pairs.iter().map(|pair| pair.len() + 1).sum::<usize>().saturating_sub(1)
}

/// What a form's encoding stands for; a `%` that is not followed by two digits is itself.
fn decoded(name: &str) -> Cow<'_, [u8]> {
    if name.contains('+') {
        Cow::Owned(percent_decode_str(&name.replace('+', " ")).collect())
    } else {
        percent_decode_str(name).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn only<'q>(query: &'q str, names: &[&str], order: Order) -> Option<Cow<'q, str>> {
        selected(query, |name| names.iter().any(|chosen| chosen.as_bytes() == name), order)
    }

    #[test]
    fn whole_pairs_stay_as_they_are() {
        for (query, names, expected) in [
            ("a=1&b=2&c=3", &["a", "c"][..], Some("a=1&c=3")),
            ("a=1&b=2&a=0", &["a"], Some("a=1&a=0")),
            ("b=2", &["a"], None),
            ("", &["a"], None),
            ("a&b", &["a"], Some("a")),
            ("a=&b", &["a"], Some("a=")),
            ("a=b=c&d", &["a"], Some("a=b=c")),
            ("%61=%31&b", &["a"], Some("%61=%31")),
            ("a+b=1&c", &["a b"], Some("a+b=1")),
            ("a%2Bb=1&c", &["a+b"], Some("a%2Bb=1")),
            ("a%5b%5D=1&c", &["a[]"], Some("a%5b%5D=1")),
            ("a%=1&c", &["a%"], Some("a%=1")),
            ("a%4=1&c", &["a%4"], Some("a%4=1")),
            ("a%zz=1&c", &["a%zz"], Some("a%zz=1")),
            ("%2561=1&c", &["a"], None),
            ("A=1", &["a"], None),
            ("a&&b", &["a", "b"], Some("a&b")),
            ("a=1;b=2&c;d=3&e", &["b"], Some("a=1;b=2&c;d=3")),
        ] {
            assert_eq!(only(query, names, Order::AsSent).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn nothing_is_copied_where_nothing_changes() {
        let is_borrowed = |query: &str, order| matches!(selected(query, |_| true, order), Some(Cow::Borrowed(same)) if same == query);
        for query in ["", "a", "a=1&b=2", "a&&b", "&", "%zz=%&+", "ä=ö"] {
            assert!(is_borrowed(query, Order::AsSent), "{query}");
        }
        assert!(is_borrowed("a=1&a=2&b", Order::Sorted));
        assert!(!is_borrowed("b&a", Order::Sorted));
    }

    #[test]
    fn sorting_is_by_name_then_value() {
        for (query, expected) in [
            ("b=1&a=2", "a=2&b=1"),
            ("a=2&a=1", "a=1&a=2"),
            ("ab=1&a=9", "a=9&ab=1"),
            ("a-=1&a=2", "a=2&a-=1"),
            ("a=&a", "a=&a"),
            ("b&&a", "&a&b"),
        ] {
            let sorted = selected(query, |_| true, Order::Sorted);
            assert_eq!(sorted.as_deref(), Some(expected), "{query}");
        }
        assert_eq!(only("c=3&b=2&a=1", &["c", "a"], Order::Sorted).as_deref(), Some("a=1&c=3"));
        assert_eq!(only("c=3", &["a"], Order::Sorted), None);
    }

    #[test]
    fn ten_thousand_parameters() {
        let pairs: Vec<String> = (0..10_000).rev().map(|n| format!("p{n:05}={n}")).collect();
        let query = pairs.join("&");
        let sorted = selected(&query, |_| true, Order::Sorted).unwrap();
        assert!(sorted.starts_with("p00000=0&p00001=1&") && sorted.len() == query.len());
        assert_eq!(only(&query, &["p09999"], Order::AsSent).as_deref(), Some("p09999=9999"));
    }

    #[test]
    fn one_spelling() {
        for (query, canonical) in [
            ("a=~&b=%7E&c=%7e", &["a=~", "b=~", "c=~"][..]),
            ("q=a b&r=a+b&s=a%20b", &["q=a%20b", "r=a%20b", "s=a%20b"]),
            ("a=1%2B1", &["a=1%2B1"]),
            ("a=%26&b=%3D&%3D=1&c==", &["a=%26", "b==", "%3D=1", "c=="]),
            ("&&a&", &["a"]),
            ("a&a=", &["a", "a="]),
            ("%ZZ=%", &["%25ZZ=%25"]),
            ("ü=*", &["%C3%BC=%2A"]),
            ("", &[]),
        ] {
            assert_eq!(canonical_pairs(query, b""), canonical, "{query}");
        }
        assert_eq!(canonical_pairs("a=*%2A", b"*"), ["a=*%2A"]);
    }

    proptest! {
        #[test]
        fn canonical_is_a_fixed_point(query in "[a-c%+=&;6~ *3D]{0,24}") {
            let once = canonical_pairs(&query, b"").join("&");
            prop_assert_eq!(canonical_pairs(&once, b"").join("&"), once);
        }

        #[test]
        fn what_is_chosen_is_chosen_again(query in "[a-c%+=&;6]{0,24}", is_sorted: bool) {
            let order = if is_sorted { Order::Sorted } else { Order::AsSent };
            if let Some(once) = only(&query, &["a", "b", "", "a b"], order) {
                let twice = only(&once, &["a", "b", "", "a b"], order);
                prop_assert_eq!(twice, Some(Cow::Borrowed(once.as_ref())));
            }
            let whole = selected(&query, |_| true, Order::AsSent);
            prop_assert_eq!(whole.as_deref(), Some(query.as_str()));
        }
    }
}
