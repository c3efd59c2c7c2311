//! The Date of a response over HTTP/1, which Pingora overwrites in every head it writes.
//!
//! RFC 9110 §6.6.1 lets nobody change the Date of a response that is passed on, so the room that
//! forms a response leaves the Date here, and the stream puts it back into the head's octets.

use http::HeaderValue;
use parking_lot::Mutex;

/// How a final head begins, but for its status.
const VERSION: &[u8] = b"HTTP/1.1 ";
const NAME: &[u8] = b"\r\ndate: ";

/// The Date that the next final response of a connection is to have.
#[derive(Debug, Default)]
pub(crate) struct KeptDate(Mutex<Option<HeaderValue>>);

// === impl KeptDate ===

impl KeptDate {
    /// `None` lets the response have that of its writing.
    pub(crate) fn set(&self, date: Option<HeaderValue>) {
        *self.0.lock() = date;
    }

    /// Taken with the head it is for: a body that looks like one comes behind it.
    pub(super) fn take_for(&self, written: &[u8]) -> Option<HeaderValue> {
        // An interim response has no Date, and may come between.
        let is_final = written.get(VERSION.len()).is_some_and(|digit| *digit != b'1');
        if is_final { self.0.lock().take() } else { None }
    }
}

/// Puts a Date into the head that `written` holds from `start` on.
pub(super) fn restore(written: &mut Vec<u8>, start: usize, date: &HeaderValue) {
    let head = written.get(start..).unwrap_or_default();
    let at = head.windows(NAME.len()).position(|octets| octets.eq_ignore_ascii_case(NAME));
    let Some(value) = at.map(|at| start + at + NAME.len()) else { return };
    let rest = written.get(value..).unwrap_or_default();
    if let Some(length) = rest.iter().position(|octet| *octet == b'\r') {
        written.splice(value..value + length, date.as_bytes().iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: HeaderValue = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn only_a_final_head_takes_it_and_only_once() {
        let kept = KeptDate::default();
        kept.set(Some(OLD));
        assert_eq!(kept.take_for(b"HTTP/1.1 103 Early Hints\r\n\r\n"), None);
        assert_eq!(kept.take_for(b"HTTP/1."), None);
        assert_eq!(kept.take_for(b"HTTP/1.1 200 OK\r\n\r\n"), Some(OLD));
        assert_eq!(kept.take_for(b"HTTP/1.1 200 OK\r\n\r\n"), None);
    }

    #[test]
    fn the_date_is_put_back_and_nothing_else_changes() {
        for (name, date) in [("date", OLD), ("Date", HeaderValue::from_static("0"))] {
            let head = |date: &str| {
                format!(
                    "before\r\ndate: 1\r\nHTTP/1.1 200 OK\r\nx-date: 2\r\n{name}: {date}\r\n\r\n"
                )
            };
            let mut written = head("Mon, 07 Nov 1994 08:49:37 GMT").into_bytes();
            restore(&mut written, 17, &date);
            assert_eq!(String::from_utf8(written).unwrap(), head(date.to_str().unwrap()));
        }
        let mut none = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        restore(&mut none, 0, &OLD);
        assert_eq!(none, b"HTTP/1.1 200 OK\r\n\r\n");
    }
}
