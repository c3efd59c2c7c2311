//! A response on its way into the store.

use std::sync::Arc;

use bytes::Bytes;

use super::Store;
use crate::body::{Body, BodyError, BodyReader, Fill, Reserve, Retention, Role};
use crate::key::Digest;
use crate::memory::Placed;
use crate::stored::StoredResponse;

/// Writes a body into the store. Dropped before [`Filling::finish`], it is an aborted transfer: its
/// readers get an error, and nothing is stored.
#[derive(Debug)]
pub(crate) struct Filling {
    pub(super) store: Arc<Store>,
    pub(super) primary: Digest,
    pub(super) fill: Arc<Fill>,
    pub(super) stored: Arc<StoredResponse>,
    /// What stood under the primary key and had to make way for a variant, put back if this comes to
    /// nothing.
    pub(super) displaced: Option<Arc<StoredResponse>>,
    pub(super) written: u64,
    pub(super) reserved: u64,
    pub(super) retention: Retention,
    pub(super) finished: bool,
}

// === impl Filling ===

impl Filling {
    /// A reader for the client whose request this is.
    pub(crate) fn own_reader(&self) -> BodyReader {
        BodyReader::new(Body::Filling(self.fill.clone()), Role::Own)
    }

    pub(crate) fn stored(&self) -> &Arc<StoredResponse> {
        &self.stored
    }

    /// Fails if what is written is neither kept nor read.
    pub(crate) fn write(&mut self, chunk: &Bytes) -> Result<(), BodyError> {
        self.written += chunk.len() as u64;
        if self.retention == Retention::Whole && !self.room_for_written() {
            self.retention = Retention::Window;
            self.fill.keep_window();
            self.give_back();
        }
        self.fill.write(chunk)
    }

    /// Stores what was written; returns its content's length.
    pub(crate) fn finish(mut self) -> u64 {
        self.finished = true;
        if let Some(segments) = self.fill.complete() {
            let body = Body::Whole(segments);
            let mut head = self.stored.head.clone();
            head.fix_length(body.content_bytes());
            let mut whole = StoredResponse::new(head, body, self.stored.admission().clone());
            whole.tenure = self.stored.tenure.inherited();
            let digest = self.stored.digest(self.primary);
            match self.store.memory.replace_fill(digest, &self.fill, Arc::new(whole)) {
                // What has no Vary field is for every request, and takes the place of all variants.
                Placed::Done if digest == self.primary => {
                    self.store.forget_variants(&self.primary);
                }
                Placed::Done | Placed::Occupied => {}
                // An invalidation has overtaken it.
                Placed::Dead => self.give_back(),
            }
        }
        self.written
    }

    /// Leaves things as they were before.
    fn give_back(&mut self) {
        let digest = self.stored.digest(self.primary);
        if let Some(before) = &self.stored.replaces {
            self.store.memory.replace_fill(digest, &self.fill, before.clone());
        }
        // There was nothing before, or it is dead.
        self.store.memory.remove_fill(digest, &self.fill);
        if let Some(displaced) = self.displaced.take() {
            self.store.restore(self.primary, &displaced);
        }
    }

    fn room_for_written(&mut self) -> bool {
        let more = self.written.saturating_sub(self.reserved);
        if more == 0 {
            return true;
        }
        let fits = self.written <= self.store.object_bytes_max
            && self.store.in_flight.reserve(more, self.reserved) == Reserve::Taken;
        if fits {
            self.reserved += more;
        }
        fits
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.store.in_flight.release(self.reserved);
        if !self.finished {
            self.fill.abort();
            self.give_back();
        }
    }
}
