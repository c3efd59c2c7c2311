//! Content codings: the weights decide as numbers do, and what was coded is not coded again.
//!
//! First line: status and length. Behind it: Accept-Encoding lines, an empty line, the fields of a
//! response.
#![no_main]

use http::{HeaderValue, StatusCode, header};
use input::{blocks, fields, first_line, numbers, repeated, values};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::coding::{
    Coding, Fitness, accepted, encode_fields, fitness, forbids_transform, vary_by_coding,
};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let (line, rest) = first_line(input);
    let [status, length] = numbers(line);
    let [lines, response] = blocks(rest);
    let lines = values(lines);
    let asked = repeated(&header::ACCEPT_ENCODING, &lines);
    let coding = accepted(&asked);
    assert_eq!(coding, by_numbers(&lines), "{lines:?}");

    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let mut response = fields(response);
    let length = u64::try_from(length).ok();
    if fitness(status, &response, length) == Fitness::Fit {
        assert!(!forbids_transform(&response) && !response.contains_key(header::CONTENT_RANGE));
        assert!(length.is_none_or(|length| (1_000..=10_000_000).contains(&length)));
        encode_fields(&mut response, coding.unwrap_or(Coding::Gzip), length);
        assert_eq!(fitness(status, &response, length), Fitness::Unfit, "coded twice");
        let tag = response.get(header::ETAG).map(HeaderValue::as_bytes);
        assert!(tag.is_none_or(|tag| tag.starts_with(b"W/\"") && tag.ends_with(b"\"")), "{tag:?}");
    }
    vary_by_coding(&mut response);
    let once = response.clone();
    vary_by_coding(&mut response);
    assert_eq!(once, response);
}

/// The same by floating-point numbers, over one list of all lines.
fn by_numbers(lines: &[HeaderValue]) -> Option<Coding> {
    let joined = lines.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(b",".as_slice());
    let mut weights: Vec<(String, f32)> = Vec::new();
    for member in String::from_utf8_lossy(&joined).to_ascii_lowercase().split(',') {
        let (name, weight) = member.split_once(';').map_or((member, None), |(n, w)| (n, Some(w)));
        let name = match name.trim_ascii() {
            "x-gzip" => "gzip".to_owned(),
            name => name.to_owned(),
        };
        let weight = weight.map_or(Some(1.0), |weight| weight_of(weight.trim_ascii()));
        if let Some(weight) = weight.filter(|_| weights.iter().all(|(known, _)| *known != name)) {
            weights.push((name, weight));
        }
    }
    let of =
        |name: &str| weights.iter().find(|(known, _)| known == name).map(|(_, weight)| *weight);
    let identity = of("identity").unwrap_or(0.0);
    let weight = |coding: Coding| of(coding.as_str()).or_else(|| of("*")).unwrap_or(0.0);
    let mut best: Vec<Coding> = vec![Coding::Brotli, Coding::Zstd, Coding::Gzip];
    best.retain(|coding| weight(*coding) > 0.0 && weight(*coding) >= identity);
    best.sort_by(|a, b| weight(*b).total_cmp(&weight(*a)));
    best.first().copied()
}

fn weight_of(text: &str) -> Option<f32> {
    let digits = text.strip_prefix("q=")?;
    let is_number = digits.starts_with(['0', '1'])
        && digits.len() <= 5
        && digits.as_bytes().get(1).is_none_or(|dot| *dot == b'.')
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1;
    digits.parse().ok().filter(|weight| is_number && *weight <= 1.0)
}
