//! The one door to everything that is stored.

mod encoded;
mod filling;
mod inspecting;
mod invalidating;

use std::sync::Arc;

use parking_lot::Mutex;
use warmfront_state::Database;

use warmfront_semantics::vary::Vary;

pub(crate) use filling::Filling;
pub use inspecting::Held;
use inspecting::LatelyTaken;

use crate::body::{Body, Fill, InFlight, Reserve, Retention};
use crate::changes::Changes;
use crate::encoding::Workshop;
use crate::key::Digest;
use crate::ledger::{Crowding, Journal, Ledger, LedgerError, Mark, SiteLedger};
use crate::memory::{MemoryTier, Placed};
use crate::stored::{Admission, Birth, Head, StoredResponse};
use crate::sweeper::Sweeper;
use crate::tenure::{Clock, Standing, Tenure};
use crate::variants::{VariantTier, Variants};

/// What the store is bounded by.
#[derive(Debug, Clone, Copy)]
pub struct StoreLimits {
    /// Bytes in all: `cache.memory`.
    pub memory_bytes: u64,
    /// Bytes of one body: `cache.max_object`.
    pub object_bytes: u64,
    /// Threads that share the store; as many small bodies are encoded at a time, and half as many
    /// large ones.
    pub workers: usize,
}

/// What the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Stored responses, variants counted one by one, and so are the encoded forms of a body: each is
    /// held and evicted by itself.
    pub objects: u64,
    /// Bytes they hold, headers and bookkeeping included.
    pub bytes: u64,
}

/// Stored responses, and the ledger of what was taken out of service.
#[derive(Debug)]
pub struct Store {
    memory: Arc<MemoryTier>,
    sweeper: Sweeper,
    variants: VariantTier,
    changes: Changes,
    ledger: Ledger,
    journal: Journal,
    /// Held while an invalidation is recorded: positions are one order.
    recording: Mutex<()>,
    lately_taken: LatelyTaken,
    in_flight: InFlight,
    workshop: Workshop,
    object_bytes_max: u64,
    clock: Clock,
}

/// What stands under a primary key.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) stored: Arc<StoredResponse>,
    /// Never dead.
    pub(crate) standing: Standing,
    /// If there are several, `stored` is the newest, and a request still has to select its own.
    pub(crate) variants: Option<Arc<Variants>>,
}

// === impl Store ===

impl Store {
    /// Reads the ledger in `database` and starts with an empty memory tier, and with a thread that gives
    /// the memory of what is dead back. The clock is read for what is kept beyond a deploy, and for what
    /// is stale before its time.
    pub fn open(
        limits: &StoreLimits,
        database: Arc<Database>,
        clock: Clock,
    ) -> Result<Self, LedgerError> {
        let start = |memory| Sweeper::start(memory, clock).map_err(LedgerError::Sweeper);
        Self::open_with(limits, database, clock, start)
    }

    /// One that sweeps when it is told to.
    #[cfg(test)]
    pub(crate) fn open_unswept(
        limits: &StoreLimits,
        database: Arc<Database>,
        clock: Clock,
    ) -> Result<Self, LedgerError> {
        Self::open_with(limits, database, clock, |memory| Ok(Sweeper::idle(memory, clock)))
    }

    fn open_with(
        limits: &StoreLimits,
        database: Arc<Database>,
        clock: Clock,
        start: impl FnOnce(Arc<MemoryTier>) -> Result<Sweeper, LedgerError>,
    ) -> Result<Self, LedgerError> {
        // Bodies that are still being written are not in Moka's count; they get a share of their own.
        let in_flight = (limits.memory_bytes / 4).max(limits.object_bytes);
        let small = limits.memory_bytes / 16;
        let variants = limits.memory_bytes / 64;
        let memory = limits.memory_bytes.saturating_sub(in_flight + small + variants);
        let memory = MemoryTier::new(memory, limits.object_bytes, limits.workers, clock);
        let memory = Arc::new(memory);
        let journal = Journal::open(database)?;
        let ledger = read(&journal)?;
        Ok(Self {
            sweeper: start(memory.clone())?,
            memory,
            variants: VariantTier::new(variants),
            changes: Changes::default(),
            ledger,
            journal,
            recording: Mutex::default(),
            lately_taken: LatelyTaken::default(),
            in_flight: InFlight::new(in_flight, small),
            workshop: Workshop::new(limits.workers),
            object_bytes_max: limits.object_bytes,
            clock,
        })
    }

