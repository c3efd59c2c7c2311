//! The memory tier: Moka, in shards, bounded by bytes.

use std::sync::Arc;

use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::body::{Body, Fill};
use crate::encoding::EncodedBody;
use crate::key::Digest;
use crate::stored::StoredResponse;
use crate::tenure::Tenure;

/// Each shard must hold several of the largest objects, or one of them would push out all the rest.
const OBJECTS_PER_SHARD_MIN: u64 = 4;

/// Stored responses and encoded forms by digest.
///
/// Least recently used goes first: Moka's default, TinyLFU, refuses an object that was seen once, and
/// with no tier below this one that would be every new object of a deploy.
#[derive(Debug)]
pub(crate) struct MemoryTier {
    shards: Box<[Cache<Digest, Entry>]>,
}

/// What one digest stands for.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Response(Arc<StoredResponse>),
    Encoded(Arc<EncodedBody>),
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
            Self::Response(stored) => stored.weight(),
            Self::Encoded(encoded) => encoded.weight(),
        }
    }

    fn response(&self) -> Option<&Arc<StoredResponse>> {
        match self {
            Self::Response(stored) => Some(stored),
            Self::Encoded(_) => None,
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Response(one), Self::Response(other)) => Arc::ptr_eq(one, other),
            (Self::Encoded(one), Self::Encoded(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

// === impl MemoryTier ===

impl MemoryTier {
    /// A tier of at most `bytes` in all; `workers` threads share it.
    pub(crate) fn new(bytes: u64, object_bytes_max: u64, workers: usize) -> Self {
        let room = bytes / object_bytes_max.saturating_mul(OBJECTS_PER_SHARD_MIN).max(1);
        let wanted = workers.saturating_mul(4).next_power_of_two();
        let shards = wanted.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1);
        let shard = || {
            Cache::builder()
                .max_capacity(bytes / shards as u64)
                .weigher(|_, entry: &Entry| u32::try_from(entry.weight()).unwrap_or(u32::MAX))
                .eviction_policy(EvictionPolicy::lru())
                .build()
        };
        Self { shards: (0..shards).map(|_| shard()).collect() }
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

    pub(crate) fn insert(&self, key: Digest, stored: Arc<StoredResponse>) {
        self.put(key, Entry::Response(stored));
    }

    pub(crate) fn insert_encoded(&self, key: Digest, encoded: Arc<EncodedBody>) {
        self.put(key, Entry::Encoded(encoded));
    }

    /// Puts a response where there is none.
    pub(crate) fn restore(&self, key: Digest, stored: Arc<StoredResponse>) {
        self.shard(&key).entry(key).and_compute_with(|entry| match entry {
            Some(_) => Op::Nop,
            None => Op::Put(Entry::Response(stored)),
        });
    }

    /// Puts something in the place of a body that is still being written, unless something newer has
    /// taken that place. Says whether it did.
    pub(crate) fn replace_fill(
        &self,
        key: Digest,
        fill: &Arc<Fill>,
        with: Option<Arc<StoredResponse>>,
    ) -> bool {
        let result = self.shard(&key).entry(key).and_compute_with(|entry| {
            let ours = entry.as_ref().and_then(|entry| entry.value().response()).is_some_and(
                |entry| matches!(&entry.body, Body::Filling(other) if Arc::ptr_eq(fill, other)),
            );
            match (ours, with) {
                (true, Some(with)) => Op::Put(Entry::Response(with)),
                (true, None) => Op::Remove,
                (false, _) => Op::Nop,
            }
        });
        matches!(result, CompResult::ReplacedWith(_))
    }

    /// Puts a response in the place of exactly this one, if it still stands there.
    pub(crate) fn replace(
        &self,
        key: Digest,
        stored: &Arc<StoredResponse>,
        with: Arc<StoredResponse>,
    ) -> bool {
        self.swap(key, &Entry::Response(stored.clone()), Entry::Response(with))
    }

    /// As [`Self::replace`].
    pub(crate) fn replace_encoded(
        &self,
        key: Digest,
        encoded: &Arc<EncodedBody>,
        with: Arc<EncodedBody>,
    ) -> bool {
        self.swap(key, &Entry::Encoded(encoded.clone()), Entry::Encoded(with))
    }

    /// Removes whatever stands there.
    pub(crate) fn forget(&self, key: &Digest) {
        self.shard(key).entry(*key).and_compute_with(|entry| match entry {
            Some(_) => Op::Remove,
            None => Op::Nop,
        });
    }

    /// Removes exactly this response, if it still stands there.
    pub(crate) fn remove(&self, key: Digest, stored: &Arc<StoredResponse>) {
        self.remove_entry(key, &Entry::Response(stored.clone()));
    }

    /// Removes exactly this, if it still stands there.
    pub(crate) fn remove_entry(&self, key: Digest, was: &Entry) {
        self.shard(&key).entry(key).and_compute_with(|entry| match entry {
            Some(entry) if entry.value().is(was) => Op::Remove,
            _ => Op::Nop,
        });
    }

    /// Everything, in no order. Never on the request path.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Arc<Digest>, Entry)> + '_ {
        self.shards.iter().flat_map(Cache::iter)
    }

    /// Entries, and bytes by weight.
    pub(crate) fn totals(&self) -> (u64, u64) {
        self.shards.iter().fold((0, 0), |(entries, bytes), shard| {
            // Moka counts in batches; a metric that lags for ever behind an idle node would be a lie.
            shard.run_pending_tasks();
            (entries + shard.entry_count(), bytes + shard.weighted_size())
        })
    }

    fn put(&self, key: Digest, entry: Entry) {
        self.shard(&key).entry(key).and_compute_with(|_| Op::Put(entry));
    }

    fn swap(&self, key: Digest, was: &Entry, with: Entry) -> bool {
        let result = self.shard(&key).entry(key).and_compute_with(|entry| match entry {
            Some(entry) if entry.value().is(was) => Op::Put(with),
            _ => Op::Nop,
        });
        matches!(result, CompResult::ReplacedWith(_))
    }

    fn shard(&self, key: &Digest) -> &Cache<Digest, Entry> {
        let [first, second, ..] = *key;
        let index = usize::from(u16::from_be_bytes([first, second]));
        self.shards.get(index % self.shards.len()).unwrap_or(&self.shards[0])
    }
}
