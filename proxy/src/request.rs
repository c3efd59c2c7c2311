//! A request in our own terms: what the rooms from `route` to `lookup` look at. Another front than
//! Pingora's would build the same.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use warmfront_semantics::authority::Host;
use warmfront_semantics::target::{Target, without_authority};

use crate::failure::ClientFault;
use crate::listen::connection::Connection;
use crate::snapshot::Snapshot;

/// What is known before a request is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) connection: Arc<Connection>,
    /// The configuration the request is served by from its first to its last byte.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) at: SystemTime,
    pub(crate) started: Instant,
    /// 32 hexadecimal digits: in the log line, and what client and origin are told.
    pub(crate) id: HeaderValue,
}

/// Method, host and target of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) host: Host,
    target: PathAndQuery,
}

// === impl Arrival ===

impl Arrival {
    pub(crate) fn new(
        connection: Arc<Connection>,
        snapshot: Arc<Snapshot>,
        at: SystemTime,
        started: Instant,
    ) -> Self {
        let id = format!("{:032x}", rand::random::<u128>());
        let id = HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("-"));
        Self { connection, snapshot, at, started, id }
    }
}

// === impl RequestHead ===

impl RequestHead {
    /// `raw_target` is the target as the client sent it; `authority` is that of an absolute-form or
    /// HTTP/2 target.
    pub(crate) fn new(
        method: &Method,
        version: Version,
        authority: Option<&str>,
        raw_target: &[u8],
        fields: &HeaderMap,
    ) -> Result<Self, ClientFault> {
        let field = fields.get(header::HOST).map(HeaderValue::as_bytes);
        let host = match (authority.map(str::as_bytes), field) {
            (Some(authority), Some(field)) if !authority.eq_ignore_ascii_case(field) => {
                return Err(ClientFault::ForeignTarget);
            }
            (Some(host), _) | (None, Some(host)) => Host::parse(host),
            (None, None) => return Err(ClientFault::NoHost),
        };
        Ok(Self {
            method: method.clone(),
            version,
            host: host.map_err(ClientFault::Host)?,
            target: target(raw_target)?,
        })
    }

    /// The same host, asked for something else.
    pub(crate) fn with_target(&self, path_and_query: &str) -> Result<Self, ClientFault> {
        Ok(Self { target: target(path_and_query.as_bytes())?, ..self.clone() })
    }

    /// Path and query as the client spelled them.
    pub(crate) fn target(&self) -> Target<'_> {
        Target { path: self.target.path(), query: self.target.query() }
    }

    /// The host in its one spelling, with the port if it is not the scheme's own.
    ///
    /// This is what an origin sees: two spellings of one host must not be answered differently, since
    /// they share what is stored.
    pub(crate) fn authority(&self, connection: &Connection) -> Cow<'_, str> {
        match self.host.port_beside(connection.default_port()) {
            Some(port) => Cow::Owned(format!("{}:{port}", self.host)),
            None => Cow::Borrowed(self.host.as_str()),
        }
    }

    /// Both, as they go on the wire.
    pub(crate) fn path_and_query(&self) -> &str {
        self.target.as_str()
    }
}

/// Octets that no URI holds (RFC 3986 §2), but that browsers and curl send, are escaped; what is
/// escaped already stays as it is.
fn target(raw: &[u8]) -> Result<PathAndQuery, ClientFault> {
    let raw = without_authority(raw);
    let plain = |b: &u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(b);
    let target = if raw.iter().all(plain) {
        PathAndQuery::try_from(raw)
    } else {
        let escape = |b: &u8| {
            if plain(b) { char::from(*b).to_string() } else { format!("%{b:02X}") }
        };
        PathAndQuery::try_from(raw.iter().map(escape).collect::<String>())
    };
    target.map_err(|_| ClientFault::Target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(
        authority: Option<&str>,
        target: &[u8],
        host: Option<&str>,
    ) -> Result<RequestHead, ClientFault> {
        let fields = host.map(|h| (header::HOST, HeaderValue::from_str(h).unwrap()));
        let fields = fields.into_iter().collect();
        RequestHead::new(&Method::GET, Version::HTTP_11, authority, target, &fields)
    }

    #[test]
    fn targets_stay_byte_for_byte_but_for_what_no_uri_holds() {
        for (raw, target) in [
            (b"/a?b=c".as_slice(), "/a?b=c"),
            (b"//a/../%2e?x=%zz", "//a/../%2e?x=%zz"),
            ("/\u{fc}".as_bytes(), "/%C3%BC"),
            (b"/\xff{a}", "/%FF%7Ba%7D"),
        ] {
            assert_eq!(head(None, raw, Some("a")).unwrap().path_and_query(), target);
        }
    }

    #[test]
    fn the_host_is_one_and_the_same_everywhere() {
        assert_eq!(head(Some("A:80"), b"/", Some("a:80")).unwrap().host.as_str(), "a");
        assert_eq!(head(Some("a"), b"/", None).unwrap().host.as_str(), "a");
        assert_eq!(head(Some("a"), b"/", Some("b")).unwrap_err(), ClientFault::ForeignTarget);
        assert_eq!(head(None, b"/", None).unwrap_err(), ClientFault::NoHost);
    }
}
