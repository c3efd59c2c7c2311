//! A client that stays connected.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use super::client::{Place, tls_stream};

/// A connection over TLS with HTTP/1.1. It is cut when dropped.
#[derive(Debug)]
pub(crate) struct Kept {
    sender: http1::SendRequest<Empty<Bytes>>,
    _connection: JoinSet<()>,
}

// === impl Kept ===

impl Kept {
    /// As a client of `host`.
    pub(crate) async fn open(place: &Place, host: &str) -> Self {
        let stream = tls_stream(place, host, &[b"http/1.1"]).await;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut driver = JoinSet::new();
        // What goes wrong is told to whoever waits for an answer.
        driver.spawn(async { drop(connection.await) });
        Self { sender, _connection: driver }
    }

    /// The answer to a GET of `/`, for any host.
    pub(crate) async fn get(&mut self, host: &str) -> (StatusCode, String) {
        let request = Request::get("/").header(header::HOST, host);
        let request = request.body(Empty::new()).unwrap();
        self.sender.ready().await.expect("the connection is open");
        let (head, body) = self.sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, String::from_utf8_lossy(&body).into_owned())
    }
}
