//! The stream that Pingora reads requests from and writes responses to.
//!
//! Deadlines live here, because only here is every byte seen: the whole head of a request, a
//! connection that stands idle, and a client that does not read. A head waits for the first of its
//! body, so that a small response is one system call and one TLS record.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use crate::failure::ClientFault;
use crate::listen::connection::{Connection, Counted};
use crate::listen::date;
use crate::listen::deadline::Deadline;
use crate::listen::guard::{Guard, Phase, Step};
use crate::listen::refusal::{LINGER, Refusal};

/// A head and the first of its body are gathered up to one TLS record (RFC 8446 §5.1).
const GATHER_BYTES: usize = 16 * 1024;
/// How a head begins. A body that does too waits for what follows it, and no longer.
const RESPONSE_HEAD: &[u8] = b"HTTP/1.";

/// Bytes in and out, plain or encrypted.
pub(crate) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// When the first head must be complete.
    pub(crate) first_head: Instant,
    /// For each later head, from its first byte.
    pub(crate) head: Duration,
    /// For an idle connection, and for a client that does not read.
    pub(crate) idle: Duration,
}

/// What is spoken on the connection.
#[derive(Debug)]
pub(crate) enum Protocol {
    /// HTTP/1: every head is guarded.
    Http1(Guard),
    /// HTTP/2: frames are the library's; only the preface is waited for here.
    Http2 { preface_left: usize },
}

/// A client's connection.
pub(crate) struct EdgeStream {
    transport: Transport,
    protocol: Protocol,
    deadlines: Deadlines,
    /// Set when the library begins to read a request; see [`EdgeStream::expect_request`].
    expecting: AtomicBool,
    read_deadline: Deadline,
    write_deadline: Deadline,
    gathered: Vec<u8>,
    refusal: Refusal,
    first: bool,
    connection: Arc<Connection>,
    refused: Arc<dyn Fn(ClientFault) + Send + Sync>,
    _counted: Counted,
}

// === impl EdgeStream ===

