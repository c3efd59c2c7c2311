//! What the origin answered: whether it is what was asked for, and whether it is stored.

mod errors;
mod storing;

use std::time::{Instant, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use pingora_cache::{NoCacheReason, RespCacheable};
use pingora_core::{Error, ErrorType, InvalidHTTPHeader, OrErr as _, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use warmfront_config::Site;
use warmfront_origin::{Bucket, Channel, Diagnosis, Origin};
use warmfront_semantics::date;
use warmfront_semantics::fields::{HOP_BY_HOP, connection_options, is_websocket};
use warmfront_semantics::navigation::{Wanted, wanted};
use warmfront_semantics::storable::Why;
use warmfront_semantics::tags::{SURROGATE_KEY, Tags};

use storing::unstorable;
pub(crate) use storing::{Candidate, Kept, TICK, bounds, judge, place};

use crate::context::{self, Asks, Context, Detour, Errand, Routed};
use crate::edge::Edge;
use crate::explain::EXPLAIN;
use crate::failure::{Fault, OriginFault};
use crate::request::RequestHead;
use crate::select::{self, Next};
use crate::{clock, effects, forward, lookup, shape, stale, validate};

/// Names of the bucket's own machinery; CloudFront does not show them either.
const BUCKET_INTERNALS: [HeaderName; 3] = [
    HeaderName::from_static("x-amz-id-2"),
    HeaderName::from_static("x-amz-request-id"),
    HeaderName::from_static("x-amz-bucket-region"),
];

/// What to do with a response whose head is in.
#[derive(Debug)]
enum Course {
    /// It is the answer.
    Keep,
    /// Ask the origin again, like this.
    Detour(Detour),
    /// It is no answer a client may see.
    Fail(Fault),
}

/// Whether more is to come before the response (RFC 9110 §15.2).
pub(crate) fn is_interim(response: &ResponseHeader) -> bool {
    response.status.is_informational() && response.status != StatusCode::SWITCHING_PROTOCOLS
}

/// Takes in the head of what the origin answered, or sends the request out once more.
pub(crate) async fn receive(
    edge: &Edge,
    session: &mut Session,
    context: &mut Context,
    response: &mut ResponseHeader,
) -> Result<()> {
    if is_interim(response) {
        clean(response, context)?;
        shape::interim(session, context, response).await;
        return Ok(());
    }
    hear(context, response);
    // A body that has gone by cannot be sent once more.
    let repeatable = select::may_repeat(session);
    let failing = select::is_failing(context, response.status) && repeatable;
    if failing && select::fail_over(context) == Next::Try {
        return Err(context::again());
    }
    context.attempt.answered = Some(Instant::now());
    context.attempt.status = Some(response.status);
    match course(edge, session, context, response).await? {
        Course::Keep if stale::is_gone(context, response.status) && lookup::holds_kept(session) => {
            Err(Error::new_up(ErrorType::HTTPStatus(response.status.as_u16())))
        }
        Course::Detour(detour) if repeatable => Err(again(session, context, detour)),
        Course::Keep | Course::Detour(_) => {
            context.tags = Tags::of(&response.headers, &context.routed()?.site().tags_header);
            clean(response, context)?;
            date(response, clock::now())?;
            effects::take_out(edge, &context.routed()?, response);
            validate::note(session, context, response);
            validate::supersede(edge, context, response);
            validate::by_head(edge, session, context, response, clock::now())
        }
        Course::Fail(fault) => Err(context.stop(fault)),
    }
}

/// Notes what the target's answer says of the target, and by what the client stays with it.
fn hear(context: &mut Context, response: &ResponseHeader) {
    let secure = context.arrival.as_ref().is_some_and(|it| it.connection.is_secure());
    let channel = if secure { Channel::Secure } else { Channel::Plain };
    let Some(lease) = &mut context.attempt.lease else { return };
    lease.answered(response.status, &response.headers, Instant::now());
    context.stickiness = lease.cookie(&response.headers, channel, clock::now());
}

/// Dates a response that its origin did not (RFC 9110 §6.6.1).
fn date(response: &mut ResponseHeader, now: SystemTime) -> Result<()> {
    let dated = response.headers.get(header::DATE);
    if dated.and_then(|value| date::parse(value.as_bytes(), now)).is_none() {
        response.insert_header(header::DATE, date::format(now))?;
    }
    Ok(())
}

/// Drops what belongs to the connection with the origin, what is between the origin and the edge, and a
/// length where there is no content. The rest stays in its order, which removing fields one by one would
/// not do.
fn clean(response: &mut ResponseHeader, context: &Context) -> Result<()> {
    let site = context.routed()?.site();
    let status = response.status;
    let switches = status == StatusCode::SWITCHING_PROTOCOLS;
    let nominated = connection_options(&response.headers);
    let internals: &[HeaderName] = match context.origin()? {
        Origin::Bucket(_) => &BUCKET_INTERNALS,
        Origin::TargetGroup(_) => &[],
    };
    let is_the_connections = |name: &HeaderName| {
        HOP_BY_HOP.contains(name) || internals.contains(name) || nominated.contains(name)
    };
    // RFC 9110 §8.6.
    let is_bodiless = status.is_informational() || status == StatusCode::NO_CONTENT;
    let is_dropped = |name: &HeaderName| {
        // A switch of protocols is of this very connection.
        let is_without_content = is_bodiless && *name == header::CONTENT_LENGTH;
        (!switches && is_the_connections(name)) || is_without_content || is_for_the_edge(site, name)
    };
    one_length(response)?;
    if !response.headers.keys().any(is_dropped) {
        return Ok(());
    }
    let mut cleaned = ResponseHeader::build_no_case(response.status, Some(response.headers.len()))?;
    for (name, value) in response.headers.iter().filter(|(name, _)| !is_dropped(name)) {
        cleaned.append_header(name, value)?;
    }
    cleaned.set_version(response.version);
    *response = cleaned;
    Ok(())
}

/// Drops from trailers what no client sees.
pub(crate) fn clean_trailers(context: &Context, trailers: &mut HeaderMap) -> Result<()> {
    let site = context.routed()?.site();
    let dropped: Vec<_> =
        trailers.keys().filter(|name| is_for_the_edge(site, name)).cloned().collect();
    for name in &dropped {
        trailers.remove(name);
    }
    Ok(())
}

/// Whether a field of the origin's is said to the edge alone, or is the edge's alone to say.
fn is_for_the_edge(site: &Site, name: &HeaderName) -> bool {
    *name == site.tags_header || *name == SURROGATE_KEY || *name == EXPLAIN
}

/// RFC 9110 §8.6: a length that is said several times is passed on once. Lengths that differ came no
/// further than Pingora.
fn one_length(response: &mut ResponseHeader) -> Result<()> {
    let mut lines = response.headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = lines.next() else { return Ok(()) };
    let mut members = first.as_bytes().split(|octet| *octet == b',').map(<[u8]>::trim_ascii);
    let length = members.find(|member| !member.is_empty()).unwrap_or_default();
    if lines.next().is_some() || length.len() < first.len() {
        let length = HeaderValue::from_bytes(length).or_err(InvalidHTTPHeader, "Content-Length")?;
        // In the place of the first, so that the order stays.
        response.insert_header(header::CONTENT_LENGTH, length)?;
    }
    Ok(())
}

/// Judges the head of a response: an answer, a reason to ask again, or something to mend.
async fn course(
    edge: &Edge,
    session: &Session,
    context: &Context,
    response: &ResponseHeader,
) -> Result<Course> {
    let (routed, detour) = (context.routed()?, &context.detour);
    let request = &session.req_header().headers;
    let mut fault = unusable(routed.head, request, response);
    // Nobody has what an unasked 304 speaks of.
    if response.status == StatusCode::NOT_MODIFIED && !validate::is_conditional(session) {
        fault = Some(OriginFault::BadAnswer("304 to a request without conditions".into()));
    }
    if let Some(fault) = fault {
        return Ok(Course::Fail(Fault::Origin(fault)));
    }
    let bytes_max = edge.storage.store().object_bytes_max();
    let wants_less = request.contains_key(header::RANGE) || routed.head.method == Method::HEAD;
    let too_much = session.cache.enabled()
        && response.status == StatusCode::OK
        && content_length(&response.headers).is_some_and(|length| length > bytes_max);
    if too_much && wants_less && *detour == Detour::None {
        return Ok(Course::Detour(Detour::AsAsked));
    }
    match context.origin()? {
        Origin::Bucket(bucket)
            if matches!(response.status.as_u16(), 301 | 307 | 400 | 403 | 404) =>
        {
            Ok(refusal(bucket, context, request, response.status).await?)
        }
        _ => Ok(Course::Keep),
    }
}

/// Sends the request to the origin again, another way.
#[expect(clippy::unnecessary_box_returns, reason = "Pingora's errors are boxed")]
fn again(session: &mut Session, context: &mut Context, detour: Detour) -> Box<Error> {
    if detour == Detour::AsAsked {
        session.cache.response_became_uncacheable(NoCacheReason::ResponseTooLarge);
        session.cache.disable(NoCacheReason::ResponseTooLarge);
        session.upstream_headers_mutated_for_cache = false;
    }
    context.detour = detour;
    context::again()
}

/// What of a response goes into the store: of a 304, the stored response that it freshens.
pub(crate) fn storing(
    edge: &Edge,
    session: &Session,
    context: &mut Context,
    response: &ResponseHeader,
    now: SystemTime,
) -> RespCacheable {
    let (Some(began), false) = (context.attempt.began, context.detour == Detour::Unvalidated)
    else {
        return unstorable(Why::Unvalidated);
    };
    let stale = session.cache.maybe_cache_meta();
    let fields = match (stale, &context.update) {
        (Some(meta), Some(update)) => validate::fields(meta, update).ok_or(Why::VaryChanged),
        // The head alone is not the response.
        _ if context.attempt.asks == Asks::Head => Err(Why::Method),
        _ => Ok(response.headers.clone()),
    };
    let judged = fields.and_then(|fields| {
        let candidate = Candidate {
            routed: context.routed().map_err(|_| Why::Method)?,
            detour: &context.detour,
            request: &session.req_header().headers,
            resource: context.key.resource(),
            status: response.status,
            fields,
            tags: context.tags.clone(),
            began,
            bytes_max: edge.storage.store().object_bytes_max(),
        };
        judge(candidate, now)
    });
    match judged {
        Ok(Kept { meta, left_out }) => {
            context.left_out = left_out;
            RespCacheable::Cacheable(meta)
        }
        Err(why) => {
            if validate::ends_stored(session, context, response.status, why) {
                validate::discard(edge, session);
            }
            context.detail = Some(why.as_str());
            unstorable(why)
        }
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
    context: &Context,
    request: &HeaderMap,
    status: StatusCode,
) -> Result<Course> {
    let (Routed { arrival, head, route }, detour) = (context.routed()?, &context.detour);
    let region = bucket.region();
    let path = forward::path(head, route, detour);
    if let Diagnosis::Trouble(sentence) = bucket.diagnose(&path, arrival.at).await {
        let learned = bucket.region() != region && *detour == Detour::None;
        return Ok(if learned {
            Course::Detour(Detour::Region)
        } else {
            Course::Fail(Fault::Origin(OriginFault::Bucket(sentence)))
        });
    }
    let missing = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
    Ok(match &route.site().site.spa {
        Some(page)
            if missing
                && !matches!(detour, Detour::Page(_))
                && context.errand != Errand::Page
                && wanted(&head.method, head.target().path, request) == Wanted::Page =>
        {
            Course::Detour(Detour::Page(page.as_str().into()))
        }
        _ => Course::Keep,
    })
}

pub(crate) fn content_length(fields: &HeaderMap) -> Option<u64> {
    fields.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
