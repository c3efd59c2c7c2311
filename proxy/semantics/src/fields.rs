//! Field names that belong to one connection, and fields of the message's framing.

use http::{HeaderMap, HeaderName, header};

/// Fields that RFC 9110 §7.6.1 binds to a connection, whether Connection names them or not.
pub const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields a message cannot lose by naming them in Connection: doing so is how requests are smuggled
/// past an edge, or freed of what it added.
const NEVER_NOMINATED: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-request-id"),
];

/// What Connection asks to be dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nominated {
    /// Drop these beside [`HOP_BY_HOP`].
    Fields(Vec<HeaderName>),
    /// It names a field that is not the client's to drop: 400.
    Forbidden(HeaderName),
}

/// Judges what a client's Connection asks to be dropped.
#[must_use]
pub fn nominated(fields: &HeaderMap) -> Nominated {
    let forbidden = options(fields).find(|name| NEVER_NOMINATED.contains(name));
    forbidden.map_or_else(|| Nominated::Fields(options(fields).collect()), Nominated::Forbidden)
}

/// What an origin's Connection asks to be dropped, but for what is not the connection's.
#[must_use]
pub fn connection_options(fields: &HeaderMap) -> Vec<HeaderName> {
    options(fields).filter(|name| !NEVER_NOMINATED.contains(name)).collect()
}

/// Every member of every Connection line.
fn options(fields: &HeaderMap) -> impl Iterator<Item = HeaderName> + '_ {
    let lines = fields.get_all(header::CONNECTION).iter();
    let members = lines.flat_map(|line| line.as_bytes().split(|&b| b == b','));
    members.filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
}

/// Whether a request asks for WebSocket (RFC 6455 §4.1). No other switch of protocols is offered:
/// `Upgrade: h2c`, which curl sends unasked, is ignored as RFC 9110 §7.8 allows.
#[must_use]
pub fn is_websocket(request: &HeaderMap) -> bool {
    list_has(request, &header::UPGRADE, "websocket")
}

/// Whether a comma-separated list field has this member, whatever its letter case.
#[must_use]
pub fn list_has(fields: &HeaderMap, name: &HeaderName, member: &str) -> bool {
    let members =
        fields.get_all(name).iter().flat_map(|line| line.as_bytes().split(|&b| b == b','));
    members.map(<[u8]>::trim_ascii).any(|m| m.eq_ignore_ascii_case(member.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_connection_field() {
        let mut fields = HeaderMap::new();
        fields.append(header::CONNECTION, "close, X-Trace".parse().unwrap());
        let expected = vec![HeaderName::from_static("close"), HeaderName::from_static("x-trace")];
        assert_eq!(nominated(&fields), Nominated::Fields(expected.clone()));
        fields.append(header::CONNECTION, "X-Forwarded-For".parse().unwrap());
        assert_eq!(
            nominated(&fields),
            Nominated::Forbidden(HeaderName::from_static("x-forwarded-for"))
        );
        assert_eq!(connection_options(&fields), expected);
        assert!(list_has(&fields, &header::CONNECTION, "Close"));
        assert!(!list_has(&fields, &header::CONNECTION, "clos"));
    }
}
