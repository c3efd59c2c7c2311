//! The rooms from `listen` to `key`, in the order a request walks through them.

use std::time::Instant;

use http::uri::Authority;
use pingora_proxy::Session;

use crate::clock;
use crate::context::Context;
use crate::edge::Edge;
use crate::failure::{EdgeFault, Fault};
use crate::gate::{self, Verdict};
use crate::key::Key;
use crate::listen::PingoraStream;
use crate::request::{Arrival, RequestHead};
use crate::route::Route;

/// Walks until a room answers, or the primary key is known.
pub(crate) fn enter(
    edge: &Edge,
    session: &Session,
    context: &mut Context,
) -> Result<Verdict, Fault> {
    let arrival = context.arrival.insert(arrival(edge, session)?);
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
    let route = context.route.insert(Route::find(arrival, head)?);
    if let Verdict::Answer(answer) = gate::judge(arrival, head, route) {
        return Ok(Verdict::Answer(answer));
    }
    context.key = Key::derive(&edge.digester, arrival, head, &request.headers, route);
    Ok(Verdict::Pass)
}

fn arrival(edge: &Edge, session: &Session) -> Result<Arrival, Fault> {
    let digest = session.digest().and_then(|digest| digest.proxy_digest.as_deref());
    let connection = digest.and_then(PingoraStream::connection_in).ok_or_else(|| {
        Fault::Edge(EdgeFault::Internal("a request without a connection of ours".into()))
    })?;
    connection.allowance.take_one();
    Ok(Arrival::new(connection.clone(), edge.snapshot(), clock::now(), Instant::now()))
}
