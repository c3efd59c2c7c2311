//! Where proofs are shown: below `/.well-known/`, in handshakes, in the DNS.

use std::collections::HashMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use warmfront_acme::{Answer, Proof, Proofs};
use warmfront_certs::Challenges;
use warmfront_dns::Published;

use super::ground::Ground;

/// Shows the proofs of one attempt. Where it is dropped, what is in the DNS stays, and the journal
/// knows of it: an order that is gone on with may need it, and [`sweep`] finds it else.
pub(crate) struct Showcase<'a> {
    pub(crate) site: &'a str,
    pub(crate) ground: &'a Ground,
    /// By name and value, what is to be taken out of the DNS again.
    pub(crate) published: Mutex<HashMap<(String, String), Published>>,
    /// What this node has shown itself.
    pub(crate) shown: Mutex<Vec<Proof>>,
}

// === impl Showcase ===

impl Showcase<'_> {
    fn challenges(&self) -> &Challenges {
        self.ground.certificates.challenges()
    }

    /// What this node shows itself.
    fn hide(&self, proof: &Proof) {
        match &proof.answer {
            Answer::Http01 { token, .. } => self.challenges().withdraw_http(token),
            Answer::TlsAlpn01 { .. } => self.challenges().withdraw_tls(proof.domain()),
            Answer::Dns01 { .. } => {}
        }
    }

    async fn publish(&self, proof: &Proof, value: &str) -> Result<(), String> {
        let Ground { publisher, journal, .. } = self.ground;
        let Some(publisher) = publisher else {
            return Err("nobody publishes records for it ([acme] dns)".to_owned());
        };
        let located = publisher.locate(proof.domain(), value, self.ground.now()).await;
        let record = located.map_err(|error| error.sentence())?;
        journal.publishing(self.site, &record).map_err(|error| error.to_string())?;
        // Where it fails, it has been withdrawn if that was possible; `sweep` makes sure.
        let shown = publisher.publish(&record, self.ground.now()).await;
        shown.map_err(|error| error.sentence())?;
        self.published.lock().insert((proof.host.to_string(), value.to_owned()), record);
        Ok(())
    }

    async fn take_back(&self, proof: &Proof, value: &str) {
        let key = (proof.host.to_string(), value.to_owned());
        let record = self.published.lock().remove(&key);
        if let Some(record) = record {
            withdraw(self.ground, self.site, &record).await;
        }
    }
}

impl Drop for Showcase<'_> {
    /// An attempt may be cut off in the middle.
    fn drop(&mut self) {
        for proof in self.shown.lock().iter() {
            self.hide(proof);
        }
    }
}

/// Takes out of the DNS what the journal says was published for a site, as far as that can be done:
/// what fails is tried again after the next order, and at the next start. Blocks on the disk now
/// and then.
pub(crate) async fn sweep(ground: &Ground, site: &str) {
    match ground.journal.published(site) {
        Ok(records) => {
            for record in &records {
                // An order that was placed meanwhile may be given the same proofs.
                if !matches!(ground.journal.open_order(site), Ok(None)) {
                    return;
                }
                withdraw(ground, site, record).await;
            }
        }
        Err(error) => tracing::warn!(site, "certificate: {error}"),
    }
}

async fn withdraw(ground: &Ground, site: &str, record: &Published) {
    let name = record.name();
    if let Some(publisher) = &ground.publisher {
        if let Err(error) = publisher.withdraw(record, ground.now()).await {
            let why = error.sentence();
            tracing::warn!(site, name, "a TXT record is left behind for now: {why}");
            return;
        }
    } else {
        tracing::warn!(site, name, "a TXT record is left behind: [acme] has no `dns` any more");
    }
    if let Err(error) = ground.journal.withdrawn(site, record) {
        tracing::warn!(site, name, "certificate: {error}");
    }
}

#[async_trait]
impl Proofs for Showcase<'_> {
    async fn present(&self, proof: &Proof) -> Result<(), String> {
        if !matches!(proof.answer, Answer::Dns01 { .. }) {
            self.shown.lock().push(proof.clone());
        }
        match &proof.answer {
            Answer::Http01 { token, content } => self.challenges().publish_http(token, content),
            Answer::TlsAlpn01 { digest } => {
                let published = self.challenges().publish_tls(proof.domain(), digest);
                published.map_err(|error| error.to_string())?;
            }
            Answer::Dns01 { value } => self.publish(proof, value).await?,
        }
        Ok(())
    }

    async fn withdraw(&self, proof: &Proof) {
        match &proof.answer {
            Answer::Http01 { .. } | Answer::TlsAlpn01 { .. } => self.hide(proof),
            Answer::Dns01 { value } => self.take_back(proof, value).await,
        }
    }
}
