//! Cache-Control: neither order nor letter case nor repetition counts, and no `no-store` is missed.
#![no_main]

use http::{HeaderValue, header};
use input::{repeated, values};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::directives::{Directives, RequestDirectives, SECONDS_MAX, Seconds};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let lines = values(input);
    let said = parse(&lines);
    let numbers = [said.max_age, said.s_maxage, said.stale_while_revalidate, said.stale_if_error];
    for number in numbers.into_iter().flatten() {
        assert!(!matches!(number, Seconds::Of(n) if n > SECONDS_MAX));
    }
    assert_eq!(said.no_store || said_outside_quotes(&lines), said.no_store, "missed a no-store");

    let reversed: Vec<_> = lines.iter().rev().cloned().collect();
    assert_eq!(parse(&reversed), said, "the order of the lines");
    let twice: Vec<_> = lines.iter().chain(&lines).cloned().collect();
    assert_eq!(parse(&twice), said, "the same lines twice");
    let upper: Vec<_> = lines.iter().filter_map(in_upper_case).collect();
    assert_eq!(parse(&upper), said, "letter case");
    if !lines.iter().any(|line| line.as_bytes().contains(&b'"')) {
        assert_eq!(parse(&members_backwards(&lines)), said, "the order of the members");
    }

    let asked = RequestDirectives::of(&repeated(&header::CACHE_CONTROL, &lines));
    assert_eq!(asked, RequestDirectives::of(&repeated(&header::CACHE_CONTROL, &reversed)));
    assert_eq!(asked.no_store, said.no_store);
}

fn parse(lines: &[HeaderValue]) -> Directives {
    Directives::parse(lines.iter().map(HeaderValue::as_bytes))
}

fn in_upper_case(line: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_bytes(&line.as_bytes().to_ascii_uppercase()).ok()
}

/// Each member in a line of its own, the last of each line first.
fn members_backwards(lines: &[HeaderValue]) -> Vec<HeaderValue> {
    let members = lines.iter().flat_map(|line| line.as_bytes().rsplit(|b| *b == b','));
    members.filter_map(|member| HeaderValue::from_bytes(member).ok()).collect()
}

/// Whether a line has a member `no-store` that is in no quoted string; one that is never closed is
/// none.
fn said_outside_quotes(lines: &[HeaderValue]) -> bool {
    lines.iter().map(|line| without_quoted_strings(line.as_bytes())).any(|line| {
        line.split(|b| *b == b',').any(|member| {
            let name = member.trim_ascii().split(|b| *b == b'=').next();
            name.is_some_and(|name| name.eq_ignore_ascii_case(b"no-store"))
        })
    })
}

fn without_quoted_strings(mut line: &[u8]) -> Vec<u8> {
    let mut outside = Vec::new();
    while let Some(open) = line.iter().position(|b| *b == b'"') {
        let (before, quoted) = line.split_at(open);
        outside.extend_from_slice(before);
        // Stands for the string, so that what is around it stays one member.
        outside.push(b'"');
        let mut escaped = false;
        let close = quoted.iter().skip(1).position(|b| {
            let closes = *b == b'"' && !escaped;
            escaped = *b == b'\\' && !escaped;
            closes
        });
        line = match close {
            Some(length) => quoted.get(length + 2..).unwrap_or_default(),
            None => quoted.get(1..).unwrap_or_default(),
        };
        if close.is_none() {
            break;
        }
    }
    [outside.as_slice(), line].concat()
}
