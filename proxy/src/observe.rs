//! The last room: the log line and the metrics of a request.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use warmfront_config::LogFormat;
use warmfront_semantics::cache_status::Lookup;

use crate::access_log::Written;
use crate::context::Context;
use crate::edge::Edge;
use crate::failure::{ClientFault, Fault};
use crate::listen::connection::Connection;
use crate::metrics::Sample;
use crate::request::Arrival;

/// Longest text of a client's that goes into a line, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) request: &'a HeaderMap,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) lookup: Lookup,
    pub(crate) took: Duration,
}

/// Counts a request and writes it down.
pub(crate) fn request(context: &Context, end: &End<'_>) {
    let site = context.route.as_ref().map(|route| &route.site().site);
    let behavior = context
        .route
        .as_ref()
        .map(|r| r.behavior().behavior.path.as_str());
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
    if let Some(arrival) = &context.arrival
        && site.is_none_or(|site| site.access_log)
    {
        write(edge, &line(context, arrival, end), format);
    }
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
    let mut fields = Map::new();
    fields.insert("time".into(), timestamp(crate::clock::now()).into());
    fields.insert("client".into(), connection.client.ip().to_string().into());
    fields.insert("status".into(), verdict.status.as_u16().into());
    fields.insert("fault".into(), verdict.label.into());
    fields.insert("detail".into(), fault.to_string().into());
    write(edge, &fields, format);
}

fn line(context: &Context, arrival: &Arrival, end: &End<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    put("time", timestamp(arrival.at).into());
    put("id", arrival.id.to_str().unwrap_or("-").into());
    put("client", arrival.connection.client.ip().to_string().into());
    put("scheme", arrival.connection.scheme().into());
    if let Some(head) = &context.head {
        put("method", head.method.as_str().into());
        put("host", head.host.as_str().into());
        put("path", text(head.path_and_query().as_bytes()));
        put("protocol", format!("{:?}", head.version).into());
    }
    if let Some(tls) = &arrival.connection.tls {
        put("tls", tls.version.into());
        put("cipher", tls.cipher.into());
    }
    if let Some(route) = &context.route {
        put("site", route.site().site.name.as_str().into());
        put("behavior", route.behavior().behavior.path.as_str().into());
        put("origin", route.behavior().origin.name().into());
    }
    if let Some(address) = context.attempt.address {
        put("target", address.to_string().into());
    }
    put("status", end.status.into());
    put("bytes", end.bytes.into());
    put("cache", end.lookup.as_str().into());
    put("duration_ms", millis(end.took));
    if let Some(answered) = context.answered {
        put(
            "first_byte_ms",
            millis(answered.duration_since(arrival.started)),
        );
    }
    for (name, field) in [
        ("referer", header::REFERER),
        ("user_agent", header::USER_AGENT),
    ] {
        if let Some(value) = value_of(end.request, &field) {
            put(name, value);
        }
    }
    if let Some(fault) = &context.fault {
        put("fault", fault.verdict().label.into());
        put("detail", text(fault.to_string().as_bytes()));
    }
    fields
}

/// JSON escapes control characters, so a client's text can end neither a line nor a field. The text
/// format is for people, and escapes them too.
fn write(edge: &Edge, fields: &Map<String, Value>, format: LogFormat) {
    let line = match format {
        LogFormat::Json => Value::from(fields.clone()).to_string(),
        LogFormat::Text => {
            let pairs = fields.iter().map(|(name, value)| match value {
                Value::String(s)
                    if !s.is_empty() && s.bytes().all(|b| b.is_ascii_graphic() && b != b'"') =>
                {
                    format!("{name}={s}")
                }
                value => format!("{name}={value}"),
            });
            pairs.collect::<Vec<_>>().join(" ")
        }
    };
    if edge.access_log.write(line) == Written::Dropped {
        edge.metrics.line_dropped();
    }
}

fn value_of(fields: &HeaderMap, name: &HeaderName) -> Option<Value> {
    fields.get(name).map(|value| text(value.as_bytes()))
}

fn text(bytes: &[u8]) -> Value {
    let most = bytes.get(..TEXT_BYTES_MAX).unwrap_or(bytes);
    String::from_utf8_lossy(most).into_owned().into()
}

fn timestamp(at: SystemTime) -> String {
    OffsetDateTime::from(at)
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// Milliseconds with three decimals: a hit is far below one.
fn millis(took: Duration) -> Value {
    let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
    json!(f64::from(micros) / 1000.0)
}
