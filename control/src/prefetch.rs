//! Prefetching: after an invalidation, what was named with it is fetched through the edge, so that
//! the first client finds it stored.
//!
//! One job of each site at a time, a few URLs of it at once, and never more requests a second than
//! the configuration says, which the sites share evenly. A job that is cut off, by the end of the
//! node too, begins anew at the next start: the ledger knows which are not done.

mod fetcher;
mod front;
mod pace;
mod round;
mod sitemap;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use prometheus::Registry;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use warmfront_config::Config;
use warmfront_store::{Invalidation, Prefetch, PrefetchState, Store};

use crate::data_plane::DataPlane;
use fetcher::Fetcher;
pub(crate) use front::request_target;
use round::Round;
use tally::Tally;

/// Jobs that wait for their turn.
const QUEUE_MAX: usize = 100;
/// From one trial to write down how a job went to the next.
const WRITE_DOWN_PAUSE: Duration = Duration::from_secs(30);
/// What is told of a job until its turn comes.
const WAITS: &str = "waits until the prefetch of this site that began before it is done";

/// Carries out prefetches, those of one site one after the other.
pub(crate) struct Prefetcher {
    config: Arc<Config>,
    store: Arc<Store>,
    fetcher: Arc<Fetcher>,
    clock: fn() -> SystemTime,
    rooms: Arc<Semaphore>,
    begun: UnboundedSender<Job>,
    queue: tokio::sync::Mutex<UnboundedReceiver<Job>>,
    /// By id: from when a job is begun to when the ledger says how it went.
    under_way: Mutex<HashMap<String, UnderWay>>,
}

struct UnderWay {
    site: String,
    progress: Arc<Mutex<Progress>>,
}

/// What a [`Prefetcher`] is made of.
pub(crate) struct Parts<'p> {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Arc<Store>,
    pub(crate) data_plane: Arc<dyn DataPlane>,
    pub(crate) registry: &'p Registry,
    pub(crate) clock: fn() -> SystemTime,
}

/// A place in the queue, held while the invalidation is recorded.
pub(crate) struct Seat {
    permit: OwnedSemaphorePermit,
    prefetcher: Arc<Prefetcher>,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{QUEUE_MAX} prefetches are waiting already: ask again later, or invalidate without one")]
pub(crate) struct Full;

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// URLs that were answered well.
    pub(crate) fetched: u64,
    /// URLs that were not, and sitemaps that could not be read.
    pub(crate) failed: u64,
    /// URLs there are; `None` until the sitemaps are read.
    pub(crate) total: Option<u64>,
    /// What went wrong until now, or what it waits for, in a sentence.
    pub(crate) detail: Option<String>,
}

struct Job {
    id: String,
    site: String,
    asked: Prefetch,
    progress: Arc<Mutex<Progress>>,
    /// Until its turn comes; a job of before the start takes nobody's place.
    room: Option<OwnedSemaphorePermit>,
}

// === impl Full ===

impl Full {
    /// Seconds after which there may be room.
    pub(crate) const RETRY_AFTER: u64 = 30;
}

// === impl Seat ===

impl Seat {
    /// Queues the prefetch of an invalidation that was just recorded.
    pub(crate) fn begin(self, recorded: &Invalidation) {
        self.prefetcher.clone().enqueue(recorded, Some(self.permit));
    }
}

// === impl Prefetcher ===

impl Prefetcher {
    /// Fails if the registry has its metric already.
    pub(crate) fn new(parts: Parts<'_>) -> Result<Arc<Self>, prometheus::Error> {
        let fetcher = Fetcher::new(&parts.config, parts.data_plane, parts.registry)?;
        let (begun, queue) = unbounded_channel();
        Ok(Arc::new(Self {
            config: parts.config,
            store: parts.store,
            fetcher: Arc::new(fetcher),
            clock: parts.clock,
            rooms: Arc::new(Semaphore::new(QUEUE_MAX)),
            begun,
            queue: tokio::sync::Mutex::new(queue),
            under_way: Mutex::default(),
        }))
    }

    /// A seat for one more job: to be had before an invalidation with a prefetch is recorded.
    pub(crate) fn seat(self: &Arc<Self>) -> Result<Seat, Full> {
        let permit = self.rooms.clone().try_acquire_owned().map_err(|_| Full)?;
        Ok(Seat { permit, prefetcher: self.clone() })
    }

    /// How far the job of an invalidation is; `None` if the ledger knows all there is.
    pub(crate) fn progress(&self, id: &str) -> Option<Progress> {
        let progress = self.under_way.lock().get(id).map(|job| job.progress.clone());
        progress.map(|progress| progress.lock().clone())
    }

    /// How many jobs of a site are not done.
    pub(crate) fn running(&self, site: &str) -> usize {
        self.under_way.lock().values().filter(|job| job.site == site).count()
    }

