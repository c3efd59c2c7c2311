//! Keeps one site's certificate fresh: from what is due to a certificate that is served.

mod opening;
mod ordering;
mod renewing;
mod standing;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use warmfront_acme::renewal::Lifetime;
use warmfront_certs::Presented;
use warmfront_config::{HostPattern, Site};

use super::ground::Ground;
use super::plan::Plan;
use super::progress::{Doing, Progress, Wish};
use super::proofs;
use super::schedule::{self, Cause, Due, Situation, lifetime};
use super::thread::on_a_thread;

pub(crate) use standing::Standing;

/// How long a keeper that has just done something waits before it looks again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one that has nothing to order waits, unless it is told of a change.
const IDLE: Duration = Duration::from_mins(10);

/// Keeps one site's certificate fresh.
pub(crate) struct Keeper {
    pub(crate) site: Arc<Site>,
    ground: Arc<Ground>,
    progress: Mutex<Progress>,
    /// There is something to see to.
    changed: Notify,
    /// Held by who takes proofs out of the DNS.
    sweeping: tokio::sync::Mutex<()>,
    /// Spreads what comes due at a start; from 0 to 1.
    spread: f64,
    /// When the node was started, proofs of an earlier life may still have been in the DNS.
    has_published: bool,
}

// === impl Keeper ===

impl Keeper {
    /// Never returns; where it is dropped, what is under way is gone on with at the next start.
    pub(crate) async fn keep(self: Arc<Self>, stop: watch::Receiver<bool>) {
        if self.has_published {
            self.sweep_aside(&stop);
        }
        loop {
            let wait = self.look(&stop).await;
            self.progress.lock().is_broken = false;
            tokio::select! {
                () = sleep(wait) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Sees to what is due, and says when to look again.
    async fn look(self: &Arc<Self>, stop: &watch::Receiver<bool>) -> Duration {
        {
            let mut progress = self.progress.lock();
            if progress.plan.hosts.is_empty() {
                progress.doing = Doing::Idle;
                return IDLE;
            }
        }
        let now = self.ground.now();
        let due = self.due(now);
        let question = self.question();
        // Before a renewal too: it may have been put off.
        let can_wait = due.at > now || matches!(due.cause, Cause::Lacking(_) | Cause::Renewal);
        if can_wait && question.is_some_and(|at| at <= now) {
            // What cannot be asked now can be asked later.
            if let Ok(_turn) = self.ground.questions.acquire().await {
                let keeper = self.clone();
                let asking = async move || keeper.ask_for_window().await;
                on_a_thread(stop.clone(), asking).await;
            }
            return PAUSE;
        }
        if due.at <= now {
            return self.order(due.cause, now, stop).await;
        }
        self.progress.lock().doing = Doing::Idle;
        let next = question.map_or(due.at, |question| question.min(due.at));
        schedule::look_again(self.lifetime().as_ref(), now, next)
    }

    /// When the next certificate is due, and why.
    fn due(&self, now: SystemTime) -> Due {
        self.situated(now, |situation| situation.due(now))
    }

    /// Asks what is due of all that is known of the site.
    fn situated<T>(&self, now: SystemTime, ask: impl FnOnce(&Situation<'_>) -> T) -> T {
        let progress = self.progress.lock();
        let ordered = self.ordered();
        let lacking = ordered.as_ref().and_then(|ordered| lacking(&progress.plan, ordered));
        ask(&Situation {
            started: self.ground.started,
            spread: self.spread,
            lifetime: ordered.as_deref().map(lifetime),
            lacking: lacking.as_deref(),
            ordered: progress.record.as_ref().map(|record| record.ordered),
            renewal: progress.renewal.as_ref().map(|renewal| renewal.at),
            under_way: progress.resumable(&self.ground.authorities, now).is_some(),
            wish: progress.wish,
            failed: progress.past.failure(),
        })
    }

    /// Whoever publishes may be slow: nothing waits for it.
    fn sweep_aside(self: &Arc<Self>, stop: &watch::Receiver<bool>) {
        let (keeper, stop) = (self.clone(), stop.clone());
        tokio::spawn(on_a_thread(stop, async move || keeper.sweep().await));
    }

    /// Takes out of the DNS what no open order needs any more. Blocks on the disk now and then.
    async fn sweep(&self) {
        // One is enough; what it leaves is found by the next.
        let Ok(_one) = self.sweeping.try_lock() else { return };
        let site = &self.site.name;
        match self.ground.journal.open_order(site) {
            Ok(Some(_)) => {}
            Ok(None) => proofs::sweep(&self.ground, site).await,
            Err(error) => tracing::warn!(site, "certificate: {error}"),
        }
    }

    /// Its task has panicked, and will begin again.
    pub(crate) fn broken(&self) {
        let mut progress = self.progress.lock();
        progress.doing = Doing::Idle;
        progress.is_broken = true;
    }

    /// Why no certificate is ordered for this host of the site, if that is so.
    pub(crate) fn not_ordered(&self, host: &HostPattern) -> Option<String> {
        self.progress.lock().plan.not_ordered(host)
    }

    /// A new certificate is wanted now, whatever the back-off says. One that is being ordered is new
    /// enough, if it comes.
    pub(crate) fn ask(&self) {
        self.progress.lock().wish = Wish::Fresh;
        self.changed.notify_one();
    }

    /// The hosts that a certificate is ordered for.
    pub(crate) fn names(&self) -> Vec<String> {
        self.progress.lock().plan.names()
    }

    /// Own certificates speak for other hosts than before.
    pub(crate) fn plan_anew(&self, plan: Plan) {
        let mut progress = self.progress.lock();
        if progress.plan == plan {
            return;
        }
        let (before, after) = (progress.plan.names(), plan.names());
        progress.plan = plan;
        if progress.plan.hosts.is_empty() && progress.doing != Doing::Ordering {
            progress.doing = Doing::Idle;
        }
        drop(progress);
        tracing::info!(
            site = self.site.name,
            "certificate: ordered for {} from now on, not for {}",
            list(&after),
            list(&before)
        );
        self.stand_in();
        self.changed.notify_one();
    }

    /// The certificate of an authority that the site is shown with.
    fn ordered(&self) -> Option<Arc<Presented>> {
        self.ground.certificates.ordered(&self.site.name)
    }

    fn lifetime(&self) -> Option<Lifetime> {
        self.ordered().as_deref().map(lifetime)
    }
}

/// A planned host that a certificate does not speak for.
fn lacking(plan: &Plan, presented: &Presented) -> Option<String> {
    plan.hosts.iter().find(|host| !covers(presented, host)).map(ToString::to_string)
}

/// For a wildcard, whether a wildcard does.
fn covers(presented: &Presented, host: &HostPattern) -> bool {
    presented.certificate.covers(&host.to_string())
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
pub(crate) mod tests;
