//! The API on `listen.admin`: one file for each resource, and what every request passes before it.

mod access;
mod audit;
mod certificates;
mod guard;
mod health;
mod invalidate;
mod invalidations;
mod json;
mod metrics;
mod origins;
mod problem;
mod record;
mod sites;
mod targets;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use http::StatusCode;
use parking_lot::Mutex;
use prometheus::{IntCounterVec, Registry};
use warmfront_certs::Certificates;
use warmfront_config::{AdminAddr, Config};
use warmfront_origin::{Origin, TargetGroup};
use warmfront_store::Store;

use crate::certificates::{Orders, OwnFiles};
use crate::guesses::Guesses;
use crate::keys::Keyring;
use crate::readiness::Readiness;
use crate::timestamp::Moment;
use problem::Problem;

/// What the control plane is made of.
pub struct Setup {
    /// The configuration in force.
    pub config: Arc<Config>,
    /// What invalidations take from.
    pub store: Arc<Store>,
    /// The buckets and target groups of the configuration. The groups are tended while it serves.
    pub origins: Vec<Origin>,
    /// What clients are shown. Own certificates are read again when their files change.
    pub certificates: Arc<Certificates>,
    /// What is ordered, until the node drains; `None` where nothing is.
    pub orders: Option<Arc<Orders>>,
    /// Who may do what.
    pub keyring: Keyring,
    /// What `/ready` tells.
    pub readiness: Readiness,
    /// What `/metrics` tells; the control plane adds its own to it.
    pub registry: Registry,
    /// The wall clock.
    pub clock: fn() -> SystemTime,
}

/// The control plane, ready to be served on a listener.
pub struct Control {
    pub(crate) router: Router,
    /// Tended as long as it serves.
    pub(crate) groups: Vec<Arc<TargetGroup>>,
    /// Watched as long as it serves.
    pub(crate) own_files: Arc<OwnFiles>,
    /// Kept fresh until the node drains.
    pub(crate) orders: Option<Arc<Orders>>,
    pub(crate) readiness: Readiness,
}

/// What every answer is made from.
struct Node {
    config: Arc<Config>,
    store: Arc<Store>,
    origins: Vec<Origin>,
    certificates: Arc<Certificates>,
    own_files: Arc<OwnFiles>,
    orders: Option<Arc<Orders>>,
    /// Held by whoever changes a target by what it is.
    registering: Mutex<()>,
    keyring: Keyring,
    guesses: Guesses,
    readiness: Readiness,
    registry: Registry,
    invalidated: IntCounterVec,
    clock: fn() -> SystemTime,
}

/// Who can reach the listener at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Programs of this machine, a browser with somebody else's page in it included.
    Loopback,
    /// Whom the socket file's mode lets in.
    Socket,
    /// Other machines.
    Network,
}

// === impl Control ===

impl Control {
    /// Assembles the API. Fails if the registry has metrics of the control plane already.
    pub fn new(setup: Setup) -> Result<Self, prometheus::Error> {
        let invalidated = metrics::register(&setup)?;
        let own_files =
            OwnFiles::new(setup.certificates.clone(), setup.orders.clone(), setup.clock);
        let node = Arc::new(Node {
            config: setup.config,
            store: setup.store,
            origins: setup.origins,
            certificates: setup.certificates,
            own_files: Arc::new(own_files),
            orders: setup.orders,
            registering: Mutex::default(),
            keyring: setup.keyring,
            guesses: Guesses::default(),
            readiness: setup.readiness,
            registry: setup.registry,
            invalidated,
            clock: setup.clock,
        });
        let groups = node.groups().cloned().collect();
        let (own_files, orders) = (node.own_files.clone(), node.orders.clone());
        let readiness = node.readiness.clone();
        Ok(Self { router: router(node), groups, own_files, orders, readiness })
    }
}

// === impl Node ===

impl Node {
    fn reach(&self) -> Reach {
        match &self.config.listen.admin {
            AdminAddr::Tcp(address) if address.ip().to_canonical().is_loopback() => Reach::Loopback,
            AdminAddr::Tcp(_) => Reach::Network,
            AdminAddr::Unix(_) => Reach::Socket,
        }
    }

    fn now(&self) -> SystemTime {
        (self.clock)()
    }

    fn moment(&self) -> Moment {
        Moment { wall: self.now(), instant: instant() }
    }

    fn groups(&self) -> impl Iterator<Item = &Arc<TargetGroup>> {
        groups(&self.origins)
    }
}

fn router(node: Arc<Node>) -> Router {
    Router::new()
        .route("/invalidate", post(invalidate::create))
        .route("/invalidations", get(invalidations::list))
        .route("/invalidations/{id}", get(invalidations::show))
        .route("/sites", get(sites::list))
        .route("/certificates", get(certificates::list))
        .route("/certificates/{host}/renew", post(certificates::renew))
        .route("/origins", get(origins::list))
        .route("/origins/{name}", get(origins::show))
        .route("/origins/{name}/targets", post(targets::register))
        .route(
            "/origins/{name}/targets/{address}",
            get(targets::show).put(targets::change).delete(targets::deregister),
        )
        .route("/metrics", get(metrics::show))
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "nothing is at this path"))
        .method_not_allowed_fallback(async || {
            let detail = "this path does not take this method; Allow names those it takes";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .layer(from_fn_with_state(node.clone(), guard::inspect))
        .with_state(node)
}

fn groups(origins: &[Origin]) -> impl Iterator<Item = &Arc<TargetGroup>> {
    origins.iter().filter_map(|origin| match origin {
        Origin::TargetGroup(group) => Some(group),
        Origin::Bucket(_) => None,
    })
}

/// Tokio's, so that tests can pass the time.
fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Runs what reads or writes a disk, or walks the store, where it holds nobody up. It is carried to
/// its end even if the client goes.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "a request to the control API failed");
        let detail = "the request failed inside the node; its log says why";
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail))
    })
}
