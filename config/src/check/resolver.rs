//! `[resolver]`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::model::Resolver;
use crate::raw::{Section, Value};

/// RFC 1035 §4.2.
const DNS_PORT: u16 = 53;
/// A look-up has seconds: it would not get to the others.
const SERVERS_MAX: usize = 8;

/// `[resolver]`.
pub(super) fn resolver(section: &Section<'_>) -> Resolver {
    Resolver { servers: section.or("servers", Vec::new(), servers) }
}

fn servers(value: &Value<'_>) -> Option<Vec<SocketAddr>> {
    let servers = value.distinct(|item| item.parsed(server))?;
    if servers.len() > SERVERS_MAX {
        value.problem(format!("names {} servers: at most {SERVERS_MAX}", servers.len()));
    }
    Some(servers)
}

/// An address, and port 53 unless there is another.
pub(super) fn server(text: &str) -> Result<SocketAddr, String> {
    let in_brackets = || {
        let bare = text.strip_prefix('[')?.strip_suffix(']')?;
        bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    };
    let address = match text.parse::<SocketAddr>() {
        Ok(address) => Some(address),
        Err(_) => text
            .parse::<IpAddr>()
            .ok()
            .or_else(in_brackets)
            .map(|address| SocketAddr::new(address, DNS_PORT)),
    };
    let address = address.ok_or_else(|| {
        format!("{text:?} is no address of a DNS server, such as \"10.0.0.2\" or \"[::1]:53\"")
    })?;
    if address.port() == 0 || address.ip().is_unspecified() {
        return Err(format!("nobody can be asked at {address}"));
    }
    Ok(address)
}
