//! Faults, by who is to blame, and the one table from a fault to what a client and a log see.

use std::io;

use http::{HeaderValue, StatusCode, header};
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::{FailToProxy, Session};
use warmfront_semantics::authority::BadHost;
use warmfront_semantics::chunked::BadChunk;
use warmfront_semantics::head::BadHead;

use crate::answer::Answer;
use crate::context::Context;
use crate::shape;

/// Seconds after which an origin without a target may have one: ejected ones return after one.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// 4xx.
    #[error(transparent)]
    Client(ClientFault),
    /// 403: the client's too, but what it did wrong is the log's business alone.
    #[error("{0}")]
    Denied(Denied),
    /// 502 to 504.
    #[error("{0}")]
    Origin(OriginFault),
    /// 500.
    #[error("{0}")]
    Edge(EdgeFault),
}

/// The client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClientFault {
    #[error("{0}")]
    Head(BadHead),
    #[error("{0}")]
    Host(BadHost),
    #[error("no Host field")]
    NoHost,
    #[error("a request target for another host")]
    ForeignTarget,
    #[error("a malformed request target")]
    Target,
    #[error("Connection names a field that is not the client's to drop")]
    Nominated,
    #[error("the request was not readable")]
    Unreadable,
    #[error("malformed chunked body")]
    Chunk,
    #[error("the path is not an object's")]
    ObjectKey,
    #[error("there is no object here")]
    NoObject,
    #[error("only HTTPS is served here")]
    HttpsOnly,
    #[error("no site answers to this host")]
    UnknownHost,
    #[error("the method is not allowed here")]
    Method,
    #[error("the request head took too long")]
    HeadTimeout,
    #[error("the request body is too large")]
    BodyTooLarge,
    #[error("the request target is too long")]
    TargetTooLong,
    #[error("the certificate of this connection is not for this host")]
    Misdirected,
    #[error("only 100-continue can be expected")]
    Expectation,
    #[error("the request head is too large")]
    HeadTooLarge,
    #[error("nothing is stored, and nothing else was asked for")]
    NotStored,
    #[error("this node has sent the request already")]
    Loop,
    #[error("the client went away")]
    Gone,
}

/// Why a site does not let a client in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    #[error("the client's address is not let in")]
    Address,
    #[error("{0}")]
    Signature(String),
    #[error("the signature is of a key that is not trusted here")]
    UnknownKey,
    #[error("the signature is not that of its key")]
    Forged,
}

/// The origin's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OriginFault {
    #[error("no address for the origin: {0}")]
    NoAddress(String),
    #[error("no target can be reached: {0}")]
    NoTarget(String),
    #[error("all targets of the origin are busy")]
    Busy,
    #[error("no connection to the origin: {0}")]
    Connect(String),
    #[error("no connection to the origin in time")]
    ConnectTimeout,
    #[error("no TLS with the origin: {0}")]
    Tls(String),
    #[error("the origin did not answer in time")]
    Timeout,
    #[error("the origin hung up: {0}")]
    HungUp(String),
    #[error("the origin's answer cannot be used: {0}")]
    BadAnswer(String),
    #[error("{0}")]
    Bucket(String),
    #[error("the origin answered {0}")]
    Answered(StatusCode),
}

/// The edge's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EdgeFault {
    #[error("no credentials for the bucket: {0}")]
    Credentials(String),
    #[error("{0}")]
    Internal(String),
}

/// How a fault is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: StatusCode,
    /// One word for logs.
    pub(crate) label: &'static str,
    /// Whether the connection can still be trusted.
    pub(crate) closes: bool,
}

// === impl Fault ===

