//! The accept loop: counts, shakes hands, and gives the connection to whoever speaks its protocol.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::apps::ServerApp;
use pingora_proxy::HttpProxy;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use warmfront_semantics::head::HeadLimits;

use crate::listen::connection::{Allowance, Census, Connection, Counted, Whose};
use crate::listen::date::KeptDate;
use crate::listen::guard::Guard;
use crate::listen::h2::Front;
use crate::listen::handshake::{self, HandshakeError, Shaken};
use crate::listen::sockets::{Bound, Spoken};
use crate::listen::stream::{Deadlines, EdgeStream, Protocol, Transport};
use crate::listen::transport::PingoraStream;
use crate::service::EdgeService;

/// After a failed accept (no descriptors left, usually) the loop waits this long: the kernel would
/// report the same failure again at once, for ever.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// RFC 9113 §3.4.
const PREFACE_BYTES: usize = 24;

/// Takes connections in from one socket.
#[derive(Clone)]
pub(crate) struct Acceptor {
    pub(crate) proxy: Arc<HttpProxy<EdgeService>>,
    pub(crate) edge: Arc<crate::Edge>,
    pub(crate) census: Arc<Census>,
    pub(crate) shutdown: watch::Receiver<bool>,
}

// === impl Acceptor ===

impl Acceptor {
    /// Accepts until the node shuts down, then waits until every connection is served out.
    pub(crate) async fn run(mut self, bound: Bound) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = bound.listener.accept() => match accepted {
                    Ok((tcp, client)) => self.take_in(tcp, client, bound.spoken, &mut connections),
                    Err(error) => pause(&error).await,
                },
                Some(_) = connections.join_next() => {}
                _ = self.shutdown.changed() => break,
            }
        }
        drop(bound);
        while connections.join_next().await.is_some() {}
    }

    fn take_in(
        &self,
        tcp: TcpStream,
        client: SocketAddr,
        spoken: Spoken,
        connections: &mut JoinSet<()>,
    ) {
        let client = SocketAddr::new(client.ip().to_canonical(), client.port());
        match self.census.count(client.ip()) {
            Ok(counted) => {
                let acceptor = self.clone();
                connections
                    .spawn(async move { acceptor.serve(tcp, client, spoken, counted).await });
            }
            Err(crowded) => self.edge.metrics.connection_refused(crowded),
        }
    }

    async fn serve(self, tcp: TcpStream, client: SocketAddr, spoken: Spoken, counted: Counted) {
        let limits = &self.edge.config().limits;
        let first_head = Instant::now() + limits.header_timeout;
        let Ok(local) = tcp.local_addr() else { return };
        // A response is gathered here, and must not wait in the kernel for more.
        let _ = tcp.set_nodelay(true);
        let (transport, tls, http2) = match spoken {
            Spoken::Http => (Transport::Plain(tcp), None, false),
            Spoken::Https => {
                let handshake = handshake::accept(tcp, &self.edge.certificates);
                match timeout_at(first_head, handshake).await {
                    Ok(Ok(Shaken::Agreed(agreed))) => {
                        (Transport::Tls(Box::new(agreed.stream)), Some(agreed.tls), agreed.http2)
                    }
                    Ok(Ok(Shaken::Proven)) => return,
                    Ok(Err(error)) => return self.unshaken(client, &error),
                    Err(_) => return self.edge.metrics.handshake_failed("timeout"),
                }
            }
        };
        let (spent, ends) = watch::channel(false);
        let allowance = Allowance::new(limits.requests_per_connection, spent);
        let date = KeptDate::default();
        let (whose, scheme) = (Whose::Client, spoken.scheme());
        let connection =
            Arc::new(Connection { client, local, whose, scheme, tls, allowance, date });
        let protocol = if http2 {
            Protocol::Http2 { preface_left: PREFACE_BYTES }
        } else {
            Protocol::Http1(Guard::new(HeadLimits {
                bytes: limits.header_bytes,
                fields: limits.header_fields,
                target_bytes: limits.url_bytes,
            }))
        };
        let deadlines =
            Deadlines { first_head, head: limits.header_timeout, idle: limits.idle_timeout };
        let refused = {
            let (edge, connection) = (self.edge.clone(), connection.clone());
            Arc::new(move |fault| edge.observe_refusal(&connection, fault))
        };
        let counted = (connection.clone(), counted);
        let stream = EdgeStream::new(transport, protocol, deadlines, counted, refused);
        if http2 {
            let (proxy, edge) = (self.proxy.clone(), self.edge.clone());
            let front = Front { proxy, edge, connection: connection.clone(), ends };
            self.carry(front.serve(stream, limits), &connection).await;
        } else if let Ok(stream) = PingoraStream::new(stream, &connection) {
            let proxy = self.proxy.clone();
            self.carry(proxy.process_new(Box::new(stream), &ends), &connection).await;
        }
    }

    /// Serves a connection until it ends by itself, has had its requests, or the node stops.
    async fn carry<T>(mut self, served: impl Future<Output = T>, connection: &Connection) {
        let mut served = pin!(served);
        tokio::select! {
            _ = &mut served => return,
            // An error means that whoever could stop the node is gone: it is stopped.
            _ = self.shutdown.wait_for(|stop| *stop) => connection.allowance.end(),
        }
        served.await;
    }

    fn unshaken(&self, client: SocketAddr, error: &HandshakeError) {
        self.edge.metrics.handshake_failed(match error {
            HandshakeError::UnknownName(_) => "unknown-name",
            HandshakeError::Failed(_) => "failed",
        });
        tracing::debug!(%client, "{error}");
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!("cannot accept connections: {error}");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
