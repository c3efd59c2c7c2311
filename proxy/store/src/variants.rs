//! The variants of one primary key: which there are, and which one a request selects
//! (RFC 9111 §4.1).

use std::sync::Arc;

use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use warmfront_semantics::vary::Vary;

use crate::key::Digest;

/// Variants under one primary key that are kept. Whoever can make up values of a request field must
/// not be able to fill the store with them.
const VARIANTS_MAX: usize = 64;
/// What an index costs in memory beside its entries, and what each of those costs.
const INDEX_OVERHEAD_BYTES: usize = 300;
const ENTRY_BYTES: usize = 64;

/// The variants of one primary key, newest first. An entry may have been evicted meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Variants(Vec<Variant>);

#[derive(Debug, Clone)]
struct Variant {
    vary: Arc<Vary>,
    digest: Digest,
}

/// The variants of all primary keys.
#[derive(Debug)]
pub(crate) struct VariantTier(Cache<Digest, Arc<Variants>>);

// === impl Variants ===

impl Variants {
    /// The variant that a request selects, whether it is stored or not. `digest_of` says what digest
    /// the request has under a Vary field.
    ///
    /// Each stored response is matched by its own Vary field, and the newest match counts. If none
    /// matches, it is the one that the newest Vary field would have.
    pub fn select(&self, digest_of: impl Fn(&Vary) -> Digest) -> Option<Digest> {
        let mut known: Vec<(&Arc<Vary>, Digest)> = Vec::with_capacity(1);
        for variant in &self.0 {
            let same = |(vary, _): &&(&Arc<Vary>, Digest)| Arc::ptr_eq(vary, &variant.vary);
            let digest = if let Some((_, digest)) = known.iter().find(same) {
                *digest
            } else {
                let digest = digest_of(&variant.vary);
                known.push((&variant.vary, digest));
                digest
            };
            if digest == variant.digest {
                return Some(digest);
            }
        }
        known.first().map(|(_, digest)| *digest)
    }

    /// A variant that is not listed may still be in the memory tier, if an index was evicted before
    /// it: nothing could take it out any more, so nobody gets it.
    pub(crate) fn lists(&self, digest: &Digest) -> bool {
        self.0.iter().any(|variant| variant.digest == *digest)
    }

    /// Newest first.
    pub(crate) fn digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.each().map(|(_, digest)| digest)
    }

    /// Each with the Vary field that it is matched by, newest first.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&Arc<Vary>, Digest)> + '_ {
        self.0.iter().map(|variant| (&variant.vary, variant.digest))
    }

    /// These and a new one, and the one that had to go for it.
    fn with(&self, vary: Vary, digest: Digest) -> (Self, Option<Digest>) {
        // Equal lists are one, so that `select` computes one digest for them.
        let known = self.0.iter().map(|variant| &variant.vary).find(|known| ***known == vary);
        let vary = known.cloned().unwrap_or_else(|| Arc::new(vary));
        let others = self.0.iter().filter(|variant| variant.digest != digest).cloned();
        let mut all: Vec<_> = std::iter::once(Variant { vary, digest }).chain(others).collect();
        let dropped = (all.len() > VARIANTS_MAX).then(|| all.pop()).flatten();
        (Self(all), dropped.map(|variant| variant.digest))
    }

    fn weight(&self) -> u32 {
        u32::try_from(INDEX_OVERHEAD_BYTES + self.0.len() * ENTRY_BYTES).unwrap_or(u32::MAX)
    }
}

// === impl VariantTier ===

impl VariantTier {
    /// A tier of at most `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, variants: &Arc<Variants>| variants.weight())
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self(cache)
    }

    pub(crate) fn get(&self, primary: &Digest) -> Option<Arc<Variants>> {
        self.0.get(primary)
    }

    /// Adds a variant; returns the one that had to go for it.
    pub(crate) fn add(&self, primary: Digest, vary: Vary, digest: Digest) -> Option<Digest> {
        let mut dropped = None;
        self.0.entry(primary).and_compute_with(|entry| {
            let before = entry.map(moka::Entry::into_value).unwrap_or_default();
            let (after, old) = before.with(vary, digest);
            dropped = old;
            Op::Put(Arc::new(after))
        });
        dropped
    }

    pub(crate) fn remove(&self, primary: &Digest) -> Option<Arc<Variants>> {
        self.0.remove(primary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn vary(names: &[&'static str]) -> Vary {
        Vary::Fields(names.iter().map(|name| HeaderName::from_static(name)).collect())
    }

    fn digest(n: usize) -> Digest {
        (n as u128).to_be_bytes()
    }

    #[test]
    fn each_is_matched_by_its_own_fields_and_the_newest_counts() {
        let (by_a, by_both) = (vary(&["a"]), vary(&["a", "b"]));
        let (variants, _) = Variants::default().with(by_a.clone(), digest(1));
        let (variants, _) = variants.with(by_both, digest(2));
        let asked = |a, b| variants.select(|v| digest(if *v == by_a { a } else { b }));
        assert_eq!(asked(1, 9), Some(digest(1)));
        assert_eq!(asked(9, 2), Some(digest(2)));
        assert_eq!(asked(1, 2), Some(digest(2)), "both match, the newer one counts");
        assert_eq!(asked(8, 9), Some(digest(9)), "none matches: a miss under the newest list");
        assert_eq!(Variants::default().select(|_| digest(0)), None);
    }

    #[test]
    fn one_key_holds_so_many_and_the_oldest_goes() {
        let tier = VariantTier::new(1 << 20);
        let dropped: Vec<_> = (0..=VARIANTS_MAX)
            .filter_map(|n| tier.add(digest(0), vary(&["a"]), digest(n)))
            .collect();
        assert_eq!(dropped, [digest(0)]);
        assert_eq!(tier.get(&digest(0)).unwrap().digests().count(), VARIANTS_MAX);
        // What is stored again is not there twice.
        assert_eq!(tier.add(digest(0), vary(&["a"]), digest(7)), None);
        assert_eq!(tier.get(&digest(0)).unwrap().digests().next(), Some(digest(7)));
    }
}
