//! The memory tier: Moka, in shards, bounded by bytes.

use std::sync::{Arc, Weak};

use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::body::{Body, Fill};
use crate::catalog::Joined;
use crate::encoding::EncodedBody;
use crate::key::Digest;
use crate::stored::StoredResponse;
use crate::tenure::{Clock, Standing, Tenure};

/// Each shard must hold several of the largest objects, or one of them would push out all the rest.
const OBJECTS_PER_SHARD_MIN: u64 = 4;

/// Stored responses and encoded forms by digest. Whatever stands here is in its site's catalog.
///
/// Least recently used goes first: Moka's default, TinyLFU, refuses an object that was seen once, and
/// with no tier below this one that would be every new object of a deploy.
#[derive(Debug)]
pub(crate) struct MemoryTier {
    shards: Box<[Cache<Digest, Entry>]>,
    clock: Clock,
}

/// What one digest stands for.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Response(Arc<StoredResponse>),
    Encoded(Arc<EncodedBody>),
}

/// An [`Entry`] that it does not keep in memory.
#[derive(Debug, Clone)]
pub(crate) enum WeakEntry {
    Response(Weak<StoredResponse>),
    Encoded(Weak<EncodedBody>),
}

/// Whether something has come to stand at a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    Done,
    /// Something else stands there, or nothing does where something should.
    Occupied,
    /// An invalidation took it before it came.
    Dead,
}

// === impl Entry ===

