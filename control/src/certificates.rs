//! Who keeps every site's certificate fresh.
//!
//! What to order is derived from the sites ([`plan`]). Each site has a [`keeper`] that knows what is
//! due ([`schedule`]), sees where the hosts point ([`pointing`]), chooses an authority
//! ([`authorities`]) and makes an [`attempt`]. What must not be forgotten is in the [`journal`].

mod attempt;
mod authorities;
mod counts;
mod ground;
mod journal;
mod keeper;
mod offline;
mod online;
mod own_files;
mod plan;
mod pointing;
mod progress;
mod proofs;
mod schedule;
mod selection;
mod thread;

use std::sync::Arc;
use std::time::SystemTime;

use prometheus::core::Collector;
use tokio::sync::watch;
use tokio::task::JoinSet;
use warmfront_certs::{Certificates, Storage};
use warmfront_config::{Acme, Config, HostPattern, Site};
use warmfront_origin::Resolver;
use warmfront_state::Database;

use authorities::Next;
use ground::Ground;
use keeper::Keeper;
use plan::Plan;
use schedule::Cause;
use thread::{on_a_thread, without_end};

pub use ground::OrdersError;
pub use journal::JournalError;
pub(crate) use journal::{Attempt, Outcome};
pub(crate) use keeper::Standing;
pub use offline::{certificates_offline, certificates_usable};
pub use online::{CertificatesOnline, certificates_online};
pub(crate) use own_files::OwnFiles;
pub use own_files::certificates_untimely;

/// The certificates that are ordered for the sites of a node.
pub struct Orders {
    acme: Acme,
    ground: Arc<Ground>,
    /// Of each site with an `acme` of its own, in the order of the file.
    keepers: Vec<Arc<Keeper>>,
    /// Sites without one, for which records may still be in the DNS.
    gone: Vec<String>,
}

// === impl Orders ===

impl Orders {
    /// Shows what was kept for each site, and stand-ins for the rest where that is wanted. Reads the
    /// disk and no network; orders nothing before it is tended. `None` if the configuration has no
    /// `[acme]`.
    ///
    /// Fails if the journal cannot be read, or if an authority or the publisher of records cannot be
    /// used as it is configured. A damaged certificate is gone on without, and told in `/ready`.
    pub fn open(
        config: &Arc<Config>,
        certificates: &Arc<Certificates>,
        storage: Arc<dyn Storage>,
        database: &Arc<Database>,
        resolver: &Resolver,
        clock: fn() -> SystemTime,
    ) -> Result<Option<Arc<Self>>, OrdersError> {
        let Some(acme) = &config.acme else { return Ok(None) };
        let shared = (certificates, storage);
        let ground = Arc::new(Ground::new(config, acme, shared, database, resolver, clock)?);
        let names: Vec<&str> = config.sites.iter().map(|site| site.name.as_str()).collect();
        for site in ground.journal.forget_all_but(&names)? {
            tracing::info!(site, "certificate: the site is gone, and what was known of its orders");
        }
        let keeper = |site: &Arc<Site>| {
            let plan = Plan::new(site, acme, |host| certificates.owns(host))?;
            Some(Keeper::open(&ground, site, plan).map(Arc::new))
        };
        let keepers = config.sites.iter().filter_map(keeper).collect::<Result<Vec<_>, _>>()?;
        let is_kept = |site: &String| keepers.iter().any(|keeper| keeper.site.name == *site);
        let mut gone = ground.journal.publishers()?;
        gone.retain(|site| !is_kept(site));
        Ok(Some(Arc::new(Self { acme: acme.clone(), ground, keepers, gone })))
    }

    /// Keeps every certificate fresh until `stop` turns true, its sender is gone, or what is
    /// returned is dropped. Called on a tokio runtime.
    pub(crate) fn keep(&self, stop: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut keeping = JoinSet::new();
        for keeper in &self.keepers {
            let (keeper, mut stopped) = (keeper.clone(), stop.clone());
            let stop = stop.clone();
            keeping.spawn(async move {
                let keep = || keeper.clone().keep(stop.clone());
                tokio::select! {
                    // An error is a sender that is gone: nobody could say stop any more.
                    _ = stopped.wait_for(|stop| *stop) => {}
                    () = without_end(keep, || keeper.broken()) => {}
                }
            });
        }
        for site in &self.gone {
            let (ground, site, stop) = (self.ground.clone(), site.clone(), stop.clone());
            let sweeping = async move || proofs::sweep(&ground, &site).await;
            keeping.spawn(async move {
                on_a_thread(stop, sweeping).await;
            });
        }
        keeping
    }

    /// Own certificates have changed: they may speak for other hosts than before.
    pub(crate) fn plan_anew(&self) {
        let certificates = &self.ground.certificates;
        for keeper in &self.keepers {
            if let Some(plan) = Plan::new(&keeper.site, &self.acme, |host| certificates.owns(host))
            {
                keeper.plan_anew(plan);
            }
        }
    }

    /// How the certificate of each site stands that something is to be told of.
    pub(crate) fn standings(&self, now: SystemTime) -> Vec<Standing> {
        self.keepers.iter().filter_map(|keeper| keeper.standing(now)).collect()
    }

    /// What somebody should know, a sentence each.
    pub(crate) fn problems(&self, now: SystemTime) -> Vec<String> {
        let standings = self.standings(now);
        let of_sites = standings.iter().flat_map(|standing| standing.problems(now));
        self.ground.journal.failing().into_iter().chain(of_sites).collect()
    }

    /// A new certificate for this host of a site is wanted now; gives the hosts it is for, and when
    /// the first authority may be asked. Else says why none is ordered.
    pub(crate) fn renew(
        &self,
        site: &str,
        host: &HostPattern,
        now: SystemTime,
    ) -> Result<(Vec<String>, SystemTime), String> {
        let keeper = self.keepers.iter().find(|keeper| keeper.site.name == site);
        let keeper = keeper.ok_or_else(|| nothing_ordered(site))?;
        if let Some(why) = keeper.not_ordered(host) {
            return Err(why);
        }
        keeper.ask();
        let at = match keeper.next(&Cause::Asked, now) {
            Next::Ask(_) => now,
            Next::Wait(until) => until,
        };
        Ok((keeper.names(), at))
    }

    /// What is counted, for a registry.
    pub(crate) fn collectors(&self) -> [Box<dyn Collector>; 2] {
        self.ground.counts.collectors()
    }
}

/// Why a site has no certificate of an authority.
pub(crate) fn nothing_ordered(site: &str) -> String {
    format!("nothing is ordered for the site {site}")
}
