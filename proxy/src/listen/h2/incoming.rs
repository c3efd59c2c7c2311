//! A request's content, as its stream brings it.

use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, header};
use pingora_core::protocols::http::body_buffer::FixedBuffer;
use pingora_core::{Error, ErrorType, Result};

use super::session::within;

/// How much content is kept to be sent a second time; what Pingora keeps of other requests.
const RETRY_BYTES: usize = 64 * 1024;

/// The receiving half of a stream.
pub(super) struct Incoming {
    stream: RecvStream,
    /// `Content-Length: 0`, whatever frames follow.
    is_declared_empty: bool,
    /// Its end was read. Trailers may be behind it, which nobody asks for.
    is_ended: bool,
    read_bytes: usize,
    retry: Option<FixedBuffer>,
    pub(super) read_timeout: Option<Duration>,
    pub(super) drain_timeout: Option<Duration>,
}

// === impl Incoming ===

impl Incoming {
    pub(super) fn new(stream: RecvStream, fields: &HeaderMap) -> Self {
        let length = fields.get(header::CONTENT_LENGTH);
        Self {
            stream,
            is_declared_empty: length.is_some_and(|length| length == "0"),
            is_ended: false,
            read_bytes: 0,
            retry: None,
            read_timeout: None,
            drain_timeout: None,
        }
    }

    /// There is none, and never was.
    pub(super) fn is_empty(&self) -> bool {
        self.read_bytes == 0 && (self.stream.is_end_stream() || self.is_declared_empty)
    }

    /// There is no more of it.
    pub(super) fn is_done(&self) -> bool {
        self.is_ended || self.is_empty() || self.stream.is_end_stream()
    }

    pub(super) fn read_bytes(&self) -> usize {
        self.read_bytes
    }

    /// The next of it, `None` behind its end.
    ///
    /// The client may send as much again: what is read is somebody else's to hold back.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        let read = within(self.read_timeout, ErrorType::ReadTimedout, self.stream.data()).await?;
        let Some(read) = read else {
            self.is_ended = true;
            return Ok(None);
        };
        let bytes = read.map_err(|error| {
            Error::because(ErrorType::ReadError, "reading the client's content", error).into_down()
        })?;
        self.read_bytes += bytes.len();
        if let Some(retry) = &mut self.retry {
            retry.write_to_buffer(&bytes);
        }
        // It fails if the stream is gone, which the next read tells.
        let _ = self.stream.flow_control().release_capacity(bytes.len());
        Ok(Some(bytes))
    }

    /// Reads what is left of it.
    pub(super) async fn drain(&mut self) -> Result<()> {
        if self.is_done() {
            return Ok(());
        }
        let limit = self.drain_timeout;
        let drained = async {
            while self.next().await?.is_some() {}
            Ok(())
        };
        within(limit, ErrorType::ReadTimedout, drained).await?
    }

    pub(super) fn keep_for_retry(&mut self) {
        self.retry.get_or_insert_with(|| FixedBuffer::new(RETRY_BYTES));
    }

    pub(super) fn is_retry_truncated(&self) -> bool {
        self.retry.as_ref().is_some_and(FixedBuffer::is_truncated)
    }

    /// All of what was read, if it was kept and is not too much.
    pub(super) fn retry(&self) -> Option<Bytes> {
        self.retry.as_ref().filter(|retry| !retry.is_truncated())?.get_buffer()
    }
}
