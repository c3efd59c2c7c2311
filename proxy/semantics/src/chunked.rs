//! Reading along in a chunked body (RFC 9112 §7.1), stricter than any parser behind.
//!
//! Where a body ends is where the next request begins: two parsers that disagree about a bare LF or
//! an empty chunk size disagree about who asked for what.

/// Digits of a chunk size; 16 would not fit.
const SIZE_DIGITS_MAX: u8 = 15;
/// Bytes of the extensions of one chunk. Nobody uses them but to hide something.
const EXTENSION_BYTES_MAX: u16 = 256;
/// Bytes of the trailer section.
const TRAILER_BYTES_MAX: u16 = 8 * 1024;

/// Follows a body from its first byte to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanner {
    at: At,
    size: u64,
    digits: u8,
    /// Bytes of the current extension or of the trailer section.
    extra: u16,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanned {
    /// All of it belongs to the body, which goes on.
    All,
    /// The body ends behind this many bytes.
    End(usize),
}

/// The framing is not RFC 9112's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed chunked body")]
pub struct BadChunk;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size,
    Extension,
    SizeLf,
    Content,
    ContentCr,
    ContentLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Ended,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { at: At::Size, size: 0, digits: 0, extra: 0 }
    }
}

// === impl Scanner ===

impl Scanner {
    /// Reads on. Behind an error or the end there is nothing more to read.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Scanned, BadChunk> {
        let mut next = 0;
        while let Some(byte) = bytes.get(next) {
            if self.at == At::Ended {
                return Ok(Scanned::End(next));
            }
            if self.at == At::Content {
                let rest = (bytes.len() - next) as u64;
                let content = self.size.min(rest);
                self.size -= content;
                // At most the rest of a slice.
                next += usize::try_from(content).unwrap_or(usize::MAX);
                if self.size == 0 {
                    self.at = At::ContentCr;
                }
                continue;
            }
            self.step(*byte)?;
            next += 1;
        }
        Ok(if self.at == At::Ended { Scanned::End(next) } else { Scanned::All })
    }

    fn step(&mut self, byte: u8) -> Result<(), BadChunk> {
        self.at = match (self.at, byte) {
            (At::Size, _) => return self.size(byte),
            (At::Extension, b'\r') => At::SizeLf,
            (At::Extension, _) => self.extra(byte, EXTENSION_BYTES_MAX, At::Extension)?,
            (At::SizeLf, b'\n') if self.size == 0 => {
                self.extra = 0;
                At::TrailerStart
            }
            (At::SizeLf, b'\n') => At::Content,
            (At::ContentCr, b'\r') => At::ContentLf,
            (At::ContentLf, b'\n') => {
                *self = Self::default();
                At::Size
            }
            (At::TrailerStart, b'\r') => At::LastLf,
            (At::TrailerStart, b':') => return Err(BadChunk),
            (At::TrailerName, b':') => At::TrailerValue,
            (At::TrailerStart | At::TrailerName, b) if is_token(b) => {
                self.extra(byte, TRAILER_BYTES_MAX, At::TrailerName)?
            }
            (At::TrailerValue, b'\r') => At::TrailerLf,
            (At::TrailerValue, _) => self.extra(byte, TRAILER_BYTES_MAX, At::TrailerValue)?,
            (At::TrailerLf, b'\n') => At::TrailerStart,
            (At::LastLf, b'\n') => At::Ended,
            _ => return Err(BadChunk),
        };
        Ok(())
    }

    fn size(&mut self, byte: u8) -> Result<(), BadChunk> {
        match (char::from(byte).to_digit(16), byte) {
            (Some(digit), _) if self.digits < SIZE_DIGITS_MAX => {
                self.digits += 1;
                self.size = self.size * 16 + u64::from(digit);
            }
            (None, b'\r') if self.digits > 0 => self.at = At::SizeLf,
            (None, b';') if self.digits > 0 => {
                self.extra = 0;
                self.at = At::Extension;
            }
            _ => return Err(BadChunk),
        }
        Ok(())
    }

    /// A byte of text that nobody needs, but that must not hide the end of its line.
    fn extra(&mut self, byte: u8, most: u16, at: At) -> Result<At, BadChunk> {
        self.extra += 1;
        let control = (byte < 0x20 && byte != b'\t') || byte == 0x7f;
        if control || self.extra > most { Err(BadChunk) } else { Ok(at) }
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(body: &[u8]) -> Result<Scanned, BadChunk> {
        Scanner::default().scan(body)
    }

    #[test]
    fn honest_bodies() {
        for (body, scanned) in [
            (b"0\r\n\r\n".as_slice(), Scanned::End(5)),
            (b"5\r\nhello\r\n0\r\n\r\nGET", Scanned::End(15)),
            (b"00a\r\n0123456789\r\n0\r\n\r\n", Scanned::End(22)),
            (b"1;a=\"b\"\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", Scanned::End(27)),
            (b"5\r\nhel", Scanned::All),
            (b"", Scanned::All),
        ] {
            assert_eq!(scan(body), Ok(scanned), "{body:?}");
        }
    }

    #[test]
    fn dishonest_bodies() {
        for body in [
            b"\r\nabc\r\n0\r\n\r\n".as_slice(),
            b"3 \r\nabc\r\n0\r\n\r\n",
            b"3\nabc\r\n0\r\n\r\n",
            b"2;\nxx\r\n4c\r\n0\r\n\r\n",
            b"3\r\nabcd\r\n0\r\n\r\n",
            b"3\r\nabc\n0\r\n\r\n",
            b"-1\r\n",
            b"0x3\r\nabc\r\n",
            b"1000000000000000\r\n",
            b"0\r\nGET /x HTTP/1.1\r\n\r\n",
            b"0\r\n: x\r\n\r\n",
            b"0\r\nA: b\nC: d\r\n\r\n",
            b"0\r\n\n",
        ] {
            assert_eq!(scan(body), Err(BadChunk), "{:?}", String::from_utf8_lossy(body));
        }
        let long = [b"1;".as_slice(), &[b'x'; 300]].concat();
        assert_eq!(scan(&long), Err(BadChunk));
    }

    proptest! {
        #[test]
        fn pieces_read_as_the_whole(body in "([0-9a-f]{1,2}(;x)?\r\n[a-z]{0,20}\r\n|0\r\n\r\n|[\r\n;: a0-9]){0,8}", cut in 0usize..60) {
            let body = body.as_bytes();
            let cut = cut.min(body.len());
            let whole = scan(body);
            let mut scanner = Scanner::default();
            let pieces = match scanner.scan(&body[..cut]) {
                Ok(Scanned::All) => scanner.scan(&body[cut..]).map(|scanned| match scanned {
                    Scanned::End(end) => Scanned::End(end + cut),
                    Scanned::All => Scanned::All,
                }),
                ended => ended,
            };
            prop_assert_eq!(whole, pieces);
        }
    }
}
