//! Where proofs are shown: below `/.well-known/`, in handshakes, in the DNS.

use std::collections::HashMap;
use std::time::SystemTime;

use async_trait::async_trait;
use parking_lot::Mutex;
use warmfront_acme::{Answer, Proof, Proofs};
use warmfront_certs::Challenges;
use warmfront_dns::{Published, Publisher};

/// Shows the proofs of one attempt. Where it is dropped, what is in the DNS stays: its order has the
/// same proofs when it is gone on with.
pub(crate) struct Showcase<'a> {
    pub(crate) challenges: &'a Challenges,
    /// There if any site proves its names by dns-01.
    pub(crate) publisher: Option<&'a Publisher>,
    pub(crate) clock: fn() -> SystemTime,
    /// By name and value, what is to be taken out of the DNS again.
    pub(crate) published: Mutex<HashMap<(String, String), Published>>,
}

// === impl Showcase ===

impl Showcase<'_> {
    async fn publish(&self, proof: &Proof, value: &str) -> Result<(), String> {
        let publisher = self.publisher.ok_or("nobody publishes records for it ([acme] dns)")?;
        let presented = publisher.present(proof.domain(), value, (self.clock)()).await;
        let record = presented.map_err(|error| error.sentence())?;
        self.published.lock().insert((proof.host.to_string(), value.to_owned()), record);
        Ok(())
    }

    async fn take_back(&self, proof: &Proof, value: &str) {
        let key = (proof.host.to_string(), value.to_owned());
        let record = self.published.lock().remove(&key);
        let (Some(publisher), Some(record)) = (self.publisher, record) else {
            return;
        };
        if let Err(error) = publisher.withdraw(&record, (self.clock)()).await {
            let (name, host) = (record.name(), &proof.host);
            tracing::warn!(%host, name, "a TXT record is left behind: {}", error.sentence());
        }
    }
}

#[async_trait]
impl Proofs for Showcase<'_> {
    async fn present(&self, proof: &Proof) -> Result<(), String> {
        match &proof.answer {
            Answer::Http01 { token, content } => self.challenges.publish_http(token, content),
            Answer::TlsAlpn01 { digest } => {
                let published = self.challenges.publish_tls(proof.domain(), digest);
                published.map_err(|error| error.to_string())?;
            }
            Answer::Dns01 { value } => self.publish(proof, value).await?,
        }
        Ok(())
    }

    async fn withdraw(&self, proof: &Proof) {
        match &proof.answer {
            Answer::Http01 { token, .. } => self.challenges.withdraw_http(token),
            Answer::TlsAlpn01 { .. } => self.challenges.withdraw_tls(proof.domain()),
            Answer::Dns01 { value } => self.take_back(proof, value).await,
        }
    }
}
