//! The response as this client sees it.

mod coding;
mod condition;
mod error_page;
mod fields;
mod range;

use std::time::Instant;

use http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use pingora_cache::{CachePhase, HitHandler};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use warmfront_semantics::cache_status::CacheStatus;
use warmfront_semantics::cache_status::Lookup;
use warmfront_semantics::control;
use warmfront_store::Admission;

pub(crate) use coding::encode;
pub(crate) use range::cut;

use condition::conclude;
use error_page::Replaced;

use crate::admit::is_interim;
use crate::answer::Answer;
use crate::context::{Context, Errand};
use crate::edge::Edge;
use crate::explain::EXPLAIN;
use crate::forward::{VIA, X_REQUEST_ID};
use crate::listen::PASSED_ON;
use crate::request::Arrival;
use crate::{clock, explain, lookup, pages, validate};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Makes a response what this client sees.
pub(crate) async fn form(
    edge: &Edge,
    session: &mut Session,
    context: &mut Context,
    response: &mut ResponseHeader,
) -> Result<()> {
    if is_interim(response) {
        return Ok(());
    }
    if let Some(again) = validate::restart(session, context) {
        return Err(again);
    }
    unbind(session);
    complete(response, context, session.cache.phase())?;
    stick(response, context, session.cache.phase())?;
    validate::overlay(session, context, response);
    let seen = context.errand != Errand::Refresh;
    if seen && error_page::replace(session, context, response).await? == Replaced::No {
        coding::compress(edge, session, context, response).await?;
    }
    conclude(response, context.outcome)?;
    context.answered = Some(Instant::now());
    explain::gather(session, context).await;
    let status = lookup::status(&session.cache, context, clock::now());
    mark(session, response, context, &status)
}

/// Passes on what comes before the response (RFC 9110 §15.2), 100 aside: that one is about the
/// request's body, which is Pingora's to await.
pub(crate) async fn interim(session: &mut Session, context: &Context, response: &ResponseHeader) {
    let version = context.head.as_ref().map(|head| head.version);
    if version == Some(Version::HTTP_10) || response.status == StatusCode::CONTINUE {
        return;
    }
    let mut head = Box::new(response.clone());
    if session.as_http1().is_none() {
        // A name and a value without a letter: they can be added.
        let _ = head.insert_header(PASSED_ON, HeaderValue::from_static(""));
    }
    session.set_ignore_info_resp(false);
    // A client that is gone is found out when the response itself is written.
    let _ = session.as_downstream_mut().write_response_header(head).await;
    session.set_ignore_info_resp(true);
}

/// The status that the client was sent; what came before it was no answer.
pub(crate) fn answered(session: &Session) -> Option<StatusCode> {
    session.response_written().filter(|head| !is_interim(head)).map(|head| head.status)
}

/// Lets the store take a response as fast as it comes, where it has room for all of it: the pace of
/// the client whose request this is must not be that of those who wait for the same.
fn unbind(session: &mut Session) {
    let filling = matches!(session.cache.phase(), CachePhase::Miss | CachePhase::Expired);
    let meta = session.cache.maybe_cache_meta().filter(|_| filling);
    let admission = meta.and_then(|meta| meta.extensions().get::<Admission>());
    if admission.is_some_and(|admission| admission.room.is_made()) {
        session.set_proxy_tasks_enabled(true);
    }
}

/// Where the body that is sent is read from, if that is the store.
fn body_reader(session: &mut Session) -> Option<&mut HitHandler> {
    let cache = &mut session.cache;
    match cache.phase() {
        CachePhase::Hit
        | CachePhase::Stale
        | CachePhase::StaleUpdating
        | CachePhase::Revalidated
        | CachePhase::RevalidatedNoCache(_) => Some(cache.hit_handler()),
        _ => cache.miss_body_reader(),
    }
}

/// Whoever a response was fetched for gets all of it: Pingora sends even that one from the store.
fn complete(response: &mut ResponseHeader, context: &Context, phase: CachePhase) -> Result<()> {
    if matches!(phase, CachePhase::Miss | CachePhase::Expired | CachePhase::Revalidated) {
        for (name, value) in &context.left_out {
            response.append_header(name, value)?;
        }
    }
    Ok(())
}

/// Gives the client the cookie by which it stays with its target.
fn stick(response: &mut ResponseHeader, context: &Context, phase: CachePhase) -> Result<()> {
    // What is stored is everybody's, unless the app's own cookie goes beside it to this client.
    let own = matches!(phase, CachePhase::Disabled(_) | CachePhase::Bypass | CachePhase::Uninit)
        || context.left_out.contains_key(header::SET_COOKIE);
    match context.stickiness.clone().filter(|_| own && context.errand == Errand::Client) {
        Some(cookie) => response.append_header(header::SET_COOKIE, cookie).map(drop),
        None => Ok(()),
    }
}

