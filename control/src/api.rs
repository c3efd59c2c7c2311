//! The API on `listen.admin`: one file for each resource, and what every request passes before it.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod body;
mod certificates;
mod guard;
mod health;
mod inspect;
pub(crate) mod invalidate;
mod invalidations;
mod keys;
mod metrics;
pub(crate) mod openapi;
mod origins;
mod problem;
mod query;
mod record;
mod sites;
mod targets;
mod trail;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post};
use http::StatusCode;
use parking_lot::Mutex;
use prometheus::Registry;
use warmfront_certs::{Certificates, SiteTls};
use warmfront_config::{AdminAddr, Config, Site};
use warmfront_keys::{Guesses, Keyring};
use warmfront_origin::{Origin, TargetGroup};
use warmfront_store::Store;

use crate::admin_tls::AdminTls;
use crate::certificates::{Orders, OwnFiles};
use crate::cloudfront;
use crate::data_plane::DataPlane;
use crate::prefetch::{self, Prefetcher};
use crate::readiness::Readiness;
use crate::timestamp::Moment;
use metrics::Counts;
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
    pub keyring: Arc<Keyring>,
    /// Wrong keys, on whichever side of the node they were tried.
    pub guesses: Arc<Guesses>,
    /// What is asked for an inspection, and for what is fetched after an invalidation.
    pub data_plane: Arc<dyn DataPlane>,
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
    /// Fetches until the node drains.
    pub(crate) prefetcher: Arc<Prefetcher>,
    /// What connections begin with, if they begin with TLS.
    pub(crate) tls: Option<Arc<AdminTls>>,
    pub(crate) readiness: Readiness,
}

/// What every answer is made from.
pub(crate) struct Node {
    pub(crate) config: Arc<Config>,
    /// Since when that is the configuration.
    pub(crate) in_force_since: SystemTime,
    pub(crate) store: Arc<Store>,
    pub(crate) origins: Vec<Origin>,
    certificates: Arc<Certificates>,
    own_files: Arc<OwnFiles>,
    orders: Option<Arc<Orders>>,
    /// Held by whoever changes a target by what it is.
    registering: Mutex<()>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) guesses: Arc<Guesses>,
    /// Requests that could not prove their key, though nobody guessed at one: so many of one client
    /// leave an audit line, and no more.
    flawed: Guesses,
    data_plane: Arc<dyn DataPlane>,
    pub(crate) prefetcher: Arc<Prefetcher>,
    readiness: Readiness,
    registry: Registry,
    counts: Counts,
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
        let counts = metrics::register(&setup)?;
        let prefetcher = Prefetcher::new(prefetch::Parts {
            config: setup.config.clone(),
            store: setup.store.clone(),
            data_plane: setup.data_plane.clone(),
            registry: &setup.registry,
            clock: setup.clock,
        })?;
        let own_files =
            OwnFiles::new(setup.certificates.clone(), setup.orders.clone(), setup.clock);
        let node = Arc::new(Node {
            in_force_since: (setup.clock)(),
            config: setup.config,
            store: setup.store,
            origins: setup.origins,
            certificates: setup.certificates,
            own_files: Arc::new(own_files),
            orders: setup.orders,
            registering: Mutex::default(),
            keyring: setup.keyring,
            guesses: setup.guesses,
            flawed: Guesses::default(),
            data_plane: setup.data_plane,
            prefetcher,
            readiness: setup.readiness,
            registry: setup.registry,
            counts,
            clock: setup.clock,
        });
        Ok(Self {
            groups: node.groups().cloned().collect(),
            own_files: node.own_files.clone(),
            orders: node.orders.clone(),
            prefetcher: node.prefetcher.clone(),
            tls: node.tls().map(Arc::new),
            readiness: node.readiness.clone(),
            router: router(node),
        })
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

    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// The site under whose certificate the API is served.
    fn admin_site(&self) -> Option<&Arc<Site>> {
        let name = self.config.listen.admin_tls.as_ref()?;
        self.config.sites.iter().find(|site| site.name == *name)
    }

    fn tls(&self) -> Option<AdminTls> {
        let site = self.admin_site()?;
        let tls = SiteTls::new(self.certificates.clone(), site, self.config.tls.policy);
        Some(AdminTls::new(&site.name, tls, &self.config.listen.state))
    }

    fn moment(&self) -> Moment {
        Moment { wall: self.now(), instant: instant() }
    }

    fn groups(&self) -> impl Iterator<Item = &Arc<TargetGroup>> {
        groups(&self.origins)
    }
}

fn router(node: Arc<Node>) -> Router {
    let routes = routes().into_iter();
    routes
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .fallback(elsewhere)
        .method_not_allowed_fallback(async || {
            let detail = "this path does not take this method; Allow names those it takes";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .layer(from_fn_with_state(node.clone(), guard::inspect))
        .with_state(node)
}

/// What `/openapi.json` describes.
pub(crate) fn routes() -> [(&'static str, MethodRouter<Arc<Node>>); 18] {
    let target = get(targets::show).put(targets::change).delete(targets::deregister);
    [
        ("/invalidate", post(invalidate::create)),
        ("/invalidations", get(invalidations::list)),
        ("/invalidations/{id}", get(invalidations::show)),
        ("/inspect", get(inspect::show)),
        ("/sites", get(sites::list)),
        ("/keys", get(keys::list).post(keys::create)),
        ("/keys/{id}", delete(keys::revoke)),
        ("/keys/{id}/rotate", post(keys::rotate)),
        ("/certificates", get(certificates::list)),
        ("/certificates/{host}/renew", post(certificates::renew)),
        ("/origins", get(origins::list)),
        ("/origins/{name}", get(origins::show)),
        ("/origins/{name}/targets", post(targets::register)),
        ("/origins/{name}/targets/{address}", target),
        ("/metrics", get(metrics::show)),
        ("/live", get(health::live)),
        ("/ready", get(health::ready)),
        ("/openapi.json", get(openapi::show)),
    ]
}

/// CloudFront's own API begins with the date of its version; nothing else is at other paths.
async fn elsewhere(State(node): State<Arc<Node>>, request: Request) -> Response {
    if cloudfront::is_asked(request.uri().path()) {
        return cloudfront::answer(State(node), request).await;
    }
    Problem::new(StatusCode::NOT_FOUND, "nothing is at this path").into_response()
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
