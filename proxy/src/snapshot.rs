//! One configuration, ready to be asked: immutable, pinned by a request when it arrives.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;
use warmfront_config::{Behavior, Config, HostPattern, OriginKind, PathPattern, Selection, Site};
use warmfront_origin::Origin;
use warmfront_semantics::authority::Host;
use warmfront_semantics::signed;
use warmfront_store::{QueryInKey, SiteLedger, Store};

/// Everything a request is judged by.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) config: Arc<Config>,
    hosts: HashMap<String, Arc<SiteRoute>>,
    /// By what stands behind `*.`.
    wildcards: HashMap<String, Arc<SiteRoute>>,
}

/// A site, with what it needs at run time.
#[derive(Debug)]
pub(crate) struct SiteRoute {
    pub(crate) site: Arc<Site>,
    pub(crate) ledger: Arc<SiteLedger>,
    /// The path that stands for `/`.
    pub(crate) root_object: Option<String>,
    /// In the order of the site's behaviors; the last one matches everything.
    pub(crate) behaviors: Vec<BehaviorRoute>,
}

/// A behavior and its origin.
#[derive(Debug)]
pub(crate) struct BehaviorRoute {
    pub(crate) behavior: Behavior,
    /// Its path, as requests are matched.
    pub(crate) pattern: PathPattern,
    /// What of a query is in its keys, as invalidations are matched.
    pub(crate) query_in_key: QueryInKey,
    /// Asked first.
    pub(crate) origin: Origin,
    pub(crate) standby: Option<Standby>,
}

/// What stands in for an origin that fails.
#[derive(Debug)]
pub(crate) struct Standby {
    pub(crate) origin: Origin,
    /// Statuses that count as failing.
    pub(crate) on: Vec<StatusCode>,
}

// === impl BehaviorRoute ===

impl BehaviorRoute {
    /// The origin and what stands in for it.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &Origin> {
        std::iter::once(&self.origin).chain(self.standby.iter().map(|standby| &standby.origin))
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// Puts a configuration together with the origins it names and the store it fills.
    #[must_use]
    pub fn new(config: Arc<Config>, origins: &[Origin], store: &Store) -> Self {
        let origins = origins.iter().map(|origin| (origin.name(), origin.clone())).collect();
        let (mut hosts, mut wildcards) = (HashMap::new(), HashMap::new());
        for site in &config.sites {
            let behaviors = site.behaviors.iter().filter_map(|b| behavior_route(b, &origins));
            let route = Arc::new(SiteRoute {
                behaviors: behaviors.collect(),
                ledger: store.site(&site.name),
                root_object: root_object(site),
                site: site.clone(),
            });
            for host in &site.hosts {
                match host {
                    HostPattern::Exact(host) => hosts.insert(host.clone(), route.clone()),
                    HostPattern::Wildcard(parent) => {
                        wildcards.insert(parent.clone(), route.clone())
                    }
                };
            }
        }
        Self { config, hosts, wildcards }
    }

    /// The site that answers to a host: by its exact name, then by a wildcard for its first label.
    pub(crate) fn site(&self, host: &Host) -> Option<&Arc<SiteRoute>> {
        let host = host.as_str();
        if let Some(route) = self.hosts.get(host) {
            return Some(route);
        }
        if let Some(address) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            // The file's spelling of an IPv6 address is the shortest one; a client's may not be.
            let address = address.parse::<IpAddr>().ok()?;
            return self.hosts.get(&address.to_string());
        }
        let (_, parent) = host.split_once('.')?;
        self.wildcards.get(parent).filter(|_| host.parse::<IpAddr>().is_err())
    }
}

fn behavior_route(behavior: &Behavior, origins: &HashMap<&str, Origin>) -> Option<BehaviorRoute> {
    let named = |origin: &warmfront_config::Origin| origins.get(origin.name.as_str()).cloned();
    let (origin, standby) = match &behavior.origin.kind {
        OriginKind::Failover(failover) => {
            let standby = Standby { origin: named(&failover.secondary)?, on: failover.on.clone() };
            (named(&failover.primary)?, Some(standby))
        }
        OriginKind::S3(_) | OriginKind::TargetGroup(_) => (named(&behavior.origin)?, None),
    };
    let (pattern, query_in_key) = (behavior.path.matched(), query_in_key(behavior));
    Some(BehaviorRoute { behavior: behavior.clone(), pattern, query_in_key, origin, standby })
}

fn query_in_key(behavior: &Behavior) -> QueryInKey {
    // What signs a URL is in no key, whatever the policy says of it.
    let signing: Vec<String> = match &behavior.trusted_keys {
        Some(_) => signed::PARAMETERS.map(str::to_owned).into(),
        None => Vec::new(),
    };
    match &behavior.policy.query {
        Selection::None => QueryInKey::None,
        Selection::All if signing.is_empty() => QueryInKey::Whole,
        Selection::All => QueryInKey::Except(signing.into()),
        Selection::Only(names) => {
            let keyed = names.iter().filter(|name| !signing.contains(name));
            QueryInKey::Only(keyed.cloned().collect())
        }
        Selection::Except(names) => {
            QueryInKey::Except(names.iter().cloned().chain(signing).collect())
        }
    }
}

/// An app whose root object was taken away still has its page.
fn root_object(site: &Site) -> Option<String> {
    match site.default_root_object.as_str() {
        "" => site.spa.clone(),
        root => Some(format!("/{root}")),
    }
}
