//! What a client makes its request depend on (RFC 9110 §13, RFC 9111 §4.3.2).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::date;
use crate::validate::EntityTag;

/// What a GET or HEAD with its conditions is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The response as it is.
    Proceed,
    /// 304: the client has it.
    NotModified,
    /// 412: the client asked about another representation.
    Failed,
}

/// What If-Range makes of a Range field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRange {
    /// The Range field counts.
    Partial,
    /// It is ignored: the client's parts are of another representation.
    Whole,
}

/// Judges a GET or HEAD against the response it selects, in the order of RFC 9110 §13.2.2.
///
/// `response` is stored, or is what the origin answered when asked without the client's conditions.
/// `now` only places the century of two-digit years.
#[must_use]
pub fn evaluate(
    request: &HeaderMap,
    status: StatusCode,
    response: &HeaderMap,
    now: SystemTime,
) -> Outcome {
    // RFC 9110 §13.2.1: a redirect or an error is what it is, whatever the client has.
    if !status.is_success() {
        return Outcome::Proceed;
    }
    let tag = EntityTag::of(response);
    let has_failed = if request.contains_key(header::IF_MATCH) {
        !is_named(request, &header::IF_MATCH, tag, EntityTag::equals_strongly)
    } else {
        has_changed_since(request, response, now)
    };
    if has_failed {
        return Outcome::Failed;
    }
    let is_known = if request.contains_key(header::IF_NONE_MATCH) {
        is_named(request, &header::IF_NONE_MATCH, tag, EntityTag::equals_weakly)
    } else {
        is_unchanged_since(request, response, now)
    };
    // A 304 stands for a 200 only (RFC 9110 §15.4.5).
    if is_known && status == StatusCode::OK { Outcome::NotModified } else { Outcome::Proceed }
}

/// Whether the Range field of this request counts (RFC 9110 §13.1.5, §14.2).
///
/// An entity-tag must match strongly. A date must be exactly Last-Modified, and that be strong: at
/// least a second older than the response (RFC 9110 §8.8.2.2). `now` is as in [`evaluate`].
#[must_use]
pub fn if_range(request: &HeaderMap, response: &HeaderMap, now: SystemTime) -> IfRange {
    if !request.contains_key(header::IF_RANGE) {
        return IfRange::Partial;
    }
    let asked = sole(request, &header::IF_RANGE).map(HeaderValue::as_bytes);
    let is_same = match asked.and_then(EntityTag::read) {
        Some(EntityTag::Malformed(date)) => date::parse(date, now)
            .is_some_and(|date| strong_modification_date(response, now) == Some(date)),
        Some(asked) => EntityTag::of(response).is_some_and(|tag| asked.equals_strongly(tag)),
        None => false,
    };
    if is_same { IfRange::Partial } else { IfRange::Whole }
}

/// Whether a 304 that the edge makes of a stored 200 repeats this field.
///
/// RFC 9110 §15.4.5 wants those that guide the client's cache and asks to leave out the rest of what
/// describes the content; Last-Modified guides only where there is no `ETag`. `stored` are
/// the fields of the 200.
#[must_use]
pub fn is_kept_in_304(name: &HeaderName, stored: &HeaderMap) -> bool {
    match *name {
        header::CONTENT_ENCODING
        | header::CONTENT_LANGUAGE
        | header::CONTENT_LENGTH
        | header::CONTENT_RANGE
        | header::CONTENT_TYPE
        | header::TRANSFER_ENCODING => false,
        header::LAST_MODIFIED => !stored.contains_key(header::ETAG),
        _ => true,
    }
}

/// Whether `"*" / #entity-tag` names the current representation; `*` does wherever there is one.
fn is_named<'a>(
    request: &'a HeaderMap,
    name: &HeaderName,
    current: Option<EntityTag<'a>>,
    equals: fn(EntityTag<'a>, EntityTag<'a>) -> bool,
) -> bool {
    let is_any = sole(request, name).is_some_and(|value| value.as_bytes().trim_ascii() == b"*");
    let lines = request.get_all(name).iter();
    let mut named = lines.flat_map(|line| entity_tags(line.as_bytes()));
    is_any || current.is_some_and(|current| named.any(|named| equals(named, current)))
}

/// The members of one line. One that is not well-formed ends at the next comma.
fn entity_tags(mut rest: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    std::iter::from_fn(move || {
        let start = rest.iter().position(|b| !matches!(b, b' ' | b'\t' | b','))?;
        let list = rest.get(start..)?;
        let length = EntityTag::length_at_start(list).filter(|length| ends_at(list, *length));
        let length = length.or_else(|| list.iter().position(|b| *b == b','));
        let (member, behind) = list.split_at_checked(length.unwrap_or(list.len()))?;
        rest = behind;
        EntityTag::read(member)
    })
}

/// Whether a member of a list ends here: nothing or a comma follows.
fn ends_at(list: &[u8], at: usize) -> bool {
    let behind = list.get(at..).unwrap_or_default().trim_ascii_start();
    matches!(behind.first(), None | Some(b','))
}

/// RFC 9110 §13.1.4, If-Unmodified-Since: whether it is false. Ignored without a date on both sides.
fn has_changed_since(request: &HeaderMap, response: &HeaderMap, now: SystemTime) -> bool {
    let limit = date_of(request, &header::IF_UNMODIFIED_SINCE, now);
    let modified = date_of(response, &header::LAST_MODIFIED, now);
    limit.zip(modified).is_some_and(|(limit, modified)| modified > limit)
}

/// RFC 9110 §13.1.3, If-Modified-Since: whether it is false. A response without Last-Modified is as
/// old as its Date (RFC 9111 §4.3.2).
fn is_unchanged_since(request: &HeaderMap, response: &HeaderMap, now: SystemTime) -> bool {
    let since = date_of(request, &header::IF_MODIFIED_SINCE, now);
    let modified = date_of(response, &header::LAST_MODIFIED, now);
    let modified = modified.or_else(|| date_of(response, &header::DATE, now));
    since.zip(modified).is_some_and(|(since, modified)| modified <= since)
}

fn strong_modification_date(response: &HeaderMap, now: SystemTime) -> Option<SystemTime> {
    let modified = date_of(response, &header::LAST_MODIFIED, now)?;
    let sent = date_of(response, &header::DATE, now)?;
    let age = sent.duration_since(modified).unwrap_or_default();
    (age >= Duration::from_secs(1)).then_some(modified)
}

/// A date field that stands there once and is readable.
fn date_of(fields: &HeaderMap, name: &HeaderName, now: SystemTime) -> Option<SystemTime> {
    date::parse(sole(fields, name)?.as_bytes().trim_ascii(), now)
}

/// The value of a field that has one line.
fn sole<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = fields.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

#[cfg(test)]
mod tests;
