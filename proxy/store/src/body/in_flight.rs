//! How much all bodies that are being written may hold together.

use std::sync::atomic::{AtomicU64, Ordering};

/// What all fills together may hold before they are complete.
#[derive(Debug)]
pub(crate) struct InFlight {
    bytes: AtomicU64,
    max: u64,
}

/// Whether there was room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserve {
    Taken,
    Full,
}

// === impl InFlight ===

impl InFlight {
    pub(crate) fn new(max: u64) -> Self {
        Self { bytes: AtomicU64::new(0), max }
    }

    /// Takes room for this many bytes, if all fills together have it.
    pub(crate) fn reserve(&self, bytes: u64) -> Reserve {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= self.max {
            return Reserve::Taken;
        }
        self.release(bytes);
        Reserve::Full
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
