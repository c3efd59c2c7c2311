//! Guarding the head of each HTTP/1 request: complete, in time, within limits and unambiguous before
//! a parser sees its first byte.
//!
//! A body's framing is judged too, so that a request never gets the next one's bytes.
//!
//! ```text
//!          first byte          whole head           all of the body read
//!   Idle ------------> Head ----------------> Body ----------------------> Body(0)
//!     ^                  |                                                    |
//!     |                  +-- refused or late --> Refused                      |
//!     +----------------------- the next request is expected ------------------+
//! ```

use bytes::{Buf as _, BytesMut};
use warmfront_semantics::chunked::{BadChunk, Scanned, Scanner};
use warmfront_semantics::head::{self, BadHead, Framing, HeadLimits};

/// Bytes that are read ahead: of the next request, or of a chunked body before they are judged.
const AHEAD_BYTES_MAX: usize = 16 * 1024;

/// The state of one HTTP/1 connection's incoming half.
#[derive(Debug)]
pub(crate) struct Guard {
    limits: HeadLimits,
    phase: Phase,
    /// Bytes from the client that have not been given on.
    received: BytesMut,
}

/// Where the incoming half stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Between requests.
    Idle,
    /// Some of a head is here.
    Head,
    /// A whole head is: this many bytes of `received` and of the body may be given on.
    Open(u64),
    /// Chunked: only what has been read along may be given on.
    Chunked(Chunked),
    /// What follows may no longer be HTTP.
    Raw,
    /// The connection is refused, and only drained.
    Refused,
}

/// A chunked body that is being read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunked {
    scanner: Scanner,
    /// Bytes at the start of `received` that are known to belong to this request.
    sound: usize,
    ended: bool,
}

/// What to do with the bytes that were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read more.
    More,
    /// Give on.
    Give,
    /// Answer with this refusal, and close.
    Refuse(BadHead),
    /// The body is malformed: whoever reads it must be told.
    Break(BadChunk),
}

// === impl Guard ===

