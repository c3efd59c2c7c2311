//! What is told of a key to whoever asks why it was a hit or a miss.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use warmfront_semantics::coding::Coding;
use warmfront_semantics::vary::Vary;

use super::Store;
use crate::body::Body;
use crate::invalidation::{Invalidation, Kind};
use crate::key::Digest;
use crate::ledger::{LedgerError, Position};
use crate::stored::{Place, StoredResponse};
use crate::tenure::Standing;

/// Of so many stored responses that were named one by one it is known what took them.
const TAKEN_MAX: usize = 4_096;
/// The codings that a body may be held in.
const CODINGS: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// Something that is held under a primary key.
#[derive(Debug, Clone)]
pub struct Held {
    /// The stored response.
    pub stored: Arc<StoredResponse>,
    /// Whether it may still be served: what is dead is held until it is swept.
    pub standing: Standing,
    /// Where it stands.
    pub digest: Digest,
    /// By what it was selected; `None` if it is for every request.
    pub vary: Option<Arc<Vary>>,
    /// The content codings that its body is held in, beside the body as it is.
    pub codings: Vec<Coding>,
}

/// What took those that were taken last and named one by one: a tag says nothing once what carried it
/// is gone.
#[derive(Debug, Default)]
pub(crate) struct LatelyTaken(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    by: HashMap<Digest, Position>,
    oldest_first: VecDeque<Digest>,
}

// === impl Store ===

impl Store {
    /// All that is held under a primary key, in the order in which a look-up selects from it: what is for
    /// every request, then variants, newest first. The dead are told too. All of it counts as used: what
    /// is used least goes first where room is wanted.
    pub fn held(&self, primary: &Digest) -> Vec<Held> {
        let variants = self.variants.get(primary);
        let variants = variants.iter().flat_map(|variants| variants.each());
        let each = std::iter::once((None, *primary))
            .chain(variants.map(|(vary, digest)| (Some(vary.clone()), digest)));
        each.filter_map(|(vary, digest)| self.held_at(vary, digest)).collect()
    }

    fn held_at(&self, vary: Option<Arc<Vary>>, digest: Digest) -> Option<Held> {
        let stored = self.memory.get(&digest)?;
        let is_held = |coding: &Coding| {
            let Body::Whole(body) = &stored.body else { return false };
            let encoded = self.memory.encoded(&self.workshop.key(&digest, *coding));
            encoded.is_some_and(|encoded| encoded.is_of(body))
        };
        let codings = CODINGS.into_iter().filter(is_held).collect();
        let standing = if self.is_changed(None, stored.admission()) {
            Standing::Dead
        } else {
            stored.tenure.standing(self.clock)
        };
        Some(Held { stored, standing, digest, vary, codings })
    }

    /// The newest hard invalidation that took what stood under this key, or would have taken it had it
    /// stood there; `None` if there was none that is still known. Reads the disk; not for an async
    /// thread.
    pub fn taken_by(
        &self,
        primary: &Digest,
        site: &str,
        place: &Place,
    ) -> Result<Option<Invalidation>, LedgerError> {
        let variants = self.variants.get(primary);
        let digests = variants.iter().flat_map(|variants| variants.digests());
        let noted = self.lately_taken.newest(std::iter::once(*primary).chain(digests));
        let newest = noted.max(self.ledger.site(site).newest_taking(place));
        newest.map_or(Ok(None), |position| self.journal.at(position))
    }

    /// The newest soft invalidation that names this stored response, if it was born before; `None`
    /// if there was none that is still known. Reads the disk; not for an async thread.
    pub fn softened_by(
        &self,
        stored: &StoredResponse,
    ) -> Result<Option<Invalidation>, LedgerError> {
        let admission = stored.admission();
        let newest = admission.ledger.newest_naming(Kind::Soft, admission);
        match newest.filter(|position| *position > stored.position()) {
            Some(position) => self.journal.at(position),
            None => Ok(None),
        }
    }
}

// === impl LatelyTaken ===

impl LatelyTaken {
    pub(super) fn note(&self, digests: &[Digest], by: Position) {
        let mut memory = self.0.lock();
        // The others would only be forgotten at once.
        for digest in digests.iter().rev().take(TAKEN_MAX) {
            if memory.by.insert(*digest, by).is_none() {
                memory.oldest_first.push_back(*digest);
            }
            if memory.oldest_first.len() > TAKEN_MAX
                && let Some(oldest) = memory.oldest_first.pop_front()
            {
                memory.by.remove(&oldest);
            }
        }
    }

    fn newest(&self, digests: impl Iterator<Item = Digest>) -> Option<Position> {
        let memory = self.0.lock();
        digests.filter_map(|digest| memory.by.get(&digest).copied()).max()
    }
}
