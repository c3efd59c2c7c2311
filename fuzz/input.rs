//! How the bytes of a run become fields, numbers and times.
//!
//! Inputs are text: blocks between empty lines, one field or value a line, so that a seed and a
//! finding can be read, and written, by hand.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The first `N` blocks; the last holds the rest, and one that is missing is empty.
pub fn blocks<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut rest = Some(input);
    let mut next = 0;
    [(); N].map(|()| {
        next += 1;
        let here = rest.take().unwrap_or_default();
        let end = here.windows(2).position(|two| two == b"\n\n").filter(|_| next < N);
        let (block, behind) = match end.and_then(|end| here.split_at_checked(end)) {
            Some((block, behind)) => (block, behind.get(2..)),
            None => (here, None),
        };
        rest = behind;
        block
    })
}

/// The lines of a block; the end of the last is no line.
pub fn lines(block: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let block = block.strip_suffix(b"\n").unwrap_or(block);
    block.split(|b| *b == b'\n')
}

/// The first line, and what is behind it.
pub fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = input.splitn(2, |b| *b == b'\n');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// `N` numbers between white space; 0 for what is missing or is none.
pub fn numbers<const N: usize>(line: &[u8]) -> [i64; N] {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    [(); N].map(|()| {
        let word = words.next().and_then(|word| std::str::from_utf8(word).ok());
        word.and_then(|word| word.parse().ok()).unwrap_or(0)
    })
}

/// The lines `name: value` of a block; others are left out.
pub fn fields(block: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines(block) {
        let mut halves = line.splitn(2, |b| *b == b':');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next());
        let value = value.map(|value| HeaderValue::from_bytes(value.trim_ascii()));
        if let (Ok(name), Some(Ok(value))) = (HeaderName::from_bytes(name), value) {
            fields.append(name, value);
        }
    }
    fields
}

/// The lines of a block that can be values of a field, as they are.
pub fn values(block: &[u8]) -> Vec<HeaderValue> {
    lines(block).filter_map(|line| HeaderValue::from_bytes(line).ok()).collect()
}

/// A field with these lines, and nothing else.
pub fn repeated<'a>(
    name: &HeaderName,
    values: impl IntoIterator<Item = &'a HeaderValue>,
) -> HeaderMap {
    values.into_iter().map(|value| (name.clone(), value.clone())).collect()
}

/// A time, in seconds from 1970; at most some 35,000 years from it.
pub fn instant(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs().min(1 << 40));
    if seconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}
