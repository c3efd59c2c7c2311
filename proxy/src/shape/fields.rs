//! What a site does to the fields of its responses: CloudFront's response headers policy.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use warmfront_config::{Cors, CorsOrigins, ResponseFields};
use warmfront_semantics::cache_status::Lookup;

use crate::context::Context;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const HSTS: HeaderName = header::STRICT_TRANSPORT_SECURITY;
/// What only the edge says where it speaks of cross-origin requests.
const CORS: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

/// Removes and sets what the behavior says, in this order. `by_origin` tells an answer of the origin's
/// from one of the edge's own, whose preflight permissions are the edge's already.
pub(super) fn apply(
    said: &ResponseFields,
    request: &HeaderMap,
    secure: bool,
    by_origin: bool,
    response: &mut ResponseHeader,
) -> Result<()> {
    for name in &said.remove {
        response.remove_header(name);
    }
    for (name, value) in &said.set {
        response.insert_header(name, value)?;
    }
    let hsts = said.hsts.iter().filter(|_| secure).map(|value| (&HSTS, value));
    for (name, value) in said.default.iter().map(|(n, v)| (n, v)).chain(hsts) {
        if !response.headers.contains_key(name) {
            response.insert_header(name, value)?;
        }
    }
    match &said.cors {
        Some(cors) => share(cors, request, by_origin, response),
        None => Ok(()),
    }
}

/// Says which other origin's page may read the response (Fetch §3.3). As in CloudFront, what the
/// origin says of it counts no more.
fn share(
    cors: &Cors,
    request: &HeaderMap,
    by_origin: bool,
    response: &mut ResponseHeader,
) -> Result<()> {
    for name in CORS.iter().filter(|_| by_origin) {
        response.remove_header(name);
    }
    let listed = cors.origins != CorsOrigins::Any;
    if listed {
        // Also where no Origin was sent: a cache on the way must not give this to somebody else's page.
        vary_by_origin(response)?;
    }
    let Some(origin) = request.get(header::ORIGIN) else { return Ok(()) };
    if !origin.to_str().is_ok_and(|origin| cors.lets_in(origin)) {
        return Ok(());
    }
    let allowed = if listed { origin.clone() } else { HeaderValue::from_static("*") };
    response.insert_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed)?;
    if cors.credentials {
        let yes = HeaderValue::from_static("true");
        response.insert_header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes)?;
    }
    if by_origin && !cors.expose.is_empty() {
        let names: Vec<_> = cors.expose.iter().map(HeaderName::as_str).collect();
        response.insert_header(header::ACCESS_CONTROL_EXPOSE_HEADERS, names.join(", "))?;
    }
    Ok(())
}

fn vary_by_origin(response: &mut ResponseHeader) -> Result<()> {
    let lines = response.headers.get_all(header::VARY).iter();
    let mut members = lines.flat_map(|line| line.as_bytes().split(|octet| *octet == b','));
    let known = |member: &[u8]| {
        let member = member.trim_ascii();
        member == b"*" || member.eq_ignore_ascii_case(b"origin")
    };
    if !members.any(known) {
        response.append_header(header::VARY, HeaderValue::from_static("Origin"))?;
    }
    Ok(())
}

/// Where the time went, in CloudFront's words.
pub(super) fn server_timing(
    context: &Context,
    lookup: Lookup,
    now: Instant,
) -> Option<HeaderValue> {
    let arrival = context.arrival.as_ref()?;
    let behavior = &context.route.as_ref()?.behavior().behavior;
    if !behavior.server_timing {
        return None;
    }
    let cache = match lookup {
        Lookup::Hit | Lookup::Stale | Lookup::StoodIn | Lookup::Collapsed(_) => "cdn-cache-hit",
        Lookup::Revalidated(_) => "cdn-cache-refresh",
        Lookup::Forwarded(_) | Lookup::Answered | Lookup::Failed(_) => "cdn-cache-miss",
    };
    let id = arrival.id.to_str().unwrap_or_default();
    let took = |name: &str, taken: Duration| format!("{name};dur={}", taken.as_millis());
    let asked = context.attempt.asked.zip(context.attempt.answered);
    let origin = asked.map(|(asked, answered)| answered.duration_since(asked));
    let mut timing = vec![cache.to_owned(), format!("cdn-rid;desc=\"{id}\"")];
    timing.extend(origin.map(|taken| took("cdn-upstream-fbl", taken)));
    timing.push(took("cdn-downstream-fbl", now.duration_since(arrival.started)));
    HeaderValue::try_from(timing.join(",")).ok()
}

/// Adds it to what the origin says of its own time.
pub(super) fn add_timing(response: &mut ResponseHeader, timing: HeaderValue) -> Result<()> {
    response.append_header(SERVER_TIMING, timing)?;
    Ok(())
}
