//! Every key of the node.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use warmfront_config::Key;
use warmfront_semantics::sigv4::{Claim, Flaw, Signature, is_presigned};
use warmfront_state::Database;

use crate::changes::Changes;
use crate::claimed::{Claimed, Signed};
use crate::error::KeysError;
use crate::listed::Listed;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::replays::Replays;
use crate::ring::{Entry, Ring};
use crate::root_key::RootKey;

/// The keys, and what became of requests that were signed with them. Who proves itself takes no
/// lock; changes wait for each other and for the disk.
#[derive(Debug)]
pub struct Keyring {
    pub(crate) ring: ArcSwap<Ring>,
    pub(crate) changes: Mutex<Changes>,
    replays: Replays,
}

// === impl Keyring ===

impl Keyring {
    /// The root key, the configuration's keys, and those in the database. `state` is the state
    /// directory, where `seal.key` is. Fails if the database cannot be read, or `seal.key` is damaged or
    /// open to other users.
    pub fn open(
        root: &RootKey,
        configured: &[Key],
        database: Arc<Database>,
        state: &Path,
        now: SystemTime,
    ) -> Result<Self, KeysError> {
        let (changes, created) = Changes::open(root, database, state, now)?;
        let mut ring = Ring::default();
        // The later one of an id wins: what the operator wrote over what the API made.
        let configured = configured.iter().map(Entry::configured);
        for entry in created.into_iter().chain(configured).chain([Entry::root(root)]) {
            if let Some(hidden) = ring.find(entry.principal.id()) {
                let (id, name) = (hidden.principal.id(), hidden.principal.name());
                tracing::warn!(
                    key = id,
                    name,
                    "another key has the same id: this one opens nothing"
                );
            }
            ring.insert(entry);
        }
        let (ring, changes) = (ArcSwap::from_pointee(ring), Mutex::new(changes));
        Ok(Self { ring, changes, replays: Replays::default() })
    }

    /// Who asks, by `Authorization`: `Bearer <id>.<secret>` (RFC 6750 §2.1) or a `SigV4` signature,
    /// which is proven once the body is there. `target` is path and query as they stand on the wire.
    pub fn claim<'r>(
        &'r self,
        method: &'r Method,
        target: &'r str,
        headers: &'r HeaderMap,
        now: SystemTime,
    ) -> Result<Claimed<'r>, Refusal> {
        let mut fields = headers.get_all(AUTHORIZATION).iter();
        let Some(field) = fields.next() else {
            let is_presigned = is_presigned(target);
            return Err(if is_presigned { Flaw::Presigned.into() } else { Refusal::Missing });
        };
        if fields.next().is_some() {
            return Err(Refusal::Malformed);
        }
        let field = field.as_bytes();
        if let Some(token) = bearer(field) {
            return self.bearer(token, now).map(Claimed::Proven);
        }
        if !field.starts_with(b"AWS4-") {
            return Err(Refusal::Malformed);
        }
        let claim = Claim::read(method, target, headers)?;
        if self.ring.load().find(claim.access_key_id()).is_none() {
            return Err(Refusal::Unknown);
        }
        Ok(Claimed::Signed(Box::new(Signed { ring: &self.ring, claim })))
    }

    /// Who asks, by a bearer token alone: `<id>.<secret>`. It takes as long for a wrong key as for
    /// a right one.
    pub fn bearer(&self, token: &[u8], now: SystemTime) -> Result<Principal, Refusal> {
        // An id holds no `.`, a secret may.
        let dot = token.iter().position(|byte| *byte == b'.').ok_or(Refusal::Malformed)?;
        let (id, secret) = token.split_at(dot);
        let secret = secret.strip_prefix(b".").unwrap_or_default();
        if id.is_empty() || secret.is_empty() {
            return Err(Refusal::Malformed);
        }
        let ring = self.ring.load();
        let entry = ring.opened(id, secret, now).ok_or(Refusal::Wrong)?;
        entry.note_use(now);
        Ok(entry.principal.clone())
    }

    /// Lets a signed request that changes something be carried out once. Only for one that was
    /// proven: a signature stands for its whole request, so the same one again is the same request
    /// again. What was carried out is forgotten at a restart. How many are remembered is bounded for
    /// each key by itself, so that none can use up what another needs.
    pub fn first_use(
        &self,
        by: &Principal,
        signature: Signature,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        self.replays.first_use(by.id(), signature, now)
    }

    /// Every key without its secret: root first, then the configuration's, then the created ones,
    /// each by name. Old secrets that no longer pass are forgotten on the way, which may wait for the
    /// disk.
    pub fn list(&self, now: SystemTime) -> Vec<Listed> {
        let changes = self.changes.lock();
        if let Some(next) = changes.forget_old(&self.ring.load(), now) {
            self.ring.store(Arc::new(next));
        }
        drop(changes);
        let mut listed: Vec<Listed> =
            self.ring.load().entries().map(|entry| entry.listed(now)).collect();
        listed.sort_unstable_by(|one, next| {
            (one.source, &one.name, &one.id).cmp(&(next.source, &next.name, &next.id))
        });
        listed
    }
}

/// What stands behind `Bearer `.
fn bearer(field: &[u8]) -> Option<&[u8]> {
    let space = field.iter().position(|byte| *byte == b' ').unwrap_or(field.len());
    let (scheme, token) = field.split_at(space);
    scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests;
