//! What a keeper begins with: what was kept before the node was stopped.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use warmfront_certs::Stored;
use warmfront_config::{BeforeFirst, Site};

use super::{Keeper, lacking};
use crate::certificates::attempt::close;
use crate::certificates::ground::Ground;
use crate::certificates::journal::JournalError;
use crate::certificates::plan::Plan;
use crate::certificates::progress::{Doing, Past, Progress};

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
        let record = stored.map(|Stored { certificate, record }| {
            ground.certificates.install(name, certificate);
            record
        });
        let mut progress = Progress {
            plan,
            damaged,
            renewal: ground.journal.renewal(name)?,
            open: ground.journal.open_order(name)?,
            past: Past::new(&ground.journal.attempts(name)?),
            asked: false,
            doing: Doing::Idle,
            record,
        };
        // The node was stopped between keeping the certificate and closing its order.
        let over = progress.open.as_ref().zip(progress.record.as_ref());
        let over = over.is_some_and(|(open, record)| {
            open.placed == record.ordered && open.account == record.account
        });
        if over {
            if let Err(error) = close(ground, name) {
                tracing::warn!(site = name, "certificate: its order could not be closed: {error}");
            }
            progress.open = None;
        }
        let keeper = Self {
            site: site.clone(),
            ground: ground.clone(),
            progress: Mutex::new(progress),
            changed: Notify::new(),
            spread: rand::random(),
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
        let plan = self.progress.lock().plan.clone();
        let is_whole = self.ordered().is_some_and(|ordered| lacking(&plan, &ordered).is_none());
        if plan.hosts.is_empty() || is_whole {
            return;
        }
        let (site, now) = (&self.site.name, self.ground.now());
        if let Err(error) = self.ground.certificates.stand_in(site, &plan.hosts, now) {
            tracing::warn!(site, "nothing stands in for the certificate: {error}");
        }
    }
}
