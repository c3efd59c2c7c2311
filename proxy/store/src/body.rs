//! Bodies: segments that are shared, and read by many while one still writes them.

mod fill;
mod in_flight;

use std::sync::Arc;

use bytes::Bytes;

pub(crate) use fill::{Fill, Retention};
pub(crate) use in_flight::{InFlight, Reserve};

/// What one segment costs beside its bytes.
const SEGMENT_OVERHEAD_BYTES: u64 = 64;

/// A stored response's body.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// All of it.
    Whole(Arc<[Bytes]>),
    /// What has come so far of a body that is still being written.
    Filling(Arc<Fill>),
}

/// Why a body ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The origin hung up, or whoever wrote it did.
    #[error("the body was cut short at the origin")]
    Aborted,
    /// The reader of a body too large to keep fell too far behind.
    #[error("the reader fell behind a body that is too large to keep")]
    Lagged,
    /// Nobody reads a body that is too large to keep.
    #[error("nobody reads a body that is too large to keep")]
    Unread,
    /// A seek to before what is kept, or behind the end.
    #[error("the body has no such range")]
    Range,
}

/// Reads a body from its start, or a range of it.
#[derive(Debug)]
pub struct BodyReader {
    body: Body,
    /// The next segment.
    segment: usize,
    /// Bytes to pass over before the range begins.
    skip: u64,
    /// Bytes left in the range; `None` is to the end.
    left: Option<u64>,
    /// Whether this is the client whose request fills the store.
    role: Role,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The client whose request went to the origin: it is never left behind.
    Own,
    /// Anybody else.
    Follower,
}

// === impl Body ===

impl Body {
    /// Bytes that the body holds in memory.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Whole(segments) => {
                segments.iter().map(|s| s.len() as u64 + SEGMENT_OVERHEAD_BYTES).sum()
            }
            Self::Filling(_) => 0,
        }
    }

    /// Whether it is this very one.
    pub(crate) fn is_that_of(&self, whole: &Arc<[Bytes]>) -> bool {
        matches!(self, Self::Whole(segments) if Arc::ptr_eq(segments, whole))
    }

    /// Bytes of content.
    pub(crate) fn content_bytes(&self) -> u64 {
        match self {
            Self::Whole(segments) => segments.iter().map(|s| s.len() as u64).sum(),
            Self::Filling(fill) => fill.content_bytes(),
        }
    }
}

// === impl BodyReader ===

impl BodyReader {
    /// Reads these pieces.
    pub fn of(pieces: Vec<Bytes>) -> Self {
        Self::new(Body::Whole(pieces.into()), Role::Follower)
    }

    pub(crate) fn new(body: Body, role: Role) -> Self {
        Self { body, segment: 0, skip: 0, left: None, role }
    }

    /// The next piece of the range, `None` behind its end. Safe to drop at any await.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            if self.left == Some(0) {
                return Ok(None);
            }
            let read = match &self.body {
                Body::Whole(segments) => {
                    segments.get(self.segment).map(|bytes| (bytes.clone(), self.segment + 1))
                }
                Body::Filling(fill) => fill.next(self.segment, self.role).await?,
            };
            let Some((bytes, next)) = read else {
                // A range that ends behind the body's end was promised to a client.
                return if self.left.is_some() { Err(BodyError::Range) } else { Ok(None) };
            };
            self.segment = next;
            if let Some(bytes) = self.cut(bytes) {
                return Ok(Some(bytes));
            }
        }
    }

    /// Goes to `start`; reading then ends before `end`, or at the body's end.
    pub fn seek(&mut self, start: u64, end: Option<u64>) -> Result<(), BodyError> {
        if end.is_some_and(|end| end < start) {
            return Err(BodyError::Range);
        }
        self.segment = 0;
        self.skip = start;
        self.left = end.map(|end| end - start);
        Ok(())
    }

    fn cut(&mut self, mut bytes: Bytes) -> Option<Bytes> {
        let length = bytes.len() as u64;
        if self.skip >= length {
            self.skip -= length;
            return None;
        }
        let start = std::mem::take(&mut self.skip);
        let end = self.left.map_or(length, |left| length.min(start.saturating_add(left)));
        if let Some(left) = &mut self.left {
            *left -= end - start;
        }
        if (start, end) != (0, length) {
            // Both are at most the length of a slice in memory.
            let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            bytes = bytes.slice(index(start)..index(end));
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests;
