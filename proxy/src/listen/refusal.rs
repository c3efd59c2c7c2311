//! Telling a client why its request is refused, where no parser has seen it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use crate::failure::{ClientFault, refusal_bytes};
use crate::listen::stream::Transport;

/// A refused client has this long to read why, and may send this much meanwhile.
pub(super) const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 * 1024;

/// What is left to write to a refused client.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    bytes: Vec<u8>,
    written: usize,
    drained: usize,
    shut: bool,
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(fault: ClientFault) -> Self {
        Self { bytes: refusal_bytes(fault), ..Self::default() }
    }

    /// Writes the refusal, then waits for the client to hang up: closing with unread bytes would
    /// reset the connection, and the client would never read why.
    pub(super) fn poll(
        &mut self,
        mut transport: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            self.written += ready!(Pin::new(&mut transport).poll_write(cx, rest))?;
        }
        if !self.shut {
            ready!(Pin::new(&mut transport).poll_shutdown(cx))?;
            self.shut = true;
        }
        loop {
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut transport).poll_read(cx, &mut chunk))?;
            self.drained += chunk.filled().len();
            if chunk.filled().is_empty() || self.drained > LINGER_BYTES {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
