//! Content codings: bodies that are encoded once and kept beside what they were made of, and an encoder
//! for those that are not stored.

mod encoded;
mod encoder;
mod work;

use std::sync::atomic::{AtomicU8, Ordering};

use warmfront_semantics::coding::Coding;

pub use encoded::Encoded;
pub(crate) use encoded::EncodedBody;
pub use encoder::{EncodeError, Encoder};
pub(crate) use work::{Job, Progress, Turn, Workshop};

/// The codings that do not make a body smaller, or that failed on it: they are not tried again.
#[derive(Debug, Default)]
pub(crate) struct InVain(AtomicU8);

// === impl InVain ===

impl InVain {
    pub(crate) fn note(&self, coding: Coding) {
        self.0.fetch_or(bit(coding), Ordering::Relaxed);
    }

    pub(crate) fn has(&self, coding: Coding) -> bool {
        self.0.load(Ordering::Relaxed) & bit(coding) != 0
    }
}

/// A copy that goes its own way: the same body under a new head.
impl Clone for InVain {
    fn clone(&self) -> Self {
        Self(AtomicU8::new(self.0.load(Ordering::Relaxed)))
    }
}

fn bit(coding: Coding) -> u8 {
    match coding {
        Coding::Brotli => 1,
        Coding::Zstd => 1 << 1,
        Coding::Gzip => 1 << 2,
    }
}

#[cfg(test)]
mod tests;
