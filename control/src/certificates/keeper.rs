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
use super::progress::{Doing, Progress};
use super::schedule::{self, Cause, Due, lifetime};
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
    /// Spreads what comes due at a start; from 0 to 1.
    spread: f64,
}

// === impl Keeper ===

impl Keeper {
    /// Never returns; where it is dropped, what is under way is gone on with at the next start.
    pub(crate) async fn keep(self: Arc<Self>, stop: watch::Receiver<bool>) {
        loop {
            let wait = self.look(&stop).await;
            tokio::select! {
                () = sleep(wait) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Sees to what is due, and says when to look again.
    async fn look(self: &Arc<Self>, stop: &watch::Receiver<bool>) -> Duration {
        if self.progress.lock().plan.hosts.is_empty() {
            return IDLE;
        }
        let now = self.ground.now();
        let due = self.due(now);
        let question = self.question();
        // Before a renewal too: it may have been put off.
        let can_wait = due.at > now || matches!(due.cause, Cause::Lacking(_) | Cause::Renewal);
        if can_wait && question.is_some_and(|at| at <= now) {
            // What cannot be asked now can be asked later.
            if let Ok(_turn) = self.ground.looks.acquire().await {
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
        let progress = self.progress.lock();
        let ordered = self.ordered();
        let lacking = ordered.as_ref().and_then(|ordered| lacking(&progress.plan, ordered));
        let known = schedule::Known {
            started: self.ground.started,
            spread: self.spread,
            lifetime: ordered.as_deref().map(lifetime),
            lacking: lacking.as_deref(),
            renewal: progress.renewal.as_ref().map(|renewal| renewal.at),
            under_way: progress.open.is_some(),
            asked: progress.asked,
            failed: progress.past.failure(),
        };
        known.due(now)
    }

    /// A new certificate is wanted now, whatever the back-off says. One that is being ordered is new
    /// enough.
    pub(crate) fn ask(&self) {
        let mut progress = self.progress.lock();
        if progress.doing != Doing::Ordering {
            progress.asked = true;
        }
        drop(progress);
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