    /// Takes up what was not done when the node stopped, then carries out what is begun, until
    /// `stop` turns true or its sender is gone. It ends between requests, or in one.
    pub(crate) async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            // An error is a sender that is gone: nobody could say stop any more.
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.work() => {}
        }
    }

    async fn work(self: &Arc<Self>) {
        let mut queue = self.queue.lock().await;
        self.take_up().await;
        let (mut waiting, mut sites) = (VecDeque::new(), HashMap::new());
        let mut jobs = JoinSet::new();
        loop {
            tokio::select! {
                // The other end is in `self`: there is no last one.
                Some(job) = queue.recv() => waiting.push_back(job),
                Some(ended) = jobs.join_next_with_id() => {
                    let task = ended.as_ref().map_or_else(JoinError::id, |(task, ())| *task);
                    let place = sites.extract_if(|_, (running, _)| *running == task).next();
                    if let (Err(error), Some((_, (_, job)))) = (ended, place) {
                        let prefetcher = self.clone();
                        jobs.spawn(async move { prefetcher.broke(job, &error).await });
                    }
                }
            }
            while let Some(next) = waiting.iter().position(|job| !sites.contains_key(&job.site))
                && let Some(job) = waiting.remove(next)
            {
                let (site, id, prefetcher) = (job.site.clone(), job.id.clone(), self.clone());
                let running = jobs.spawn(async move { prefetcher.finish(job).await });
                sites.insert(site, (running.id(), id));
            }
        }
    }

    async fn finish(&self, job: Job) {
        let id = job.id.clone();
        let state = self.carry_out(job).await;
        self.write_down(id, state).await;
    }

    /// Writes down a job that is the node's own fault: nobody waits for it any longer.
    async fn broke(&self, id: String, error: &JoinError) {
        tracing::error!(%error, id, "a prefetch failed inside the node");
        let Progress { fetched, failed, .. } = self.progress(&id).unwrap_or_default();
        let detail = Some("failed inside the node; its log says why".to_owned());
        // Itself, even if nothing that it asked for failed.
        let (failed, finished) = (failed.max(1), (self.clock)());
        self.write_down(id, PrefetchState::Done { fetched, failed, finished, detail }).await;
    }

    async fn take_up(&self) {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || store.unfinished()).await {
            Ok(Ok(unfinished)) => unfinished.iter().for_each(|job| self.enqueue(job, None)),
            Ok(Err(error)) => tracing::warn!(%error, "prefetches of before are not taken up"),
            Err(error) => tracing::error!(%error, "prefetches of before are not taken up"),
        }
    }

    fn enqueue(&self, recorded: &Invalidation, room: Option<OwnedSemaphorePermit>) {
        let Some(prefetch) = &recorded.prefetch else { return };
        let mut under_way = self.under_way.lock();
        // What is recorded while the node starts is among the unfinished, too.
        let waits = under_way.values().any(|job| job.site == recorded.site).then_some(WAITS);
        let Entry::Vacant(place) = under_way.entry(recorded.id.clone()) else { return };
        let (id, site) = (recorded.id.clone(), recorded.site.clone());
        let progress = Progress { detail: waits.map(str::to_owned), ..Progress::default() };
        let progress = Arc::new(Mutex::new(progress));
        place.insert(UnderWay { site: site.clone(), progress: Arc::clone(&progress) });
        let job = Job { id, site, asked: prefetch.asked.clone(), progress, room };
        // The other end is in `self`.
        let _ = self.begun.send(job);
    }

    async fn carry_out(&self, job: Job) -> PrefetchState {
        let Job { id, site, asked, progress, room } = job;
        drop(room);
        *progress.lock() = Progress::default();
        let found = self.config.sites.iter().find(|known| known.name == site);
        let tally = if let Some(found) = found {
            Round::new(&self.config, found, &self.fetcher, &progress).carry_out(&asked).await
        } else {
            let mut tally = Tally::default();
            tally.remark(format!("there is no site {site} any more"));
            tally
        };
        let (fetched, failed, detail) = (tally.fetched, tally.failed, tally.detail());
        tracing::info!(id, site, fetched, failed, detail, "prefetched");
        PrefetchState::Done { fetched, failed, finished: (self.clock)(), detail }
    }

    /// Until a ledger that cannot be written can be again, the job is shown as it was seen last.
    async fn write_down(&self, id: String, state: PrefetchState) {
        loop {
            let (store, job, state) = (self.store.clone(), id.clone(), state.clone());
            let written = tokio::task::spawn_blocking(move || store.prefetched(&job, state)).await;
            let error = match written {
                Ok(Ok(())) => {
                    self.under_way.lock().remove(&id);
                    return;
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            tracing::error!(error, id, "how a prefetch went could not be written down");
            // The next start takes up what this one cannot end.
            if self.store.problem().is_some() {
                return;
            }
            tokio::time::sleep(WRITE_DOWN_PAUSE).await;
        }
    }
}
