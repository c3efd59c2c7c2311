//! Byte ranges (RFC 9110 §14).

use std::ops::Range;

use http::{HeaderMap, header};

/// What a Range field asks of a body whose length is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// Nothing, or nothing that is understood or worth the work: 200 with the whole body.
    Whole,
    /// 206 with these octets: within the body and not empty.
    One(Range<u64>),
    /// 206 as `multipart/byteranges`: two or more, in the order asked, each as in `One`.
    Many(Vec<Range<u64>>),
    /// 416: none of what was asked for is in the body.
    Unsatisfiable,
}

/// How many ranges may come in any order. RFC 9110 §17.15: many small ones that do not ascend are a
/// mistake or an attack.
const UNORDERED_MOST: usize = 8;

/// One member of a range set (RFC 9110 §14.1.2). A number that does not fit is the largest that does.
#[derive(Debug, Clone, Copy)]
enum Spec {
    Between { first: u64, last: u64 },
    From(u64),
    Suffix(u64),
}

/// Reads the Range field of a GET for a body of `length` octets.
///
/// Another unit than bytes, a set that is not well-formed or has more than `most` members, and a
/// repeated field count as no Range field (RFC 9110 §14.2), and so does a set that overlaps in more
/// than one place. Members that lie outside the body are left out of a set.
#[must_use]
pub fn resolve(request: &HeaderMap, length: u64, most: usize) -> Ranges {
    let mut lines = request.get_all(header::RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Ranges::Whole;
    };
    let Some(specs) = read(line.as_bytes().trim_ascii(), most) else {
        return Ranges::Whole;
    };
    let ranges: Vec<_> = specs.into_iter().filter_map(|spec| spec.within(length)).collect();
    match ranges.as_slice() {
        [] => Ranges::Unsatisfiable,
        [only] => Ranges::One(only.clone()),
        many if overlaps(many) > 1 => Ranges::Whole,
        many if many.len() > UNORDERED_MOST && !many.is_sorted_by_key(|r| r.start) => Ranges::Whole,
        _ => Ranges::Many(ranges),
    }
}

fn read(value: &[u8], most: usize) -> Option<Vec<Spec>> {
    let (unit, set) = split_once(value, b'=')?;
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut specs = Vec::new();
    let members = set.split(|b| *b == b',').map(<[u8]>::trim_ascii);
    for member in members.filter(|member| !member.is_empty()) {
        if specs.len() == most {
            return None;
        }
        specs.push(Spec::read(member)?);
    }
    (!specs.is_empty()).then_some(specs)
}

// === impl Spec ===

impl Spec {
    fn read(member: &[u8]) -> Option<Self> {
        match split_once(member, b'-')? {
            (b"", suffix) => Some(Self::Suffix(number(suffix)?)),
            (first, b"") => Some(Self::From(number(first)?)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                // RFC 9110 §14.1.1: such a range is invalid, not unsatisfiable.
                (first <= last).then_some(Self::Between { first, last })
            }
        }
    }

    /// The octets of a body that it names; `None` if there are none.
    fn within(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::Between { first, last } => first..last.saturating_add(1).min(length),
            Self::From(first) => first..length,
            Self::Suffix(count) => length.saturating_sub(count)..length,
        };
        (!range.is_empty()).then_some(range)
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let shifted = |sum: u64, digit: &u8| {
        sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    };
    Some(digits.iter().fold(0, shifted))
}

/// How many ranges begin before another one that began earlier has ended.
fn overlaps(ranges: &[Range<u64>]) -> usize {
    let mut sorted: Vec<_> = ranges.iter().collect();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut covered = 0;
    let mut count = 0;
    for range in sorted {
        count += usize::from(range.start < covered);
        covered = covered.max(range.end);
    }
    count
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|b| *b == separator)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

#[cfg(test)]
mod tests;
