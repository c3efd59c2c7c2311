//! An HTTP/2 connection of which a test sees every stream, or every frame.

use std::io::ErrorKind;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use super::client::{Place, tls_stream};
use super::{Edge, WWW};

/// Streams on one connection.
#[derive(Debug)]
pub(crate) struct Streams {
    send: SendRequest<Bytes>,
    driver: JoinSet<Result<(), h2::Error>>,
}

/// Frames on one connection, as they are on the wire.
#[derive(Debug)]
pub(crate) struct Frames {
    stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

/// A frame that the edge sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GO_AWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

// === impl Streams ===

impl Streams {
    pub(crate) async fn open(edge: &Edge, builder: &Builder) -> Self {
        let stream = tls_stream(&edge.setup().place, WWW, &[b"h2"]).await;
        let (send, connection) = builder.handshake(stream).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Self { send, driver }
    }

    /// Asks, once the edge lets it.
    pub(crate) async fn get(&self, path: &str) -> Result<ResponseFuture, h2::Error> {
        let request = Request::get(format!("https://{WWW}{path}")).body(()).unwrap();
        let mut send = self.send.clone().ready().await?;
        Ok(send.send_request(request, true)?.0)
    }

    /// Asks, and leaves the request's content open.
    pub(crate) async fn post(
        &self,
        path: &str,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        self.ask(Request::post(format!("https://{WWW}{path}")).body(()).unwrap()).await
    }

    /// Asks whatever the request is, and leaves its content open.
    pub(crate) async fn ask(
        &self,
        request: Request<()>,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let mut send = self.send.clone().ready().await?;
        send.send_request(request, false)
    }

    /// How the connection ended. A client that was still writing finds the other end gone: that is
    /// an end like any other.
    pub(crate) async fn closed(mut self) -> Result<(), h2::Error> {
        drop(self.send);
        let ended = self.driver.join_next().await.expect("it was spawned").unwrap();
        let is_gone = |error: &h2::Error| {
            let kind = error.get_io().map(std::io::Error::kind);
            matches!(kind, Some(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset))
        };
        ended.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
    }
}

/// The whole of a response.
pub(crate) async fn whole(
    response: ResponseFuture,
) -> Result<(StatusCode, HeaderMap, Vec<u8>), h2::Error> {
    let (head, mut body) = response.await?.into_parts();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok((head.status, head.headers, bytes))
}

/// The interim response that comes before another.
pub(crate) async fn interim(response: &mut ResponseFuture) -> Response<()> {
    let interim = std::future::poll_fn(|cx| response.poll_informational(cx)).await;
    interim.expect("an interim response").unwrap()
}

// === impl Frames ===

impl Frames {
    /// The preface, and settings that ask for nothing.
    pub(crate) async fn open(place: &Place) -> Self {
        let mut stream = tls_stream(place, WWW, &[b"h2"]).await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut frames = Self { stream, read: Vec::new() };
        frames.send(SETTINGS, 0, 0, &[]).await;
        frames
    }

    /// An edge that has hung up is told nothing.
    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let _ = self.stream.write_all(&frame(kind, flags, stream, payload)).await;
        let _ = self.stream.flush().await;
    }

    /// The next frame; `None` once the edge has hung up.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::take(&mut self.read) {
                return Some(frame);
            }
            if self.stream.read_buf(&mut self.read).await.unwrap_or_default() == 0 {
                return None;
            }
        }
    }

    /// The next frame of a kind.
    pub(crate) async fn find(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// Sends octets for as long as the edge lets it, and reads what it says meanwhile. Whether the
    /// edge had enough before the last of them.
    pub(crate) async fn flood(&mut self, octets: &[u8]) -> bool {
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let hung_up = async {
            let mut chunk = vec![0; 16 * 1024];
            while reader.read(&mut chunk).await.unwrap_or_default() > 0 {}
        };
        tokio::select! {
            () = hung_up => true,
            sent = async { writer.write_all(octets).await?; writer.flush().await } => sent.is_err(),
        }
    }

    /// Waits until the edge has hung up.
    pub(crate) async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }
}

// === impl Frame ===

impl Frame {
    /// The first of what was read, once all of it is there.
    pub(crate) fn take(read: &mut Vec<u8>) -> Option<Self> {
        let head: [u8; 9] = read.get(..9)?.try_into().unwrap();
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let payload = read.get(9..9 + length)?.to_vec();
        read.drain(..9 + length);
        Some(Self { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }
}

/// A frame as it is on the wire.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// A header block (RFC 7541) of literals that are never indexed.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            let length = u8::try_from(text.len()).ok().filter(|length| *length < 127);
            block.push(length.expect("a short text"));
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// The header block of a GET.
pub(crate) fn get(path: &str) -> Vec<u8> {
    block(&[(":method", "GET"), (":scheme", "https"), (":authority", WWW), (":path", path)])
}
