//! A path on which some validations go astray, between an authority and a node.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::edge::free_ports;
use super::reply::HungUp;

/// Listens beside a node, on the same address, until dropped. Authorities validate on its port.
#[derive(Debug)]
pub(crate) struct Flaky {
    address: SocketAddr,
    seen: Arc<Seen>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Seen {
    node: SocketAddr,
    fails: fn(usize) -> bool,
    /// The paths that were asked for, each once, in the order in which they were first.
    paths: Mutex<Vec<String>>,
    astray: Mutex<usize>,
}

// === impl Flaky ===

impl Flaky {
    /// Every request for the first path, the second … is 404 if `fails` says so of its number. An
    /// authority asks for each token several times, from several places: all of them fail together.
    pub(crate) async fn before(node: SocketAddr, fails: fn(usize) -> bool) -> Self {
        let SocketAddr::V4(of_node) = node else { panic!("{node} is on the loopback network") };
        let [address] = free_ports(*of_node.ip());
        let listener = TcpListener::bind(address).await.unwrap();
        let seen = Seen { node, fails, paths: Mutex::default(), astray: Mutex::default() };
        let seen = Arc::new(seen);
        let mut accepting = JoinSet::new();
        accepting.spawn(serve(listener, seen.clone()));
        Self { address, seen, _accepting: accepting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the authority is to look.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many paths were asked for so far.
    pub(crate) fn validations(&self) -> usize {
        self.seen.paths.lock().len()
    }

    /// How many requests went astray so far.
    pub(crate) fn astray(&self) -> usize {
        *self.seen.astray.lock()
    }
}

async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let seen = seen.clone();
        connections.spawn(async move {
            let service = service_fn(|request| pass(seen.clone(), request));
            // A client that hangs up has what it wanted.
            let _ = server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(tcp), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn pass(
    seen: Arc<Seen>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, HungUp> {
    if (seen.fails)(seen.number(request.uri().path())) {
        *seen.astray.lock() += 1;
        let lost = Response::builder().status(StatusCode::NOT_FOUND);
        return Ok(lost.body(Full::from("nobody is here")).unwrap());
    }
    let tcp = TcpStream::connect(seen.node).await.map_err(|_| HungUp)?;
    let handshake = client::conn::http1::handshake(TokioIo::new(tcp)).await;
    let (mut sender, connection) = handshake.map_err(|_| HungUp)?;
    let mut driver = JoinSet::new();
    // What goes wrong is told to whoever waits for the answer.
    driver.spawn(async { drop(connection.await) });
    let answer = sender.send_request(request).await.map_err(|_| HungUp)?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_| HungUp)?.to_bytes();
    Ok(Response::from_parts(head, Full::new(body)))
}

// === impl Seen ===

impl Seen {
    /// Which of the paths this is, from 1.
    fn number(&self, path: &str) -> usize {
        let mut paths = self.paths.lock();
        let known = paths.iter().position(|known| known == path);
        let place = known.unwrap_or_else(|| {
            paths.push(path.to_owned());
            paths.len() - 1
        });
        place + 1
    }
}
