//! The encoded forms of what is stored.

use std::sync::Arc;

use bytes::Bytes;
use warmfront_semantics::coding::Coding;

use super::Store;
use crate::body::Body;
use crate::encoding::{Encoded, EncodedBody, Job, Progress, Turn};
use crate::key::Digest;
use crate::stored::StoredResponse;

// === impl Store ===

impl Store {
    /// The body of a stored response in a content coding. It is made once, beside the request path, and
    /// kept in memory like a stored response, for as long as it has room and its response is there; a
    /// hit is one look-up.
    ///
    /// `None` if the body is still being written, does not get smaller, or could not be encoded; the
    /// latter two are remembered. May be dropped at any time; the form is made all the same.
    pub async fn encoded(
        self: &Arc<Self>,
        primary: Digest,
        stored: &Arc<StoredResponse>,
        coding: Coding,
    ) -> Option<Encoded> {
        let Body::Whole(body) = &stored.body else { return None };
        if stored.in_vain.has(coding) {
            return None;
        }
        let digest = stored.digest(primary);
        let key = self.workshop.key(&digest, coding);
        if let Some(made) = self.made(key, stored, body) {
            return Some(made.encoded().clone());
        }
        let settled = || match self.made(key, stored, body) {
            None if stored.in_vain.has(coding) => Some(None),
            made => made.map(Some),
        };
        let mut progress = match self.workshop.turn(key, settled) {
            Turn::Take(made) => return made.map(|made| made.encoded().clone()),
            Turn::Wait(progress) => progress,
            Turn::Make(job, progress) => {
                let making = self.clone().make(job, digest, stored.clone(), coding);
                tokio::spawn(making);
                progress
            }
        };
        let made =
            progress.wait_for(|progress| matches!(progress, Progress::Made(_))).await.ok()?;
        match &*made {
            // Whoever made it may have had an older body.
            Progress::Made(Some(made)) if made.is_of(body) => Some(made.encoded().clone()),
            Progress::Made(_) | Progress::Running => None,
        }
    }

    /// The form that is in memory, if it was made from what this response holds now.
    fn made(
        &self,
        key: Digest,
        stored: &StoredResponse,
        body: &Arc<[Bytes]>,
    ) -> Option<Arc<EncodedBody>> {
        let made = self.memory.encoded(&key).filter(|made| made.is_of(body))?;
        if !made.tenure.is_that_of(&stored.tenure) {
            // The response was freshened since. Its form must not go by what takes older ones.
            let reborn = Arc::new(made.reborn(stored.admission().clone()));
            self.memory.replace_encoded(key, &made, reborn);
        }
        Some(made)
    }

    async fn make(
        self: Arc<Self>,
        job: Job,
        digest: Digest,
        stored: Arc<StoredResponse>,
        coding: Coding,
    ) {
        let Body::Whole(body) = &stored.body else { return };
        let Some(encoded) = self.workshop.encode(body, coding).await else {
            stored.in_vain.note(coding);
            return job.end(None);
        };
        let made = Arc::new(EncodedBody::new(encoded, body, stored.admission().clone()));
        // Without its response it would be in the way of others, or of the form of a newer body.
        let stands = self.memory.get(&digest).is_some_and(|now| now.body.is_that_of(body));
        if stands {
            self.memory.insert_encoded(job.key, made.clone());
        }
        job.end(Some(made));
    }
}
