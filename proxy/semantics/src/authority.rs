//! The Host field and `:authority` (RFC 9110 §7.2, RFC 3986 §3.2.2).

use std::fmt;
use std::net::Ipv6Addr;

/// A host as clients name it: lower-case, without a trailing dot.
///
/// Never holds anything but letters, digits, `-`, `.`, `_` or a bracketed IPv6 address, so it can be
/// written into a Location field or a log line as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    name: String,
    port: Option<u16>,
}

/// Why a Host field is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// RFC 9112 §3.2: a server must answer 400 to a field with an invalid value.
    #[error("the Host field is empty")]
    Empty,
    /// Something that no host name, address or port has.
    #[error("the Host field is not a host")]
    Syntax,
}

// === impl Host ===

impl Host {
    /// Reads `host[:port]`.
    pub fn parse(authority: &[u8]) -> Result<Self, BadHost> {
        let text = std::str::from_utf8(authority).map_err(|_| BadHost::Syntax)?;
        if text.is_empty() {
            return Err(BadHost::Empty);
        }
        let (host, port) = split_port(text)?;
        let port = match port {
            // RFC 3986 §3.2.3: a colon without a port is the default port.
            "" => None,
            port if port.bytes().all(|b| b.is_ascii_digit()) => {
                Some(port.parse().map_err(|_| BadHost::Syntax)?)
            }
            _ => return Err(BadHost::Syntax),
        };
        Ok(Self { name: host.to_ascii_lowercase(), port })
    }

    /// The host as text, without its port; IPv6 addresses keep their brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The port the client wrote, if it is another than the scheme's own.
    #[must_use]
    pub fn port_beside(&self, default: u16) -> Option<u16> {
        self.port.filter(|port| *port != default)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn split_port(text: &str) -> Result<(&str, &str), BadHost> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(BadHost::Syntax)?;
        address.parse::<Ipv6Addr>().map_err(|_| BadHost::Syntax)?;
        let port = match after.strip_prefix(':') {
            Some(port) => port,
            None if after.is_empty() => "",
            None => return Err(BadHost::Syntax),
        };
        let host = text.get(..address.len() + 2).ok_or(BadHost::Syntax)?;
        return Ok((host, port));
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    // A trailing dot names the DNS root; no certificate and no configuration writes it.
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() || host.ends_with('.') || host.len() > 253 || !host.bytes().all(name) {
        return Err(BadHost::Syntax);
    }
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("Example.COM", Ok("example.com")),
            ("example.com:8443", Ok("example.com")),
            ("example.com.", Ok("example.com")),
            ("127.0.0.1:80", Ok("127.0.0.1")),
            ("[::1]:443", Ok("[::1]")),
            ("[::1]", Ok("[::1]")),
            ("", Err(BadHost::Empty)),
            (":80", Err(BadHost::Syntax)),
            ("a b", Err(BadHost::Syntax)),
            ("a/b", Err(BadHost::Syntax)),
            ("user@example.com", Err(BadHost::Syntax)),
            ("example.com:80x", Err(BadHost::Syntax)),
            ("example.com:123456", Err(BadHost::Syntax)),
            ("example.com:65536", Err(BadHost::Syntax)),
            ("example.com:", Ok("example.com")),
            ("[::1", Err(BadHost::Syntax)),
            ("[nonsense]", Err(BadHost::Syntax)),
            ("[::1]x", Err(BadHost::Syntax)),
            ("a,b", Err(BadHost::Syntax)),
            ("a..", Err(BadHost::Syntax)),
            (".", Err(BadHost::Syntax)),
            ("..", Err(BadHost::Syntax)),
        ] {
            let host = Host::parse(text.as_bytes());
            assert_eq!(host.as_ref().map(Host::as_str).map_err(|e| *e), expected, "{text:?}");
        }
    }
}
