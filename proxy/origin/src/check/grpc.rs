//! A gRPC call: one message there, one message and a status back.

mod message;

use std::ops::RangeInclusive;

use bytes::Bytes;
use h2::RecvStream;
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use warmfront_config::GrpcProbe;

use self::message::ServingStatus;
use super::http2::{Question, broken, send};
use crate::health::CheckFailure;
use crate::peer::CheckConnection;

/// The standard health service, which frameworks bring along.
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";
/// gRPC's status 0.
const OK: u16 = 0;
/// Of an answer's body. The one that matters has 7.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Makes the call and judges what comes back.
pub(super) async fn call(
    connection: CheckConnection,
    call: &GrpcProbe,
    authority: &HeaderValue,
) -> Result<(), CheckFailure> {
    match call {
        GrpcProbe::Health { service } => {
            let asked = message::health_check_request(service);
            let answer = exchange(connection, HEALTH_CHECK, authority, asked).await?;
            passes(answer.status, &[OK..=OK])?;
            match message::health_check_response(&answer.body) {
                Ok(ServingStatus::Serving) => Ok(()),
                Ok(other) => Err(CheckFailure::NotServing(other.to_string())),
                Err(garbled) => Err(CheckFailure::Broken(garbled.to_string())),
            }
        }
        GrpcProbe::Method { path, codes } => {
            let answer = exchange(connection, path, authority, message::empty()).await?;
            passes(answer.status, codes)
        }
    }
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

async fn exchange(
    connection: CheckConnection,
    path: &str,
    authority: &HeaderValue,
    body: Bytes,
) -> Result<Answer, CheckFailure> {
    let fields = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
        (TE, HeaderValue::from_static("trailers")),
    ]);
    let question = Question { method: Method::POST, path, authority, fields, body };
    let (head, mut rest) = send(connection, question).await?.into_parts();
    if head.status != StatusCode::OK {
        return Err(CheckFailure::Status(head.status.as_u16()));
    }
    let body = read_body(&mut rest).await?;
    let trailers = rest.trailers().await.map_err(|error| broken(&error))?;
    // An answer without a message may have its trailers as its head.
    Ok(Answer { status: status_in(trailers.as_ref().unwrap_or(&head.headers))?, body })
}

async fn read_body(rest: &mut RecvStream) -> Result<Vec<u8>, CheckFailure> {
    let mut body = Vec::new();
    while let Some(part) = rest.data().await {
        let part = part.map_err(|error| broken(&error))?;
        if body.len() + part.len() > BODY_BYTES_MAX {
            let words = format!("more than {BODY_BYTES_MAX} bytes of a message");
            return Err(CheckFailure::Broken(words));
        }
        body.extend_from_slice(&part);
        rest.flow_control().release_capacity(part.len()).map_err(|error| broken(&error))?;
    }
    Ok(body)
}

fn status_in(trailers: &HeaderMap) -> Result<u16, CheckFailure> {
    let status = trailers.get("grpc-status").and_then(|value| value.to_str().ok());
    let status = status.and_then(|status| status.parse().ok());
    status.ok_or_else(|| CheckFailure::Broken("no gRPC status".to_owned()))
}

fn passes(status: u16, codes: &[RangeInclusive<u16>]) -> Result<(), CheckFailure> {
    if codes.iter().any(|range| range.contains(&status)) {
        Ok(())
    } else {
        Err(CheckFailure::Grpc(i32::from(status)))
    }
}
