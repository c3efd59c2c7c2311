//! The request as the origin sees it: cleaned, marked, and signed where it goes to a bucket.

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use pingora_http::RequestHeader;
use warmfront_config::unkeyed::{is_unkeyed, overrides_method};
use warmfront_config::{Behavior, HostField, TargetProtocol};
use warmfront_origin::{Bucket, BucketError, KeyError, Origin, TargetGroup};
use warmfront_semantics::fields::{HOP_BY_HOP, Nominated, is_websocket, nominated};
use warmfront_semantics::vary::Vary;

use crate::context::{Context, Detour, Routed};
use crate::failure::{ClientFault, EdgeFault, Fault, OriginFault};
use crate::policy;
use crate::request::{Arrival, RequestHead};
use crate::route::Route;
use crate::snapshot::BehaviorRoute;

/// What we are called in Via (RFC 9110 §7.6.3). The version is the received protocol's.
pub(crate) const VIA: &str = "warmfront";
/// The request's name in every log.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The nodes that a request has been through (RFC 8586). No client's choice: it is passed on and added to.
pub(crate) const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// curl and others send it with the first request of a connection in clear.
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// What the edge makes anew for each request: no field of the client's tells what the origin saw.
/// (X-Forwarded-Proto is one for all requests of a key.)
const MADE: [HeaderName; 6] = [
    CDN_LOOP,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    header::VIA,
    X_REQUEST_ID,
];
/// Makes `request` one for the origin of its route.
pub(crate) async fn form(
    request: &mut RequestHeader,
    routed: &Routed<'_>,
    context: &Context,
) -> Result<(), Fault> {
    let Routed { arrival, head, route } = *routed;
    let behavior = &route.behavior().behavior;
    let path = path(head, route, &context.detour);
    let query = policy::forwarded_query(behavior, head.target().query);
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.into_owned(),
    };
    let origin = context.origin().map_err(|e| internal(&e))?;
    choose(request, behavior, origin);
    match origin {
        Origin::Bucket(bucket) => to_bucket(request, bucket, &target, arrival).await?,
        Origin::TargetGroup(group) => {
            let lease = context.attempt.lease.as_ref();
            let name = lease.map_or_else(String::new, |lease| lease.name().to_string());
            request.set_raw_path(target.as_bytes()).map_err(|e| internal(&e))?;
            to_target(request, group, &name, arrival, head)?;
        }
    }
    if is_asked_for_identity(behavior, origin) {
        let identity = HeaderValue::from_static("identity");
        request.insert_header(header::ACCEPT_ENCODING, identity).map_err(|e| internal(&e))?;
    }
    request.append_header(CDN_LOOP, context.edge.name.as_str()).map_err(|e| internal(&e))?;
    mark(request, arrival, head)
}

/// What is stored of a bucket must be what is in the bucket, and what the edge compresses must not be
/// compressed.
fn is_asked_for_identity(behavior: &Behavior, origin: &Origin) -> bool {
    behavior.policy.compress || matches!(origin, Origin::Bucket(_))
}

/// Leaves a request the fields and cookies that the behavior lets through, cookies in one line: HTTP/2
/// clients split them (RFC 9113 §8.2.3), HTTP/1 knows one field of them.
fn choose(request: &mut RequestHeader, behavior: &Behavior, origin: &Origin) {
    let stays = |name: &HeaderName| policy::reaches_origin(behavior, origin, name);
    let dropped: Vec<_> = request.headers.keys().filter(|name| !stays(name)).cloned().collect();
    for name in &dropped {
        request.remove_header(name);
    }
    if request.headers.contains_key(header::COOKIE) {
        let cookies = policy::select_cookies(behavior, &request.headers);
        request.remove_header(&header::COOKIE);
        if let Some(cookies) = cookies {
            // It is made of what was such a value before.
            let _ = request.insert_header(header::COOKIE, cookies);
        }
    }
}

/// The path to ask the origin for.
pub(crate) fn path<'a>(
    head: &'a RequestHead,
    route: &'a Route,
    detour: &'a Detour,
) -> Cow<'a, str> {
    let target = head.target();
    match (detour, &route.site().root_object) {
        (Detour::Page(page), _) => Cow::Borrowed(page),
        (_, Some(root)) if target.path == "/" => Cow::Borrowed(root),
        _ => Cow::Borrowed(target.path),
    }
}

/// Whether a client's Connection takes fields away that are not its connection's: the origin answers
/// without them, while the client's own would select the variant.
pub(crate) fn takes_fields_away(request: &HeaderMap) -> bool {
    let is_the_connections = |option: &HeaderName| {
        HOP_BY_HOP.contains(option) || *option == HTTP2_SETTINGS || option.as_str() == "close"
    };
    match nominated(request) {
        Nominated::Fields(options) => {
            options.iter().any(|name| !is_the_connections(name) && request.contains_key(name))
        }
        Nominated::Forbidden(_) => true,
    }
}

/// Whether an origin of this route sees a field as the client sent it, so that it can vary by it.
pub(crate) fn is_shown(route: &Route, name: &HeaderName) -> bool {
    let BehaviorRoute { behavior, .. } = route.behavior();
    let shown = |origin: &Origin| {
        let spoken_for = match *name {
            header::ACCEPT_ENCODING => is_asked_for_identity(behavior, origin),
            header::COOKIE => !policy::passes_cookies(behavior),
            _ => false,
        };
        !spoken_for && policy::reaches_origin(behavior, origin, name)
    };
    route.behavior().origins().any(shown)
}

