//! Fields that stand in memory of their own.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};

/// The same fields, their values side by side in one piece of memory that is as long as they are.
///
/// What comes from the network are slices of the buffer that a whole head was read into, some thousand
/// bytes for a hundred: keeping one of them would keep all of it.
pub(crate) fn own(fields: &HeaderMap) -> HeaderMap {
    let mut joined = BytesMut::with_capacity(fields.values().map(HeaderValue::len).sum());
    for value in fields.values() {
        joined.extend_from_slice(value.as_bytes());
    }
    let mut rest = joined.freeze();
    let mut own = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        own.append(name, of(rest.split_to(value.len()), value));
    }
    own
}

/// `value` in these bytes, which are its own.
fn of(bytes: Bytes, value: &HeaderValue) -> HeaderValue {
    // Pingora takes more into a value than may stand in one.
    let mut own = HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| value.clone());
    own.set_sensitive(value.is_sensitive());
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_and_leave_the_buffer_they_came_in() {
        let buffer = Bytes::from_static(b"max-age=60, public; a=b; c=d");
        let value = |range: std::ops::Range<usize>| {
            HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap()
        };
        let mut fields = HeaderMap::new();
        fields.append("cache-control", value(0..10));
        fields.append("set-cookie", value(20..23));
        fields.append("set-cookie", value(25..28));
        fields.append("x-empty", value(0..0));
        fields.get_mut("set-cookie").unwrap().set_sensitive(true);

        let own = own(&fields);
        assert_eq!(own, fields);
        let cookies: Vec<&HeaderValue> = own.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=b", "c=d"]);
        assert!(cookies[0].is_sensitive() && !cookies[1].is_sensitive());
        let theirs = buffer.as_ptr_range();
        let left =
            |value: &HeaderValue| value.is_empty() || !theirs.contains(&value.as_bytes().as_ptr());
        assert!(own.values().all(left));
    }
}
