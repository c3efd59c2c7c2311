//! What is shown to the authority.

use async_trait::async_trait;
use warmfront_config::HostPattern;

/// Whoever publishes proofs.
#[async_trait]
pub trait Proofs: Send + Sync {
    /// Returns when the proof can be seen by the world; else says, as the end of a sentence, why it
    /// cannot. Several may be presented at once, also for one name and its wildcard.
    async fn present(&self, proof: &Proof) -> Result<(), String>;

    /// Takes it back. Called once for whatever was presented, also where that failed; not where the
    /// attempt was dropped.
    async fn withdraw(&self, proof: &Proof);
}

/// The answer to one challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The host whose control is proven.
    pub host: HostPattern,
    /// What is published.
    pub answer: Answer,
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// RFC 8555 §8.3: `content` at `/.well-known/acme-challenge/TOKEN`.
    Http01 {
        /// Letters, digits, `-` and `_`; proven to be that.
        token: String,
        /// The key authorization.
        content: String,
    },
    /// RFC 8737 §3: in the extension `acmeIdentifier` of a certificate.
    TlsAlpn01 {
        /// SHA-256 of the key authorization.
        digest: [u8; 32],
    },
    /// RFC 8555 §8.4: a TXT record at `_acme-challenge`.
    Dns01 {
        /// SHA-256 of the key authorization, in base64url.
        value: String,
    },
}

// === impl Proof ===

impl Proof {
    /// The host without `*.`: the name below which a TXT record is published.
    pub fn domain(&self) -> &str {
        match &self.host {
            HostPattern::Exact(name) | HostPattern::Wildcard(name) => name,
        }
    }
}
