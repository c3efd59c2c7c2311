//! The one door to everything that is stored.

mod encoded;
mod filling;

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rand::seq::IndexedRandom as _;
use redb::Database;

use warmfront_semantics::vary::Vary;

pub(crate) use filling::Filling;

use crate::body::{Body, Fill, InFlight, Reserve, Retention};
use crate::changes::Changes;
use crate::encoding::Workshop;
use crate::invalidation::{Counted, Invalidation, InvalidationPath, Order, Receipt};
use crate::key::Digest;
use crate::ledger::{Journal, Ledger, LedgerError, Position, SiteLedger};
use crate::memory::{Entry, MemoryTier};
use crate::stored::{Admission, Birth, Head, StoredResponse};
use crate::tenure::{Clock, Kept, Standing};
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
    memory: MemoryTier,
    variants: VariantTier,
    changes: Changes,
    ledger: Ledger,
    journal: Journal,
    /// Held while an invalidation is recorded: positions are one order.
    recording: Mutex<()>,
    in_flight: InFlight,
    workshop: Workshop,
    object_bytes_max: u64,
    clock: Clock,
}

/// What stands under a primary key.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) stored: Arc<StoredResponse>,
    /// Whether it only stands in for an origin that has nothing newer.
    pub(crate) kept: Option<Kept>,
    /// If there are several, `stored` is the newest, and a request still has to select its own.
    pub(crate) variants: Option<Arc<Variants>>,
}

// === impl Store ===

