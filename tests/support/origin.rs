//! An origin of a test's own: it answers what it was told, and remembers what it was asked.

use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use http_body_util::channel::Channel;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::reply::{HungUp, Reply};

/// Listens on loopback until dropped; connections are cut then.
#[derive(Debug)]
pub(crate) struct Origin {
    address: SocketAddr,
    book: Arc<Book>,
    _accepting: JoinSet<()>,
}

/// A request that reached the origin.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
struct Book {
    /// By path.
    replies: Mutex<HashMap<String, Reply>>,
    seen: watch::Sender<Vec<Seen>>,
    connections: Mutex<JoinSet<()>>,
    accepted: AtomicUsize,
    /// How often clients were sent away.
    leaving: watch::Sender<usize>,
}

/// What is spoken, in clear.
#[derive(Debug, Clone, Copy)]
enum Speaks {
    Http1,
    Http2 { streams: u32 },
}

// === impl Origin ===

impl Origin {
    pub(crate) async fn start() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// At an address that the test has chosen.
    pub(crate) async fn at(address: SocketAddr) -> Self {
        Self::speaking(Speaks::Http1, address).await
    }

    /// Over HTTP/2 with prior knowledge, with so many requests at a time on each connection.
    pub(crate) async fn start_http2(streams: u32) -> Self {
        Self::speaking(Speaks::Http2 { streams }, (Ipv4Addr::LOCALHOST, 0).into()).await
    }

    async fn speaking(speaks: Speaks, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Book {
            replies: Mutex::default(),
            seen: watch::Sender::default(),
            connections: Mutex::default(),
            accepted: AtomicUsize::new(0),
            leaving: watch::Sender::default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(serve(listener, speaks, book.clone()));
        Self { address, book, _accepting: accepting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, requests for `path` with any query are answered with this; others are 404.
    pub(crate) fn answer(&self, path: &str, reply: Reply) -> &Self {
        self.book.replies.lock().insert(path.to_owned(), reply);
        self
    }

    /// The requests for `path` so far, in the order in which they were read.
    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.book.seen.borrow();
        seen.iter().filter(|it| it.is_for(path)).cloned().collect()
    }

    /// Waits until `path` was asked for this many times.
    pub(crate) async fn reached(&self, path: &str, times: usize) {
        let mut seen = self.book.seen.subscribe();
        let reached = seen.wait_for(|seen| count(seen, path) >= times);
        reached.await.expect("the sender is in the book");
    }

    /// The connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.book.accepted.load(Ordering::Relaxed)
    }

    /// The connections that are open now.
    pub(crate) fn open_connections(&self) -> usize {
        let mut connections = self.book.connections.lock();
        while connections.try_join_next().is_some() {}
        connections.len()
    }

    /// Sends away whoever is connected over HTTP/2 (GOAWAY), once it has its answers.
    pub(crate) fn leave(&self) {
        self.book.leaving.send_modify(|times| *times += 1);
    }

    /// Cuts every connection, whatever is on it.
    pub(crate) fn cut_connections(&self) {
        self.book.connections.lock().abort_all();
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.cut_connections();
    }
}

/// Its address, for a configuration file.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

// === impl Seen ===

impl Seen {
    /// A field's one value, or nothing.
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut values = self.fields.get_all(name).iter();
        let first = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} twice: {:?}", self.fields);
        first
    }

    fn is_for(&self, path: &str) -> bool {
        self.target.split('?').next() == Some(path)
    }
}

fn count(seen: &[Seen], path: &str) -> usize {
    seen.iter().filter(|it| it.is_for(path)).count()
}

async fn serve(listener: TcpListener, speaks: Speaks, book: Arc<Book>) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        book.accepted.fetch_add(1, Ordering::Relaxed);
        book.connections.lock().spawn(converse(tcp, speaks, book.clone()));
    }
}

/// An edge that hangs up is part of many tests.
async fn converse(tcp: TcpStream, speaks: Speaks, book: Arc<Book>) {
    let mut leaving = book.leaving.subscribe();
    let asked = Arc::new(Notify::new());
    let asks = asked.clone();
    let service = service_fn(move |request| {
        asks.notify_one();
        answer(book.clone(), request)
    });
    match speaks {
        Speaks::Http1 => {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await;
        }
        Speaks::Http2 { streams } => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(streams);
            let mut connection = pin!(builder.serve_connection(TokioIo::new(tcp), service));
            // hyper cuts a connection that it is asked to close before the first request.
            let leave = async { tokio::join!(asked.notified(), leaving.changed()) };
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = leave => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        }
    }
}

async fn answer(
    book: Arc<Book>,
    request: Request<Incoming>,
) -> Result<Response<Channel<Bytes, HungUp>>, HungUp> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = body.collect().await.map_err(|_| HungUp)?.to_bytes();
    let target = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let seen = Seen { method: head.method, target, fields: head.headers, body };
    let mut nth = 0;
    book.seen.send_modify(|all| {
        all.push(seen);
        nth = count(all, &path);
    });
    let reply = book.replies.lock().get(&path).cloned();
    let missing = || Reply::text("missing").status(404);
    reply.unwrap_or_else(missing).give(nth).await
}
