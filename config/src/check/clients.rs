//! `allow` and `deny`: clients by address.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::model::Clients;
use crate::raw::Section;

/// `allow` and `deny` of a site.
pub(super) fn clients(section: &Section<'_>) -> Clients {
    let allow =
        section.or("allow", Vec::new(), |value| value.distinct(|item| item.parsed(network)));
    let deny = section.or("deny", Vec::new(), |value| {
        value.distinct(|item| {
            let denied = item.parsed(network)?;
            if allow.contains(&denied) {
                item.problem("is in `allow` too: who is denied stays out");
            }
            Some(denied)
        })
    });
    Clients { allow, deny }
}

/// A network, or an address as the network that is nothing but it. A client on an IPv4-mapped
/// address (RFC 4291 §2.5.5.2) is one on IPv4, so such a network is one of IPv4.
fn network(text: &str) -> Result<IpNet, String> {
    let shape = || {
        format!(
            "{text:?} is no address and no network, such as \"10.0.0.0/8\" or \"2001:db8::/32\""
        )
    };
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| shape())?,
    };
    let meant = network.trunc();
    if meant != network {
        return Err(format!("{text:?} has bits behind its prefix: write \"{}\"", unmapped(meant)));
    }
    Ok(unmapped(network))
}

const MAPPED_BITS: u8 = 96;

fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let address = mapped.addr().to_ipv4_mapped();
    let length = mapped.prefix_len().checked_sub(MAPPED_BITS);
    let unmapped =
        address.zip(length).and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    unmapped.map_or(network, IpNet::V4)
}