impl Store {
    /// Reads the ledger in `database` and starts with an empty memory tier. The clock is read for what
    /// is kept beyond a deploy, and for nothing else.
    pub fn open(
        limits: &StoreLimits,
        database: Arc<Database>,
        clock: Clock,
    ) -> Result<Self, LedgerError> {
        // Bodies that are still being written are not in Moka's count; they get a share of their own.
        let in_flight = (limits.memory_bytes / 4).max(limits.object_bytes);
        let small = limits.memory_bytes / 16;
        let variants = limits.memory_bytes / 64;
        let memory = limits.memory_bytes.saturating_sub(in_flight + small + variants);
        let journal = Journal::open(database)?;
        let ledger = Ledger::default();
        let recorded = journal.load()?;
        for (site, position) in recorded.floors {
            ledger.raise_floor(&site, position);
        }
        for done in recorded.invalidations {
            ledger.publish(&done.site, done.position, &done.paths, done.created);
        }
        Ok(Self {
            memory: MemoryTier::new(memory, limits.object_bytes, limits.workers),
            variants: VariantTier::new(variants),
            changes: Changes::default(),
            ledger,
            journal,
            recording: Mutex::default(),
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

    /// Largest body that is stored, in bytes.
    pub fn object_bytes_max(&self) -> u64 {
        self.object_bytes_max
    }

    /// Takes stored responses out of service: when this returns, no request is served one of them
    /// again, but for what is to be kept beyond a deploy where its origin has nothing newer. Writes to
    /// disk; not for an async thread.
    pub fn invalidate(&self, order: Order, now: SystemTime) -> Result<Receipt, LedgerError> {
        let (journal, recording) = (&self.journal, self.recording.lock());
        if let Some(reference) = &order.reference
            && let Some(done) = journal.by_reference(&order.site, reference)?
        {
            let same = done.paths == order.paths;
            return Ok(if same { Receipt::Repeated(done) } else { Receipt::Conflict(done) });
        }
        let mut invalidation = Invalidation {
            id: invalidation_id(),
            position: Position::new(self.ledger.newest().get() + 1),
            site: order.site,
            paths: order.paths,
            reference: order.reference,
            by: order.by,
            created: now,
            counted: Counted::default(),
        };
        // On disk before it is in force, in force before it is acknowledged.
        journal.append(&invalidation)?;
        let Invalidation { site, position, paths, .. } = &invalidation;
        self.ledger.publish(site, *position, paths, now);
        drop(recording);
        invalidation.counted = self.sweep(site, paths, now);
        // The invalidation stands, whether its count can be written down or not.
        let _ = journal.update(&invalidation);
        Ok(Receipt::New(invalidation))
    }

    /// What an order would take, without taking it. Walks the store; not for an async thread.
    pub fn count(&self, site: &str, paths: &[InvalidationPath]) -> Counted {
        let ledger = self.ledger.site(site);
        let taken = self.memory.iter().filter(|(_, entry)| {
            let Admission { ledger: of, place, .. } = &entry.tenure().admission;
            Arc::ptr_eq(of, &ledger)
                && entry.tenure().standing(self.clock) != Standing::Dead
                && paths.iter().any(|path| path.takes(place))
        });
        taken.fold(Counted::default(), |counted, (_, entry)| counted.with(&entry))
    }

    /// The newest invalidations first, at most `most`.
    pub fn invalidations(&self, most: usize) -> Result<Vec<Invalidation>, LedgerError> {
        self.journal.newest(most)
    }

    /// The invalidation with this id.
    pub fn invalidation(&self, id: &str) -> Result<Option<Invalidation>, LedgerError> {
        self.journal.by_id(id)
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
        let kept = match stored.tenure.standing(self.clock) {
            Standing::Live => None,
            Standing::Retired => Some(Kept),
            Standing::Dead => {
                self.memory.remove(*digest, &stored);
                return None;
            }
        };
        Some(Found { stored, kept, variants: None })
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
            self.insert(primary, digest, stored.clone());
            // Asked after it stands there: a change that comes later finds it.
            if self.is_changed(Some(&primary), stored.admission()) {
                self.memory.remove(digest, &stored);
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
    /// anew, and so live again if a deploy had taken it. If something else stands there by now, that is
    /// newer.
    pub(crate) fn freshen(
        &self,
        primary: Digest,
        was: &Arc<StoredResponse>,
        head: Head,
        admission: Admission,
    ) -> bool {
        let place = was.admission().place.clone();
        let admission = Admission { place, ..admission };
        let mut fresh = StoredResponse::new(head, was.body.clone(), admission);
        fresh.in_vain = was.in_vain.clone();
        self.memory.replace(was.digest(primary), was, Arc::new(fresh))
    }

    /// Drops one stored response, if it still stands there.
    pub fn discard(&self, primary: Digest, stored: &Arc<StoredResponse>) {
        self.memory.remove(stored.digest(primary), stored);
    }

    fn insert(&self, primary: Digest, digest: Digest, stored: Arc<StoredResponse>) {
        if digest == primary {
            return self.memory.insert(primary, stored);
        }
        let vary = Vary::of(&stored.head.fields);
        self.memory.insert(digest, stored);
        if let Some(oldest) = self.variants.add(primary, vary, digest) {
            self.memory.forget(&oldest);
        }
        self.memory.forget(&primary);
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

    /// Gives the memory of what is dead back. Counts that, and what a deploy has only retired.
    fn sweep(&self, site: &str, paths: &[InvalidationPath], now: SystemTime) -> Counted {
        let ledger = self.ledger.site(site);
        let is_deploy = paths.iter().any(InvalidationPath::is_all);
        let mut counted = Counted::default();
        for (key, entry) in self.memory.iter() {
            if !Arc::ptr_eq(&entry.tenure().admission.ledger, &ledger) {
                continue;
            }
            match entry.tenure().standing(|| now) {
                Standing::Retired if is_deploy => {}
                Standing::Live | Standing::Retired => continue,
                Standing::Dead => self.memory.remove_entry(*key, &entry),
            }
            counted = counted.with(&entry);
        }
        counted
    }
}

// === impl Counted ===

impl Counted {
    fn with(self, entry: &Entry) -> Self {
        let matched = match entry {
            Entry::Response(_) => 1,
            Entry::Encoded(_) => 0,
        };
        Self { matched: self.matched + matched, bytes: self.bytes + entry.weight() }
    }
}

/// CloudFront's shape: `I` and 13 of A-Z and 0-9.
fn invalidation_id() -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut rng = rand::rng();
    let letters = (0..13).filter_map(|_| ALPHABET.choose(&mut rng)).map(|b| char::from(*b));
    std::iter::once('I').chain(letters).collect()
}

#[cfg(test)]
mod tests;
