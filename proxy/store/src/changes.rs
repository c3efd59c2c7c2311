//! What unsafe methods took out of service (RFC 9111 §4.4), remembered just long enough that a fill
//! which began before cannot bring it back.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::key::Digest;

/// Keys share slots. A slot knows the key that was changed last in it; of those before, it knows only
/// when.
const SLOTS: usize = if cfg!(test) { 1 << 8 } else { 1 << 16 };

/// A moment in the order of all changes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// When each key was last changed; of a fixed size.
#[derive(Debug)]
pub(crate) struct Changes {
    newest: AtomicU64,
    slots: Box<[Mutex<Slot>]>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    key: Digest,
    changed: Moment,
    /// When another key of this slot was last changed, for all of them.
    others_changed: Moment,
}

// === impl Changes ===

impl Changes {
    pub(crate) fn now(&self) -> Moment {
        Moment(self.newest.load(Ordering::SeqCst))
    }

    pub(crate) fn mark(&self, key: &Digest) {
        let mut slot = self.slot(key).lock();
        let moment = Moment(self.newest.fetch_add(1, Ordering::SeqCst) + 1);
        if slot.key != *key {
            slot.others_changed = slot.changed;
            slot.key = *key;
        }
        slot.changed = moment;
    }

    /// Whether the key was changed after `since`. Says so of a key that was not, if two others that
    /// share its slot were: that keeps a fill from being stored, and never lets one through.
    pub(crate) fn has_changed(&self, key: &Digest, since: Moment) -> bool {
        let slot = *self.slot(key).lock();
        slot.others_changed > since || (slot.key == *key && slot.changed > since)
    }

    fn slot(&self, key: &Digest) -> &Mutex<Slot> {
        // The memory tier picks its shards by the first two bytes.
        let [_, _, first, second, ..] = *key;
        &self.slots[usize::from(u16::from_be_bytes([first, second])) % SLOTS]
    }
}

impl Default for Changes {
    fn default() -> Self {
        let slots = std::iter::repeat_with(Mutex::default).take(SLOTS).collect();
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

    #[test]
    fn keys_that_share_a_slot_do_not_pass_for_each_other() {
        let changes = Changes::default();
        let [key, other, third] = [1, 2, 3].map(|last| [0, 0, 0, 0, 0, 0, 0, last].repeat(2));
        let [key, other, third] = [key, other, third].map(|key| Digest::try_from(key).unwrap());
        let before = changes.now();
        changes.mark(&other);
        assert!(!changes.has_changed(&key, before), "another key was changed");
        changes.mark(&key);
        assert!(changes.has_changed(&key, before));
        assert!(changes.has_changed(&other, before), "a change is never forgotten");
        let between = changes.now();
        changes.mark(&third);
        assert!(changes.has_changed(&key, before), "a change is never forgotten");
        assert!(!changes.has_changed(&key, between));
    }
}
