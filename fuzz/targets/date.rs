//! Dates: what is written is read back as the same second, and what is read can be written.
//!
//! First line: now, in seconds from 1970. Behind it: a date.
#![no_main]

use std::time::{Duration, SystemTime};

use input::{first_line, instant, numbers};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::date;

/// 0000-01-01 00:00:00 and 9999-12-31 23:59:59: between them lies what four digits can write.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

/// The longest that 50 years can be.
const FIFTY_YEARS: Duration = Duration::from_hours((50 * 365 + 13) * 24);

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let (line, text) = first_line(input);
    let [now] = numbers(line);
    let (second, now) = (instant(now.clamp(FIRST, LAST)), instant(now));

    let written = date::format(now);
    assert_eq!(date::parse(written.as_bytes(), now), Some(second), "{written}");

    let read = date::parse(text, now);
    assert_eq!(date::parse(&text.to_ascii_uppercase(), now), read, "letter case");
    assert_eq!(date::parse(&[b" \t", text, b"\t "].concat(), now), read, "white space around it");
    let Some(read) = read else {
        return;
    };
    let shown = read.min(instant(LAST));
    let written = date::format(read);
    assert_eq!(date::parse(written.as_bytes(), now), Some(shown), "{written}");
    // Of the three forms, one has hyphens, and two digits for the year.
    if text.contains(&b'-') {
        near(read, second);
    }
}

/// RFC 9110 §5.6.7: a year of two digits is at most 50 years ahead, and the nearest such.
fn near(read: SystemTime, now: SystemTime) {
    let ahead = read.duration_since(now).unwrap_or_default();
    let behind = now.duration_since(read).unwrap_or_default();
    assert!(ahead <= FIFTY_YEARS && behind <= FIFTY_YEARS, "{ahead:?} ahead, {behind:?} behind");
}
