//! What became of a request in the cache, in the words of RFC 9211.

use std::fmt::{self, Write as _};

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// By a fresh stored response.
    Hit,
    /// By a stale one, while another request refreshes it.
    Stale,
    /// By a stale one, because the origin was asked and failed.
    StoodIn,
    /// By what another request, for which this one waited, got from the origin (RFC 9211 §2.6).
    Collapsed(Forward),
    /// By a stored response that the origin, asked for this reason, has said is still good.
    Revalidated(Forward),
    /// By the origin.
    Forwarded(Forward),
    /// By the edge itself: a redirect, a refusal.
    Answered,
    /// By the edge itself, because the origin's answer was of no use.
    Failed(Forward),
}

/// RFC 9211 §2.2: why a request went to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// The cache was told not to handle it.
    Bypass,
    /// Its method is not one that is stored.
    Method,
    /// Nothing could be used, and more is not known.
    Miss,
    /// What was stored lacks a part that was asked for.
    Partial,
    /// The request's own directives would not have what was stored.
    Request,
    /// What was stored is stale.
    Stale,
    /// Nothing was stored under its primary key.
    UriMiss,
    /// Something was, but for other values of the Vary fields.
    VaryMiss,
}

/// The Cache-Status field of one response.
///
/// Printed, it is a list of one member that every RFC 9651 parser reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheStatus {
    /// How the request was answered.
    pub lookup: Lookup,
    /// The origin's status, if it is known; shown where the request was forwarded (RFC 9211 §2.3).
    pub forward_status: Option<u16>,
    /// Remaining freshness lifetime in seconds; negative when stale (RFC 9211 §2.4).
    pub ttl: Option<i64>,
    /// The response went into the store; shown where the request was forwarded (RFC 9211 §2.5).
    pub stored: bool,
    /// The primary key, for those who ask for it (RFC 9211 §2.7).
    pub key: Option<String>,
    /// One word more, such as why a response was not stored (RFC 9211 §2.8).
    pub detail: Option<&'static str>,
}

/// An sf-integer has at most fifteen digits (RFC 9651 §3.3.1).
const INTEGER_MAX: i64 = 999_999_999_999_999;

/// Text as an sf-string (RFC 9651 §3.3.3). What it cannot hold is written `%XX`.
struct Quoted<'a>(&'a str);

// === impl Lookup ===

impl Lookup {
    /// CloudFront's word, as in X-Cache.
    #[must_use]
    pub fn as_x_cache(self) -> &'static str {
        match self {
            Self::Hit | Self::Stale | Self::StoodIn | Self::Collapsed(_) => "Hit from warmfront",
            Self::Revalidated(_) => "RefreshHit from warmfront",
            Self::Forwarded(_) => "Miss from warmfront",
            Self::Answered | Self::Failed(_) => "Error from warmfront",
        }
    }

    /// One word for metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit | Self::Collapsed(_) => "hit",
            Self::Stale | Self::StoodIn => "stale",
            Self::Revalidated(_) => "revalidated",
            Self::Forwarded(Forward::Bypass | Forward::Method) => "bypass",
            Self::Forwarded(_) => "miss",
            Self::Answered | Self::Failed(_) => "none",
        }
    }
}

impl Forward {
    /// RFC 9211 §2.2's token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::Miss => "miss",
            Self::Partial => "partial",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
        }
    }
}

// === impl CacheStatus ===

impl CacheStatus {
    /// A status that says how a request was answered, and nothing more.
    #[must_use]
    pub fn of(lookup: Lookup) -> Self {
        Self { lookup, forward_status: None, ttl: None, stored: false, key: None, detail: None }
    }
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("warmfront")?;
        let forwarded = match self.lookup {
            Lookup::Hit | Lookup::Stale => {
                f.write_str("; hit")?;
                None
            }
            // The status the client sees is the stored one; what the origin said was 304.
            Lookup::Revalidated(reason) => Some((reason, Some(304))),
            Lookup::StoodIn => Some((Forward::Stale, self.forward_status)),
            Lookup::Collapsed(reason) => Some((reason, None)),
            Lookup::Forwarded(reason) | Lookup::Failed(reason) => {
                Some((reason, self.forward_status))
            }
            Lookup::Answered => None,
        };
        if let Some((reason, status)) = forwarded {
            write!(f, "; fwd={}", reason.as_str())?;
            if let Some(status) = status {
                write!(f, "; fwd-status={status}")?;
            }
        }
        if let Some(ttl) = self.ttl {
            write!(f, "; ttl={}", ttl.clamp(-INTEGER_MAX, INTEGER_MAX))?;
        }
        if self.stored && forwarded.is_some() {
            f.write_str("; stored")?;
        }
        if matches!(self.lookup, Lookup::Collapsed(_)) {
            f.write_str("; collapsed")?;
        }
        if let Some(key) = &self.key {
            write!(f, "; key={}", Quoted(key))?;
        }
        match self.detail {
            Some(token) if is_token(token) => write!(f, "; detail={token}"),
            Some(text) => write!(f, "; detail={}", Quoted(text)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for byte in self.0.bytes() {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                b' '..=b'~' => f.write_char(char::from(byte))?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        f.write_char('"')
    }
}

/// Whether a text is an sf-token (RFC 9651 §3.3.4).
fn is_token(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&b);
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*')
        && text.bytes().all(is_inner)
}

#[cfg(test)]
mod tests;
