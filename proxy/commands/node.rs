//! A node: assembled whole or not at all, then served.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use warmfront_certs::{CertificateFolder, Certificates};
use warmfront_config::{Config, OriginKind};
use warmfront_control::{AdminListener, Control, Orders, Readiness, Setup};
use warmfront_keys::{Guesses, Keyring, RootKey};
use warmfront_origin::{Ground, Origin, Registrations, Resolver};
use warmfront_proxy::{AccessLog, Bound, Edge, Parts, Snapshot};
use warmfront_state::Database;
use warmfront_store::{Store, StoreLimits};

use super::data_plane::Plane;

/// How long requests that are under way when the node stops may take to finish.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything that serves, with its sockets open.
pub(crate) struct Node {
    edge: Arc<Edge>,
    bound: Vec<Bound>,
    control: Control,
    admin: AdminListener,
    readiness: Readiness,
}

/// What a node is made of, each part opened.
struct Opened {
    certificates: Arc<Certificates>,
    keyring: Arc<Keyring>,
    store: Arc<Store>,
    origins: Vec<Origin>,
    orders: Option<Arc<Orders>>,
    access_log: AccessLog,
    bound: Vec<Bound>,
    admin: AdminListener,
}

/// Opens files and sockets, and puts them together: nothing serves before all is well.
///
/// Called on a tokio runtime.
pub(crate) fn assemble(config: Config) -> Result<Node, Vec<String>> {
    let config = Arc::new(config);
    let Opened { certificates, keyring, store, origins, orders, access_log, bound, admin } =
        open(&config)?;
    for uncovered in super::check::uncovered(&config, &certificates) {
        tracing::warn!("{uncovered}");
    }
    let guesses = Arc::new(Guesses::default());
    let registry = prometheus::Registry::new();
    let readiness = Readiness::new();
    let edge = Edge::new(Parts {
        snapshot: Snapshot::new(config.clone(), &origins, &store),
        certificates: certificates.clone(),
        store: store.clone(),
        registry: registry.clone(),
        access_log,
        keyring: keyring.clone(),
        guesses: guesses.clone(),
    });
    let edge = edge.map_err(|error| vec![error.to_string()])?;
    let control = Control::new(Setup {
        keyring,
        guesses,
        data_plane: Arc::new(Plane(edge.clone())),
        config,
        store,
        origins,
        certificates,
        orders,
        readiness: readiness.clone(),
        registry,
        clock: warmfront_proxy::now,
    });
    let control = control.map_err(|error| vec![error.to_string()])?;
    Ok(Node { edge, bound, control, admin, readiness })
}

/// Opens every part; every problem at once.
fn open(config: &Arc<Config>) -> Result<Opened, Vec<String>> {
    let mut problems = Vec::new();
    let mut note = |problem: String| problems.push(problem);

    let certificates = Certificates::load(config)
        .map_err(|errors| errors.iter().for_each(|e| note(e.to_string())))
        .ok();
    // The root key first: it makes the state directory.
    let state = RootKey::open(&config.listen.state).map_err(|e| note(e.to_string())).ok();
    let database = state
        .as_ref()
        .and_then(|_| Database::open(&config.listen.state).map_err(|e| note(e.to_string())).ok());
    let store = database.as_ref().and_then(|database| {
        let opened = Store::open(&store_limits(config), database.clone(), warmfront_proxy::now);
        opened.map_err(|e| note(e.to_string())).ok()
    });
    let keyring = state.as_ref().zip(database.as_ref()).and_then(|(root, database)| {
        let (state, now) = (&config.listen.state, warmfront_proxy::now());
        let keyring = Keyring::open(root, &config.keys, database.clone(), state, now);
        keyring.map_err(|e| note(e.to_string())).ok()
    });
    let resolver = Resolver::new(&config.resolver).map_err(|e| note(e.to_string())).ok();
    let origins = database.as_ref().zip(resolver.as_ref()).and_then(|(database, resolver)| {
        let origins = open_origins(config, database, resolver);
        origins.map_err(|errors| errors.into_iter().for_each(&mut note)).ok()
    });
    let orders = certificates.as_ref().zip(database.as_ref()).zip(resolver.as_ref());
    let orders = orders.and_then(|((certificates, database), resolver)| {
        open_orders(config, certificates, database, resolver).map_err(&mut note).ok()
    });
    let access_log = AccessLog::open(&config.log).map_err(|e| note(e.to_string())).ok();
    let bound = Bound::all(&config.listen)
        .map_err(|errors| errors.iter().for_each(|e| note(e.to_string())))
        .ok();
    let admin = AdminListener::bind(&config.listen.admin).map_err(|e| note(e.to_string())).ok();
    let opened = || {
        Some(Opened {
            certificates: certificates?,
            keyring: Arc::new(keyring?),
            store: Arc::new(store?),
            origins: origins?,
            orders: orders?,
            access_log: access_log?,
            bound: bound?,
            admin: admin?,
        })
    };
    opened().ok_or(problems)
}