    /// The ledger of a site: what its stored responses are judged by.
    pub fn site(&self, name: &str) -> Arc<SiteLedger> {
        self.ledger.site(name)
    }

    /// A request to an origin that begins now is born here.
    pub fn birth(&self) -> Birth {
        Birth { position: self.ledger.newest(), change: self.changes.now() }
    }

    /// Takes everything under a primary key out of service, and what is being fetched for it too:
    /// its resource has changed (RFC 9111 §4.4).
    pub fn change(&self, primary: &Digest) {
        self.changes.mark(primary);
        self.memory.forget(primary);
        self.forget_variants(primary);
    }

    /// What tells it the time.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Largest body that is stored, in bytes.
    pub fn object_bytes_max(&self) -> u64 {
        self.object_bytes_max
    }

    /// What is held now.
    pub fn stats(&self) -> Stats {
        let (objects, bytes) = self.memory.totals();
        Stats { objects, bytes }
    }

    /// What a primary key finds.
    pub(crate) fn find(&self, primary: &Digest) -> Option<Found> {
        if let Some(found) = self.in_service(primary) {
            return Some(found);
        }
        let variants = self.variants.get(primary)?;
        let found = variants.digests().find_map(|digest| self.in_service(&digest))?;
        Some(Found { variants: Some(variants), ..found })
    }

    /// The variant of a primary key that a request has selected.
    pub(crate) fn variant(&self, primary: &Digest, digest: &Digest) -> Option<Found> {
        let variants = self.variants.get(primary).filter(|variants| variants.lists(digest))?;
        drop(variants);
        self.in_service(digest)
    }

    /// What stands at a digest, unless an invalidation has taken it for good.
    fn in_service(&self, digest: &Digest) -> Option<Found> {
        let stored = self.memory.get(digest)?;
        if self.is_changed(None, stored.admission()) {
            self.memory.remove(*digest, &stored);
            return None;
        }
        let standing = stored.tenure.standing(self.clock);
        if standing == Standing::Dead {
            self.memory.remove(*digest, &stored);
            return None;
        }
        Some(Found { stored, standing, variants: None })
    }

    /// Whether a resource was changed since a response of it was born. A primary key is forgotten with
    /// what stands under it, so that only a fill needs to ask; of its versions nobody has a list, so
    /// that each asks when it is found.
    fn is_changed(&self, primary: Option<&Digest>, admission: &Admission) -> bool {
        let since = admission.birth.change;
        let keys = primary.into_iter().chain(&admission.resource);
        keys.into_iter().any(|key| self.changes.has_changed(key, since))
    }

    /// Begins to store a response; others can find it and read it while it is written.
    pub(crate) fn fill(
        self: &Arc<Self>,
        primary: Digest,
        head: Head,
        admission: Admission,
    ) -> Filling {
        let digest = head.variance.unwrap_or(primary);
        // A length that is told is taken at once: what has begun is not thrown out for want of room.
        let reserved = admission.length.unwrap_or(0);
        let room = reserved <= self.object_bytes_max
            && self.in_flight.reserve(reserved, 0) == Reserve::Taken;
        let reserved = if room { reserved } else { 0 };
        let told = admission.length.is_some();
        let mut retention = if room { Retention::Whole } else { Retention::Window };
        let fill = Fill::new(retention);
        let mut stored = StoredResponse::new(head, Body::Filling(fill.clone()), admission);
        stored.replaces = self.whole(&digest, &primary);
        let stored = Arc::new(stored);
        // What has no Vary field is for every request, and stands in the way of all variants.
        let displaced = (digest != primary).then(|| self.whole(&primary, &primary)).flatten();
        if room {
            let placed = self.insert(primary, digest, stored.clone());
            // Asked after it stands there: a change that comes later finds it.
            let changed = self.is_changed(Some(&primary), stored.admission());
            if changed {
                self.memory.remove(digest, &stored);
            }
            if changed || placed != Placed::Done {
                retention = Retention::Window;
                fill.keep_window();
            } else if told {
                stored.admission().room.make();
            }
        }
        Filling {
            store: self.clone(),
            primary,
            fill,
            stored,
            displaced,
            written: 0,
            reserved,
            retention,
            finished: false,
        }
    }

