//! Validators, and what a stored response becomes when the origin confirms it
//! (RFC 9110 §8.8, RFC 9111 §3.2 and §4.3).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::fields::{HOP_BY_HOP, connection_options};

/// Whether a stored response is the one that an answer of the origin speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// It is: freshen it.
    Yes,
    /// It is another: after a 304, fetch the whole; after a HEAD, count it as stale.
    No,
}

/// Whether a 304 confirms the stored response that the edge asked about (RFC 9111 §4.3.4).
///
/// A strong entity-tag selects only its equal. A weak one, or one that is not well-formed, selects by
/// weak comparison, or by Last-Modified if what is stored has no entity-tag. Without one in the 304,
/// Last-Modified decides if both have it; else the 304 can only have meant what it was asked about.
#[must_use]
pub fn selects(stored: &HeaderMap, not_modified: &HeaderMap) -> Selected {
    let confirmed = EntityTag::of(not_modified);
    let kept = EntityTag::of(stored);
    let same_date = || match (last_modified(stored), last_modified(not_modified)) {
        (Some(kept), Some(confirmed)) => Some(kept == confirmed),
        _ => None,
    };
    let is_same = match (confirmed, kept) {
        (Some(confirmed @ EntityTag::Strong(_)), Some(kept)) => confirmed.equals_strongly(kept),
        (Some(EntityTag::Strong(_)), None) => false,
        (Some(confirmed), Some(kept)) => confirmed.equals_weakly(kept),
        (Some(_), None) => same_date().unwrap_or(false),
        (None, _) => same_date().unwrap_or(true),
    };
    if is_same { Selected::Yes } else { Selected::No }
}

/// Whether the answer to a HEAD speaks of the stored response (RFC 9111 §4.3.5): each of
/// `ETag`, Last-Modified and Content-Length that it has is the stored one.
#[must_use]
pub fn head_matches(stored: &HeaderMap, head: &HeaderMap) -> Selected {
    let compared = [header::ETAG, header::LAST_MODIFIED, header::CONTENT_LENGTH];
    let is_same = |name: &HeaderName| match head.get(name) {
        Some(value) => stored.get(name).is_some_and(|kept| trimmed(kept) == trimmed(value)),
        None => true,
    };
    if compared.iter().all(is_same) { Selected::Yes } else { Selected::No }
}

/// The fields of a stored response after a 304, or the answer to a HEAD, that selected it
/// (RFC 9111 §3.2).
///
/// Every field of `update` replaces all lines of its name, in the place where the first of them
/// stood; the others keep their order and repeats. What belongs to the connection or describes the
/// stored bytes is not updated. `withheld` are the fields that may not be stored at all, because
/// no-cache or private names them or the site strips them; the result has none of them. Age counts
/// from the update, so the stored one goes.
#[must_use]
pub fn freshened(stored: &HeaderMap, update: &HeaderMap, withheld: &[HeaderName]) -> HeaderMap {
    let nominated = connection_options(update);
    let is_excepted = |name: &HeaderName| {
        HOP_BY_HOP.contains(name) || NOT_UPDATED.contains(name) || nominated.contains(name)
    };
    let mut fields = HeaderMap::with_capacity(stored.keys_len() + update.keys_len());
    for name in stored.keys().filter(|name| !withheld.contains(name)) {
        let is_replaced = update.contains_key(name) && !is_excepted(name);
        if is_replaced || name != header::AGE {
            copy(if is_replaced { update } else { stored }, name, &mut fields);
        }
    }
    for name in update.keys() {
        if !stored.contains_key(name) && !is_excepted(name) && !withheld.contains(name) {
            copy(update, name, &mut fields);
        }
    }
    fields
}

/// What an update leaves alone beside [`HOP_BY_HOP`]: fields of the stored bytes, and of a proxy that
/// stood between.
const NOT_UPDATED: [HeaderName; 5] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
];

/// An entity-tag (RFC 9110 §8.8.3), never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntityTag<'a> {
    /// `"x"`, its quotes included.
    Strong(&'a [u8]),
    /// `W/"x"`, without its `W/`.
    Weak(&'a [u8]),
    /// Something else, which origins do send. Equal to the very same bytes, and never strongly.
    Malformed(&'a [u8]),
}

// === impl EntityTag ===

impl<'a> EntityTag<'a> {
    /// The entity-tag of a response.
    pub(crate) fn of(response: &'a HeaderMap) -> Option<Self> {
        Self::read(response.get(header::ETAG)?.as_bytes())
    }

    /// Reads one tag; `None` if nothing is there.
    pub(crate) fn read(value: &'a [u8]) -> Option<Self> {
        let value = value.trim_ascii();
        if value.is_empty() {
            return None;
        }
        Some(match (Self::length_at_start(value), value.strip_prefix(b"W/")) {
            (Some(length), Some(opaque)) if length == value.len() => Self::Weak(opaque),
            (Some(length), None) if length == value.len() => Self::Strong(value),
            _ => Self::Malformed(value),
        })
    }

    /// How many bytes the tag takes that `bytes` begin with; `None` if they begin with none.
    /// `W` is an upper-case letter, and commas are as good as any other octet between the quotes.
    pub(crate) fn length_at_start(bytes: &[u8]) -> Option<usize> {
        let quoted = bytes.strip_prefix(b"W/").unwrap_or(bytes);
        let opaque = quoted.strip_prefix(b"\"")?;
        let end = opaque.iter().position(|b| !matches!(b, 0x21 | 0x23..=0x7E | 0x80..))?;
        (opaque.get(end) == Some(&b'"')).then_some(bytes.len() - opaque.len() + end + 1)
    }

    /// RFC 9110 §8.8.3.2: both strong and the same.
    pub(crate) fn equals_strongly(self, other: Self) -> bool {
        matches!((self, other), (Self::Strong(one), Self::Strong(two)) if one == two)
    }

    /// RFC 9110 §8.8.3.2: the same, weak or not.
    pub(crate) fn equals_weakly(self, other: Self) -> bool {
        match (self, other) {
            (Self::Malformed(one), Self::Malformed(two)) => one == two,
            (Self::Malformed(_), _) | (_, Self::Malformed(_)) => false,
            (Self::Strong(one) | Self::Weak(one), Self::Strong(two) | Self::Weak(two)) => {
                one == two
            }
        }
    }
}

fn last_modified(fields: &HeaderMap) -> Option<&[u8]> {
    fields.get(header::LAST_MODIFIED).map(trimmed)
}

fn trimmed(value: &HeaderValue) -> &[u8] {
    value.as_bytes().trim_ascii()
}

fn copy(from: &HeaderMap, name: &HeaderName, to: &mut HeaderMap) {
    for line in from.get_all(name) {
        // A map holds 2^15 fields; a head that long is refused before it comes here.
        let _ = to.try_append(name, line.clone());
    }
}

#[cfg(test)]
mod tests;
