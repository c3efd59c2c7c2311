//! When a certificate is renewed: as its authority suggests (RFC 9773), else by its lifetime.

use std::sync::Arc;
use std::time::SystemTime;

use warmfront_acme::renewal::ASK_AGAIN_MAX;

use super::Keeper;
use crate::certificates::authorities::Known;
use crate::certificates::journal::Renewal;
use crate::certificates::schedule::lifetime;
use crate::timestamp::rfc3339;

// === impl Keeper ===

impl Keeper {
    /// Chooses when to renew what is served, if that was not chosen yet. Blocks on the disk.
    pub(super) fn choose_renewal(&self) {
        let Some(ordered) = self.ordered() else { return };
        let serial = ordered.certificate.serial();
        let chosen = self.progress.lock().renewal.as_ref().is_some_and(|it| it.serial == serial);
        if chosen {
            return;
        }
        self.keep_renewal(Renewal {
            serial: serial.to_owned(),
            at: lifetime(&ordered).due(rand::random()),
            window: None,
            ask_again: self.ground.now(),
        });
    }

    /// When the authority is next asked for its opinion; `None` if there is nothing to ask about, or
    /// the authority is not configured any more.
    pub(super) fn question(&self) -> Option<SystemTime> {
        self.issuer().and_then(|_| self.ordered())?;
        let progress = self.progress.lock();
        let at = progress.renewal.as_ref()?.ask_again;
        let now = self.ground.now();
        // What is later was written by a clock that ran ahead.
        Some(if at > now + ASK_AGAIN_MAX { now } else { at })
    }

    /// Asks the authority when it would like the certificate to be renewed. It is advice: without an
    /// answer, what was chosen before holds. Blocks on the disk now and then.
    pub(super) async fn ask_for_window(&self) {
        self.choose_renewal();
        let (Some(known), Some(ordered)) = (self.issuer(), self.ordered()) else { return };
        let lifetime = lifetime(&ordered);
        {
            // Whatever comes of it, the next question has its time.
            let ask_again = lifetime.ask_again(None, self.ground.now());
            let mut progress = self.progress.lock();
            let Some(renewal) = &mut progress.renewal else { return };
            renewal.ask_again = ask_again;
        }
        let asked = known.endpoint.renewal_window(ordered.certificate.leaf());
        let answer = asked.await.unwrap_or_else(|refusal| {
            let site = &self.site.name;
            tracing::info!(site, "certificate: not told when to renew it: {}", refusal.sentence);
            None
        });
        let renewal = self.progress.lock().renewal.clone();
        let serial = ordered.certificate.serial();
        let Some(before) = renewal.filter(|renewal| renewal.serial == serial) else { return };
        let next = before.told(&lifetime, answer.as_ref(), self.ground.now(), rand::random());
        if next.at != before.at {
            tracing::info!(
                site = self.site.name,
                "certificate: {} would like it to be renewed{}: due at {}",
                known.settings.name,
                answer.and_then(|it| it.explanation).map_or(String::new(), |it| format!(" ({it})")),
                rfc3339(next.at),
            );
        }
        self.keep_renewal(next);
    }

    fn keep_renewal(&self, renewal: Renewal) {
        let site = &self.site.name;
        if let Err(error) = self.ground.journal.keep_renewal(site, &renewal) {
            tracing::warn!(site, "certificate: its renewal is not kept: {error}");
        }
        self.progress.lock().renewal = Some(renewal);
    }

    /// Who gave the certificate that is served.
    fn issuer(&self) -> Option<Arc<Known>> {
        let progress = self.progress.lock();
        self.ground.authorities.find(&progress.record.as_ref()?.authority).cloned()
    }
}
