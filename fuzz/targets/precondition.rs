//! Conditions: only a condition that is there has an effect, and the order of RFC 9110 §13.2.2.
//!
//! First line: status, and now in seconds from 1970. Behind it: the fields of the request, an empty
//! line, the fields of the response.
#![no_main]

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use input::{blocks, fields, first_line, instant, numbers, repeated};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::precondition::{IfRange, Outcome, evaluate, if_range};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let (line, rest) = first_line(input);
    let [status, now] = numbers(line);
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let [request, response] = blocks(rest).map(fields);
    let now = instant(now);
    let outcome = evaluate(&request, status, &response, now);
    let has = |name: HeaderName| request.contains_key(name);
    match outcome {
        Outcome::Proceed => {}
        Outcome::Failed => {
            assert!(status.is_success());
            assert!(has(header::IF_MATCH) || has(header::IF_UNMODIFIED_SINCE));
        }
        Outcome::NotModified => {
            assert_eq!(status, StatusCode::OK);
            assert!(has(header::IF_NONE_MATCH) || has(header::IF_MODIFIED_SINCE));
        }
    }
    for (stronger, weaker) in [
        (header::IF_MATCH, header::IF_UNMODIFIED_SINCE),
        (header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE),
    ] {
        let without = without(&request, &weaker);
        if has(stronger) {
            assert_eq!(evaluate(&without, status, &response, now), outcome, "{weaker} counted");
        }
    }
    let backwards = lines_backwards(&request, &header::IF_NONE_MATCH);
    assert_eq!(evaluate(&backwards, status, &response, now), outcome, "the order of the lines");
    knows_itself(&response, now);
    compares_both_ways(&request, &response, now);
    parts_of_the_same(&request, &response, now);
}

fn without(request: &HeaderMap, name: &HeaderName) -> HeaderMap {
    let mut request = request.clone();
    request.remove(name);
    request
}

fn lines_backwards(request: &HeaderMap, name: &HeaderName) -> HeaderMap {
    let mut backwards = without(request, name);
    let lines: Vec<_> = request.get_all(name).iter().collect();
    backwards.extend(repeated(name, lines.into_iter().rev()));
    backwards
}

/// A client that has this very response is told so.
fn knows_itself(response: &HeaderMap, now: SystemTime) {
    let Some(tag) = response.get(header::ETAG) else {
        return;
    };
    let told = |name| evaluate(&repeated(&name, [tag]), StatusCode::OK, response, now);
    if is_strong(tag) {
        assert_eq!(told(header::IF_NONE_MATCH), Outcome::NotModified);
        assert_eq!(told(header::IF_MATCH), Outcome::Proceed);
        assert_eq!(if_range(&repeated(&header::IF_RANGE, [tag]), response, now), IfRange::Partial);
    }
    if tag.as_bytes().starts_with(b"W/") {
        assert_eq!(if_range(&repeated(&header::IF_RANGE, [tag]), response, now), IfRange::Whole);
    }
    let any = HeaderValue::from_static("*");
    for (name, expected) in
        [(header::IF_MATCH, Outcome::Proceed), (header::IF_NONE_MATCH, Outcome::NotModified)]
    {
        let request = repeated(&name, [&any]);
        assert_eq!(evaluate(&request, StatusCode::OK, response, now), expected);
    }
}

/// RFC 9110 §8.8.3.2: weak comparison does not care which side has which tag.
fn compares_both_ways(request: &HeaderMap, response: &HeaderMap, now: SystemTime) {
    let (Some(asked), Some(tag)) = (request.get(header::IF_NONE_MATCH), response.get(header::ETAG))
    else {
        return;
    };
    // Neither a list nor anything that is one in one place only.
    if [asked, tag].iter().any(|v| v.as_bytes().iter().any(|b| matches!(b, b',' | b'*'))) {
        return;
    }
    let told = |asked, tag| {
        let request = repeated(&header::IF_NONE_MATCH, [asked]);
        evaluate(&request, StatusCode::OK, &repeated(&header::ETAG, [tag]), now)
    };
    assert_eq!(told(asked, tag), told(tag, asked), "{asked:?} {tag:?}");
}

fn parts_of_the_same(request: &HeaderMap, response: &HeaderMap, now: SystemTime) {
    let verdict = if_range(request, response, now);
    let asked: Vec<_> = request.get_all(header::IF_RANGE).iter().collect();
    match asked.as_slice() {
        [] => assert_eq!(verdict, IfRange::Partial),
        [asked] if is_strong(asked) && verdict == IfRange::Partial => {
            assert_eq!(response.get(header::ETAG).map(trimmed), Some(trimmed(asked)));
        }
        [_] => {}
        _ => assert_eq!(verdict, IfRange::Whole),
    }
}

/// Whether this is `"…"` and nothing else (RFC 9110 §8.8.3).
fn is_strong(tag: &HeaderValue) -> bool {
    let opaque = trimmed(tag).strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    opaque.is_some_and(|opaque| opaque.iter().all(|b| matches!(b, 0x21 | 0x23..=0x7E | 0x80..)))
}

fn trimmed(value: &HeaderValue) -> &[u8] {
    value.as_bytes().trim_ascii()
}
