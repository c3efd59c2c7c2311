//! What the origin answered: whether it is what was asked for, and whether it is stored.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method, StatusCode, Version, header};
use pingora_cache::cache_control::{CacheControl, InterpretCacheControl as _};
use pingora_cache::filters::{calculate_fresh_until, calculate_serve_stale_durations};
use pingora_cache::{CacheMeta, CacheMetaDefaults, NoCacheReason, RespCacheable};
use pingora_http::{RequestHeader, ResponseHeader};
use warmfront_config::{QueryKey, Ttl};
use warmfront_origin::{Bucket, Diagnosis, Origin};
use warmfront_semantics::fields::{HOP_BY_HOP, connection_options, is_websocket};
use warmfront_semantics::navigation::{Wanted, wanted};
use warmfront_semantics::storable::{Exchange, Storable, Why};
use warmfront_semantics::target::canonical_path;
use warmfront_store::{Admission, Place, Position};

use crate::context::{Detour, Routed};
use crate::failure::{Fault, OriginFault};
use crate::forward;
use crate::request::RequestHead;
use crate::route::Route;

/// Names of the bucket's own machinery; CloudFront does not show them either.
const BUCKET_INTERNALS: [HeaderName; 3] = [
    HeaderName::from_static("x-amz-id-2"),
    HeaderName::from_static("x-amz-request-id"),
    HeaderName::from_static("x-amz-bucket-region"),
];

/// RFC 9111 §1.2.2: as long as any cache need count.
const LIFETIME_MAX: Duration = Duration::from_secs(1 << 31);

const NO_DEFAULTS: CacheMetaDefaults = CacheMetaDefaults::new(|_| None, 0, 0);

/// What to do with a response whose head is in.
#[derive(Debug)]
pub(crate) enum Course {
    /// It is the answer.
    Keep,
    /// Ask the origin again, like this.
    Detour(Detour),
    /// It is no answer a client may see.
    Fail(Fault),
}

/// Whether the whole of a response is fetched where its client may want a part, and how much of
/// it can be stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole {
    pub(crate) wanted: bool,
    pub(crate) bytes_max: u64,
}

/// What a stored response is measured against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) ttl: Ttl,
    pub(crate) bytes_max: u64,
}

/// Drops what belongs to the connection with the origin.
pub(crate) fn clean(response: &mut ResponseHeader, origin: &Origin) {
    if response.status == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    for name in connection_options(&response.headers) {
        response.remove_header(&name);
    }
    for name in &HOP_BY_HOP {
        response.remove_header(name);
    }
    if let Origin::Bucket(_) = origin {
        for name in &BUCKET_INTERNALS {
            response.remove_header(name);
        }
    }
}

/// Judges the head of a response: an answer, a reason to ask again, or something to mend.
pub(crate) async fn course(
    routed: &Routed<'_>,
    detour: &Detour,
    request: &HeaderMap,
    response: &ResponseHeader,
    whole: Whole,
) -> Course {
    if let Some(fault) = unusable(routed.head, request, response) {
        return Course::Fail(Fault::Origin(fault));
    }
    let wants_less = request.contains_key(header::RANGE) || routed.head.method == Method::HEAD;
    let too_much = whole.wanted
        && response.status == StatusCode::OK
        && content_length(&response.headers).is_some_and(|length| length > whole.bytes_max);
    if too_much && wants_less && *detour == Detour::None {
        return Course::Detour(Detour::AsAsked);
    }
    match &routed.route.behavior().origin {
        Origin::Bucket(bucket)
            if matches!(response.status.as_u16(), 301 | 307 | 400 | 403 | 404) =>
        {
            refusal(bucket, routed, detour, request, response.status).await
        }
        _ => Course::Keep,
    }
}

