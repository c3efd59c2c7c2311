//! One HTTP/1.1 server, as the bucket and the app servers are.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::DemoError;

/// A server that listens until it is dropped: then no connection is accepted, idle ones are
/// closed, and answers under way are finished.
#[derive(Debug)]
pub(crate) struct Serving {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Serving {
    pub(crate) async fn start(listen: SocketAddr, router: Router) -> Result<Self, DemoError> {
        let failed = |source| cannot_listen(listen, source);
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        // An answer's head and body are two writes: Nagle's algorithm would hold the second back.
        let listener = listener.tap_io(|tcp| {
            let _ = tcp.set_nodelay(true);
        });
        let server = axum::serve(listener, router).with_graceful_shutdown(async move {
            // The sender is only ever dropped; that is the signal.
            let _ = stopped.await;
        });
        tokio::spawn(server.into_future());
        Ok(Self { address, _stop: stop })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

pub(crate) fn cannot_listen(address: SocketAddr, source: io::Error) -> DemoError {
    match source.kind() {
        io::ErrorKind::AddrInUse => DemoError::PortInUse { address },
        _ => DemoError::Listen { address, source },
    }
}
