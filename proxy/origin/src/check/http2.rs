//! One request over HTTP/2, on a connection that nothing else uses.

use bytes::Bytes;
use h2::RecvStream;
use h2::client::Builder;
use http::header::USER_AGENT;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use super::CHECKER;
use crate::health::CheckFailure;
use crate::peer::{Agreed, CheckConnection};

/// Of an answer's fields, in bytes as RFC 9113 §6.5.2 counts them.
const HEAD_BYTES_MAX: u32 = 64 * 1024;

/// Sends a GET and reads the head of its answer.
pub(super) async fn get(
    connection: CheckConnection,
    path: &str,
    authority: &HeaderValue,
) -> Result<StatusCode, CheckFailure> {
    let fields = HeaderMap::new();
    let question = Question { method: Method::GET, path, authority, fields, body: Bytes::new() };
    Ok(send(connection, question).await?.status())
}

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) authority: &'a HeaderValue,
    /// Beside those that every check has.
    pub(super) fields: HeaderMap,
    /// Where it is empty there is none.
    pub(super) body: Bytes,
}

/// Sends the question and reads the head of the final answer. The connection is closed when the
/// answer is dropped.
pub(super) async fn send(
    connection: CheckConnection,
    question: Question<'_>,
) -> Result<Response<RecvStream>, CheckFailure> {
    let scheme = match connection.agreed() {
        Agreed::Http2 => Scheme::HTTPS,
        Agreed::Nothing => Scheme::HTTP,
        Agreed::Other => {
            let words = "the target does not offer HTTP/2 (ALPN `h2`)";
            return Err(CheckFailure::Broken(words.to_owned()));
        }
    };
    let body = question.body.clone();
    let request = request(question, scheme)?;
    let mut settings = Builder::new();
    settings.enable_push(false).max_header_list_size(HEAD_BYTES_MAX);
    let handshake = settings.handshake(connection.into_io()).await;
    let (sender, connection) = handshake.map_err(|error| broken(&error))?;
    // It ends by itself when nothing of the exchange is held any more.
    tokio::spawn(connection);
    let mut sender = sender.ready().await.map_err(|error| broken(&error))?;
    let sent = sender.send_request(request, body.is_empty());
    let (answer, mut stream) = sent.map_err(|error| broken(&error))?;
    if !body.is_empty() {
        stream.send_data(body, true).map_err(|error| broken(&error))?;
    }
    answer.await.map_err(|error| broken(&error))
}

/// What became of the connection, or of the one stream on it.
pub(super) fn broken(error: &h2::Error) -> CheckFailure {
    match error.get_io() {
        Some(io) => CheckFailure::from(io),
        None => CheckFailure::Broken(error.to_string()),
    }
}

fn request(question: Question<'_>, scheme: Scheme) -> Result<Request<()>, CheckFailure> {
    let Question { method, path, authority, fields, .. } = question;
    let unfit = |part: &str| CheckFailure::Broken(format!("{part} cannot be sent over HTTP/2"));
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority =
        Some(Authority::try_from(authority.as_bytes()).map_err(|_| unfit("the host"))?);
    parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(|_| unfit("the path"))?);
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| unfit("the path"))?;
    *request.headers_mut() = fields;
    request.headers_mut().insert(USER_AGENT, CHECKER);
    Ok(request)
}
