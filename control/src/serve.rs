//! Connections to the control API: how many, how long, and how they end.

mod slots;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::task::JoinSet;
use warmfront_keys::Peer;

use crate::admin_tls::AdminTls;
use crate::api::Control;
use crate::keeper::keep;
use crate::listener::{AdminListener, Duplex};
use slots::{Slot, Slots};

/// The TLS handshake must be over after this long.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// The whole head of a request must be in after this long.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of a request head that are buffered.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// A connection takes no further request after this long, so that none is held for ever.
const CONNECTION_TIME_MAX: Duration = Duration::from_mins(2);
/// What is being answered when a connection or the node ends has this long to finish.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// A pause after a failed accept: without file descriptors the next one would fail at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Control {
    /// Answers on the listener, tends the target groups, keeps certificates fresh and fetches what
    /// invalidations ask for, until `shutdown` turns true or its sender is gone; then finishes what
    /// is being answered. Fails if the socket cannot be handed to the runtime.
    pub async fn serve(
        self,
        listener: AdminListener,
        mut shutdown: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let listener = listener.accepting()?;
        let mut keepers = keep(self.groups.iter().cloned(), &shutdown);
        keepers.spawn(self.own_files.clone().watch());
        let drains = self.drains(&mut keepers, &shutdown);
        // An authority would find nobody to answer it then, and count a failure.
        let mut orders = self.orders.as_ref().map_or_else(JoinSet::new, |it| it.keep(&drains));
        keepers.spawn(self.prefetcher.clone().run(drains));
        let slots = Slots::new();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut shutdown) => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Some(slot) = slots.take(peer) else { continue };
                    let shutdown = shutdown.clone();
                    let connection = Connection { stream, peer, shutdown, _slot: slot };
                    tokio::spawn(connection.open(self.tls.clone(), self.router.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "listen.admin: a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        keepers.shutdown().await;
        orders.shutdown().await;
        slots.emptied(DRAIN_TIME_MAX).await;
        Ok(())
    }

    /// Turns true when the node drains: the data plane is on its way out then.
    fn drains(
        &self,
        keepers: &mut JoinSet<()>,
        shutdown: &watch::Receiver<bool>,
    ) -> watch::Receiver<bool> {
        let (stop, stops) = watch::channel(false);
        let (readiness, mut shutdown) = (self.readiness.clone(), shutdown.clone());
        keepers.spawn(async move {
            tokio::select! {
                () = readiness.draining() => {}
                () = stopped(&mut shutdown) => {}
            }
            stop.send_replace(true);
        });
        stops
    }
}

struct Connection {
    stream: Box<dyn Duplex>,
    peer: Peer,
    shutdown: watch::Receiver<bool>,
    /// Held as long as the connection is open.
    _slot: Slot,
}

// === impl Connection ===

impl Connection {
    async fn open(mut self, tls: Option<Arc<AdminTls>>, router: Router) {
        if let Some(tls) = tls {
            let shaken = tokio::time::timeout(HANDSHAKE_TIME_MAX, tls.accept(self.stream)).await;
            let Ok(Some(stream)) = shaken else { return };
            self.stream = stream;
        }
        self.serve(router).await;
    }

    async fn serve(mut self, router: Router) {
        let peer = self.peer;
        let router = TowerToHyperService::new(router);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let mut connection = std::pin::pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME_MAX)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(self.stream), service)
        );
        // How a connection ends is its client's affair.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stopped(&mut self.shutdown) => {}
            () = tokio::time::sleep(CONNECTION_TIME_MAX) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(DRAIN_TIME_MAX, connection).await;
    }
}

async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error is a sender that is gone: nobody could say stop any more.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