/// What a site does to every response, and what every response of ours says.
fn mark(
    session: &mut Session,
    response: &mut ResponseHeader,
    context: &Context,
    status: &CacheStatus,
) -> Result<()> {
    let arrival = context.arrived()?;
    if context.errand == Errand::Page {
        // Whom it is shown to is said of the response that it is shown in.
        pages::note_source(session, response);
        return Ok(());
    }
    keep_date(session, arrival, response);
    end_by_closing(session, response);
    // The page of an error is the origin's too.
    let by_origin = status.lookup != Lookup::Answered || context.paged.is_some();
    if let Some(route) = &context.route {
        let said = &route.behavior().behavior.response_fields;
        let (request, secure) = (&session.req_header().headers, arrival.connection.is_secure());
        fields::apply(said, request, secure, by_origin, response)?;
    }
    let x_cache = match status.lookup {
        _ if context.paged.is_some() => "Error from warmfront",
        // CloudFront's word for a redirect of its own.
        Lookup::Answered if response.status.is_redirection() => "Redirect from warmfront",
        // A preflight: no error, and nothing that was stored.
        Lookup::Answered if response.status.is_success() => "Miss from warmfront",
        lookup => lookup.as_x_cache(),
    };
    let cache_status = HeaderValue::try_from(status.to_string());
    let cache_status = cache_status.unwrap_or_else(|_| HeaderValue::from_static(VIA));
    // RFC 9211 §2: each cache adds its own; the origin's comes first.
    response.append_header(CACHE_STATUS, cache_status)?;
    // It was for this cache alone (RFC 9213 §3.2).
    response.remove_header(&control::OWN);
    response.insert_header(X_CACHE, HeaderValue::from_static(x_cache))?;
    response.append_header(header::VIA, HeaderValue::from_static("2.0 warmfront"))?;
    response.insert_header(X_REQUEST_ID, arrival.id.clone())?;
    if let Some(sentence) = explain::sentence(session, context, status, response.status) {
        response.insert_header(EXPLAIN, sentence)?;
    }
    match fields::server_timing(context, status.lookup, Instant::now()) {
        Some(timing) => fields::add_timing(response, timing),
        None => Ok(()),
    }
}

/// RFC 9110 §6.6.1: what is passed on keeps its Date. Over HTTP/2 it does so by itself; over HTTP/1
/// the connection has to be told.
fn keep_date(session: &Session, arrival: &Arrival, response: &ResponseHeader) {
    // A request of the edge's own, to freshen what is stored, has a client's connection too.
    if session.as_http1().is_some() && !response.status.is_informational() {
        arrival.connection.date.set(response.headers.get(header::DATE).cloned());
    }
}

/// RFC 9112 §6.1: HTTP/1.0 knows no transfer codings; there the connection's end is the body's.
fn end_by_closing(session: &mut Session, response: &mut ResponseHeader) {
    let is_coded = response.headers.contains_key(header::TRANSFER_ENCODING);
    if is_coded && session.req_header().version == Version::HTTP_10 {
        response.remove_header(&header::TRANSFER_ENCODING);
        session.set_keepalive(None);
    }
}

/// The head of an answer of the edge's own.
fn own(session: &mut Session, context: &Context, answer: &Answer) -> Result<ResponseHeader> {
    let mut head = ResponseHeader::build_no_case(answer.status, Some(answer.fields.len() + 8))?;
    for (name, value) in &answer.fields {
        head.append_header(name, value)?;
    }
    if answer.status != StatusCode::NO_CONTENT {
        head.insert_header(header::CONTENT_LENGTH, answer.bytes())?;
    }
    head.insert_header(header::SERVER, HeaderValue::from_static(VIA))?;
    mark(session, &mut head, context, &lookup::none(context))?;
    Ok(head)
}

/// Writes an answer of the edge's own, or the page that the site has for it.
pub(crate) async fn send(
    session: &mut Session,
    context: &mut Context,
    answer: Answer,
) -> Result<()> {
    let answer = error_page::instead(session, context, answer).await;
    if answer.closes {
        session.set_keepalive(None);
    }
    let head = Box::new(own(session, context, &answer)?);
    let bodiless = answer.bytes() == 0 || session.req_header().method == Method::HEAD;
    session.as_downstream_mut().write_response_header(head).await?;
    if !bodiless {
        let mut pieces = answer.body.into_iter().filter(|piece| !piece.is_empty()).peekable();
        while let Some(piece) = pieces.next() {
            let end = pieces.peek().is_none();
            session.as_downstream_mut().write_response_body(piece, end).await?;
        }
    }
    hear_out(session, context).await;
    Ok(())
}

/// Reads on for a moment where a client still sends: many throw an answer away whose stream is reset
/// behind it (RFC 9113 §8.1), or whose connection is cut (RFC 9112 §9.6). An HTTP/1 connection that
/// goes on reads by itself.
async fn hear_out(session: &mut Session, context: &Context) {
    let goes_on = matches!(session.as_http1(), Some(http1) if http1.will_keepalive());
    if context.errand == Errand::Client && !goes_on {
        // It has its answer.
        let _ = session.as_downstream_mut().drain_request_body().await;
    }
}
