//! What `Authorization` says of who asks, proven or still to be proven by the body.

use std::time::SystemTime;

use arc_swap::ArcSwap;
use warmfront_semantics::sigv4::{Claim, Signature};

use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::ring::Ring;

/// Who asks, as far as the head of a request says.
#[derive(Debug)]
pub enum Claimed<'r> {
    /// A bearer token, which was the right one.
    Proven(Principal),
    /// A signature, which covers the body too.
    Signed(Box<Signed<'r>>),
}

/// A signed request, before its body.
#[derive(Debug)]
pub struct Signed<'r> {
    pub(crate) ring: &'r ArcSwap<Ring>,
    pub(crate) claim: Claim<'r>,
}

// === impl Signed ===

impl Signed<'_> {
    /// Whose key it is said to be signed with: one that is known here.
    pub fn access_key_id(&self) -> &str {
        self.claim.access_key_id()
    }

    /// The signature, for [`Keyring::first_use`](crate::Keyring::first_use).
    pub fn signature(&self) -> Signature {
        self.claim.signature()
    }

    /// Who asks, if the whole request was signed with the key's secret, as the key is by now: one
    /// that was revoked while the body came in proves nothing.
    pub fn prove(&self, body: &[u8], now: SystemTime) -> Result<Principal, Refusal> {
        let ring = self.ring.load();
        let entry = ring.find(self.access_key_id()).ok_or(Refusal::Unknown)?;
        let mut secrets = entry.signing_secrets(now).peekable();
        if secrets.peek().is_none() {
            return Err(Refusal::Unsealed);
        }
        self.claim.verify(secrets, body, now)?;
        entry.note_use(now);
        Ok(entry.principal.clone())
    }
}