impl Fault {
    /// The table.
    pub(crate) fn verdict(&self) -> Verdict {
        let (status, label, closes) = match self {
            Self::Client(fault) => return fault.verdict(),
            Self::Denied(Denied::Address) => (403, "address", false),
            Self::Denied(_) => (403, "signature", false),
            Self::Origin(OriginFault::NoAddress(_)) => (502, "no-address", false),
            Self::Origin(OriginFault::NoTarget(_)) => (503, "no-target", false),
            Self::Origin(OriginFault::Busy) => (503, "busy", false),
            Self::Origin(OriginFault::Connect(_)) => (502, "connect", false),
            Self::Origin(OriginFault::ConnectTimeout) => (504, "connect-timeout", false),
            Self::Origin(OriginFault::Tls(_)) => (502, "origin-tls", false),
            Self::Origin(OriginFault::Timeout) => (504, "timeout", false),
            Self::Origin(OriginFault::HungUp(_)) => (502, "hung-up", false),
            Self::Origin(OriginFault::BadAnswer(_)) => (502, "bad-answer", false),
            Self::Origin(OriginFault::Bucket(_)) => (502, "bucket", false),
            Self::Origin(OriginFault::Answered(status)) => (status.as_u16(), "answered", false),
            Self::Edge(EdgeFault::Credentials(_)) => (502, "credentials", false),
            Self::Edge(EdgeFault::Internal(_)) => (500, "internal", true),
        };
        verdict(status, label, closes)
    }

    /// What a client is told. Never more than whose fault it is: the cause is the log's.
    pub(crate) fn answer(&self) -> Answer {
        let Verdict { status, closes, .. } = self.verdict();
        let sentence = match self {
            // Whoever tries signatures learns nothing from how they fail.
            Self::Denied(_) => "access is denied".to_owned(),
            Self::Client(fault) => fault.to_string(),
            Self::Origin(_) | Self::Edge(EdgeFault::Credentials(_)) => {
                "the origin could not answer".to_owned()
            }
            Self::Edge(EdgeFault::Internal(_)) => "something is wrong at the edge".to_owned(),
        };
        let answer = Answer::page(status, &sentence, closes);
        match self {
            Self::Origin(OriginFault::NoTarget(_) | OriginFault::Busy) => {
                answer.with(header::RETRY_AFTER, RETRY_AFTER)
            }
            _ => answer,
        }
    }

    /// What Pingora's error means. Its own words go to the log.
    pub(crate) fn from_pingora(error: &Error) -> Self {
        use ErrorType as E;
        let words = || words(error);
        match (error.esource(), error.etype()) {
            (ErrorSource::Downstream, E::InvalidHTTPHeader) => ClientFault::Unreadable.into(),
            (ErrorSource::Downstream, _) if is_bad_chunk(error) => ClientFault::Chunk.into(),
            (ErrorSource::Downstream, _) => ClientFault::Gone.into(),
            (_, E::ConnectTimedout | E::TLSHandshakeTimedout) => {
                Self::Origin(OriginFault::ConnectTimeout)
            }
            (_, E::ReadTimedout | E::WriteTimedout) => Self::Origin(OriginFault::Timeout),
            (_, E::ConnectRefused | E::ConnectNoRoute | E::ConnectError | E::SocketError) => {
                Self::Origin(OriginFault::Connect(words()))
            }
            (_, E::TLSHandshakeFailure | E::InvalidCert | E::TLSWantX509Lookup) => {
                Self::Origin(OriginFault::Tls(tls_words(error)))
            }
            (ErrorSource::Upstream, E::InvalidHTTPHeader | E::H2Error | E::InvalidH2) => {
                Self::Origin(OriginFault::BadAnswer(words()))
            }
            (ErrorSource::Upstream, _) | (_, E::ReadError) => {
                Self::Origin(OriginFault::HungUp(words()))
            }
            _ => Self::Edge(EdgeFault::Internal(words())),
        }
    }
}

impl From<ClientFault> for Fault {
    fn from(fault: ClientFault) -> Self {
        Self::Client(fault)
    }
}

impl From<BadHead> for ClientFault {
    fn from(fault: BadHead) -> Self {
        match fault {
            BadHead::TargetTooLong => Self::TargetTooLong,
            BadHead::TooLarge => Self::HeadTooLarge,
            BadHead::NoHost => Self::NoHost,
            BadHead::Host(fault) => Self::Host(fault),
            BadHead::ForeignTarget => Self::ForeignTarget,
            BadHead::Chunk(_) => Self::Chunk,
            BadHead::Connect => Self::Method,
            fault => Self::Head(fault),
        }
    }
}

