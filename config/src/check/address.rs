//! `host:port` of a target, and the endpoint of an S3-compatible server.

use std::net::{IpAddr, Ipv6Addr};

use crate::model::{Endpoint, TargetName};
use crate::pattern::is_dns_name;

/// `host:port` of a target, an IPv6 address in brackets. Fails with the end of a sentence about it.
pub fn target_name(text: &str) -> Result<TargetName, String> {
    if text.contains("://") {
        return Err("a target is `host:port`, without a scheme".to_owned());
    }
    match host_and_port(text)? {
        (host, Some(port)) => Ok(TargetName { host: reachable(host)?, port }),
        (_, None) => Err(format!("has no port: write \"{text}:8080\" or whichever it is")),
    }
}

/// An address that leads to one machine, in its one spelling; or a name.
fn reachable(host: String) -> Result<String, String> {
    let Ok(address) = host.parse::<IpAddr>() else { return Ok(host) };
    let address = address.to_canonical();
    if address.is_unspecified() || address.is_multicast() {
        return Err(format!("{address} is no machine's address"));
    }
    Ok(address.to_string())
}

/// `http://host[:port]` or `https://host[:port]`.
pub(super) fn endpoint(text: &str) -> Result<Endpoint, String> {
    let (tls, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err("an endpoint starts with `https://` or `http://`".to_owned()),
    };
    if authority.contains(['/', '?', '#', '@']) {
        return Err("an endpoint is scheme, host and port, with nothing behind".to_owned());
    }
    let (host, port) = host_and_port(authority)?;
    Ok(Endpoint { tls, host, port: port.unwrap_or(if tls { 443 } else { 80 }) })
}

/// A name in lower case, or an address without brackets; and the port, if there is one.
pub(super) fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address stands in brackets, as in \"[::1]:8080\"".to_owned());
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => {
            let address: Result<Ipv6Addr, _> = host.parse();
            let address = address.map_err(|_| format!("`{host}` is no IPv6 address"))?;
            let port = rest.strip_prefix(':');
            if port.is_none() && !rest.is_empty() {
                return Err(format!("{text:?} cannot be read: write \"[{address}]:8080\""));
            }
            (IpAddr::V6(address).to_string(), port)
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host_name(host)?, Some(port)),
            None => (host_name(text)?, None),
        },
    };
    let port = port.map(|port| match port.parse::<u16>() {
        Ok(number) if number > 0 && !port.starts_with('+') => Ok(number),
        _ => Err(format!("`{port}` is no port: 1 to 65535")),
    });
    Ok((host, port.transpose()?))
}

fn host_name(text: &str) -> Result<String, String> {
    if is_dns_name(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("`{text}` is no host name and no address"))
    }
}