/// Why a response cannot be passed on, whatever it says.
fn unusable(
    head: &RequestHead,
    request: &HeaderMap,
    response: &ResponseHeader,
) -> Option<OriginFault> {
    let asked = head.version == Version::HTTP_11 && is_websocket(request);
    if response.status == StatusCode::SWITCHING_PROTOCOLS && !asked {
        let why = "101 to a request that did not ask for another protocol";
        return Some(OriginFault::BadAnswer(why.into()));
    }
    // RFC 9112 §6.1: a coding that is not understood is not taken off, and the body is not what the
    // other fields say it is.
    let codings = response.headers.get_all(header::TRANSFER_ENCODING);
    if codings.iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Some(OriginFault::BadAnswer("an unknown transfer coding".into()));
    }
    None
}

/// Judges a bucket's refusal: a missing object, a page of the app, or something to mend.
async fn refusal(
    bucket: &Bucket,
    routed: &Routed<'_>,
    detour: &Detour,
    request: &HeaderMap,
    status: StatusCode,
) -> Course {
    let Routed { arrival, head, route } = *routed;
    let region = bucket.region();
    let path = forward::path(head, route, detour);
    if let Diagnosis::Trouble(sentence) = bucket.diagnose(&path, arrival.at).await {
        let learned = bucket.region() != region && *detour == Detour::None;
        return if learned {
            Course::Detour(Detour::Region)
        } else {
            Course::Fail(Fault::Origin(OriginFault::Bucket(sentence)))
        };
    }
    let missing = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
    match &route.site().site.spa {
        Some(page)
            if missing
                && !matches!(detour, Detour::Page(_))
                && wanted(&head.method, head.target().path, request) == Wanted::Page =>
        {
            Course::Detour(Detour::Page(page.as_str().into()))
        }
        _ => Course::Keep,
    }
}

/// Where a response will stand, and since when it is true.
pub(crate) fn admission(
    head: &RequestHead,
    route: &Route,
    detour: &Detour,
    birth: Position,
    response: &HeaderMap,
) -> Admission {
    let target = head.target();
    let query = match route.behavior().behavior.query {
        QueryKey::None => None,
        QueryKey::All => target.query,
    };
    let made_from = match (detour, &route.site().root_object) {
        (Detour::Page(page), _) => Some(canonical_path(page, b"")),
        (_, Some(root)) if target.path == "/" => Some(canonical_path(root, b"")),
        _ => None,
    };
    let place = Place {
        path: canonical_path(target.path, b"").into(),
        query: query.map(Into::into),
        made_from: made_from.map(Into::into),
    };
    Admission {
        ledger: route.site().ledger.clone(),
        place: Arc::new(place),
        birth,
        length: content_length(response),
    }
}

/// Decides whether a response is stored, and for how long it is fresh.
pub(crate) fn judge(
    request: &RequestHeader,
    response: &ResponseHeader,
    bounds: &Bounds,
    admission: Admission,
    now: SystemTime,
) -> RespCacheable {
    let exchange = Exchange {
        method: &request.method,
        request: &request.headers,
        status: response.status,
        response: &response.headers,
    };
    if let Storable::No(why) = Storable::judge(&exchange) {
        return unstorable(why);
    }
    if admission.length.is_some_and(|length| length > bounds.bytes_max) {
        return RespCacheable::Uncacheable(NoCacheReason::ResponseTooLarge);
    }
    let control = CacheControl::from_resp_headers(response);
    let explicit = calculate_fresh_until(now, control.as_ref(), response, false, &NO_DEFAULTS);
    let explicit = explicit.map(|until| until.duration_since(now).unwrap_or_default());
    let Some(lifetime) = lifetime(explicit, response.status, &bounds.ttl) else {
        return unstorable(Why::NothingToReuse);
    };
    let age = Duration::from_secs(age_secs(&response.headers));
    let validated = [header::ETAG, header::LAST_MODIFIED];
    let validated = validated.iter().any(|name| response.headers.contains_key(name));
    if lifetime <= age && !validated {
        return unstorable(Why::NothingToReuse);
    }
    let epoch = now.checked_sub(age).unwrap_or(now);
    // Pingora counts a deadline that is now as fresh.
    let fresh_until = (epoch + lifetime).max(epoch) - Duration::from_millis(1);
    let (while_revalidate, if_error) =
        calculate_serve_stale_durations(control.as_ref(), &NO_DEFAULTS);
    let mut head = response.clone();
    if let Some(control) = &control {
        control.strip_private_headers(&mut head);
    }
    head.remove_header(&header::AGE);
    let mut meta = CacheMeta::new(fresh_until, now, while_revalidate, if_error, head);
    meta.set_epoch_override(epoch);
    meta.extensions_mut().insert(admission);
    RespCacheable::Cacheable(meta)
}

