//! One request and its answer, over TCP, TLS or a Unix socket.

use std::error::Error;
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
use tokio_rustls::TlsConnector;
use warmfront_config::AdminAddr;
use warmfront_semantics::tame::tame;

use super::tls::Trust;
use super::{Client, ClientError, authority};
use crate::cause::{cause, sentence_of};
use crate::listener::{Duplex, Named};

/// How long a connection may take, its handshake included.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take: the disk of a node may be slow.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(1);
/// The largest answer that is read, in bytes: 3,000 paths of 4,000 bytes, escaped.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of what went wrong with TLS.
const REASON_BYTES_MAX: usize = 300;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Sends a request to a node: with a body of JSON, or with none.
pub(super) async fn send(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<String>,
) -> Result<Answer, ClientError> {
    let address = || Named(&client.address).to_string();
    let request = request(client, method, path, body)?;
    let connected = timeout(CONNECT_TIME_MAX, connect(client)).await;
    let stream = connected.unwrap_or_else(|_| Err(unreachable(client, &timed_out())))?;
    match timeout(ANSWER_TIME_MAX, exchange(stream, request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(ClientError::Broken { address: address(), cause: error.to_string() }),
        Err(_) => Err(ClientError::Silent { address: address(), after: ANSWER_TIME_MAX }),
    }
}

fn request(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<String>,
) -> Result<Request<Full<Bytes>>, ClientError> {
    let host = match (&client.address, &client.trust) {
        (AdminAddr::Tcp(socket), Some(trust)) => authority(&trust.name.to_str(), socket.port()),
        (AdminAddr::Tcp(socket), None) => socket.to_string(),
        (AdminAddr::Unix(_), _) => "localhost".to_owned(),
    };
    let bearer = HeaderValue::try_from(format!("Bearer {}", client.token.reveal()));
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
    request.map_err(|error| ClientError::Unaskable(error.to_string()))
}

async fn connect(client: &Client) -> Result<Box<dyn Duplex>, ClientError> {
    let lost = |error: io::Error| unreachable(client, &error);
    let stream = match &client.address {
        AdminAddr::Tcp(socket) => TcpStream::connect(socket).await.map_err(lost)?,
        AdminAddr::Unix(path) => {
            return Ok(Box::new(UnixStream::connect(path).await.map_err(lost)?));
        }
    };
    match &client.trust {
        None => Ok(Box::new(stream)),
        Some(Trust { config, name }) => {
            let secured = TlsConnector::from(config.clone()).connect(name.clone(), stream).await;
            let secured = secured.map_err(|error| ClientError::Insecure {
                address: Named(&client.address).to_string(),
                name: name.to_str().into_owned(),
                cause: tame(&sentence_of(&error), REASON_BYTES_MAX),
                hint: hint(&error),
            })?;
            Ok(Box::new(secured))
        }
    }
}

async fn exchange(
    stream: Box<dyn Duplex>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; what it fails with, the answer fails with, too.
    tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let body = body.collect().await?.to_bytes();
    Ok(Answer { status, body })
}

/// A node without a certificate for the site shows one of its own, which another user of its machine
/// cannot know.
fn hint(error: &io::Error) -> &'static str {
    use rustls::CertificateError::UnknownIssuer;
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(UnknownIssuer)) => {
            "; if the node has none from an authority yet, ask on its machine, as its user and by its file"
        }
        _ => "",
    }
}

fn unreachable(client: &Client, error: &io::Error) -> ClientError {
    ClientError::Unreachable { address: Named(&client.address).to_string(), cause: cause(error) }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}
