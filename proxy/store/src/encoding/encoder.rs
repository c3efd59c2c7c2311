//! One body through one encoder, piece by piece.

use std::io::{self, Write};

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use warmfront_semantics::coding::Coding;

/// For a body that passes through once: a client waits for it, and there are as many as transfers that
/// are under way.
const STREAM: Effort = Effort { brotli: 4, zstd: 3, gzip: 6, window_log: 18 };
/// For a body that is encoded once and served often, before time grows faster than what it saves: of
/// those there are few at a time.
const WHOLE: Effort = Effort { brotli: 5, zstd: 6, gzip: 6, window_log: 22 };

/// Smallest window that all formats know.
const WINDOW_LOG_MIN: u32 = 10;
const BROTLI_BUFFER_BYTES: usize = 16 * 1024;

/// Levels in each format's own scale, and the largest window, as a power of two.
struct Effort {
    brotli: i32,
    zstd: i32,
    gzip: u32,
    window_log: u32,
}

/// Why a body could not be encoded: there was no memory for it.
#[derive(Debug, thiserror::Error)]
#[error("cannot encode a body as {}: {source}", coding.as_str())]
pub struct EncodeError {
    coding: Coding,
    source: io::Error,
}

/// Encodes a body as it comes. Holds up to 3 MiB while it does.
pub struct Encoder {
    coding: Coding,
    stream: Stream,
}

enum Stream {
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
    Gzip(GzEncoder<Vec<u8>>),
}

// === impl Encoder ===

impl Encoder {
    /// For a body of any length.
    pub fn new(coding: Coding) -> Result<Self, EncodeError> {
        Self::with_effort(coding, &STREAM, None)
    }

    /// For a body of this many bytes, no more and no less.
    pub(super) fn for_length(coding: Coding, bytes: u64) -> Result<Self, EncodeError> {
        let covering = bytes.max(1).ilog2() + 1;
        let window_log = covering.clamp(WINDOW_LOG_MIN, WHOLE.window_log);
        Self::with_effort(coding, &Effort { window_log, ..WHOLE }, Some(bytes))
    }

    fn with_effort(
        coding: Coding,
        effort: &Effort,
        length: Option<u64>,
    ) -> Result<Self, EncodeError> {
        let stream = match coding {
            Coding::Brotli => Ok(Stream::Brotli(Box::new(brotli(effort, length)))),
            Coding::Zstd => zstd(effort, length).map(Stream::Zstd),
            Coding::Gzip => {
                Ok(Stream::Gzip(GzEncoder::new(Vec::new(), Compression::new(effort.gzip))))
            }
        };
        match stream {
            Ok(stream) => Ok(Self { coding, stream }),
            Err(source) => Err(EncodeError { coding, source }),
        }
    }

    /// Takes a piece in; returns what has come out so far, often nothing.
    pub fn write(&mut self, piece: &[u8]) -> Result<Bytes, EncodeError> {
        let written = match &mut self.stream {
            Stream::Brotli(stream) => stream.write_all(piece),
            Stream::Zstd(stream) => stream.write_all(piece),
            Stream::Gzip(stream) => stream.write_all(piece),
        };
        self.taken(written)
    }

    /// Brings out all that was taken in, at some cost in size: for a client that waits for it while
    /// the origin pauses.
    pub fn flush(&mut self) -> Result<Bytes, EncodeError> {
        let flushed = match &mut self.stream {
            Stream::Brotli(stream) => stream.flush(),
            Stream::Zstd(stream) => stream.flush(),
            Stream::Gzip(stream) => stream.flush(),
        };
        self.taken(flushed)
    }

    /// Takes a piece in and brings all of it out, so that nobody waits for what the origin has sent;
    /// behind the last one there is no encoder any more.
    pub fn piece(mut self, piece: &[u8], end: bool) -> Result<(Bytes, Option<Self>), EncodeError> {
        let written = self.write(piece)?;
        if end {
            let rest = self.finish()?;
            return Ok(([written, rest].concat().into(), None));
        }
        let rest = self.flush()?;
        Ok(([written, rest].concat().into(), Some(self)))
    }

    /// The end of the body.
    pub fn finish(self) -> Result<Bytes, EncodeError> {
        let rest = match self.stream {
            Stream::Brotli(stream) => Ok(stream.into_inner()),
            Stream::Zstd(stream) => stream.finish(),
            Stream::Gzip(stream) => stream.finish(),
        };
        rest.map(Bytes::from).map_err(|source| EncodeError { coding: self.coding, source })
    }

    fn taken(&mut self, done: io::Result<()>) -> Result<Bytes, EncodeError> {
        done.map_err(|source| EncodeError { coding: self.coding, source })?;
        let out = match &mut self.stream {
            Stream::Brotli(stream) => stream.get_mut(),
            Stream::Zstd(stream) => stream.get_mut(),
            Stream::Gzip(stream) => stream.get_mut(),
        };
        Ok(Bytes::from(std::mem::take(out)))
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("coding", &self.coding).finish_non_exhaustive()
    }
}

fn brotli(effort: &Effort, length: Option<u64>) -> CompressorWriter<Vec<u8>> {
    let params = BrotliEncoderParams {
        quality: effort.brotli,
        // At most 22.
        lgwin: effort.window_log.try_into().unwrap_or_default(),
        size_hint: length.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default(),
        ..BrotliEncoderParams::default()
    };
    CompressorWriter::with_params(Vec::new(), BROTLI_BUFFER_BYTES, &params)
}

/// RFC 9659 §3: no window over 8 MiB, or browsers refuse it.
fn zstd(effort: &Effort, length: Option<u64>) -> io::Result<zstd::Encoder<'static, Vec<u8>>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), effort.zstd)?;
    encoder.window_log(effort.window_log)?;
    encoder.set_pledged_src_size(length)?;
    Ok(encoder)
}
