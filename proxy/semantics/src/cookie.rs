//! The cookies of a request, of which some are chosen: for the key, for the origin (RFC 6265 §5.4).

use http::{HeaderMap, HeaderValue, header};

/// Name and value of every cookie, in the client's order over all lines: HTTP/2 sends one a line
/// (RFC 9113 §8.2.3).
///
/// Nothing is decoded. One without `=` is a name with an empty value.
pub fn pairs(request: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    crumbs(request).map(halves)
}

/// The chosen cookies as the one line that the origin gets, in the client's order; `None` if none is
/// chosen.
pub fn selected(request: &HeaderMap, is_chosen: impl Fn(&[u8]) -> bool) -> Option<HeaderValue> {
    let chosen: Vec<&[u8]> = crumbs(request).filter(|crumb| is_chosen(halves(crumb).0)).collect();
    if chosen.is_empty() {
        return None;
    }
    HeaderValue::from_bytes(&chosen.join(b"; ".as_slice())).ok()
}

/// The chosen cookies for a key, sorted by name as CloudFront does, so that their order makes no
/// second key; those of one name stay in the client's order. `None` if none is chosen.
pub fn key(request: &HeaderMap, is_chosen: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut chosen: Vec<&[u8]> =
        crumbs(request).filter(|crumb| is_chosen(halves(crumb).0)).collect();
    chosen.sort_by_key(|crumb| halves(crumb).0);
    (!chosen.is_empty()).then(|| chosen.join(b"; ".as_slice()))
}

/// What stands between the semicolons, but for white space and for nothing at all.
fn crumbs(request: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = request.get_all(header::COOKIE).iter();
    let crumbs = lines.flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    crumbs.map(<[u8]>::trim_ascii).filter(|crumb| !crumb.is_empty())
}

fn halves(crumb: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = crumb.splitn(2, |b| *b == b'=');
    let name = halves.next().unwrap_or_default().trim_ascii_end();
    (name, halves.next().unwrap_or_default().trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(lines: &[&[u8]]) -> HeaderMap {
        let value = |line: &&[u8]| HeaderValue::from_bytes(line).unwrap();
        lines.iter().map(|line| (header::COOKIE, value(line))).collect()
    }

    fn text(octets: &[u8]) -> &str {
        std::str::from_utf8(octets).unwrap()
    }

    #[test]
    fn reads_every_line() {
        let request = request(&[b"a=1; b=2;c", b" ;d = x=y ;=e; ;", b"a=\"3\""]);
        let read: Vec<_> = pairs(&request).map(|(name, value)| (text(name), text(value))).collect();
        let expected = [("a", "1"), ("b", "2"), ("c", ""), ("d", "x=y"), ("", "e"), ("a", "\"3\"")];
        assert_eq!(read, expected);
        assert_eq!(pairs(&HeaderMap::new()).count(), 0);
    }

    #[test]
    fn chooses_for_the_origin_and_for_the_key() {
        for (lines, origin, key_bytes) in [
            (&["b=1; x=9; a=2"][..], Some("b=1; a=2"), Some("a=2; b=1")),
            (&["a=2", "b=1"], Some("a=2; b=1"), Some("a=2; b=1")),
            (&["a=2;a=1"], Some("a=2; a=1"), Some("a=2; a=1")),
            (&["a"], Some("a"), Some("a")),
            (&["a="], Some("a="), Some("a=")),
            (&["a =1"], Some("a =1"), Some("a =1")),
            (&["A=1; x"], None, None),
            (&[" ; "], None, None),
            (&[], None, None),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
            let request = request(&lines);
            let is_chosen = |name: &[u8]| matches!(name, b"a" | b"b");
            let sent = selected(&request, is_chosen);
            assert_eq!(sent.as_ref().map(|value| text(value.as_bytes())), origin, "{lines:?}");
            assert_eq!(key(&request, is_chosen).as_deref().map(text), key_bytes, "{lines:?}");
        }
    }

    #[test]
    fn thirty_two_kibibytes() {
        let line = "a=1; ".repeat(32 * 1024 / 5);
        let request = request(&[line.as_bytes()]);
        assert_eq!(pairs(&request).count(), 32 * 1024 / 5);
        assert_eq!(key(&request, |_| true).unwrap().len(), line.trim_end().len() - 1);
        assert_eq!(selected(&request, |name| name == b"b"), None);
    }

    proptest! {
        #[test]
        fn what_is_sent_on_is_read_as_it_was(line in "[ab=; \t\"\u{80}-\u{ff}]{0,24}") {
            let request = request(&[line.trim_ascii().as_bytes()]);
            let read: Vec<_> = pairs(&request).collect();
            let sent = selected(&request, |_| true);
            let again: HeaderMap = sent.into_iter().map(|sent| (header::COOKIE, sent)).collect();
            prop_assert_eq!(pairs(&again).collect::<Vec<_>>(), read);
        }
    }
}
