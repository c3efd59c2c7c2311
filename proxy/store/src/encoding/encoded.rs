//! The encoded form of a stored body.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use warmfront_semantics::coding::Coding;

use crate::body::{Body, BodyReader, Role};
use crate::encoding::{EncodeError, Encoder};
use crate::stored::ENTRY_OVERHEAD_BYTES;
use crate::tenure::Tenure;

/// Encoded bodies are kept in segments of this size: each is one write on a hit.
const SEGMENT_BYTES: usize = 256 * 1024;

/// A stored body in a content coding.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Its Content-Length.
    pub bytes: u64,
    segments: Arc<[Bytes]>,
}

/// An encoded form in the memory tier: evicted and swept like a stored response, and of use to nobody
/// without the one that it was made from.
#[derive(Debug)]
pub(crate) struct EncodedBody {
    encoded: Encoded,
    /// The body it was made from, which it does not keep in memory.
    source: Weak<[Bytes]>,
    pub(crate) tenure: Tenure,
    /// Bytes that it holds in memory, bookkeeping included.
    pub(crate) weight: u64,
}

// === impl Encoded ===

impl Encoded {
    /// Encodes a whole body; `None` if that does not make it smaller. Takes as long as it takes: not for
    /// an async thread.
    pub(crate) fn of(segments: &[Bytes], coding: Coding) -> Result<Option<Self>, EncodeError> {
        let identity: usize = segments.iter().map(Bytes::len).sum();
        let mut out = Vec::new();
        let mut encoder = Encoder::for_length(coding, identity as u64)?;
        for segment in segments {
            out.extend_from_slice(&encoder.write(segment)?);
            if out.len() >= identity {
                return Ok(None);
            }
        }
        out.extend_from_slice(&encoder.finish()?);
        let smaller = out.len() < identity;
        // Copies of just their size: what is weighed is what is held.
        let segments = || out.chunks(SEGMENT_BYTES).map(Bytes::copy_from_slice).collect();
        Ok(smaller.then(|| Self { bytes: out.len() as u64, segments: segments() }))
    }

    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.segments, &other.segments)
    }

    /// Reads it from its start.
    pub fn reader(&self) -> BodyReader {
        BodyReader::new(Body::Whole(self.segments.clone()), Role::Follower)
    }
}

// === impl EncodedBody ===

impl EncodedBody {
    /// The form of a body, of the response that has it.
    pub(crate) fn new(encoded: Encoded, source: &Arc<[Bytes]>, of: &Tenure) -> Self {
        Self::made(encoded, Arc::downgrade(source), of)
    }

    /// The same form for what has been freshened and is born anew.
    pub(crate) fn reborn(&self, of: &Tenure) -> Self {
        Self::made(self.encoded.clone(), self.source.clone(), of)
    }

    pub(crate) fn encoded(&self) -> &Encoded {
        &self.encoded
    }

    /// Whether it was made from this very body. As long as it knows that body, no other has its address.
    pub(crate) fn is_of(&self, body: &Arc<[Bytes]>) -> bool {
        std::ptr::addr_eq(self.source.as_ptr(), Arc::as_ptr(body))
    }

    fn made(encoded: Encoded, source: Weak<[Bytes]>, of: &Tenure) -> Self {
        let body = Body::Whole(encoded.segments.clone()).weight();
        let weight = body + of.admission.weight() + ENTRY_OVERHEAD_BYTES;
        Self { encoded, source, tenure: of.inherited(), weight }
    }
}
