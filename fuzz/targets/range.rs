//! Ranges: every one lies within the body and is not empty, and the work they make is bounded.
//!
//! First line: length of the body, most ranges, and the ends of a range. Behind it: Range lines.
#![no_main]

use std::ops::Range;

use http::{HeaderMap, HeaderValue, header};
use input::{first_line, numbers, repeated, values};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::range::{Ranges, resolve};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let (line, block) = first_line(input);
    let [length, most, first, last] = numbers(line).map(i64::unsigned_abs);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let lines = values(block);
    let ranges = resolve(&repeated(&header::RANGE, &lines), length, most);
    match &ranges {
        Ranges::Whole => {}
        Ranges::One(range) => within(range, length),
        Ranges::Many(ranges) => {
            assert!((2..=most).contains(&ranges.len()), "{} of {most}", ranges.len());
            for range in ranges {
                within(range, length);
            }
            let octets: u128 = ranges.iter().map(|range| u128::from(range.end - range.start)).sum();
            assert!(octets <= 2 * u128::from(length), "{octets} octets of {length}");
        }
        Ranges::Unsatisfiable => assert!(most > 0),
    }
    if lines.len() != 1 {
        assert_eq!(ranges, Ranges::Whole, "a repeated field");
    }
    single(length, first, last);
}

fn within(range: &Range<u64>, length: u64) {
    assert!(range.start < range.end && range.end <= length, "{range:?} of {length}");
}

/// RFC 9110 §14.1.2 for the three forms of a range, by the book.
fn single(length: u64, first: u64, last: u64) {
    let asked = |set: String| -> Ranges {
        let value = HeaderValue::try_from(format!("bytes={set}")).expect("digits");
        resolve(&HeaderMap::from_iter([(header::RANGE, value)]), length, 1)
    };
    let one = |from: u64, to: u64| {
        if from < to { Ranges::One(from..to) } else { Ranges::Unsatisfiable }
    };
    let between = if first <= last { one(first, length.min(last + 1)) } else { Ranges::Whole };
    assert_eq!(asked(format!("{first}-{last}")), between);
    assert_eq!(asked(format!("{first}-")), one(first, length));
    assert_eq!(asked(format!("-{first}")), one(length.saturating_sub(first), length));
}
