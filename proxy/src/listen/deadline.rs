//! Deadlines for a stream that is polled.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

/// A deadline that costs nothing until something has to be waited for.
#[derive(Default)]
pub(super) struct Deadline {
    at: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

// === impl Deadline ===

impl Deadline {
    /// Arms the deadline, unless it already runs.
    pub(super) fn arm(&mut self, at: impl FnOnce() -> Instant) {
        if self.at.is_none() {
            self.at = Some(at());
        }
    }

    /// Sets the deadline, whether one runs or not.
    pub(super) fn set(&mut self, at: Instant) {
        self.at = Some(at);
    }

    pub(super) fn disarm(&mut self) {
        self.at = None;
    }

    /// Ready when the deadline has passed. Wakes the task when it does.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}
