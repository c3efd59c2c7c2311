//! An origin of a test's own: it answers what it was told, and remembers what it was asked.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use http_body_util::channel::Channel;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
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
}

// === impl Origin ===

impl Origin {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Book {
            replies: Mutex::default(),
            seen: watch::Sender::default(),
            connections: Mutex::default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(serve(listener, book.clone()));
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

async fn serve(listener: TcpListener, book: Arc<Book>) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let asked = book.clone();
        let service = service_fn(move |request| answer(asked.clone(), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
        book.connections.lock().spawn(async {
            // An edge that hangs up is part of many tests.
            let _ = connection.await;
        });
    }
}

async fn answer(
    book: Arc<Book>,
    request: Request<Incoming>,
) -> Result<Response<Channel<Bytes, HungUp>>, HungUp> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = body.collect().await.map_err(|_| HungUp)?.to_bytes();
    let seen =
        Seen { method: head.method, target: head.uri.to_string(), fields: head.headers, body };
    let mut nth = 0;
    book.seen.send_modify(|all| {
        all.push(seen);
        nth = count(all, &path);
    });
    let reply = book.replies.lock().get(&path).cloned();
    let missing = || Reply::text("missing").status(404);
    reply.unwrap_or_else(missing).give(nth).await
}
