//! Path patterns and host patterns: the two small languages users write in the file.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::spelling::matched_pattern;

/// Longest pattern that is taken, in bytes.
const PATTERN_BYTES_MAX: usize = 4096;

/// A path pattern: `*` is any run of characters, also across `/`; `?` is exactly one character,
/// of however many bytes.
///
/// Used for behaviors, key grants and invalidations alike. Case-sensitive, as CloudFront's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern(String);

/// A host a site answers to: `www.example.com`, or `*.example.com` for exactly one more label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// Lower-case name or address, without a port.
    Exact(String),
    /// The part behind `*.`, lower-case.
    Wildcard(String),
}

/// Why a pattern was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A path pattern begins with anything but `/` or `*`: it could never match.
    #[error("a path pattern starts with `/` or `*`, else it matches nothing")]
    NoSlash,
    /// More than 4096 bytes.
    #[error("a pattern is at most 4096 bytes long")]
    TooLong,
    /// A control character, which no request target can hold.
    #[error("a pattern holds no control characters")]
    Control,
    /// A host with `://` in it.
    #[error("a host has no scheme: write `www.example.com`, not `https://www.example.com`")]
    Scheme,
    /// A host with a port.
    #[error("a host has no port: a site answers on every listener")]
    Port,
    /// A `*` that is not the whole first label.
    #[error("`*` stands only for the whole first label, as in `*.example.com`")]
    Wildcard,
    /// Not a DNS name (RFC 1123 §2.1) and not an address.
    #[error("not a host name: letters, digits, `-` and `_` in labels of 1 to 63, 253 in all")]
    Name,
}

// === impl PathPattern ===

impl PathPattern {
    /// Reads a pattern. Fails on an empty one, one that does not start with `/` or `*`, one with
    /// control characters and one of more than 4096 bytes.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::TooLong);
        }
        if !text.starts_with(['/', '*']) {
            return Err(PatternError::NoSlash);
        }
        if text.chars().any(char::is_control) {
            return Err(PatternError::Control);
        }
        Ok(Self(text.to_owned()))
    }

    /// The pattern that matches every path.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same pattern, fit for [`matched_path`](crate::spelling::matched_path)s.
    #[must_use]
    pub fn matched(&self) -> Self {
        // What was let in is still a pattern when it is decoded, unless it holds a control character.
        Self::parse(&matched_pattern(&self.0)).unwrap_or_else(|_| self.clone())
    }

    /// Whether the pattern is one path and nothing else.
    pub fn is_exact(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether `path`, as it is spelled, is one of the paths meant.
    ///
    /// At most pattern × path steps: only the last `*` is ever gone back to, since an earlier one
    /// that took less could not help a later one.
    pub fn matches(&self, path: &str) -> bool {
        glob(&self.0, path, |pattern, byte| pattern == b'?' || pattern == byte)
    }

    /// Whether every path that `other` matches is matched by this pattern too.
    ///
    /// A `true` is always right; a `false` may be too careful where both hold several wildcards.
    pub fn covers(&self, other: &Self) -> bool {
        // Every path begins with a slash, also those that a pattern like `*.jpg` matches.
        if self.0 == "/*" {
            return true;
        }
        // The other pattern is read as if it were a path whose `?` and `*` are letters of their
        // own: a `?` here takes any one character but never a run, a `*` here takes anything.
        glob(&self.0, &other.0, |pattern, letter| match (pattern, letter) {
            (_, b'*') => false,
            (b'?', _) => true,
            (_, b'?') => false,
            (pattern, letter) => pattern == letter,
        })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl HostPattern ===

impl HostPattern {
    /// Reads a host: a DNS name, `*.` and a DNS name, an IPv4 address, or an IPv6 address with or
    /// without brackets. Upper case is folded, a final dot dropped.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.contains("://") {
            return Err(PatternError::Scheme);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            return Ok(Self::Exact(address.to_string()));
        }
        if text.contains(':') {
            return Err(PatternError::Port);
        }
        let folded = text.to_ascii_lowercase();
        let host = folded.strip_suffix('.').unwrap_or(&folded);
        let (name, wildcard) = match host.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (host, false),
        };
        if name.contains('*') {
            return Err(PatternError::Wildcard);
        }
        if !is_dns_name(name) || (wildcard && name.parse::<IpAddr>().is_ok()) {
            return Err(PatternError::Name);
        }
        Ok(if wildcard { Self::Wildcard(name.to_owned()) } else { Self::Exact(name.to_owned()) })
    }

    /// Whether `host` (lower-case, no port, no brackets) is meant. A wildcard stands for exactly
    /// one more label and never for an address.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Wildcard(parent) => host
                .strip_suffix(parent.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| {
                    !label.is_empty() && !label.contains('.') && host.parse::<IpAddr>().is_err()
                }),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
        }
    }
}

/// Letters, digits, hyphen (RFC 1123 §2.1), and the underscore that private networks use. What ends
/// in a number is an IPv4 address or nothing.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.split('.').all(is_label)
        && (last.bytes().any(|byte| !byte.is_ascii_digit()) || name.parse::<Ipv4Addr>().is_ok())
}

/// Two pointers over bytes: `*` in the pattern takes any run of characters, `is_like` judges
/// everything else. Letters are compared a byte at a time, as bytes that are alike are of characters
/// that are alike; what takes any character takes all its bytes.
fn glob(pattern: &str, text: &str, is_like: impl Fn(u8, u8) -> bool) -> bool {
    let (wanted, bytes) = (pattern.as_bytes(), text.as_bytes());
    let behind = |at: usize| (at + 1..bytes.len()).find(|&next| text.is_char_boundary(next));
    let behind = |at: usize| behind(at).unwrap_or(bytes.len());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = bytes.get(t) {
        match (wanted.get(p), star) {
            (Some(b'*'), _) => {
                star = Some((p + 1, t));
                p += 1;
            }
            (Some(&letter), _) if is_like(letter, byte) => {
                p += 1;
                t = if letter == b'?' { behind(t) } else { t + 1 };
            }
            (_, Some((rest, taken))) => {
                p = rest;
                t = behind(taken);
                star = Some((rest, t));
            }
            (_, None) => return false,
        }
    }
    wanted.iter().skip(p).all(|&rest| rest == b'*')
}

#[cfg(test)]
mod tests;
