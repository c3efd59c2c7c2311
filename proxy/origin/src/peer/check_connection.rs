//! A health check's own connection: made as the traffic's are, used once, and closed.

use std::io;

use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    ALPN, Error, ErrorType, Http1Session, HttpPeer, LazyLock, RequestHeader, Stream,
    TransportConnector, Unreachable, unreachable, words,
};
use crate::health::CheckFailure;

/// Makes connections and keeps none.
static TRANSPORT: LazyLock<TransportConnector> = LazyLock::new(|| TransportConnector::new(None));

/// An established connection, with its TLS handshake where the peer has TLS.
pub(crate) struct CheckConnection {
    stream: Stream,
    tls: bool,
}

/// What both sides said they would speak, before the first byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreed {
    /// HTTP/2, by ALPN.
    Http2,
    /// Something else, or the target took no part in ALPN.
    Other,
    /// There was no handshake to agree in.
    Nothing,
}

// === impl CheckConnection ===

impl CheckConnection {
    /// Connects, within the peer's own timeouts.
    pub(crate) async fn open(peer: HttpPeer) -> Result<Self, CheckFailure> {
        let tls = peer.is_tls();
        // In a task of its own, because a certificate may be such that it is believed, and yet
        // reading its owner's name for the log panics.
        let connecting = tokio::spawn(async move { TRANSPORT.new_stream(&peer).await });
        match connecting.await {
            Ok(Ok(stream)) => Ok(Self { stream, tls }),
            Ok(Err(error)) => Err(no_connection(&error)),
            Err(_) => Err(CheckFailure::Tls("the certificate cannot be parsed".to_owned())),
        }
    }

    /// What the handshake came to.
    pub(crate) fn agreed(&self) -> Agreed {
        match self.stream.selected_alpn_proto() {
            Some(ALPN::H2) => Agreed::Http2,
            _ if self.tls => Agreed::Other,
            _ => Agreed::Nothing,
        }
    }

    /// For another protocol than HTTP/1.1.
    pub(crate) fn into_io(self) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static {
        self.stream
    }

    /// Says goodbye to the target.
    pub(crate) async fn close(mut self) {
        self.stream.shutdown().await;
    }

    /// Sends a GET over HTTP/1.1 and reads the head of its answer. The body is left where it is.
    pub(crate) async fn get(
        self,
        path: &str,
        fields: &HeaderMap,
    ) -> Result<StatusCode, CheckFailure> {
        let mut head = RequestHeader::build("GET", path.as_bytes(), None).map_err(broken)?;
        for (name, value) in fields {
            head.insert_header(name, value).map_err(broken)?;
        }
        let mut session = Http1Session::new(self.stream);
        session.write_request_header(Box::new(head)).await.map_err(broken)?;
        let status = final_status(&mut session).await.map_err(broken)?;
        session.shutdown().await;
        Ok(status)
    }
}

/// Skips interim answers (RFC 9110 §15.2). A switch of protocols was not asked for, and is final.
async fn final_status(session: &mut Http1Session) -> Result<StatusCode, Box<Error>> {
    loop {
        session.read_response().await?;
        let status = session.get_status().unwrap_or_default();
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(status);
        }
    }
}

fn no_connection(error: &Error) -> CheckFailure {
    match unreachable(error) {
        Unreachable::Connection(words) => CheckFailure::Connect(words),
        Unreachable::Tls(words) => CheckFailure::Tls(words),
        Unreachable::Answer(words) => CheckFailure::Broken(words),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn broken(error: Box<Error>) -> CheckFailure {
    let broken = |words: &str| CheckFailure::Broken(words.to_owned());
    match error.etype() {
        ErrorType::ConnectionClosed => broken("the target closed the connection"),
        // Its own words quote all that came.
        ErrorType::InvalidHTTPHeader => broken("not an HTTP/1.1 answer"),
        _ => match error.root_cause().downcast_ref::<io::Error>() {
            Some(io) => CheckFailure::from(io),
            None => broken(&words(&error)),
        },
    }
}
