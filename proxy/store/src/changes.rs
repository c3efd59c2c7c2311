//! What unsafe methods took out of service (RFC 9111 §4.4), remembered just long enough that a fill
//! which began before cannot bring it back.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::key::Digest;

/// Keys share slots: a change of one may keep a fill of another from being stored, never the reverse.
const SLOTS: usize = 1 << 16;

/// A moment in the order of all changes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// When each key was last changed; of a fixed size.
#[derive(Debug)]
pub(crate) struct Changes {
    newest: AtomicU64,
    slots: Box<[AtomicU64]>,
}

// === impl Changes ===

impl Changes {
    pub(crate) fn now(&self) -> Moment {
        Moment(self.newest.load(Ordering::SeqCst))
    }

    pub(crate) fn mark(&self, key: &Digest) {
        let moment = self.newest.fetch_add(1, Ordering::SeqCst) + 1;
        self.slot(key).fetch_max(moment, Ordering::SeqCst);
    }

    /// Whether the key, or one that shares its slot, was changed after `since`.
    pub(crate) fn has_changed(&self, key: &Digest, since: Moment) -> bool {
        self.slot(key).load(Ordering::SeqCst) > since.0
    }

    fn slot(&self, key: &Digest) -> &AtomicU64 {
        // The memory tier picks its shards by the first two bytes.
        let [_, _, first, second, ..] = *key;
        &self.slots[usize::from(u16::from_be_bytes([first, second])) % SLOTS]
    }
}

impl Default for Changes {
    fn default() -> Self {
        let slots = std::iter::repeat_with(AtomicU64::default).take(SLOTS).collect();
        Self { newest: AtomicU64::default(), slots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_before_a_change_is_told_from_what_began_after() {
        let changes = Changes::default();
        let key = [1; 16];
        let before = changes.now();
        assert!(!changes.has_changed(&key, before));
        changes.mark(&key);
        assert!(changes.has_changed(&key, before));
        assert!(!changes.has_changed(&key, changes.now()));
        assert!(!changes.has_changed(&[2; 16], before));
    }
}
