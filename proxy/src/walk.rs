//! The rooms from `listen` to `key`, in the order a request walks through them.

use std::time::Instant;

use http::HeaderMap;
use http::uri::Authority;
use pingora_proxy::Session;

use crate::clock;
use crate::context::{Context, Errand, Routed};
use crate::edge::Edge;
use crate::failure::{ClientFault, EdgeFault, Fault};
use crate::forward::CDN_LOOP;
use crate::gate::{self, Door, Verdict};
use crate::key::{Content, Key, Sent};
use crate::listen::PingoraStream;
use crate::request::{Arrival, RequestHead};
use crate::route::Route;

/// Walks until a room answers, or the primary key is known.
pub(crate) fn enter(
    edge: &Edge,
    session: &mut Session,
    context: &mut Context,
) -> Result<Verdict, Fault> {
    let sent = content(session);
    context.errand = Errand::of(session);
    let arrival = context.arrival.insert(arrival(edge, session, context.errand)?);
    context.explain.prove(edge, arrival, context.errand);
    let request = session.req_header();
    let head = RequestHead::new(
        &request.method,
        request.version,
        request.uri.authority().map(Authority::as_str),
        request.raw_path(),
        &request.headers,
    )?;
    let head = context.head.insert(head);
    gate::inspect(head, &request.headers, &arrival.snapshot.config.limits)?;
    if let Some(answer) = gate::answer_challenge(edge.certificates.challenges(), head) {
        return Ok(Verdict::Answer(answer));
    }
    let route = context.route.insert(Route::find(arrival, head)?);
    let routed = Routed { arrival, head, route };
    // A target that leads back to this node would be asked for ever.
    if has_been_through(&request.headers, &edge.name) {
        return Err(ClientFault::Loop.into());
    }
    // Whoever is shown the page of an error need not be let in to see it otherwise.
    if let Some(door) = door(context.errand)
        && let Verdict::Answer(answer) = gate::judge(&routed, &request.headers, door)?
    {
        return Ok(Verdict::Answer(answer));
    }
    let sent = Sent { fields: &request.headers, content: sent, errand: context.errand };
    context.key = Key::derive(&edge.digester, &routed, &sent);
    Ok(Verdict::Pass)
}

/// By which door a request comes in, if it has to pass one.
fn door(errand: Errand) -> Option<Door> {
    match errand {
        Errand::Client | Errand::Refresh => Some(Door::Front),
        Errand::Prefetch => Some(Door::Back),
        Errand::Page => None,
    }
}

/// Whether a request names a node in CDN-Loop, with parameters or without (RFC 8586 §2).
fn has_been_through(fields: &HeaderMap, node: &str) -> bool {
    let lines = fields.get_all(CDN_LOOP).iter();
    let mut nodes = lines.flat_map(|line| line.as_bytes().split(|b| *b == b','));
    nodes.any(|it| {
        let name = it.split(|b| *b == b';').next().unwrap_or_default();
        name.trim_ascii() == node.as_bytes()
    })
}

fn arrival(edge: &Edge, session: &Session, errand: Errand) -> Result<Arrival, Fault> {
    let connection = PingoraStream::connection_of(session).ok_or_else(|| {
        Fault::Edge(EdgeFault::Internal("a request without a connection of ours".into()))
    })?;
    // What the edge asks for itself is not on the client's account.
    if errand == Errand::Client {
        connection.allowance.take_one();
    }
    Ok(Arrival::new(connection.clone(), edge.snapshot(), clock::now(), Instant::now()))
}

/// Over HTTP/2 only the stream itself says whether content follows.
fn content(session: &mut Session) -> Content {
    if session.as_downstream_mut().is_body_empty() { Content::None } else { Content::Some }
}