/// The freshness lifetime: what the origin says within the site's bounds, else the site's default
/// for the statuses that a cache may keep without being told (RFC 9110 §15.1).
fn lifetime(explicit: Option<Duration>, status: StatusCode, ttl: &Ttl) -> Option<Duration> {
    let lifetime = match explicit {
        Some(lifetime) => Some(lifetime.clamp(ttl.min, ttl.max)),
        None if matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308) => ttl.default,
        None => None,
    };
    lifetime.map(|lifetime| lifetime.min(LIFETIME_MAX))
}

fn unstorable(why: Why) -> RespCacheable {
    RespCacheable::Uncacheable(NoCacheReason::Custom(why.as_str()))
}

fn content_length(fields: &HeaderMap) -> Option<u64> {
    fields.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// RFC 9111 §5.1; an unreadable Age counts as none, one that is too large as very large (§1.2.2).
fn age_secs(fields: &HeaderMap) -> u64 {
    let age = fields.get(header::AGE).and_then(|age| age.to_str().ok());
    let age = age.filter(|age| !age.is_empty() && age.bytes().all(|b| b.is_ascii_digit()));
    age.map_or(0, |age| age.parse().unwrap_or(u64::MAX).min(LIFETIME_MAX.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const TTL: Ttl = Ttl { min: Duration::ZERO, default: Some(DAY), max: DAY };

    #[test]
    fn lifetimes_are_the_origins_within_the_sites_bounds() {
        let minute = Duration::from_mins(1);
        for (explicit, status, ttl, expected) in [
            (Some(minute), 200, TTL, Some(minute)),
            (Some(minute * 10_000), 200, TTL, Some(DAY)),
            (Some(Duration::ZERO), 200, Ttl { min: minute, ..TTL }, Some(minute)),
            (None, 200, TTL, Some(DAY)),
            (None, 404, TTL, None),
            (Some(minute), 404, TTL, Some(minute)),
            (None, 200, Ttl { default: None, ..TTL }, None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(lifetime(explicit, status, &ttl), expected, "{explicit:?} {status}");
        }
    }

    #[test]
    fn what_cannot_be_passed_on_is_told_apart() {
        let fields = |lines: &[(&'static str, &'static str)]| -> HeaderMap {
            lines.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect()
        };
        let socket = &[("host", "a"), ("upgrade", "websocket")][..];
        let plain = &[("host", "a")][..];
        for (version, request, status, response, usable) in [
            (Version::HTTP_11, socket, 101, &[][..], true),
            (Version::HTTP_11, plain, 101, &[], false),
            (Version::HTTP_10, socket, 101, &[], false),
            (Version::HTTP_11, plain, 200, &[("transfer-encoding", "Chunked")], true),
            (Version::HTTP_11, plain, 200, &[("transfer-encoding", "gzip, chunked")], false),
            (Version::HTTP_11, plain, 200, &[("transfer-encoding", "gzip")], false),
        ] {
            let request = fields(request);
            let head = RequestHead::new(&Method::GET, version, None, b"/", &request).unwrap();
            let mut answer = ResponseHeader::build(status, None).unwrap();
            for (name, value) in &fields(response) {
                answer.append_header(name, value).unwrap();
            }
            let judged = unusable(&head, &request, &answer);
            assert_eq!(judged.is_none(), usable, "{version:?} {status} {response:?}");
        }
    }
}
