//! A body that one request writes and many read meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::body::{BodyError, Role};

/// Segments smaller than this are joined when a body is complete: each costs a write on every hit.
const SEGMENT_BYTES_MIN: usize = 32 * 1024;
/// Joined segments grow to this: one write, and never a second copy of a large body at once.
const SEGMENT_BYTES_MAX: usize = 256 * 1024;
/// How far behind its writer's own client a follower of an unstorable body may fall.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// How far ahead of its own client an unstorable body may be written. The writer and that client
/// take turns, so it is only ever reached when the client is gone.
const UNREAD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How much a reader that has fallen behind takes at once, so that it catches up.
const CATCH_UP_BYTES: usize = 512 * 1024;

/// A body that is being written.
#[derive(Debug)]
pub(crate) struct Fill {
    state: Mutex<FillState>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct FillState {
    /// Kept segments; the first has index `trimmed`.
    segments: VecDeque<Bytes>,
    /// Segments no longer kept.
    trimmed: usize,
    /// Segments that the writer's own client has read.
    own: usize,
    bytes: u64,
    retention: Retention,
    phase: Phase,
}

/// What is kept of a body that is being written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retention {
    /// All: it will be stored.
    #[default]
    Whole,
    /// What readers near the writer's own client still need: it is too large to be stored.
    Window,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Filling,
    Complete,
    Aborted,
}

// === impl Fill ===

impl Fill {
    pub(crate) fn new(retention: Retention) -> Arc<Self> {
        let state = FillState { retention, ..FillState::default() };
        Arc::new(Self { state: Mutex::new(state), grown: Notify::new() })
    }

    /// Appends a copy: what comes from the network is a slice of a larger buffer, which keeping the
    /// slice would keep too.
    ///
    /// Fails only if the body is not kept and its own client does not read it: then there is no
    /// reason to fetch the rest.
    pub(crate) fn write(&self, chunk: &[u8]) -> Result<(), BodyError> {
        if chunk.is_empty() {
            return Ok(());
        }
        let mut state = self.state.lock();
        if state.retention == Retention::Window && state.unread() > UNREAD_BYTES_MAX {
            return Err(BodyError::Unread);
        }
        state.segments.push_back(Bytes::copy_from_slice(chunk));
        state.bytes += chunk.len() as u64;
        drop(state);
        self.grown.notify_waiters();
        Ok(())
    }

    /// From now on this body will not be stored, and is kept only for those who read it.
    pub(crate) fn keep_window(&self) {
        let mut state = self.state.lock();
        state.retention = Retention::Window;
        state.trim();
    }

    /// Segments held now.
    #[cfg(test)]
    pub(super) fn segments(&self) -> usize {
        self.state.lock().segments.len()
    }

    /// Bytes written so far.
    pub(super) fn content_bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// The whole body, if it was kept.
    pub(crate) fn complete(&self) -> Option<Arc<[Bytes]>> {
        let mut state = self.state.lock();
        state.phase = Phase::Complete;
        let segments =
            (state.retention == Retention::Whole).then(|| joined(state.segments.make_contiguous()));
        drop(state);
        self.grown.notify_waiters();
        segments
    }

    pub(crate) fn abort(&self) {
        self.state.lock().phase = Phase::Aborted;
        self.grown.notify_waiters();
    }

    pub(super) async fn next(
        &self,
        segment: usize,
        role: Role,
    ) -> Result<Option<(Bytes, usize)>, BodyError> {
        loop {
            let grown = self.grown.notified();
            tokio::pin!(grown);
            // Registered before the look, so that a write between look and wait is not missed.
            grown.as_mut().enable();
            if let Some(read) = self.state.lock().read(segment, role) {
                return read;
            }
            grown.await;
        }
    }
}

// === impl FillState ===

impl FillState {
    /// What stands at `segment`, and the index behind it; `None` is "not yet".
    fn read(
        &mut self,
        segment: usize,
        role: Role,
    ) -> Option<Result<Option<(Bytes, usize)>, BodyError>> {
        let Some(at) = segment.checked_sub(self.trimmed) else {
            return Some(Err(BodyError::Lagged));
        };
        let Some(first) = self.segments.get(at) else {
            return match self.phase {
                Phase::Filling => None,
                Phase::Complete => Some(Ok(None)),
                Phase::Aborted => Some(Err(BodyError::Aborted)),
            };
        };
        let (bytes, taken) = match role {
            Role::Own => self.catch_up(at),
            Role::Follower => (first.clone(), 1),
        };
        let next = segment + taken;
        if role == Role::Own {
            self.own = next;
            if self.retention == Retention::Window {
                self.trim();
            }
        }
        Some(Ok(Some((bytes, next))))
    }

    /// Several segments at once, if there are: the writer and its own client take turns at random,
    /// and a turn of the reader must outweigh a turn of the writer for it to stay near.
    fn catch_up(&self, at: usize) -> (Bytes, usize) {
        let mut taken = 0;
        let mut bytes = 0;
        for segment in self.segments.range(at..) {
            if taken > 0 && bytes + segment.len() > CATCH_UP_BYTES {
                break;
            }
            taken += 1;
            bytes += segment.len();
        }
        if taken == 1 {
            return (self.segments.get(at).cloned().unwrap_or_default(), 1);
        }
        let mut joined = BytesMut::with_capacity(bytes);
        for segment in self.segments.range(at..at + taken) {
            joined.extend_from_slice(segment);
        }
        (joined.freeze(), taken)
    }

    /// Bytes that the writer's own client has not read yet.
    fn unread(&self) -> usize {
        let read = self.own.saturating_sub(self.trimmed).min(self.segments.len());
        self.segments.range(read..).map(Bytes::len).sum()
    }

    /// Drops what the writer's own client has read, but for a window for its followers.
    fn trim(&mut self) {
        let read = self.own.saturating_sub(self.trimmed).min(self.segments.len());
        let mut behind: usize = self.segments.range(..read).map(Bytes::len).sum();
        while behind > WINDOW_BYTES {
            let Some(first) = self.segments.pop_front() else {
                break;
            };
            behind -= first.len();
            self.trimmed += 1;
        }
    }
}

/// Joins runs of small segments, so that a hit is few writes.
fn joined(segments: &[Bytes]) -> Arc<[Bytes]> {
    let mut out = Vec::new();
    let mut run: Vec<&Bytes> = Vec::new();
    let flush = |run: &mut Vec<&Bytes>, out: &mut Vec<Bytes>| {
        if let [one] = run.as_slice() {
            out.push((*one).clone());
        } else if !run.is_empty() {
            let mut joined = BytesMut::with_capacity(run.iter().map(|s| s.len()).sum());
            for segment in run.iter() {
                joined.extend_from_slice(segment);
            }
            out.push(joined.freeze());
        }
        run.clear();
    };
    for segment in segments {
        let held: usize = run.iter().map(|s| s.len()).sum();
        if segment.len() >= SEGMENT_BYTES_MIN || held + segment.len() > SEGMENT_BYTES_MAX {
            flush(&mut run, &mut out);
        }
        if segment.len() >= SEGMENT_BYTES_MIN {
            out.push(segment.clone());
        } else {
            run.push(segment);
        }
    }
    flush(&mut run, &mut out);
    out.into()
}
