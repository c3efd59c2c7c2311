//! Who encodes what: one for each form, few at a time, and whoever else wants the same waits.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use warmfront_semantics::coding::Coding;

use crate::encoding::{Encoded, EncodedBody};
use crate::key::{Digest, Digester};

/// Forms that are being made.
#[derive(Debug)]
pub(crate) struct Workshop {
    digester: Digester,
    running: Arc<Mutex<Running>>,
    permits: Semaphore,
}

type Running = HashMap<Digest, watch::Receiver<Progress>>;

/// How far a form has come. A sender that is gone before it said [`Progress::Made`] has failed.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    Running,
    Made(Option<Arc<EncodedBody>>),
}

/// What somebody who wants a form has to do.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Take it: it was made just now, or in vain.
    Take(Option<Arc<EncodedBody>>),
    /// Wait for whoever makes it.
    Wait(watch::Receiver<Progress>),
    /// Have it made, and wait too.
    Make(Job, watch::Receiver<Progress>),
}

/// The making of one form; dropped, nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) key: Digest,
    running: Arc<Mutex<Running>>,
    progress: watch::Sender<Progress>,
}

// === impl Workshop ===

impl Workshop {
    /// One in which at most `most` work at a time.
    pub(crate) fn new(most: usize) -> Self {
        let permits = Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS));
        Self { digester: Digester::random(), running: Arc::default(), permits }
    }

    /// Where the form of what stands at a digest stands. A keyed hash of 128 bits: that it meets another
    /// entry is as likely as that two primary keys do.
    pub(crate) fn key(&self, stored: &Digest, coding: Coding) -> Digest {
        self.digester.digest([Some(stored.as_slice()), Some(coding.as_str().as_bytes())])
    }

    /// Whose turn it is. `settled` is asked while no turn changes: what is made is put in its place
    /// before its job ends.
    pub(crate) fn turn(
        &self,
        key: Digest,
        settled: impl FnOnce() -> Option<Option<Arc<EncodedBody>>>,
    ) -> Turn {
        let mut running = self.running.lock();
        if let Some(progress) = running.get(&key) {
            return Turn::Wait(progress.clone());
        }
        if let Some(made) = settled() {
            return Turn::Take(made);
        }
        let (progress, awaited) = watch::channel(Progress::Running);
        running.insert(key, awaited.clone());
        Turn::Make(Job { key, running: self.running.clone(), progress }, awaited)
    }

    /// Encodes a body when there is a free place; `None` if that came to nothing.
    pub(crate) async fn encode(&self, body: &Arc<[Bytes]>, coding: Coding) -> Option<Encoded> {
        let _permit = self.permits.acquire().await.ok()?;
        let body = body.clone();
        let work = tokio::task::spawn_blocking(move || Encoded::of(&body, coding));
        work.await.ok()?.ok()?
    }
}

// === impl Job ===

impl Job {
    pub(crate) fn end(self, made: Option<Arc<EncodedBody>>) {
        // Those who wait may all be gone.
        let _ = self.progress.send(Progress::Made(made));
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}
