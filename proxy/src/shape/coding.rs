//! Compression: the coding that a client takes, of a response that is stored or comes as it is.

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use pingora_core::{ErrorType, OrErr as _, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use warmfront_semantics::coding::{self, Coding, Fitness};
use warmfront_semantics::precondition::Outcome;
use warmfront_store::Encoder;
use warmfront_store::storage::{read_instead, read_through};

use super::body_reader;
use crate::admit::content_length;
use crate::context::Context;
use crate::edge::Edge;
use crate::key::Key;
use crate::lookup;

/// How a body is sent.
enum Form {
    /// As it is.
    Identity,
    /// In the coding, from the store, where it was put when it was first wanted; so many bytes.
    Stored(u64),
    /// Put into the coding while it is sent.
    Streamed,
}

/// Compresses a response for a client that takes it: what is stored whole, once for all who take that
/// coding; everything else while it is sent.
pub(crate) async fn compress(
    edge: &Edge,
    session: &mut Session,
    context: &mut Context,
    response: &mut ResponseHeader,
) -> Result<()> {
    let behavior = &context.routed()?.route.behavior().behavior;
    let whole = context.outcome == Outcome::Proceed;
    let part = response.status == StatusCode::PARTIAL_CONTENT;
    if !behavior.policy.compress || fitness(session, response, whole && !part) == Fitness::Unfit {
        return Ok(());
    }
    // Parts are of identity, and say what the whole would have said (RFC 9110 §15.3.7).
    let Some(coding) = wanted(session, context).filter(|_| !part) else {
        edit(response, coding::vary_by_coding);
        return Ok(());
    };
    // A 304 says what the whole response would have said.
    let form = if whole { form(edge, session, context, coding).await } else { Form::Streamed };
    edit(response, |fields| {
        coding::vary_by_coding(fields);
        match form {
            Form::Identity => {}
            _ if !whole => coding::weaken_etag(fields),
            Form::Stored(bytes) => coding::encode_fields(fields, coding, Some(bytes)),
            Form::Streamed => coding::encode_fields(fields, coding, None),
        }
    });
    if whole && matches!(form, Form::Streamed) {
        // For HTTP/1.1; HTTP/2 frames by itself, and older clients get no coding.
        response.insert_header(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
    }
    Ok(())
}

/// What the whole response is fit for. What Pingora has made a 304 or a part of has lost the fields that
/// say so.
fn fitness(session: &Session, response: &ResponseHeader, whole: bool) -> Fitness {
    let meta = session.cache.maybe_cache_meta().filter(|_| !whole);
    let (status, fields) = match meta {
        Some(meta) => (meta.response_header().status, meta.headers()),
        None => (response.status, &response.headers),
    };
    coding::fitness(status, fields, content_length(fields))
}

/// The coding that the client likes best. HTTP/1.0 has no chunks to send one in.
fn wanted(session: &Session, context: &Context) -> Option<Coding> {
    let version = context.head.as_ref().map(|head| head.version);
    let fields = &session.req_header().headers;
    if version == Some(Version::HTTP_10) || coding::forbids_transform(fields) {
        return None;
    }
    coding::accepted(fields)
}

async fn form(edge: &Edge, session: &mut Session, context: &mut Context, coding: Coding) -> Form {
    let stored = session.cache.maybe_cache_meta().and_then(lookup::stored).cloned();
    if let (Key::Primary { digest: primary, .. }, Some(stored)) = (context.key, stored) {
        let encoded = edge.storage.store().encoded(primary, &stored, coding).await;
        match (encoded, body_reader(session)) {
            (Some(encoded), Some(reader)) => {
                read_instead(reader, encoded.reader());
                return Form::Stored(encoded.bytes);
            }
            // It does not get smaller, or is not there yet.
            _ if stored.is_whole() => return Form::Identity,
            _ => {}
        }
    }
    if session.req_header().method == Method::HEAD {
        return Form::Streamed;
    }
    // Each holds memory for as long as its client reads.
    let Ok(permit) = edge.encoders.clone().try_acquire_owned() else { return Form::Identity };
    let Ok(encoder) = Encoder::new(coding) else { return Form::Identity };
    context.encoding = Some(permit);
    match body_reader(session) {
        Some(reader) => read_through(reader, encoder),
        None => context.encoder = Some(encoder),
    }
    Form::Streamed
}

/// Puts a piece of a body that does not come from the store into its coding.
pub(crate) fn encode(
    encoder: &mut Option<Encoder>,
    body: &mut Option<Bytes>,
    end: bool,
) -> Result<()> {
    let Some(taken) = encoder.take() else { return Ok(()) };
    let piece = body.take().unwrap_or_default();
    let (coded, left) =
        taken.piece(&piece, end).or_err(ErrorType::InternalError, "compressing a response")?;
    *encoder = left;
    // An empty piece would end the body.
    *body = (!coded.is_empty()).then_some(coded);
    Ok(())
}

/// Pingora lets nobody at the fields of a head but one by one.
fn edit(response: &mut ResponseHeader, change: impl FnOnce(&mut HeaderMap)) {
    let (mut empty, ()) = http::Response::new(()).into_parts();
    empty.status = StatusCode::OK;
    let taken = std::mem::replace(response, ResponseHeader::from(empty));
    let reason = taken.get_reason_phrase().map(str::to_owned);
    let canonical = taken.status.canonical_reason();
    let mut parts = Parts::from(taken);
    change(&mut parts.headers);
    *response = ResponseHeader::from(parts);
    if reason.as_deref() != canonical {
        // It was one a moment ago.
        let _ = response.set_reason_phrase(reason.as_deref());
    }
}
