//! One attempt: from logging in to a certificate that is kept and served.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::timeout;
use warmfront_acme::{
    Ask, Blame, Journal as _, KeepError, Obtained, OpenOrder, ProfileRule, Refusal, Step, Wanted,
    obtain,
};
use warmfront_certs::{Record, Stored};
use warmfront_config::{HostPattern, Issuance};

use super::authorities::Known;
use super::ground::Ground;
use super::proofs::Showcase;

/// For one attempt in all, whatever an authority lets it wait for.
const TIME_MAX: Duration = Duration::from_mins(20);

/// What is to be attempted.
#[derive(Clone)]
pub(crate) struct Commission {
    pub(crate) site: String,
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) issuance: Issuance,
    /// Who is asked.
    pub(crate) authority: Arc<Known>,
    /// What is served now, and whose it is.
    pub(crate) replaces: Option<(Vec<u8>, Record)>,
    pub(crate) open: Option<OpenOrder>,
    /// How far to go.
    pub(crate) wanted: Wanted,
}

// === impl Commission ===

impl Commission {
    /// As [`Self::carry_out`], with a time in which it has to come to an end.
    pub(crate) async fn in_time(&self, ground: &Ground) -> Result<Option<Record>, Refusal> {
        timeout(TIME_MAX, self.carry_out(ground)).await.unwrap_or_else(|_| {
            let name = &self.authority.settings.name;
            let minutes = TIME_MAX.as_secs() / 60;
            let sentence = format!("{name} did not get on with it within {minutes} min");
            Err(Refusal { sentence, blame: Blame::Authority, retry_after: None })
        })
    }

    /// Gives the record of the certificate that is served now; `None` where only an open order was
    /// wanted, and there is none. Blocks on the disk now and then. Can be dropped at any time: the
    /// journal knows how to go on.
    pub(crate) async fn carry_out(&self, ground: &Ground) -> Result<Option<Record>, Refusal> {
        // An order that cannot be kept is one of the authority's limits gone for nothing.
        let proven = ground.journal.prove(&self.site);
        proven.map_err(|error| edge(&format!("nothing is ordered: {error}")))?;
        let authority = self.authority.endpoint.log_in(&ground.journal).await?;
        let replaces = self.replaces.as_ref().filter(|(_, record)| {
            record.authority == authority.directory() && record.account == authority.account()
        });
        let ask = Ask {
            hosts: &self.hosts,
            challenge: self.issuance.challenge,
            profile: self.profile(),
            replaces: replaces.map(|(leaf, _)| leaf.as_slice()),
            open: self.open.clone(),
            wanted: self.wanted,
        };
        let proofs = Showcase {
            site: &self.site,
            ground,
            published: Mutex::new(HashMap::new()),
            shown: Mutex::default(),
        };
        let placed = self.open.as_ref().map(|open| open.placed);
        let mut journal = SiteJournal { site: &self.site, ground, placed };
        let obtained = obtain(&authority, &ask, &proofs, &mut journal, ground.clock).await?;
        let Obtained::Issued(issued) = obtained else { return Ok(None) };
        let record = Record {
            authority: issued.directory,
            account: issued.account,
            ordered: journal.placed.unwrap_or_else(|| ground.now()),
        };
        let kept = ground.storage.keep(&self.site, &issued.chain, &issued.key, &record);
        let Stored { certificate, .. } = kept.map_err(|error| edge(&error.to_string()))?;
        ground.certificates.install(&self.site, certificate);
        if let Err(error) = journal.closed() {
            // The next start knows by the record that the order is over.
            tracing::warn!(site = self.site, "certificate: its order could not be closed: {error}");
        }
        Ok(Some(record))
    }

    /// The configured profile is the first authority's; another need not know it.
    fn profile(&self) -> ProfileRule<'_> {
        match &self.issuance.profile {
            None => ProfileRule::Any,
            Some(profile) if self.authority.is_fallback => ProfileRule::IfOffered(profile),
            Some(profile) => ProfileRule::Required(profile),
        }
    }
}

/// The journal of one site's order.
struct SiteJournal<'a> {
    site: &'a str,
    ground: &'a Ground,
    /// When the order was placed that is under way.
    placed: Option<SystemTime>,
}

// === impl SiteJournal ===

impl warmfront_acme::Journal for SiteJournal<'_> {
    fn placed(&mut self, order: &OpenOrder) -> Result<(), KeepError> {
        // A key that a crash left behind may be that of the certificate that is served.
        self.ground.storage.drop_pending_key(self.site).map_err(KeepError::new)?;
        self.ground.journal.placed(self.site, order).map_err(KeepError::new)?;
        self.ground.placed(&order.directory, order.placed);
        self.placed = Some(order.placed);
        Ok(())
    }

    fn key(&mut self) -> Result<Option<String>, KeepError> {
        self.ground.storage.pending_key(self.site).map_err(KeepError::new)
    }

    fn keep_key(&mut self, pem: &str) -> Result<(), KeepError> {
        self.ground.storage.keep_pending_key(self.site, pem).map_err(KeepError::new)
    }

    fn closed(&mut self) -> Result<(), KeepError> {
        close(self.ground, self.site)
    }

    fn step(&mut self, step: Step) {
        tracing::info!(site = self.site, "certificate: {step}");
    }
}

/// The site's order is over, and its key is nobody's. The order first: without it the key is found
/// by nobody, while an order without its key has to be placed anew.
pub(crate) fn close(ground: &Ground, site: &str) -> Result<(), KeepError> {
    ground.journal.closed(site).map_err(KeepError::new)?;
    ground.storage.drop_pending_key(site).map_err(KeepError::new)
}

/// By this node's own doing.
pub(crate) fn edge(sentence: &str) -> Refusal {
    Refusal { sentence: sentence.to_owned(), blame: Blame::Edge, retry_after: None }
}

#[cfg(test)]
mod tests {
    use warmfront_certs::Storage as _;

    use crate::certificates::keeper::tests::Before;

    use super::*;

    #[tokio::test]
    async fn no_new_order_finds_the_key_of_the_one_before() {
        let before = Before::new();
        let (_, orders) = before.start();
        // As a crash between closing the last order and dropping its key leaves it.
        before.placed(0, |_| {});
        before.journal.closed("www").unwrap();
        assert!(before.storage.pending_key("www").unwrap().is_some());
        let order = OpenOrder {
            directory: "https://a.example/directory".to_owned(),
            account: "https://a.example/account".to_owned(),
            url: "https://a.example/order".to_owned(),
            hosts: vec!["www.acme.dev".to_owned()],
            profile: None,
            placed: orders.ground.now(),
        };
        let mut journal = SiteJournal { site: "www", ground: &orders.ground, placed: None };
        journal.placed(&order).unwrap();
        assert_eq!(before.storage.pending_key("www").unwrap(), None);
        assert_eq!(before.journal.open_order("www").unwrap(), Some(order));
    }
}
