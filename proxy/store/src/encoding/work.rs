//! Who encodes what: one for each form, few at a time, and whoever else wants the same waits. Large
//! bodies have a lane of their own: a small one is never behind them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use warmfront_semantics::coding::Coding;

use crate::encoding::EncodedBody;
use crate::key::{Digest, Digester};

/// Largest body of the small lane: some milliseconds of work.
const SMALL_BYTES_MAX: u64 = 256 * 1024;
const SMALL_WAITING_MAX: usize = 64;
/// Each that waits holds its body in memory, evicted or not.
const LARGE_WAITING_MAX: usize = 8;

/// Forms that are being made.
#[derive(Debug)]
pub(crate) struct Workshop {
    digester: Digester,
    running: Arc<Mutex<Running>>,
    small: Lane,
    large: Lane,
}

/// Jobs that may wait for each other.
#[derive(Debug)]
struct Lane {
    /// For each that has begun or waits.
    places: Arc<Semaphore>,
    /// For each that has begun.
    permits: Arc<Semaphore>,
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
    /// Do without: enough wait for other forms.
    Leave,
}

/// The making of one form; dropped, nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) key: Digest,
    running: Arc<Mutex<Running>>,
    progress: watch::Sender<Progress>,
    permits: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
}

// === impl Workshop ===

impl Workshop {
    /// One in which at most `most` work on small bodies at a time, and half as many on large ones.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            digester: Digester::random(),
            running: Arc::default(),
            small: Lane::new(most, SMALL_WAITING_MAX),
            large: Lane::new(most / 2, LARGE_WAITING_MAX),
        }
    }

    /// Where the form of what stands at a digest stands. A keyed hash of 128 bits: that it meets another
    /// entry is as likely as that two primary keys do.
    pub(crate) fn key(&self, stored: &Digest, coding: Coding) -> Digest {
        self.digester.digest([Some(stored.as_slice()), Some(coding.as_str().as_bytes())])
    }

    /// Whose turn it is with a form of so many bytes of content. `settled` is asked while no turn
    /// changes: what is made is put in its place before its job ends.
    pub(crate) fn turn(
        &self,
        key: Digest,
        bytes: u64,
        settled: impl FnOnce() -> Option<Option<Arc<EncodedBody>>>,
    ) -> Turn {
        let mut running = self.running.lock();
        if let Some(progress) = running.get(&key) {
            return Turn::Wait(progress.clone());
        }
        if let Some(made) = settled() {
            return Turn::Take(made);
        }
        let Lane { places, permits } = self.lane(bytes);
        let Ok(place) = places.clone().try_acquire_owned() else { return Turn::Leave };
        let (progress, awaited) = watch::channel(Progress::Running);
        running.insert(key, awaited.clone());
        let (running, permits) = (self.running.clone(), permits.clone());
        Turn::Make(Job { key, running, progress, permits, _place: place }, awaited)
    }

    fn lane(&self, bytes: u64) -> &Lane {
        if bytes <= SMALL_BYTES_MAX { &self.small } else { &self.large }
    }
}

// === impl Lane ===

impl Lane {
    fn new(most: usize, waiting_max: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS - waiting_max);
        let places = Arc::new(Semaphore::new(most + waiting_max));
        Self { places, permits: Arc::new(Semaphore::new(most)) }
    }
}

// === impl Job ===

impl Job {
    /// Waits until it may begin; the work is over when the permit is dropped.
    pub(crate) async fn begin(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().acquire_owned().await.ok()
    }

    /// Whether somebody waits for it still.
    pub(crate) fn is_awaited(&self) -> bool {
        // One is the workshop's own, for those who come later.
        self.progress.receiver_count() > 1
    }

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

#[cfg(test)]
mod tests;
