//! The last room: the log line and the metrics of a request.

mod line;

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, header};
use pingora_proxy::Session;
use tracing::warn;
use warmfront_semantics::cache_status::Lookup;
use warmfront_semantics::signed::redacted;

use crate::access_log::Written;
use crate::context::Context;
use crate::edge::Edge;
use crate::failure::{ClientFault, Fault};
use crate::listen::connection::Connection;
use crate::metrics::Sample;
use crate::observe::line::Line;
use crate::request::Arrival;
use crate::{clock, lookup, shape};

/// How a request ended.
#[derive(Debug, Clone, Copy)]
struct End<'a> {
    request: &'a HeaderMap,
    status: u16,
    bytes: u64,
    lookup: Lookup,
    took: Duration,
}

/// Counts a request and writes it down.
pub(crate) fn request(session: &Session, context: &Context) {
    let Some(arrival) = &context.arrival else { return };
    let written = shape::answered(session).map(|status| status.as_u16());
    let own = context.fault.as_ref().map(|fault| fault.verdict().status.as_u16());
    let lookup = match context.answered {
        Some(_) => lookup::status(&session.cache, context, clock::now()).lookup,
        None => Lookup::Answered,
    };
    let end = End {
        request: &session.req_header().headers,
        status: written.or(own).unwrap_or_default(),
        bytes: session.body_bytes_sent() as u64,
        lookup,
        took: arrival.started.elapsed(),
    };
    let site = context.route.as_ref().map(|route| &route.site().site);
    let behavior = context.route.as_ref().map(|r| r.behavior().behavior.path.as_str());
    let edge = &context.edge;
    edge.metrics.request(&Sample {
        site: site.map_or("-", |site| &site.name),
        behavior: behavior.unwrap_or("-"),
        lookup: end.lookup,
        status: end.status,
        bytes: end.bytes,
        duration: end.took,
    });
    let Some(format) = edge.access_log.format() else {
        return;
    };
    if site.is_none_or(|site| site.access_log) {
        let mut line = Line::new(format);
        describe(&mut line, context, arrival, &end);
        write(edge, line);
    }
}

/// Writes down a refresh in the background that came to nothing: no client has seen it.
pub(crate) fn refresh(context: &Context) {
    let (Some(fault), Some(head)) = (&context.fault, &context.head) else { return };
    let label = fault.verdict().label;
    let (host, target) = (head.host.as_str(), head.path_and_query());
    warn!(fault = label, detail = %fault, host, target, "a stale response could not be refreshed");
}

/// Counts and writes down a connection whose request was refused before any room saw it.
pub(crate) fn refusal(edge: &Edge, connection: &Connection, fault: ClientFault) {
    let verdict = Fault::Client(fault).verdict();
    edge.metrics.request(&Sample {
        site: "-",
        behavior: "-",
        lookup: Lookup::Answered,
        status: verdict.status.as_u16(),
        bytes: 0,
        duration: Duration::ZERO,
    });
    let Some(format) = edge.access_log.format() else {
        return;
    };
    let mut line = Line::new(format);
    line.time("time", clock::now());
    line.display("client", &connection.client.ip());
    line.text("scheme", connection.scheme.as_str().as_bytes());
    line.number("status", verdict.status.as_u16().into());
    line.text("fault", verdict.label.as_bytes());
    line.display("detail", &fault);
    write(edge, line);
}

fn describe(line: &mut Line, context: &Context, arrival: &Arrival, end: &End<'_>) {
    line.time("time", arrival.at);
    line.text("id", arrival.id.as_bytes());
    line.display("client", &arrival.connection.client.ip());
    if let Some(head) = &context.head {
        line.text("method", head.method.as_str().as_bytes());
        line.text("scheme", arrival.connection.scheme.as_str().as_bytes());
        line.text("host", head.host.as_str().as_bytes());
        let signed = context.route.as_ref();
        let signed = signed.is_some_and(|r| r.behavior().behavior.trusted_keys.is_some());
        let target = head.path_and_query();
        let target = if signed { redacted(target) } else { Cow::Borrowed(target) };
        line.text("path", target.as_bytes());
        line.text("protocol", protocol(head.version).as_bytes());
    }
    if let Some(tls) = &arrival.connection.tls {
        line.text("tls", tls.version.as_bytes());
        line.text("cipher", tls.cipher.as_bytes());
    }
    line.number("status", end.status.into());
    line.number("bytes", end.bytes);
    line.text("cache", end.lookup.as_str().as_bytes());
    line.millis("duration_ms", end.took);
    if let Some(answered) = context.answered {
        line.millis("first_byte_ms", answered.duration_since(arrival.started));
    }
    if let Some(route) = &context.route {
        line.text("site", route.site().site.name.as_bytes());
        line.text("behavior", route.behavior().behavior.path.as_str().as_bytes());
    }
    if let Ok(origin) = context.origin() {
        line.text("origin", origin.name().as_bytes());
    }
    if let Some(address) = &context.attempt.address {
        line.display("target", address);
    }
    for (name, field) in [("referer", header::REFERER), ("user_agent", header::USER_AGENT)] {
        if let Some(value) = end.request.get(field) {
            line.text(name, value.as_bytes());
        }
    }
    if let Some(error) = context.paged {
        line.number("error", error.as_u16().into());
    }
    if let Some(fault) = &context.fault {
        line.text("fault", fault.verdict().label.as_bytes());
        line.display("detail", fault);
    }
}

fn protocol(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "HTTP/1.0",
        http::Version::HTTP_2 => "HTTP/2",
        http::Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

fn write(edge: &Edge, line: Line) {
    if edge.access_log.write(&line.finish()) == Written::Dropped {
        edge.metrics.line_dropped();
    }
}
