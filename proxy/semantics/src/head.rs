//! Judging the raw head of an HTTP/1 request before any parser is lenient with it.
//!
//! Everything here is a difference of opinion between two parsers that somebody has made a request
//! smuggling attack of (RFC 9112 §11.2). The library that reads the head afterwards repairs several
//! of them silently, so they are refused while the bytes are still what the client sent.

use crate::authority::{BadHost, Host};
use crate::chunked::BadChunk;

/// What a head is measured against; `[limits]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head.
    pub bytes: usize,
    /// Field lines.
    pub fields: usize,
    /// Bytes of the request target.
    pub target_bytes: usize,
}

/// How many bytes of body follow a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Exactly this many (RFC 9112 §6.2; 0 without Content-Length).
    Length(u64),
    /// Chunked (RFC 9112 §7.1).
    Chunked,
    /// The client asks for WebSocket: what follows may not be HTTP (RFC 9110 §7.8).
    Upgrade,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// RFC 9112 §2.2 lets a server accept it; two parsers that differ on it are an attack.
    #[error("a line of the head ends without CR LF")]
    BareLineEnd,
    /// A NUL or another control character.
    #[error("a control character in the head")]
    Control,
    /// Not `method SP target SP HTTP/1.x`.
    #[error("a malformed request line")]
    RequestLine,
    /// White space before the colon, a folded line, an empty or odd name (RFC 9112 §5.1, §5.2).
    #[error("a malformed field line")]
    FieldLine,
    /// RFC 9112 §3.2.
    #[error("no Host field")]
    NoHost,
    /// RFC 9112 §3.2.
    #[error("more than one Host field")]
    ManyHosts,
    /// RFC 9112 §3.2.
    #[error("{0}")]
    Host(BadHost),
    /// RFC 9112 §6.1: "ought to be handled as an error".
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndEncoding,
    /// RFC 9112 §6.3: repeated, a list, a sign, or no number.
    #[error("an invalid or repeated Content-Length")]
    Length,
    /// Anything but a single `chunked`, or on HTTP/1.0 (RFC 9112 §6.1).
    #[error("an unknown Transfer-Encoding")]
    Encoding,
    /// RFC 9112 §7.1, where the body came with the head.
    #[error("{0}")]
    Chunk(BadChunk),
    /// RFC 9112 §3.2.2 with another host than the Host field's, or not http.
    #[error("a request target for another host")]
    ForeignTarget,
    /// RFC 9112 §3.2.3: CONNECT is for proxies.
    #[error("CONNECT is not served")]
    Connect,
    /// [`HeadLimits::target_bytes`].
    #[error("the request target is too long")]
    TargetTooLong,
    /// [`HeadLimits::bytes`] or [`HeadLimits::fields`].
    #[error("the request head is too large")]
    TooLarge,
}

/// Where the head at the start of `received` ends, if all of it is there: behind the first empty
/// line. Empty lines before the request line are part of it (RFC 9112 §2.2).
#[must_use]
pub fn end(received: &[u8]) -> Option<usize> {
    let start = received.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let mut line_start = start;
    for (at, _) in received.iter().enumerate().skip(start).filter(|(_, b)| **b == b'\n') {
        let line = received.get(line_start..at)?;
        // A bare LF ends a line here too: the head must end somewhere before it can be refused.
        if line.is_empty() || line == b"\r" {
            return Some(at + 1);
        }
        line_start = at + 1;
    }
    None
}

/// Judges a whole head, empty line included.
pub fn inspect(head: &[u8], limits: &HeadLimits) -> Result<Framing, BadHead> {
    let start =
        head.iter().position(|b| !matches!(b, b'\r' | b'\n')).ok_or(BadHead::RequestLine)?;
    let (before, head) = head.split_at(start);
    if !before.chunks(2).all(|line| line == b"\r\n") {
        return Err(BadHead::BareLineEnd);
    }
    let mut lines = head.split_inclusive(|b| *b == b'\n').map(line);
    let request_line = RequestLine::parse(lines.next().ok_or(BadHead::RequestLine)??, limits)?;
    if head.len() > limits.bytes {
        return Err(BadHead::TooLarge);
    }
    let mut found = Found::default();
    let mut count = 0;
    for field in lines {
        let field = field?;
        if field.is_empty() {
            break;
        }
        count += 1;
        if count > limits.fields {
            return Err(BadHead::TooLarge);
        }
        found.note(field)?;
    }
    found.judge(&request_line)
}

