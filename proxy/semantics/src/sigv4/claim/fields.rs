//! The fields that a signature covers.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName};
use time::PrimitiveDateTime;
use time::macros::format_description;

use super::{Flaw, incomplete};
use crate::date;
use crate::sigv4::Stamp;

/// Fields that are told apart. The wordiest client signs nine.
const SIGNED_FIELDS_MAX: usize = 64;
/// The form of `X-Amz-Date`, as an example.
const BASIC_TIME: &str = "20130524T000000Z";

/// The fields that `names` lists, in its order. Fails unless everything that says what the request
/// is, and is there, is among them.
pub(super) fn signed_fields<'r>(
    names: &'r str,
    headers: &HeaderMap,
) -> Result<Vec<(&'r str, String)>, Flaw> {
    let listed: Vec<&str> = names.split(';').take(SIGNED_FIELDS_MAX + 1).collect();
    if listed.len() > SIGNED_FIELDS_MAX {
        return Err(incomplete("SignedHeaders names too many fields"));
    }
    // In one order and once each, so that one request has one canonical form.
    if !listed.is_sorted_by(|one, next| one < next) {
        return Err(incomplete("SignedHeaders must be sorted, each field once"));
    }
    if !listed.contains(&"host") {
        return Err(incomplete("'host' must be a signed field"));
    }
    let amazons = headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    if let Some(unsigned) = amazons.into_iter().find(|name| !listed.contains(name)) {
        return Err(incomplete(format!("'{unsigned}' must be a signed field, since it is there")));
    }
    listed.into_iter().map(|name| Ok((name, joined(name, headers)?))).collect()
}

/// Every line of a field, without the white space around it, with commas between.
fn joined(name: &str, headers: &HeaderMap) -> Result<String, Flaw> {
    let is_lower = !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut lines = Vec::new();
    for line in headers.get_all(name).iter().filter(|_| is_lower && name != "authorization") {
        let line = std::str::from_utf8(line.as_bytes());
        lines.push(line.map_err(|_| incomplete(format!("'{name}' is not UTF-8")))?.trim_ascii());
    }
    if lines.is_empty() {
        return Err(incomplete("SignedHeaders names a field that the request does not have"));
    }
    Ok(lines.join(","))
}

/// When it was signed: `X-Amz-Date`, or `Date` where that is missing.
pub(super) fn stamp(
    fields: &[(&str, String)],
    headers: &HeaderMap,
) -> Result<(Stamp, SystemTime), Flaw> {
    let is_signed = |name: &str| fields.iter().any(|(signed, _)| *signed == name);
    let (name, text) = match only(headers, "x-amz-date")? {
        Some(text) => ("x-amz-date", Some(text)),
        None => ("date", only(headers, "date")?),
    };
    let text = text.filter(|_| is_signed(name)).ok_or_else(|| {
        incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header, which is signed.")
    })?;
    let time = match name {
        "date" => basic_time(text).or_else(|| http_time(text)),
        _ => basic_time(text),
    };
    let time = time.ok_or_else(|| {
        incomplete(format!("Date must be in ISO-8601 'basic format': {BASIC_TIME} is one."))
    })?;
    Ok((Stamp::at(time), time))
}

pub(super) fn basic_time(text: &str) -> Option<SystemTime> {
    let form = text.bytes().zip(BASIC_TIME.bytes());
    let is_basic = text.len() == BASIC_TIME.len()
        && form.into_iter().all(|(byte, example)| match example {
            b'T' | b'Z' => byte == example,
            _ => byte.is_ascii_digit(),
        });
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = is_basic.then(|| PrimitiveDateTime::parse(text, format).ok()).flatten()?;
    Some(time.assume_utc().into())
}

/// As botocore writes it, too: with the zone of a mail (RFC 5322 §3.3).
fn http_time(text: &str) -> Option<SystemTime> {
    let text = text.replace("-0000", "GMT");
    // Two digits of a year have no century here; nobody has sent them for decades.
    date::parse(text.as_bytes(), SystemTime::UNIX_EPOCH)
}

/// A field that may be there once.
pub(super) fn only<'r>(
    headers: &'r HeaderMap,
    name: &'static str,
) -> Result<Option<&'r str>, Flaw> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(incomplete(format!("'{name}' is there more than once")));
    }
    let text = line.to_str().map(str::trim_ascii);
    text.map(Some).map_err(|_| incomplete(format!("'{name}' has letters beyond ASCII")))
}
