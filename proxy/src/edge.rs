//! The data plane as a whole: assembled once, served until shutdown.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use pingora_core::apps::{HttpServerOptions, ServerApp as _};
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::HttpProxy;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use warmfront_certs::Certificates;
use warmfront_config::Config;
use warmfront_keys::{Guesses, Keyring};
use warmfront_store::{Digester, Store, storage::PingoraStorage};

use crate::access_log::AccessLog;
use crate::collapse::{Collapse, Failures, Unstorable};
use crate::failure::ClientFault;
use crate::forward::VIA;
use crate::listen::connection::{Census, Connection};
use crate::listen::{Acceptor, Bound};
use crate::metrics::Metrics;
use crate::observe;
use crate::service::EdgeService;
use crate::snapshot::Snapshot;

/// Idle connections to origins that are kept, in all.
const ORIGIN_POOL: usize = 512;

/// Bodies that are compressed while they are sent, at a time: each takes some 2 MiB. Beyond it they are
/// sent as they are.
const ENCODERS: usize = 64;

/// Pages of errors that are being sent, in all. Beyond it an error is sent as it is.
const PAGES_KIB: usize = 64 * 1024;

/// Requests for pages of errors at a time. Beyond it an error is sent as it is.
const PAGE_REQUESTS: usize = 256;

/// What the data plane is made of.
#[derive(Debug)]
pub struct Parts {
    /// The configuration to begin with.
    pub snapshot: Snapshot,
    /// What is shown in handshakes, and what challenges are answered with.
    pub certificates: Arc<Certificates>,
    /// Where responses are stored.
    pub store: Arc<Store>,
    /// Where the data plane registers its metrics.
    pub registry: prometheus::Registry,
    /// Where requests are written down.
    pub access_log: AccessLog,
    /// Whose keys let a client be told why it gets what it gets.
    pub keyring: Arc<Keyring>,
    /// How often each client was wrong about a key, here and at the control API.
    pub guesses: Arc<Guesses>,
}

/// The data plane.
pub struct Edge {
    snapshot: ArcSwap<Snapshot>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) storage: &'static PingoraStorage,
    pub(crate) collapse: &'static Collapse,
    pub(crate) unstorable: &'static Unstorable,
    pub(crate) failures: Failures,
    /// Room for bodies that are compressed while they are sent.
    pub(crate) encoders: Arc<Semaphore>,
    /// Room for the pages of errors that are being sent, in KiB.
    pub(crate) pages: Arc<Semaphore>,
    /// Room for requests for such pages: they can outlast the error that wanted them.
    pub(crate) page_requests: Arc<Semaphore>,
    pub(crate) digester: Digester,
    /// What this node is called in CDN-Loop (RFC 8586): nobody else's name, and a new one each time.
    pub(crate) name: String,
    pub(crate) metrics: Metrics,
    pub(crate) access_log: AccessLog,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) guesses: Arc<Guesses>,
    /// What serves, once it does and while it does: what the edge asks for itself goes the same way.
    serving: watch::Sender<Option<Weak<HttpProxy<EdgeService>>>>,
}

// === impl Edge ===

impl Edge {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Result<Arc<Self>, prometheus::Error> {
        let collapse_timeout = parts.snapshot.config.cache.collapse_timeout;
        // Pingora keeps references to these for ever; there is one of each in a process.
        let storage: &'static _ = Box::leak(Box::new(PingoraStorage::new(parts.store)));
        let collapse = Box::leak(Box::new(Collapse::new(collapse_timeout, storage)));
        let unstorable = Box::leak(Box::new(Unstorable::new(storage)));
        Ok(Arc::new(Self {
            snapshot: ArcSwap::from_pointee(parts.snapshot),
            certificates: parts.certificates,
            storage,
            collapse,
            unstorable,
            failures: Failures::new(),
            encoders: Arc::new(Semaphore::new(ENCODERS)),
            pages: Arc::new(Semaphore::new(PAGES_KIB)),
            page_requests: Arc::new(Semaphore::new(PAGE_REQUESTS)),
            digester: Digester::random(),
            name: own_name(),
            metrics: Metrics::register(&parts.registry)?,
            access_log: parts.access_log,
            keyring: parts.keyring,
            guesses: parts.guesses,
            serving: watch::Sender::new(None),
        }))
    }

    /// Serves on these sockets until `shutdown` turns true and every connection is served out.
    pub async fn serve(self: Arc<Self>, bound: Vec<Bound>, shutdown: watch::Receiver<bool>) {
        let proxy = Arc::new(self.proxy());
        self.serving.send_replace(Some(Arc::downgrade(&proxy)));
        let limits = &self.config().limits;
        let open = self.metrics.open_connections();
        let census = Census::new(limits.connections, limits.connections_per_client, open);
        let mut acceptors = JoinSet::new();
        for socket in bound {
            let acceptor = Acceptor {
                proxy: proxy.clone(),
                edge: self.clone(),
                census: census.clone(),
                shutdown: shutdown.clone(),
            };
            acceptors.spawn(acceptor.run(socket));
        }
        let mut stopped = shutdown;
        // An error means that whoever could stop the node is gone: it is stopped.
        let _ = stopped.wait_for(|stop| *stop).await;
        // Connections that wait for their next request are closed now.
        proxy.cleanup().await;
        while acceptors.join_next().await.is_some() {}
    }

    /// Writes down what is not written yet. Blocks until it is.
    pub fn finish(&self) {
        self.access_log.close();
    }

    /// What serves, as soon as it does; `None` once it does no more.
    pub(crate) async fn serving(&self) -> Option<Arc<HttpProxy<EdgeService>>> {
        let mut serving = self.serving.subscribe();
        let proxy = serving.wait_for(Option::is_some).await.ok()?;
        proxy.as_ref()?.upgrade()
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        self.snapshot.load().config.clone()
    }

    pub(crate) fn observe_refusal(&self, connection: &Connection, fault: ClientFault) {
        observe::refusal(self, connection, fault);
    }

    fn proxy(self: &Arc<Self>) -> HttpProxy<EdgeService> {
        let limits = &self.config().limits;
        let conf = ServerConf {
            threads: self.config().listen.workers.get(),
            upstream_keepalive_pool_size: ORIGIN_POOL,
            ..ServerConf::default()
        };
        let mut proxy = HttpProxy::new(EdgeService::new(self.clone()), Arc::new(conf));
        proxy.handle_init_modules();
        let mut server = HttpServerOptions::default();
        server.keepalive_request_limit = Some(limits.requests_per_connection);
        proxy.server_options = Some(server);
        proxy
    }
}

fn own_name() -> String {
    format!("{VIA}-{:016x}", rand::random::<u64>())
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("snapshot", &self.snapshot).finish_non_exhaustive()
    }
}
