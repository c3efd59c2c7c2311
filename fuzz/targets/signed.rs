//! Signed URLs: what is read has one spelling, and permits no more than it says.
//!
//! First line: now in seconds from 1970, and the tolerance. Second: the URL. Third: the client's
//! address. Behind them: the fields of the request.
#![no_main]

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use input::{fields, first_line, instant, numbers};
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::cookie;
use warmfront_semantics::signed::{
    Claim, Refusal, Url, claim as read, is_signing_cookie, is_signing_parameter, unsigned_query,
};

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let (times, rest) = first_line(input);
    let [now, tolerance] = numbers(times);
    let (line, rest) = first_line(rest);
    let (client, rest) = first_line(rest);
    let Some(url) = std::str::from_utf8(line).ok().and_then(parts) else { return };
    let client = std::str::from_utf8(client).ok().and_then(|client| client.parse().ok());
    let client = client.unwrap_or(IpAddr::from([192, 0, 2, 1]));
    let request = fields(rest);

    let query: Vec<&str> = url.query.into_iter().flat_map(|query| query.split('&')).collect();
    let is_signed = |pair: &&str| is_signing_parameter(name_of(pair).as_bytes());
    let claim = match read(&url, &request) {
        Err(Refusal::Unsigned) => {
            assert!(!query.iter().any(is_signed));
            assert!(!cookie::pairs(&request).any(|(name, _)| is_signing_cookie(name)));
            return;
        }
        Err(_) => return,
        Ok(claim) => claim,
    };
    if query.iter().any(is_signed) {
        spelled_once(&query, &claim);
        // Where the signature stands among the other parameters is open.
        let mut moved = query.clone();
        moved.sort_by_key(|pair| !is_signed(pair));
        let moved = moved.join("&");
        let moved = read(&Url { query: Some(&moved), ..url }, &request);
        assert_eq!(moved.ok().as_ref(), Some(&claim), "{query:?}");
    }
    permits_by_the_clock(&claim, &url, client, now, tolerance);
    if let Some(kept) = url.query.and_then(unsigned_query) {
        assert_eq!(unsigned_query(&kept).as_ref(), Some(&kept));
    }
}

fn parts(text: &str) -> Option<Url<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, rest) = rest.split_at(rest.find('/')?);
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, q)| (path, Some(q)));
    Some(Url { scheme, authority, path, query })
}

fn name_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

fn spelled_once(query: &[&str], claim: &Claim) {
    let spelling = |octets: &[u8]| {
        STANDARD.encode(octets).replace('+', "-").replace('=', "_").replace('/', "~")
    };
    let signature = format!("Signature={}", spelling(&claim.signature));
    assert!(query.contains(&signature.as_str()), "{query:?}");
    let policy = format!("Policy={}", spelling(&claim.policy));
    let is_custom = query.contains(&policy.as_str());
    assert!(is_custom || query.iter().any(|pair| name_of(pair) == "Expires"), "{query:?}");
}

/// A greater tolerance forbids nothing, and a canned policy is for the URL it was read from.
fn permits_by_the_clock(claim: &Claim, url: &Url<'_>, client: IpAddr, now: i64, tolerance: i64) {
    let tolerance = Duration::from_secs(tolerance.unsigned_abs());
    let permitted = |tolerance| claim.permits(url, client, instant(now), tolerance);
    let strictly = permitted(Duration::ZERO);
    assert!(strictly.is_err() || permitted(tolerance).is_ok(), "{claim:?}");
    let is_canned = claim.policy.starts_with(b"{\"Statement\":[{\"Resource\":\"")
        && url.query.is_some_and(|query| query.split('&').any(|pair| name_of(pair) == "Expires"));
    assert!(!is_canned || !matches!(strictly, Err(Refusal::OtherUrl | Refusal::OtherAddress)));
}