/// Whether a response varies by what the edge makes anew for each request.
pub(crate) fn varies_by_edge(response: &HeaderMap) -> bool {
    match Vary::of(response) {
        Vary::Fields(names) => names.iter().any(|name| is_among(&MADE, name)),
        Vary::Nothing | Vary::Everything => false,
    }
}

/// Makes `request` one for an object of a bucket.
async fn to_bucket(
    request: &mut RequestHeader,
    bucket: &Bucket,
    target: &str,
    arrival: &Arrival,
) -> Result<(), Fault> {
    let signed = bucket.request(&request.method, target, arrival.at).await;
    let signed = signed.map_err(|error| match error {
        // The bucket itself has an answer to this: the list of all it holds.
        BucketError::Key(KeyError::Empty) => ClientFault::NoObject.into(),
        BucketError::Key(_) => ClientFault::ObjectKey.into(),
        BucketError::Credentials(error) => Fault::Edge(EdgeFault::Credentials(error.to_string())),
        error @ BucketError::Field { .. } => Fault::Edge(EdgeFault::Credentials(error.to_string())),
    })?;
    clean(request);
    request.set_raw_path(signed.path.as_bytes()).map_err(|e| internal(&e))?;
    for (name, value) in signed.fields {
        request.insert_header(name, value).map_err(|e| internal(&e))?;
    }
    Ok(())
}

/// Makes `request` one for a target.
fn to_target(
    request: &mut RequestHeader,
    group: &TargetGroup,
    target: &str,
    arrival: &Arrival,
    head: &RequestHead,
) -> Result<(), Fault> {
    clean(request);
    let client = head.authority(&arrival.connection);
    let client = HeaderValue::try_from(client.as_ref()).map_err(|e| internal(&e))?;
    let host = match &group.settings().host {
        HostField::Client => client.clone(),
        HostField::Target => HeaderValue::try_from(target).map_err(|e| internal(&e))?,
        HostField::Literal(host) => host.clone(),
    };
    let forwarded = [
        ("x-forwarded-for", address(arrival.connection.client.ip())?),
        ("x-forwarded-host", client),
        ("x-forwarded-port", HeaderValue::from(arrival.connection.local.port())),
        ("x-forwarded-proto", HeaderValue::from_static(arrival.connection.scheme.as_str())),
    ];
    for (name, value) in forwarded {
        request.insert_header(name, value).map_err(|e| internal(&e))?;
    }
    request.insert_header(header::HOST, host).map_err(|e| internal(&e))?;
    let http2 = group.settings().protocol == TargetProtocol::Http2;
    if http2 && request.version != Version::HTTP_2 && !is_websocket(&request.headers) {
        // A server that takes no part in ALPN is taken for an HTTP/1.1 one.
        let why = "the target does not speak HTTP/2".to_owned();
        return Err(Fault::Origin(OriginFault::BadAnswer(why)));
    }
    if http2 && is_grpc(&request.headers) {
        // Servers ask for it, and trailers are passed on (RFC 9110 §10.1.4).
        let trailers = HeaderValue::from_static("trailers");
        request.insert_header(header::TE, trailers).map_err(|e| internal(&e))?;
    }
    for (name, value) in &group.settings().headers {
        request.insert_header(name, value).map_err(|e| internal(&e))?;
    }
    Ok(())
}

fn is_grpc(request: &HeaderMap) -> bool {
    let kind = request.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Drops what belongs to the client's connection, and what clients must not say.
fn clean(request: &mut RequestHeader) {
    let websocket = is_websocket(&request.headers);
    if let Nominated::Fields(names) = nominated(&request.headers) {
        for name in names {
            request.remove_header(&name);
        }
    }
    // Framing and an upgrade are Pingora's to translate.
    for name in HOP_BY_HOP.iter().filter(|n| **n != header::TRANSFER_ENCODING) {
        request.remove_header(name);
    }
    if websocket {
        for (name, value) in [(header::UPGRADE, "websocket"), (header::CONNECTION, "upgrade")] {
            // A static value of letters is a field value.
            let _ = request.insert_header(name, HeaderValue::from_static(value));
        }
    }
    let stored = matches!(request.method, Method::GET | Method::HEAD);
    let is_unkeyed = |name: &HeaderName| is_unkeyed(name) || (stored && overrides_method(name));
    let unkeyed: Vec<_> = request.headers.keys().filter(|name| is_unkeyed(name)).cloned().collect();
    for name in &unkeyed {
        request.remove_header(name);
    }
}

fn is_among(names: &[HeaderName], name: &HeaderName) -> bool {
    names.iter().any(|known| policy::same_to_cgi(name, known))
}

fn mark(request: &mut RequestHeader, arrival: &Arrival, head: &RequestHead) -> Result<(), Fault> {
    // RFC 9110 §7.6.3: the version in which the request was received.
    let version = match head.version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        _ => "1.1",
    };
    let via = HeaderValue::try_from(format!("{version} {VIA}")).map_err(|e| internal(&e))?;
    request.append_header(header::VIA, via).map_err(|e| internal(&e))?;
    request.insert_header(X_REQUEST_ID, arrival.id.clone()).map_err(|e| internal(&e))?;
    Ok(())
}

fn address(client: IpAddr) -> Result<HeaderValue, Fault> {
    HeaderValue::try_from(client.to_string()).map_err(|e| internal(&e))
}

fn internal(error: &dyn std::fmt::Display) -> Fault {
    Fault::Edge(EdgeFault::Internal(format!("cannot form the request to the origin: {error}")))
}