// === impl Node ===

impl Node {
    /// Serves until `stop` turns true, then finishes what is under way, for 30 s at most.
    pub(crate) async fn serve(self, mut stop: watch::Receiver<bool>) -> Result<(), String> {
        let Self { edge, bound, control, admin, readiness } = self;
        // The control API outlives the data plane, so that a load balancer can see it drain.
        let (stop_control, control_stops) = watch::channel(false);
        let control = tokio::spawn(control.serve(admin, control_stops));
        let serving = tokio::spawn(edge.clone().serve(bound, stop.clone()));
        readiness.set_serving();
        // An error means that nobody is left to stop the node, which stops it.
        let _ = stop.wait_for(|stop| *stop).await;
        readiness.set_draining();
        if tokio::time::timeout(DRAIN_TIMEOUT, serving).await.is_err() {
            tracing::warn!("requests were cut off after {} s", DRAIN_TIMEOUT.as_secs());
        }
        edge.finish();
        let _ = stop_control.send(true);
        match control.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the control API failed: {error}")),
            Err(error) => Err(format!("the control API failed: {error}")),
        }
    }
}

/// Every origin that is not made of others, with what the API has changed of its targets.
fn open_origins(
    config: &Config,
    database: &Arc<Database>,
    resolver: &Resolver,
) -> Result<Vec<Origin>, Vec<String>> {
    let one = |error: &dyn std::fmt::Display| vec![error.to_string()];
    let registrations = Registrations::open(database.clone()).map_err(|e| one(&e))?;
    let groups = config.origins.values().filter(|o| matches!(o.kind, OriginKind::TargetGroup(_)));
    let names: Vec<&str> = groups.map(|origin| origin.name.as_str()).collect();
    registrations.forget_all_but(&names).map_err(|e| one(&e))?;
    let ground = Ground {
        resolver: resolver.clone(),
        registrations: Some(Arc::new(registrations)),
        now: Instant::now(),
    };
    super::check::origins(config, &ground)
}

/// Who orders the certificates of the sites, with those that are there already in use; `None` where
/// the file has no `[acme]`.
fn open_orders(
    config: &Arc<Config>,
    certificates: &Arc<Certificates>,
    database: &Arc<Database>,
    resolver: &Resolver,
) -> Result<Option<Arc<Orders>>, String> {
    if config.acme.is_none() {
        return Ok(None);
    }
    let folder = CertificateFolder::open(&config.listen.state).map_err(|e| e.to_string())?;
    let clock = warmfront_proxy::now;
    Orders::open(config, certificates, Arc::new(folder), database, resolver, clock)
        .map_err(|error| error.to_string())
}

fn store_limits(config: &Config) -> StoreLimits {
    StoreLimits {
        memory_bytes: config.cache.memory,
        object_bytes: config.cache.max_object,
        workers: config.listen.workers.get(),
    }
}
