//! One request and its answer, over TCP or a Unix socket.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use warmfront_config::{AdminAddr, Secret};

use super::ClientError;
use crate::cause::cause;
use crate::listener::{Duplex, Named};

/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take: an invalidation walks the whole store.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(1);
/// The largest answer that is read, in bytes: 3,000 paths of 4,000 bytes, escaped.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Sends a request to a node: with a body of JSON, or with none.
pub(super) async fn send(
    address: &AdminAddr,
    token: &Secret,
    method: Method,
    path: &str,
    body: Option<String>,
) -> Result<Answer, ClientError> {
    let name = Named(address).to_string();
    let connected = timeout(CONNECT_TIME_MAX, connect(address)).await;
    let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let stream = connected.map_err(|error| ClientError::Unreachable {
        address: name.clone(),
        cause: cause(&error),
    })?;
    let host = match address {
        AdminAddr::Tcp(socket) => socket.to_string(),
        AdminAddr::Unix(_) => "localhost".to_owned(),
    };
    let bearer = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
    let mut bearer = bearer.map_err(|_| ClientError::BadKey)?;
    bearer.set_sensitive(true);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, host)
        .header(AUTHORIZATION, bearer);
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::from(body.unwrap_or_default()));
    let broken = |cause: String| ClientError::Broken { address: name.clone(), cause };
    let request = request.map_err(|error| broken(error.to_string()))?;
    match timeout(ANSWER_TIME_MAX, exchange(stream, request)).await {
        Ok(answer) => answer.map_err(|error| broken(error.to_string())),
        Err(_) => Err(ClientError::Silent { address: name.clone(), after: ANSWER_TIME_MAX }),
    }
}

async fn connect(address: &AdminAddr) -> io::Result<Box<dyn Duplex>> {
    Ok(match address {
        AdminAddr::Tcp(socket) => Box::new(TcpStream::connect(socket).await?),
        AdminAddr::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

async fn exchange(
    stream: Box<dyn Duplex>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; what it fails with, the answer fails with, too.
    tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let body = body.collect().await?.to_bytes();
    Ok(Answer { status, body })
}