impl ClientFault {
    fn verdict(self) -> Verdict {
        match self {
            Self::Head(_) => verdict(400, "bad-head", true),
            Self::Host(_) | Self::NoHost => verdict(400, "bad-host", true),
            Self::ForeignTarget => verdict(400, "foreign-target", true),
            Self::Target => verdict(400, "bad-target", true),
            Self::Nominated => verdict(400, "bad-connection-field", true),
            Self::Chunk => verdict(400, "bad-chunk", true),
            Self::Unreadable => verdict(400, "unreadable", true),
            Self::ObjectKey => verdict(400, "bad-object-key", false),
            Self::HttpsOnly => verdict(403, "https-only", false),
            Self::NoObject => verdict(404, "no-object", false),
            Self::UnknownHost => verdict(404, "unknown-host", false),
            Self::Method => verdict(405, "method", false),
            Self::HeadTimeout => verdict(408, "head-timeout", true),
            Self::BodyTooLarge => verdict(413, "body-too-large", true),
            Self::TargetTooLong => verdict(414, "target-too-long", true),
            Self::Misdirected => verdict(421, "misdirected", false),
            Self::Expectation => verdict(417, "expectation", true),
            Self::HeadTooLarge => verdict(431, "head-too-large", true),
            // RFC 9111 §5.2.1.7.
            Self::NotStored => verdict(504, "not-stored", false),
            // RFC 8586 §2 names no status; RFC 5842 §7.2 has one of this name.
            Self::Loop => verdict(508, "loop", false),
            // nginx's number for it; it is only ever seen in a log.
            Self::Gone => verdict(499, "client-gone", true),
        }
    }
}

/// Tells the client of a request that failed; if it cannot be told, the log line still is.
pub(crate) async fn tell(
    session: &mut Session,
    context: &mut Context,
    error: &Error,
) -> FailToProxy {
    let fault = context.fault.get_or_insert_with(|| Fault::from_pingora(error)).clone();
    let told = fault.verdict();
    // Pingora keeps no connection behind a request that failed; the client is told so.
    session.set_keepalive(None);
    let gone = fault == Fault::Client(ClientFault::Gone);
    if context.arrival.is_some() && !gone && shape::answered(session).is_none() {
        let _ = shape::send(session, context, fault.answer()).await;
    }
    FailToProxy { error_code: told.status.as_u16(), can_reuse_downstream: !told.closes }
}

/// A refusal for a connection whose request no parser has seen.
pub(crate) fn refusal_bytes(fault: ClientFault) -> Vec<u8> {
    let answer = Fault::Client(fault).answer();
    let Answer { status, fields, body, .. } = &answer;
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        answer.bytes(),
    )
    .into_bytes();
    for (name, value) in fields {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    [head.as_slice(), b"\r\n", &body.concat()].concat()
}

fn verdict(status: u16, label: &'static str, closes: bool) -> Verdict {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Verdict { status, label, closes }
}

/// Those around it only repeat the innermost error.
fn innermost(error: &Error) -> &Error {
    let mut error = error;
    while let Some(inner) =
        error.cause.as_ref().and_then(|cause| cause.downcast_ref::<Box<Error>>())
    {
        error = inner;
    }
    error
}

fn is_bad_chunk(error: &Error) -> bool {
    let cause = innermost(error).cause.as_ref().and_then(|c| c.downcast_ref::<io::Error>());
    let inner = cause.and_then(io::Error::get_ref);
    inner.is_some_and(|inner| inner.downcast_ref::<BadChunk>().is_some())
}

/// An error in one line.
fn words(error: &Error) -> String {
    let error = innermost(error);
    let kind = error.etype().as_str();
    match (&error.cause, &error.context) {
        (Some(cause), _) => format!("{kind}: {cause}"),
        (None, Some(context)) => format!("{kind}: {}", context.as_str()),
        (None, None) => kind.to_owned(),
    }
}

/// Why a handshake failed: one string in the context, `… cause: REASON, SNI: NAME`, with the local
/// address for its cause.
fn tls_words(error: &Error) -> String {
    let Some(context) = &innermost(error).context else { return words(error) };
    let reason = context.as_str().rsplit("cause: ").next().unwrap_or_default();
    reason.split(", SNI: ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_a_whole_response() {
        let bytes = refusal_bytes(ClientFault::HeadTooLarge);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        assert!(body.contains("the request head is too large"), "{body}");
    }
}