impl Entry {
    pub(crate) fn tenure(&self) -> &Tenure {
        match self {
            Self::Response(stored) => &stored.tenure,
            Self::Encoded(encoded) => &encoded.tenure,
        }
    }

    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Response(stored) => stored.weight,
            Self::Encoded(encoded) => encoded.weight,
        }
    }

    /// No other has it as long as somebody knows this one.
    pub(crate) fn address(&self) -> usize {
        match self {
            Self::Response(stored) => Arc::as_ptr(stored).addr(),
            Self::Encoded(encoded) => Arc::as_ptr(encoded).addr(),
        }
    }

    pub(crate) fn downgrade(&self) -> WeakEntry {
        match self {
            Self::Response(stored) => WeakEntry::Response(Arc::downgrade(stored)),
            Self::Encoded(encoded) => WeakEntry::Encoded(Arc::downgrade(encoded)),
        }
    }

    fn is_filled_by(&self, fill: &Arc<Fill>) -> bool {
        let Self::Response(stored) = self else { return false };
        matches!(&stored.body, Body::Filling(other) if Arc::ptr_eq(fill, other))
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Response(one), Self::Response(other)) => Arc::ptr_eq(one, other),
            (Self::Encoded(one), Self::Encoded(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

// === impl WeakEntry ===

impl WeakEntry {
    pub(crate) fn upgrade(&self) -> Option<Entry> {
        match self {
            Self::Response(stored) => stored.upgrade().map(Entry::Response),
            Self::Encoded(encoded) => encoded.upgrade().map(Entry::Encoded),
        }
    }
}

// === impl MemoryTier ===

impl MemoryTier {
    /// A tier of at most `bytes` in all; `workers` threads share it.
    pub(crate) fn new(bytes: u64, object_bytes_max: u64, workers: usize, clock: Clock) -> Self {
        let room = bytes / object_bytes_max.saturating_mul(OBJECTS_PER_SHARD_MIN).max(1);
        let wanted = workers.saturating_mul(4).next_power_of_two();
        let shards = wanted.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1);
        let shard = || {
            Cache::builder()
                .max_capacity(bytes / shards as u64)
                .weigher(|_, entry: &Entry| u32::try_from(entry.weight()).unwrap_or(u32::MAX))
                .eviction_policy(EvictionPolicy::lru())
                // Of whatever leaves, once: evicted, replaced or removed.
                .eviction_listener(|_, entry: Entry, _| {
                    entry.tenure().admission.ledger.catalog.leave(&entry);
                })
                .build()
        };
        Self { shards: (0..shards).map(|_| shard()).collect(), clock }
    }

    pub(crate) fn get(&self, key: &Digest) -> Option<Arc<StoredResponse>> {
        match self.shard(key).get(key)? {
            Entry::Response(stored) => Some(stored),
            Entry::Encoded(_) => None,
        }
    }

    pub(crate) fn encoded(&self, key: &Digest) -> Option<Arc<EncodedBody>> {
        match self.shard(key).get(key)? {
            Entry::Encoded(encoded) => Some(encoded),
            Entry::Response(_) => None,
        }
    }

    // Every change of an entry is a computation on it: Moka orders those, and nothing else, so that
    // what was read of an entry is still so when it is replaced.

    pub(crate) fn insert(&self, key: Digest, stored: Arc<StoredResponse>) -> Placed {
        self.place(key, &Entry::Response(stored), |_| true)
    }

    pub(crate) fn insert_encoded(&self, key: Digest, encoded: Arc<EncodedBody>) -> Placed {
        self.place(key, &Entry::Encoded(encoded), |_| true)
    }

    /// Puts a response where there is none.
    pub(crate) fn restore(&self, key: Digest, stored: Arc<StoredResponse>) -> Placed {
        self.place(key, &Entry::Response(stored), |standing| standing.is_none())
    }

    /// Puts a response in the place of a body that is still being written, unless something newer has
    /// taken that place.
    pub(crate) fn replace_fill(
        &self,
        key: Digest,
        fill: &Arc<Fill>,
        with: Arc<StoredResponse>,
    ) -> Placed {
        self.place(key, &Entry::Response(with), |standing| {
            standing.is_some_and(|standing| standing.is_filled_by(fill))
        })
    }

    /// Puts a response in the place of exactly this one, if it still stands there.
    pub(crate) fn replace(
        &self,
        key: Digest,
        stored: &Arc<StoredResponse>,
        with: Arc<StoredResponse>,
    ) -> Placed {
        let was = Entry::Response(stored.clone());
        self.place(key, &Entry::Response(with), |standing| {
            standing.is_some_and(|standing| standing.is(&was))
        })
    }

    /// As [`Self::replace`].
    pub(crate) fn replace_encoded(
        &self,
        key: Digest,
        encoded: &Arc<EncodedBody>,
        with: Arc<EncodedBody>,
    ) -> Placed {
        let was = Entry::Encoded(encoded.clone());
        self.place(key, &Entry::Encoded(with), |standing| {
            standing.is_some_and(|standing| standing.is(&was))
        })
    }

    /// Removes whatever stands there.
    pub(crate) fn forget(&self, key: &Digest) {
        self.remove_if(*key, |_| true);
    }

    /// Removes exactly this response, if it still stands there.
    pub(crate) fn remove(&self, key: Digest, stored: &Arc<StoredResponse>) {
        self.remove_entry(key, &Entry::Response(stored.clone()));
    }

    /// Removes a body that is still being written, if it still stands there.
    pub(crate) fn remove_fill(&self, key: Digest, fill: &Arc<Fill>) {
        self.remove_if(key, |standing| standing.is_filled_by(fill));
    }

    /// Removes what stands there, if it is dead.
    pub(crate) fn sweep(&self, key: Digest) {
        self.remove_if(key, |standing| standing.tenure().standing(self.clock) == Standing::Dead);
    }

    /// Entries, and bytes by weight.
    pub(crate) fn totals(&self) -> (u64, u64) {
        self.shards.iter().fold((0, 0), |(entries, bytes), shard| {
            // Moka counts in batches; a metric that lags for ever behind an idle node would be a lie.
            shard.run_pending_tasks();
            (entries + shard.entry_count(), bytes + shard.weighted_size())
        })
    }

    /// Everything, in no order.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Arc<Digest>, Entry)> + '_ {
        self.shards.iter().flat_map(Cache::iter)
    }

    /// Puts an entry where it fits; it joins the catalog before it stands here.
    fn place(
        &self,
        key: Digest,
        entry: &Entry,
        fits: impl FnOnce(Option<&Entry>) -> bool,
    ) -> Placed {
        let Tenure { admission, .. } = entry.tenure();
        let catalog = &admission.ledger.catalog;
        if catalog.join(key, entry, self.clock) == Joined::Dead {
            return Placed::Dead;
        }
        let mut placed = Placed::Occupied;
        self.shard(&key).entry(key).and_compute_with(|standing| {
            if fits(standing.as_ref().map(moka::Entry::value)) {
                placed = Placed::Done;
                return Op::Put(entry.clone());
            }
            Op::Nop
        });
        if placed == Placed::Occupied {
            catalog.leave(entry);
            return placed;
        }
        // An invalidation that came in between may be swept already.
        if entry.tenure().standing(self.clock) == Standing::Dead {
            self.remove_entry(key, entry);
            return Placed::Dead;
        }
        placed
    }

    fn remove_entry(&self, key: Digest, was: &Entry) {
        self.remove_if(key, |standing| standing.is(was));
    }

    fn remove_if(&self, key: Digest, is_meant: impl FnOnce(&Entry) -> bool) {
        self.shard(&key).entry(key).and_compute_with(|standing| match standing {
            Some(standing) if is_meant(standing.value()) => Op::Remove,
            _ => Op::Nop,
        });
    }

    fn shard(&self, key: &Digest) -> &Cache<Digest, Entry> {
        let [first, second, ..] = *key;
        let index = usize::from(u16::from_be_bytes([first, second]));
        self.shards.get(index % self.shards.len()).unwrap_or(&self.shards[0])
    }
}