/// A line without its end, which must be CR LF with neither of them inside.
fn line(with_end: &[u8]) -> Result<&[u8], BadHead> {
    let line = with_end.strip_suffix(b"\r\n").ok_or(BadHead::BareLineEnd)?;
    if line.contains(&b'\r') {
        return Err(BadHead::BareLineEnd);
    }
    if line.iter().any(|b| (*b < 0x20 && *b != b'\t') || *b == 0x7f) {
        return Err(BadHead::Control);
    }
    Ok(line)
}

#[derive(Debug)]
struct RequestLine<'a> {
    /// The authority of an absolute-form target.
    authority: Option<&'a [u8]>,
    minor: u8,
}

impl<'a> RequestLine<'a> {
    fn parse(line: &'a [u8], limits: &HeadLimits) -> Result<Self, BadHead> {
        let mut parts = line.split(|b| *b == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadHead::RequestLine);
        };
        let minor = match version {
            b"HTTP/1.1" => 1,
            b"HTTP/1.0" => 0,
            _ => return Err(BadHead::RequestLine),
        };
        if method.is_empty() || !method.iter().all(|b| is_token(*b)) {
            return Err(BadHead::RequestLine);
        }
        if method == b"CONNECT" {
            return Err(BadHead::Connect);
        }
        if target.len() > limits.target_bytes {
            return Err(BadHead::TargetTooLong);
        }
        let authority = match target {
            [b'/', ..] => None,
            b"*" if method == b"OPTIONS" => None,
            _ => Some(absolute_form(target)?),
        };
        // Octets no URI holds and no browser sends bare (RFC 3986 §2); the parser behind does not agree
        // with itself about them.
        let odd = |b: &u8| b"\t#\"<>\\`".contains(b);
        if target.iter().any(odd) || std::str::from_utf8(target).is_err() {
            return Err(BadHead::RequestLine);
        }
        Ok(Self { authority, minor })
    }
}

fn absolute_form(target: &[u8]) -> Result<&[u8], BadHead> {
    let scheme_end = target.windows(3).position(|w| w == b"://").ok_or(BadHead::RequestLine)?;
    let (scheme, rest) = target.split_at(scheme_end);
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(BadHead::ForeignTarget);
    }
    let rest = rest.get(3..).unwrap_or_default();
    let authority = rest.split(|b| matches!(b, b'/' | b'?')).next().unwrap_or_default();
    // RFC 9110 §4.2.4: user information in a target is an error.
    if authority.is_empty() || authority.contains(&b'@') {
        return Err(BadHead::ForeignTarget);
    }
    Ok(authority)
}

/// What the field lines say about framing and host.
#[derive(Debug, Default)]
struct Found<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl<'a> Found<'a> {
    fn note(&mut self, field: &'a [u8]) -> Result<(), BadHead> {
        let colon = field.iter().position(|b| *b == b':').ok_or(BadHead::FieldLine)?;
        let (name, value) = field.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
            return Err(BadHead::FieldLine);
        }
        if name.eq_ignore_ascii_case(b"host") {
            if self.host.replace(value).is_some() {
                return Err(BadHead::ManyHosts);
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            if self.length.replace(length(value)?).is_some() {
                return Err(BadHead::Length);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(BadHead::Encoding);
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            let mut protocols = value.split(|b| *b == b',').map(<[u8]>::trim_ascii);
            self.upgrade |= protocols.any(|p| p.eq_ignore_ascii_case(b"websocket"));
        }
        Ok(())
    }

    fn judge(&self, request_line: &RequestLine<'_>) -> Result<Framing, BadHead> {
        if self.chunked && request_line.minor == 0 {
            return Err(BadHead::Encoding);
        }
        if self.chunked && self.length.is_some() {
            return Err(BadHead::LengthAndEncoding);
        }
        let host = self.host.ok_or(BadHead::NoHost)?;
        Host::parse(host).map_err(BadHead::Host)?;
        if request_line.authority.is_some_and(|target| !target.eq_ignore_ascii_case(host)) {
            return Err(BadHead::ForeignTarget);
        }
        Ok(match self {
            Self { chunked: true, .. } => Framing::Chunked,
            Self { upgrade: true, .. } => Framing::Upgrade,
            Self { length, .. } => Framing::Length(length.unwrap_or(0)),
        })
    }
}

/// RFC 9110 §8.6: `1*DIGIT`; a list of equal values may be accepted, and is not.
fn length(value: &[u8]) -> Result<u64, BadHead> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(BadHead::Length);
    }
    std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()).ok_or(BadHead::Length)
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
