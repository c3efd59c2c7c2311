//! How much all bodies that are being written may hold together.

use std::sync::atomic::{AtomicU64, Ordering};

/// A body of at most this many bytes is small.
const SMALL_BYTES: u64 = 256 * 1024;

/// What all fills together may hold before they are complete.
#[derive(Debug)]
pub(crate) struct InFlight {
    bytes: AtomicU64,
    /// For bodies of any size.
    max: u64,
    /// Beside it, for small ones: a few slow large transfers must not keep everything else out.
    small_max: u64,
}

/// Whether there was room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserve {
    Taken,
    Full,
}

// === impl InFlight ===

impl InFlight {
    pub(crate) fn new(max: u64, small_max: u64) -> Self {
        Self { bytes: AtomicU64::new(0), max, small_max }
    }

    /// Takes room for this many more bytes of a body that has `held` already, if all bodies that are
    /// being written have it together.
    pub(crate) fn reserve(&self, bytes: u64, held: u64) -> Reserve {
        let small = held.saturating_add(bytes) <= SMALL_BYTES;
        let max = if small { self.max.saturating_add(self.small_max) } else { self.max };
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= max {
            return Reserve::Taken;
        }
        self.release(bytes);
        Reserve::Full
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
