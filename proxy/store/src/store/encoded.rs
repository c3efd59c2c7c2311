//! The encoded forms of what is stored.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use warmfront_semantics::coding::Coding;

use super::Store;
use crate::body::Body;
use crate::encoding::{Encoded, EncodedBody, Job, Progress, Turn};
use crate::key::Digest;
use crate::stored::StoredResponse;

/// How long a client waits for a form: the body as it is would be on its way meanwhile.
const WAIT_MAX: Duration = Duration::from_secs(1);

// === impl Store ===

impl Store {
    /// The body of a stored response in a content coding. It is made once, beside the request path, and
    /// kept in memory like a stored response, for as long as it has room and its response is there; a
    /// hit is one look-up.
    ///
    /// `None` if the body is still being written, does not get smaller, or could not be encoded; the
    /// latter two are remembered. `None` too where too many forms wait to be made, at once, and where
    /// this one is not there within a second: later it may be.
    ///
    /// May be dropped at any time; the form is made all the same, unless its response is gone before
    /// that begins.
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
        let mut progress = match self.workshop.turn(key, stored.body.content_bytes(), settled) {
            Turn::Take(made) => return made.map(|made| made.encoded().clone()),
            Turn::Leave => return None,
            Turn::Wait(progress) => progress,
            Turn::Make(job, progress) => {
                let making = self.clone().make(job, digest, stored.clone(), coding);
                tokio::spawn(making);
                progress
            }
        };
        let made = progress.wait_for(|progress| matches!(progress, Progress::Made(_)));
        let made = tokio::time::timeout(WAIT_MAX, made).await.ok()?.ok()?;
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
            let reborn = Arc::new(made.reborn(&stored.tenure));
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
        // As it was found, or freshened since.
        let standing = || self.memory.get(&digest).filter(|now| now.body.is_that_of(body));
        let Some(permit) = job.begin().await else { return };
        // Nobody can ask for it any more.
        if !job.is_awaited() && standing().is_none() {
            return;
        }
        let encoded = encode(body.clone(), coding).await;
        drop(permit);
        let Some(encoded) = encoded else {
            stored.in_vain.note(coding);
            return job.end(None);
        };
        let standing = standing();
        let of = &standing.as_ref().unwrap_or(&stored).tenure;
        let made = Arc::new(EncodedBody::new(encoded, body, of));
        // Without its response it would be in the way of others, or of the form of a newer body.
        if standing.is_some() {
            self.memory.insert_encoded(job.key, made.clone());
        }
        job.end(Some(made));
    }
}

/// `None` if that came to nothing.
async fn encode(body: Arc<[Bytes]>, coding: Coding) -> Option<Encoded> {
    let work = tokio::task::spawn_blocking(move || Encoded::of(&body, coding));
    work.await.ok()?.ok()?
}
