//! The sweeper: gives the memory of what is dead back, beside everything else. Nobody is served the
//! dead, swept or not, so that it may take its time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use crate::catalog::{Cursor, Shelf};
use crate::key::Digest;
use crate::ledger::SiteLedger;
use crate::memory::MemoryTier;
use crate::tenure::Clock;

/// What is swept before others get their turn: some milliseconds of work.
const CHUNK: usize = 1_000;

/// A thread of its own, which ends with its owner.
#[derive(Debug)]
pub(crate) struct Sweeper {
    floor: Arc<Floor>,
    thread: Option<JoinHandle<()>>,
}

/// What has to be swept.
#[derive(Debug)]
pub(crate) enum Work {
    /// What a deploy has taken whole.
    Shelf(Shelf),
    /// What stands here, where it is dead.
    Digests(Vec<Digest>),
    /// What of a site is kept no longer.
    Kept(Arc<SiteLedger>),
    /// What a ledger holds: it can forget what everything stored was judged by.
    Ledger(Arc<SiteLedger>),
}

#[derive(Debug)]
struct Floor {
    heap: Mutex<Heap>,
    changed: Condvar,
    memory: Arc<MemoryTier>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Heap {
    work: VecDeque<Work>,
    is_sweeping: bool,
    is_closing: bool,
}

/// Judges all that is stored of a site, so that its ledger can forget what it was judged by. What joins
/// meanwhile is judged by more.
pub(crate) fn settle(site: &SiteLedger, clock: Clock) {
    let judged_by = site.latest();
    let mut cursor = Cursor::default();
    while let Some(entries) = site.catalog.listed(&mut cursor) {
        for entry in entries {
            entry.tenure().standing(clock);
        }
    }
    site.fold(judged_by);
}

// === impl Sweeper ===

impl Sweeper {
    /// One that sweeps by itself.
    pub(crate) fn start(memory: Arc<MemoryTier>, clock: Clock) -> io::Result<Self> {
        let floor = Arc::new(Floor::new(memory, clock));
        let swept = floor.clone();
        let thread = std::thread::Builder::new().name("sweeper".to_owned());
        let thread = thread.spawn(move || swept.keep_clean())?;
        Ok(Self { floor, thread: Some(thread) })
    }

    /// One that sweeps when it is told to.
    #[cfg(test)]
    pub(crate) fn idle(memory: Arc<MemoryTier>, clock: Clock) -> Self {
        Self { floor: Arc::new(Floor::new(memory, clock)), thread: None }
    }

    pub(crate) fn take(&self, work: Work) {
        let mut heap = self.floor.heap.lock();
        let is_known = heap.work.iter().any(|known| known.covers(&work));
        if !is_known {
            heap.work.push_back(work);
        }
        drop(heap);
        self.floor.changed.notify_all();
    }

    /// Sweeps all that there is, in this thread.
    #[cfg(test)]
    pub(crate) fn sweep(&self) {
        while let Some(work) = self.floor.next_at_once() {
            self.floor.sweep(work);
        }
    }

    /// Waits until there is nothing to sweep.
    #[cfg(test)]
    pub(crate) fn wait_until_clean(&self) {
        let mut heap = self.floor.heap.lock();
        self.floor.changed.wait_while(&mut heap, |heap| heap.is_sweeping || !heap.work.is_empty());
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.floor.heap.lock().is_closing = true;
        self.floor.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A sweeper that has panicked sweeps no more either.
            let _ = thread.join();
        }
    }
}

// === impl Work ===

impl Work {
    /// Whether the other is done with this one.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Kept(one), Self::Kept(other)) | (Self::Ledger(one), Self::Ledger(other)) => {
                Arc::ptr_eq(one, other)
            }
            _ => false,
        }
    }
}

// === impl Floor ===

impl Floor {
    fn new(memory: Arc<MemoryTier>, clock: Clock) -> Self {
        Self { heap: Mutex::default(), changed: Condvar::new(), memory, clock }
    }

    fn keep_clean(&self) {
        while let Some(work) = self.next() {
            self.sweep(work);
            self.heap.lock().is_sweeping = false;
            self.changed.notify_all();
        }
    }

    /// Waits for work; `None` is the end.
    fn next(&self) -> Option<Work> {
        let mut heap = self.heap.lock();
        self.changed.wait_while(&mut heap, |heap| heap.work.is_empty() && !heap.is_closing);
        if heap.is_closing {
            return None;
        }
        heap.is_sweeping = true;
        heap.work.pop_front()
    }

    #[cfg(test)]
    fn next_at_once(&self) -> Option<Work> {
        self.heap.lock().work.pop_front()
    }

    fn sweep(&self, work: Work) {
        match work {
            Work::Shelf(mut taken) => self.sweep_each(|| taken.drain(CHUNK)),
            Work::Digests(digests) => {
                let mut chunks = digests.chunks(CHUNK);
                self.sweep_each(|| chunks.next().map(<[Digest]>::to_vec));
            }
            Work::Kept(site) => {
                let mut cursor = Cursor::default();
                self.sweep_each(|| site.catalog.expire(&mut cursor, (self.clock)()));
            }
            Work::Ledger(site) => settle(&site, self.clock),
        }
    }

    fn sweep_each(&self, mut chunk: impl FnMut() -> Option<Vec<Digest>>) {
        while let Some(digests) = chunk() {
            if self.heap.lock().is_closing {
                return;
            }
            for digest in digests {
                self.memory.sweep(digest);
            }
            std::thread::yield_now();
        }
    }
}
