//! Targets that do one thing each.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::Request;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A target that does `serve` with each connection.
pub(super) async fn raw<F, Served>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Served + Send + 'static,
    Served: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection));
        }
    });
    address
}

/// A target that reads a head and answers with these bytes.
pub(super) async fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = Arc::new(answer.into());
    raw(move |connection| answer_http1(connection, Arc::clone(&answer))).await
}

/// The same over TLS, where the handshake succeeds.
pub(super) async fn answering_over_tls(config: ServerConfig, answer: &str) -> SocketAddr {
    let answer = Arc::new(answer.as_bytes().to_vec());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    raw(move |connection| {
        let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
        async move {
            if let Ok(connection) = acceptor.accept(connection).await {
                answer_http1(connection, answer).await;
            }
        }
    })
    .await
}

/// A target that speaks HTTP/2, and answers each request by `answer`.
pub(super) async fn http2<F>(config: Option<ServerConfig>, answer: F) -> SocketAddr
where
    F: Fn(Request<RecvStream>, SendResponse<Bytes>) + Copy + Send + Sync + 'static,
{
    let acceptor = config.map(|config| TlsAcceptor::from(Arc::new(config)));
    raw(move |connection| {
        let acceptor = acceptor.clone();
        async move {
            match acceptor {
                None => serve_http2(connection, answer).await,
                Some(acceptor) => {
                    if let Ok(connection) = acceptor.accept(connection).await {
                        serve_http2(connection, answer).await;
                    }
                }
            }
        }
    })
    .await
}

/// A port that nobody listens on.
pub(super) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// The head of the request, as it came.
pub(super) async fn read_head(connection: &mut (impl Io + ?Sized)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

async fn answer_http1(mut connection: impl Io, answer: Arc<Vec<u8>>) {
    read_head(&mut connection).await;
    let _ = connection.write_all(&answer).await;
    let _ = connection.shutdown().await;
}

async fn serve_http2<F>(connection: impl Io, answer: F)
where
    F: Fn(Request<RecvStream>, SendResponse<Bytes>),
{
    let Ok(mut connection) = h2::server::handshake(connection).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        answer(request, respond);
    }
}
