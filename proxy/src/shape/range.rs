//! Parts of a response (RFC 9110 §14).

use std::ops::Range;
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use pingora_core::Result;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{MultiRangeInfo, RangeType};
use warmfront_semantics::precondition::{IfRange, if_range};
use warmfront_semantics::range::{Ranges, resolve};

use crate::admit::content_length;

/// A request for more ranges than this gets the whole (RFC 9110 §14.2 allows it): each costs a part.
const RANGES_MAX: usize = 16;

/// Makes of a whole response the part that the client asked for, and says what of the body goes.
pub(crate) fn cut(
    request: &RequestHeader,
    response: &mut ResponseHeader,
    now: SystemTime,
) -> Result<RangeType> {
    if response.status != StatusCode::OK {
        return Ok(RangeType::None);
    }
    let Some(length) = content_length(&response.headers) else {
        return Ok(RangeType::None);
    };
    match asked(request, &response.headers, length, now) {
        Ranges::Whole => {
            if !response.headers.contains_key(header::ACCEPT_RANGES) {
                let bytes = HeaderValue::from_static("bytes");
                response.insert_header(header::ACCEPT_RANGES, bytes)?;
            }
            Ok(RangeType::None)
        }
        Ranges::One(range) => one(response, range, length),
        Ranges::Many(ranges) => match joined(ranges).as_slice() {
            [range] => one(response, range.clone(), length),
            ranges => many(response, ranges, length),
        },
        Ranges::Unsatisfiable => {
            response.set_status(StatusCode::RANGE_NOT_SATISFIABLE)?;
            for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::TRANSFER_ENCODING]
            {
                response.remove_header(&name);
            }
            response.insert_header(header::CONTENT_LENGTH, HeaderValue::from_static("0"))?;
            response.insert_header(header::CONTENT_RANGE, format!("bytes */{length}"))?;
            Ok(RangeType::Invalid)
        }
    }
}

/// RFC 9110 §14.2: Range is defined for GET alone.
fn asked(request: &RequestHeader, response: &HeaderMap, length: u64, now: SystemTime) -> Ranges {
    let fields = &request.headers;
    if request.method != Method::GET
        || !fields.contains_key(header::RANGE)
        || if_range(fields, response, now) == IfRange::Whole
    {
        return Ranges::Whole;
    }
    resolve(fields, length, RANGES_MAX)
}

/// In the order of the body, ranges that overlap or touch made one (RFC 9110 §15.3.7.2): a body is
/// passed on once, from its start to its end.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut out: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

fn one(response: &mut ResponseHeader, range: Range<u64>, length: u64) -> Result<RangeType> {
    let Some(in_memory) = in_memory(&range) else { return Ok(RangeType::None) };
    response.set_status(StatusCode::PARTIAL_CONTENT)?;
    response.insert_header(header::CONTENT_LENGTH, range.end - range.start)?;
    let content_range = format!("bytes {}-{}/{length}", range.start, range.end - 1);
    response.insert_header(header::CONTENT_RANGE, content_range)?;
    Ok(RangeType::Single(in_memory))
}

fn many(response: &mut ResponseHeader, ranges: &[Range<u64>], length: u64) -> Result<RangeType> {
    let in_memory: Option<Vec<_>> = ranges.iter().map(in_memory).collect();
    let (Some(in_memory), Ok(length)) = (in_memory, usize::try_from(length)) else {
        return Ok(RangeType::None);
    };
    let mut parts = MultiRangeInfo::new(in_memory);
    parts.set_total_length(length);
    let part_type = response.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    parts.set_content_type(part_type.unwrap_or("application/octet-stream").to_owned());
    let whole_type = format!("multipart/byteranges; boundary={}", parts.boundary);
    response.set_status(StatusCode::PARTIAL_CONTENT)?;
    response.insert_header(header::CONTENT_LENGTH, parts.calculate_multipart_length())?;
    response.insert_header(header::CONTENT_TYPE, whole_type)?;
    // RFC 9110 §15.3.7.2: each part has its own, and the head has none, whatever the origin said.
    response.remove_header(&header::CONTENT_RANGE);
    Ok(RangeType::Multi(parts))
}

fn in_memory(range: &Range<u64>) -> Option<Range<usize>> {
    Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_the_order_of_the_body_and_never_twice() {
        let bounds = |ranges| joined(ranges).iter().map(|r| (r.start, r.end)).collect::<Vec<_>>();
        assert_eq!(bounds(vec![5..7, 0..2]), [(0, 2), (5, 7)]);
        assert_eq!(bounds(vec![0..4, 2..6, 6..8]), [(0, 8)]);
        assert_eq!(bounds(vec![0..9, 2..3]), [(0, 9)]);
    }
}