impl EdgeStream {
    pub(crate) fn new(
        transport: Transport,
        protocol: Protocol,
        deadlines: Deadlines,
        (connection, counted): (Arc<Connection>, Counted),
        refused: Arc<dyn Fn(ClientFault) + Send + Sync>,
    ) -> Self {
        Self {
            transport,
            protocol,
            deadlines,
            expecting: AtomicBool::new(false),
            read_deadline: Deadline::default(),
            write_deadline: Deadline::default(),
            gathered: Vec::new(),
            refusal: Refusal::default(),
            first: true,
            connection,
            refused,
            _counted: counted,
        }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(crate) fn is_http2(&self) -> bool {
        matches!(self.protocol, Protocol::Http2 { .. })
    }

    /// The library is about to read a request. It has no hook that says so, but it asks its stream
    /// for the connection's digest exactly when it makes the session that will read one.
    pub(crate) fn expect_request(&self) {
        self.expecting.store(true, Ordering::Relaxed);
    }

    fn poll_http1(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.expecting.swap(false, Ordering::Relaxed)
            && let Protocol::Http1(guard) = &mut self.protocol
        {
            guard.expect_head();
            match guard.phase() {
                Phase::Refused => self.read_deadline.set(Instant::now() + LINGER),
                _ => self.read_deadline.disarm(),
            }
        }
        loop {
            let Protocol::Http1(guard) = &mut self.protocol else {
                return Poll::Ready(Ok(()));
            };
            let step = match guard.phase() {
                Phase::Refused => return self.poll_refused(cx),
                _ => guard.step(),
            };
            match step {
                Step::Give if guard.has_received() && guard.allowed() > 0 => {
                    self.first = false;
                    self.read_deadline.disarm();
                    buf.put_slice(guard.give(buf.remaining()).as_ref());
                    return Poll::Ready(Ok(()));
                }
                Step::Give if guard.allowed() > 0 => return self.poll_body(cx, buf),
                Step::Break(fault) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
                }
                Step::Refuse(fault) => self.refuse(fault.into()),
                // The request is read to its end: what comes now is the next one, or a hang-up.
                Step::Give | Step::More => {
                    if ready!(self.poll_receive(cx))? == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }

    /// Reads into the guard; `0` is the end of the stream.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Protocol::Http1(guard) = &mut self.protocol else {
            return Poll::Ready(Ok(0));
        };
        if guard.room() == 0 {
            return Poll::Pending;
        }
        let mut chunk = [0; 4096];
        let mut chunk = ReadBuf::new(&mut chunk);
        let was = guard.phase();
        match Pin::new(&mut self.transport).poll_read(cx, &mut chunk) {
            Poll::Ready(result) => {
                result?;
                guard.receive(chunk.filled());
                if was == Phase::Idle {
                    self.read_deadline.disarm();
                }
                Poll::Ready(Ok(chunk.filled().len()))
            }
            Poll::Pending => self.poll_waiting(cx, was),
        }
    }

    /// Nothing has come: is it late?
    fn poll_waiting(&mut self, cx: &mut Context<'_>, phase: Phase) -> Poll<io::Result<usize>> {
        let Deadlines { first_head, head, idle } = self.deadlines;
        match phase {
            Phase::Idle | Phase::Head if self.first => self.read_deadline.arm(|| first_head),
            Phase::Idle => self.read_deadline.arm(|| Instant::now() + idle),
            Phase::Head => self.read_deadline.arm(|| Instant::now() + head),
            // The library has timers of its own for a body, and the origin may take its time.
            _ => return Poll::Pending,
        }
        ready!(self.read_deadline.poll(cx));
        if phase == Phase::Head {
            self.refuse(ClientFault::HeadTimeout);
            // Not the end: the next turn of the loop writes the refusal.
            return Poll::Ready(Ok(1));
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Body bytes go straight to the reader.
    fn poll_body(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.first = false;
        let Protocol::Http1(guard) = &mut self.protocol else {
            return Poll::Ready(Ok(()));
        };
        let allowed = usize::try_from(guard.allowed()).unwrap_or(usize::MAX);
        let before = buf.filled().len();
        if allowed >= buf.remaining() {
            ready!(Pin::new(&mut self.transport).poll_read(cx, buf))?;
        } else {
            // The last read of a body: the reader must not get the next request's bytes with it.
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed));
            ready!(Pin::new(&mut self.transport).poll_read(cx, &mut part))?;
            let read = part.filled().len();
            buf.advance(read);
        }
        guard.passed(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }

    fn refuse(&mut self, fault: ClientFault) {
        if let Protocol::Http1(guard) = &mut self.protocol {
            guard.refuse();
        }
        self.refusal = Refusal::new(fault);
        self.read_deadline.set(Instant::now() + LINGER);
        (self.refused)(fault);
    }

    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.read_deadline.poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.refusal.poll(&mut self.transport, cx)
    }

    fn poll_http2(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.transport).poll_read(cx, buf);
        let Protocol::Http2 { preface_left } = &mut self.protocol else {
            return polled;
        };
        *preface_left = preface_left.saturating_sub(buf.filled().len() - before);
        if polled.is_pending() && *preface_left > 0 {
            self.read_deadline.set(self.deadlines.first_head);
            ready!(self.read_deadline.poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        polled
    }

    fn gather(&mut self, slices: &[IoSlice<'_>]) {
        for slice in slices {
            self.gathered.extend_from_slice(slice);
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut written = 0;
        while let Some(rest) = self.gathered.get(written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.transport).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    written += n;
                    self.write_deadline.disarm();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.gathered.drain(..written);
                    return self.poll_unread(cx);
                }
            }
        }
        self.gathered.clear();
        Poll::Ready(Ok(()))
    }

    /// The client does not read: has it not for too long?
    fn poll_unread<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let idle = self.deadlines.idle;
        self.write_deadline.arm(|| Instant::now() + idle);
        ready!(self.write_deadline.poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for EdgeStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = match self.protocol {
            Protocol::Http1(_) => self.poll_http1(cx, buf),
            Protocol::Http2 { .. } => self.poll_http2(cx, buf),
        };
        if polled.is_pending() && !self.gathered.is_empty() {
            // The library waits for the client or the origin: what was gathered must not wait too,
            // or a body that drips from the origin reaches the client only at its end.
            if let Poll::Ready(Err(error)) = self.poll_drain(cx) {
                return Poll::Ready(Err(error));
            }
        }
        polled
    }
}

impl AsyncWrite for EdgeStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.is_http2() {
            let bytes = slices.iter().map(|slice| slice.len()).sum::<usize>();
            let first = slices.first().map(|first| &**first).unwrap_or_default();
            let head = first.starts_with(RESPONSE_HEAD);
            if head && let Some(date) = self.connection.date.take_for(first) {
                let start = self.gathered.len();
                self.gather(slices);
                date::restore(&mut self.gathered, start, &date);
                return Poll::Ready(Ok(bytes));
            }
            if self.gathered.is_empty() && head && bytes <= GATHER_BYTES {
                self.gather(slices);
                return Poll::Ready(Ok(bytes));
            }
            if !self.gathered.is_empty() && self.gathered.len() + bytes <= GATHER_BYTES {
                self.gather(slices);
                // What does not go out now goes before the next write.
                return match self.poll_drain(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    _ => Poll::Ready(Ok(bytes)),
                };
            }
            ready!(self.poll_drain(cx))?;
        }
        match Pin::new(&mut self.transport).poll_write_vectored(cx, slices) {
            Poll::Ready(written) => {
                self.write_deadline.disarm();
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_unread(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        // An idle connection keeps no buffer.
        self.gathered = Vec::new();
        match Pin::new(&mut self.transport).poll_flush(cx) {
            Poll::Ready(flushed) => {
                self.write_deadline.disarm();
                Poll::Ready(flushed)
            }
            Poll::Pending => self.poll_unread(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}

impl fmt::Debug for EdgeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeStream").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}