impl Guard {
    pub(crate) fn new(limits: HeadLimits) -> Self {
        Self { limits, phase: Phase::Idle, received: BytesMut::new() }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// The request is over, and another one may follow. One whose body was not read to its end has
    /// no next: what is left of it would be taken for a head.
    pub(crate) fn expect_head(&mut self) {
        self.phase = match self.phase {
            Phase::Refused | Phase::Open(1..) => Phase::Refused,
            Phase::Chunked(Chunked { sound, ended, .. }) if sound > 0 || !ended => Phase::Refused,
            _ if self.received.is_empty() => Phase::Idle,
            _ => Phase::Head,
        };
    }

    pub(crate) fn refuse(&mut self) {
        self.phase = Phase::Refused;
        self.received.clear();
    }

    /// How many more bytes may be received now.
    pub(crate) fn room(&self) -> usize {
        let most = match self.phase {
            Phase::Idle | Phase::Head => self.limits.bytes + AHEAD_BYTES_MAX,
            _ => AHEAD_BYTES_MAX,
        };
        most.saturating_sub(self.received.len())
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        if self.phase == Phase::Idle && !bytes.is_empty() {
            self.phase = Phase::Head;
        }
    }

    /// Judges what is here.
    pub(crate) fn step(&mut self) -> Step {
        match self.phase {
            Phase::Idle | Phase::Refused => Step::More,
            Phase::Head => self.judge(),
            Phase::Chunked(chunked) => self.read_along(chunked),
            Phase::Open(_) | Phase::Raw => Step::Give,
        }
    }

    /// How many bytes the reader may have now.
    pub(crate) fn allowed(&self) -> u64 {
        match self.phase {
            Phase::Open(left) => left,
            Phase::Chunked(chunked) => chunked.sound as u64,
            Phase::Raw => u64::MAX,
            Phase::Idle | Phase::Head | Phase::Refused => 0,
        }
    }

    /// Gives on what was received, as far as it belongs to this request.
    pub(crate) fn give(&mut self, room: usize) -> impl AsRef<[u8]> + use<> {
        let allowed = usize::try_from(self.allowed()).unwrap_or(usize::MAX);
        let given = self.received.len().min(room).min(allowed);
        self.passed(given);
        let bytes = self.received.copy_to_bytes(given);
        if self.received.is_empty() {
            // An idle connection must not keep the buffer of its largest head.
            self.received = BytesMut::new();
        }
        bytes
    }

    /// This many bytes went straight to the reader.
    pub(crate) fn passed(&mut self, bytes: usize) {
        match &mut self.phase {
            Phase::Open(left) => *left = left.saturating_sub(bytes as u64),
            Phase::Chunked(chunked) => chunked.sound = chunked.sound.saturating_sub(bytes),
            _ => {}
        }
    }

    pub(crate) fn has_received(&self) -> bool {
        !self.received.is_empty()
    }

    fn judge(&mut self) -> Step {
        let Some(end) = head::end(&self.received) else {
            let over = self.received.len() > self.limits.bytes;
            return if over { Step::Refuse(self.too_large()) } else { Step::More };
        };
        let whole = self.received.get(..end).unwrap_or_default();
        match head::inspect(whole, &self.limits) {
            Err(fault) => Step::Refuse(fault),
            Ok(framing) => {
                self.phase = match framing {
                    Framing::Length(body) => Phase::Open(body.saturating_add(end as u64)),
                    Framing::Chunked => {
                        let scanner = Scanner::default();
                        let chunked = Chunked { scanner, sound: end, ended: false };
                        self.phase = Phase::Chunked(chunked);
                        return match self.read_along(chunked) {
                            // Nobody has seen the request yet.
                            Step::Break(fault) => Step::Refuse(BadHead::Chunk(fault)),
                            step => step,
                        };
                    }
                    Framing::Upgrade => Phase::Raw,
                };
                Step::Give
            }
        }
    }

    fn read_along(&mut self, mut chunked: Chunked) -> Step {
        let new = self.received.get(chunked.sound..).unwrap_or_default();
        if !chunked.ended {
            match chunked.scanner.scan(new) {
                Ok(Scanned::All) => chunked.sound += new.len(),
                Ok(Scanned::End(end)) => {
                    chunked.sound += end;
                    chunked.ended = true;
                }
                Err(fault) => return Step::Break(fault),
            }
        }
        self.phase = Phase::Chunked(chunked);
        // Without sound bytes the reader has all there is: more is read, or the request is over.
        Step::Give
    }

    /// A head without an end: if not even its request line ended, that is what was too long.
    fn too_large(&self) -> BadHead {
        if self.received.contains(&b'\n') { BadHead::TooLarge } else { BadHead::TargetTooLong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 80, fields: 8, target_bytes: 32 };
    const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";

    fn given(guard: &mut Guard) -> Vec<u8> {
        guard.give(usize::MAX).as_ref().to_vec()
    }

    #[test]
    fn a_head_is_given_on_whole_and_the_next_request_waits() {
        let mut guard = Guard::new(LIMITS);
        for byte in &POST[..POST.len() - 1] {
            guard.receive(&[*byte]);
            assert_eq!(guard.step(), Step::More);
        }
        guard.receive(b"\nbo");
        assert_eq!(guard.step(), Step::Give);
        assert_eq!(given(&mut guard), [POST, b"bo"].concat());
        guard.receive(b"dyGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(given(&mut guard), b"dy");
        assert_eq!(given(&mut guard), b"", "the next request is not this one's body");
        guard.expect_head();
        assert_eq!(guard.step(), Step::Give);
        assert_eq!(given(&mut guard), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    #[test]
    fn what_is_left_of_a_body_is_never_a_head() {
        let mut guard = Guard::new(LIMITS);
        guard.receive(POST);
        assert_eq!(guard.step(), Step::Give);
        assert_eq!(given(&mut guard), POST);
        guard.receive(b"GET ");
        guard.expect_head();
        assert_eq!(guard.phase(), Phase::Refused);
    }

    #[test]
    fn a_chunked_body_is_read_along_to_its_end() {
        const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut guard = Guard::new(LIMITS);
        guard.receive(HEAD);
        assert_eq!(guard.step(), Step::Give);
        assert_eq!(given(&mut guard), HEAD);
        guard.receive(b"2\r\nab\r\n0\r\n\r\nGET /");
        assert_eq!(guard.step(), Step::Give);
        assert_eq!(given(&mut guard), b"2\r\nab\r\n0\r\n\r\n");
        assert_eq!((guard.step(), guard.allowed()), (Step::Give, 0));
        guard.expect_head();
        assert_eq!(guard.step(), Step::More, "the next request waits for its end");
        let mut guard = Guard::new(LIMITS);
        guard.receive(&[HEAD, b"2\n"].concat());
        assert_eq!(guard.step(), Step::Refuse(BadHead::Chunk(BadChunk)));
        let mut guard = Guard::new(LIMITS);
        guard.receive(HEAD);
        assert_eq!(guard.step(), Step::Give);
        guard.receive(b"2\n");
        assert_eq!(guard.step(), Step::Break(BadChunk));
    }

    #[test]
    fn a_head_without_an_end_is_refused_at_the_limit() {
        let mut guard = Guard::new(LIMITS);
        guard.receive(b"GET / HTTP/1.1\r\n");
        guard.receive(&[b'x'; 80]);
        assert_eq!(guard.step(), Step::Refuse(BadHead::TooLarge));
        let mut guard = Guard::new(LIMITS);
        guard.receive(&[b'x'; 81]);
        assert_eq!(guard.step(), Step::Refuse(BadHead::TargetTooLong));
        guard.refuse();
        guard.expect_head();
        assert_eq!(guard.phase(), Phase::Refused);
    }
}