    /// What a fill that comes to nothing leaves as it was: the last whole response at a digest.
    fn whole(&self, digest: &Digest, primary: &Digest) -> Option<Arc<StoredResponse>> {
        let stored = self.memory.get(digest)?;
        let whole = match stored.body {
            Body::Whole(_) => stored,
            Body::Filling(_) => stored.replaces.clone()?,
        };
        let changed = self.is_changed(Some(primary), whole.admission());
        (!changed).then_some(whole)
    }

    /// Gives a stored response a new head, after the origin said that the body is still good: it is born
    /// anew, and so live again if a deploy had retired it, or a soft invalidation marked it. If something
    /// else stands there by now, that is newer. What was taken since it was found does not come back.
    pub(crate) fn freshen(
        &self,
        primary: Digest,
        was: &Arc<StoredResponse>,
        head: Head,
        admission: Admission,
    ) -> bool {
        let digest = was.digest(primary);
        let is_changed = self.is_changed(None, was.admission());
        if is_changed || was.tenure.standing(self.clock) == Standing::Dead {
            self.memory.remove(digest, was);
            return false;
        }
        let Admission { place, tags, .. } = was.admission();
        let now = admission.tags.clone().or_else(|| tags.clone());
        let admission = Admission { place: place.clone(), tags: now, ..admission };
        let mut fresh = StoredResponse::new(head, was.body.clone(), admission.clone());
        fresh.tenure = Tenure::succeeding(tags.as_ref(), admission);
        fresh.in_vain = was.in_vain.clone();
        let fresh = Arc::new(fresh);
        if self.memory.replace(digest, was, fresh.clone()) != Placed::Done {
            return false;
        }
        if fresh.tenure.settle(self.clock) == Standing::Dead {
            self.memory.remove(digest, &fresh);
            return false;
        }
        true
    }

    /// Drops one stored response, if it still stands there.
    pub fn discard(&self, primary: Digest, stored: &Arc<StoredResponse>) {
        self.memory.remove(stored.digest(primary), stored);
    }

    fn insert(&self, primary: Digest, digest: Digest, stored: Arc<StoredResponse>) -> Placed {
        let vary = Vary::of(&stored.head.fields);
        let placed = self.memory.insert(digest, stored);
        if digest == primary || placed != Placed::Done {
            return placed;
        }
        if let Some(oldest) = self.variants.add(primary, vary, digest) {
            self.memory.forget(&oldest);
        }
        self.memory.forget(&primary);
        placed
    }

    fn restore(&self, primary: Digest, displaced: &Arc<StoredResponse>) {
        self.memory.restore(primary, displaced.clone());
        // As in `fill`.
        if self.is_changed(Some(&primary), displaced.admission()) {
            self.memory.remove(primary, displaced);
        }
    }

    fn forget_variants(&self, primary: &Digest) {
        if let Some(variants) = self.variants.remove(primary) {
            variants.digests().for_each(|digest| self.memory.forget(&digest));
        }
    }
}

/// The ledger as it was left.
fn read(journal: &Journal) -> Result<Ledger, LedgerError> {
    let ledger = Ledger::default();
    let recorded = journal.load()?;
    for (site, position) in recorded.floors {
        ledger.raise_floor(&site, position);
    }
    for done in recorded.invalidations {
        let site = ledger.site(&done.site);
        let mark = Mark { position: done.position, at: done.created };
        site.record(mark, done.kind, &done.scope());
        // Nothing is stored yet that would have to be judged before.
        if site.crowding() != Crowding::None {
            site.fold(done.position);
        }
        ledger.advance(done.position);
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests;
