//! What a keeper begins with: what was kept before the node was stopped.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use warmfront_acme::KeepError;
use warmfront_certs::Stored;
use warmfront_config::{BeforeFirst, Site};

use super::{Keeper, covers};
use crate::certificates::attempt::close;
use crate::certificates::ground::Ground;
use crate::certificates::journal::JournalError;
use crate::certificates::plan::Plan;
use crate::certificates::progress::{Doing, Past, Progress, Wish};

// === impl Keeper ===

impl Keeper {
    /// Shows what is kept for the site, or a stand-in. Blocks on the disk. Fails if the journal
    /// cannot be read; a damaged certificate is gone on without.
    pub(crate) fn open(
        ground: &Arc<Ground>,
        site: &Arc<Site>,
        plan: Plan,
    ) -> Result<Self, JournalError> {
        let name = &site.name;
        let (stored, damaged) = match ground.storage.current(name) {
            Ok(stored) => (stored, None),
            Err(error) => {
                tracing::error!(site = name, "the stored certificate cannot be used: {error}");
                (None, Some(error.to_string()))
            }
        };
        let record = stored.and_then(|Stored { certificate, record }| {
            ground.certificates.install(name, certificate);
            record
        });
        let mut progress = Progress {
            plan,
            damaged,
            renewal: ground.journal.renewal(name)?,
            open: ground.journal.open_order(name)?,
            past: Past::new(&ground.journal.attempts(name)?),
            wish: Wish::Nothing,
            doing: Doing::Idle,
            is_broken: false,
            record,
        };
        settle(ground, name, &mut progress);
        let keeper = Self {
            site: site.clone(),
            ground: ground.clone(),
            progress: Mutex::new(progress),
            changed: Notify::new(),
            sweeping: tokio::sync::Mutex::default(),
            spread: rand::random(),
            has_published: !ground.journal.published(name)?.is_empty(),
        };
        keeper.stand_in();
        keeper.choose_renewal();
        Ok(keeper)
    }

    /// Shows a certificate of the node's own for hosts that have none yet, where that is wanted.
    pub(super) fn stand_in(&self) {
        if self.ground.before_first == BeforeFirst::Refuse {
            return;
        }
        // Hosts that nothing is ordered for, too: their handshakes would be refused for ever.
        let hosts = self.progress.lock().plan.uncovered();
        let ordered = self.ordered();
        let is_shown = |host| ordered.as_ref().is_some_and(|ordered| covers(ordered, host));
        if hosts.iter().all(is_shown) {
            return;
        }
        let (site, now) = (&self.site.name, self.ground.now());
        if let Err(error) = self.ground.certificates.stand_in(site, &hosts, now) {
            tracing::warn!(site, "nothing stands in for the certificate: {error}");
        }
    }
}

/// Ends what the node did not come to when it was stopped, and an order that cannot be gone on with:
/// a certificate that is valid must not be ordered anew for it.
fn settle(ground: &Ground, site: &str, progress: &mut Progress) {
    let settled = match progress.open.clone() {
        // It was stopped between closing an order and dropping its key, which is that of the
        // certificate that is served.
        None => ground.storage.drop_pending_key(site).map_err(KeepError::new),
        Some(open) => {
            // It was stopped between keeping the certificate and closing its order.
            let is_over = progress.record.as_ref().is_some_and(|record| {
                open.placed == record.ordered && open.account == record.account
            });
            if !is_over && progress.resumable(&ground.authorities, ground.now()).is_some() {
                return;
            }
            if !is_over {
                let why = "it is too old, or not what the configuration wants now";
                tracing::info!(site, "certificate: gave up the order {}: {why}", open.url);
            }
            progress.open = None;
            close(ground, site)
        }
    };
    if let Err(error) = settled {
        tracing::warn!(site, "certificate: its order could not be closed: {error}");
    }
}
