//! Cache directives for one kind of cache (RFC 9213).

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::directives::{Directives, SECONDS_MAX, Scope, Seconds};

/// Reads a targeted field: a Dictionary (RFC 9651 §3.2) of cache directives.
///
/// RFC 9213 §2.1: one that is empty or does not parse is ignored as if it were absent, and so is,
/// as a whole, one in which a directive has a value of a type that is not the directive's; half of
/// what the origin meant would be something that it did not mean. Parameters and unknown members
/// are ignored. Names are in lower case or the field does not parse.
#[must_use]
pub fn parse(response: &HeaderMap, name: &HeaderName) -> Option<Directives> {
    let lines: Vec<_> = response.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    let dictionary: Dictionary = Parser::new(&lines.join(b", ".as_slice())).parse().ok()?;
    if dictionary.is_empty() {
        return None;
    }
    let mut directives = Directives::default();
    for (name, entry) in &dictionary {
        take(&mut directives, name.as_str(), entry)?;
    }
    Some(directives)
}

/// `None` if a known directive's value is not of its type.
fn take(directives: &mut Directives, name: &str, entry: &ListEntry) -> Option<()> {
    match name {
        "no-store" => directives.no_store = flag(entry)?,
        "must-understand" => directives.must_understand = flag(entry)?,
        "must-revalidate" => directives.must_revalidate = flag(entry)?,
        "proxy-revalidate" => directives.proxy_revalidate = flag(entry)?,
        "public" => directives.public = flag(entry)?,
        "no-cache" => directives.no_cache = scope(entry)?,
        "private" => directives.private = scope(entry)?,
        "max-age" => directives.max_age = Some(seconds(entry)?),
        "s-maxage" => directives.s_maxage = Some(seconds(entry)?),
        "stale-while-revalidate" => directives.stale_while_revalidate = Some(seconds(entry)?),
        "stale-if-error" => directives.stale_if_error = Some(seconds(entry)?),
        _ => {}
    }
    Some(())
}

fn flag(entry: &ListEntry) -> Option<bool> {
    value(entry)?.as_boolean()
}

fn scope(entry: &ListEntry) -> Option<Scope> {
    match value(entry)? {
        BareItem::Boolean(true) => Some(Scope::Whole),
        BareItem::Boolean(false) => Some(Scope::Nothing),
        BareItem::String(list) => Some(Scope::named(list.as_str().as_bytes())),
        _ => None,
    }
}

fn seconds(entry: &ListEntry) -> Option<Seconds> {
    let number = i64::from(value(entry)?.as_integer()?);
    let of = |n: i64| u32::try_from(n).map_or(SECONDS_MAX, |n| n.min(SECONDS_MAX));
    Some(if number < 0 { Seconds::Invalid } else { Seconds::Of(of(number)) })
}

fn value(entry: &ListEntry) -> Option<&BareItem> {
    match entry {
        ListEntry::Item(item) => Some(&item.bare_item),
        ListEntry::InnerList(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(lines: &[&[u8]]) -> Option<Directives> {
        let name = HeaderName::from_static("cdn-cache-control");
        let value = |line: &&[u8]| (name.clone(), HeaderValue::from_bytes(line).unwrap());
        parse(&lines.iter().map(value).collect(), &name)
    }

    #[test]
    fn reads_a_dictionary() {
        let nothing = Directives::default();
        let age = |seconds| Directives { max_age: Some(seconds), ..Directives::default() };
        let lines: &[(&[&[u8]], Directives)] = &[
            (&[b"max-age=60"], age(Seconds::Of(60))),
            (&[b"max-age=060 "], age(Seconds::Of(60))),
            (&[b"max-age=60;a;b=\"c\""], age(Seconds::Of(60))),
            (&[b"max-age=1,max-age=60"], age(Seconds::Of(60))),
            (&[b"max-age=x", b"max-age=60"], age(Seconds::Of(60))),
            (&[b"foo=(1 2), max-age=60, bar=?0"], age(Seconds::Of(60))),
            (&[b"max-age=-1"], age(Seconds::Invalid)),
            (&[b"max-age=2147483649"], age(Seconds::Of(SECONDS_MAX))),
            (&[b"max-age=999999999999999"], age(Seconds::Of(SECONDS_MAX))),
            (&[b"foo"], nothing.clone()),
            (&[b"no-store=?0"], nothing.clone()),
            (&[b"private=?0, no-cache=?0"], nothing.clone()),
            (
                &[b"no-store", b"public"],
                Directives { no_store: true, public: true, ..nothing.clone() },
            ),
            (
                &[b"no-cache=\"a, B\", private"],
                Directives {
                    no_cache: Scope::named(b"b,a"),
                    private: Scope::Whole,
                    ..nothing.clone()
                },
            ),
            (&[b"private=\"\""], Directives { private: Scope::Whole, ..nothing }),
        ];
        for (lines, expected) in lines {
            assert_eq!(read(lines).as_ref(), Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn ignores_what_it_cannot_read_as_a_whole() {
        let fields: [&[&[u8]]; 17] = [
            &[],
            &[b""],
            &[b"max-age=60,"],
            &[b",max-age=60"],
            &[b"max-age=60,,no-store"],
            &[b"Max-Age=60"],
            &[b"max-age =60"],
            &[b"max-age= 60"],
            &[b"max-age=60; "],
            &[b"max-age=\"60\""],
            &[b"max-age=60.0"],
            &[b"max-age"],
            &[b"max-age=9999999999999999"],
            &[b"max-age=(60)"],
            &[b"no-store=1"],
            &[b"max-age=60, no-cache=a"],
            &[b"max-age=60, x=\"\xe9\""],
        ];
        for lines in fields {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            if HeaderValue::from_bytes(&bytes).is_ok() {
                let _ = read(&[&bytes, &bytes]);
            }
        }
    }
}
