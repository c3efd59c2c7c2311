//! Whether a host points here: an order for one that does not would only cost a failed validation.
//!
//! A host whose every address is one of ours points here. The others may still, behind a router or
//! a balancer, so they are asked for something that only this node can answer, in the way that the
//! authority will ask.

mod rehearsal;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use warmfront_certs::Certificates;
use warmfront_config::{Acme, ChallengeKind, Config, HostPattern};
use warmfront_origin::Resolver;

use rehearsal::Rehearsal;

/// The ports that every public authority validates on (RFC 8555 §8.3, RFC 8737 §3).
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
/// From one look at hosts that do not point here to the next: at first, and at most.
const LOOK_AGAIN_MIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN_MAX: Duration = Duration::from_mins(10);

/// Whether a host points here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pointing {
    /// Each of its addresses is one of ours, or answered for this node.
    Here,
    /// It does not, and this sentence says why that is thought.
    Elsewhere(String),
}

/// Finds out where hosts point.
#[derive(Debug)]
pub(crate) struct Pointer {
    resolver: Resolver,
    certificates: Arc<Certificates>,
    http: Door,
    https: Door,
}

/// How one of the challenges comes in.
#[derive(Debug)]
struct Door {
    /// Addresses that are this node's for certain.
    ours: BTreeSet<IpAddr>,
    /// The ports that an authority may validate on: one of them must answer.
    ports: Vec<u16>,
}

// === impl Pointing ===

impl Pointing {
    /// Why the host is not ordered for.
    pub(crate) fn elsewhere(&self) -> Option<&str> {
        match self {
            Self::Here => None,
            Self::Elsewhere(why) => Some(why),
        }
    }
}

// === impl Pointer ===

impl Pointer {
    pub(crate) fn new(
        config: &Config,
        acme: &Acme,
        resolver: &Resolver,
        certificates: &Arc<Certificates>,
    ) -> Self {
        Self {
            resolver: resolver.clone(),
            certificates: certificates.clone(),
            http: Door::new(&config.listen.http, HTTP_PORT, acme),
            https: Door::new(&config.listen.https, HTTPS_PORT, acme),
        }
    }

    /// Where each of the hosts points, one after the other. A TXT record is found wherever the host
    /// itself points, so with dns-01 all are as good as here.
    ///
    /// Called on a tokio runtime.
    pub(crate) async fn look(
        &self,
        hosts: &[HostPattern],
        challenge: ChallengeKind,
    ) -> Vec<(HostPattern, Pointing)> {
        let mut looked_at = Vec::with_capacity(hosts.len());
        for host in hosts {
            let pointing = match (host, challenge) {
                (HostPattern::Wildcard(_), _) | (_, ChallengeKind::Dns01) => Pointing::Here,
                (HostPattern::Exact(name), ChallengeKind::Http01) => {
                    self.find(name, &self.http, challenge).await
                }
                (HostPattern::Exact(name), ChallengeKind::TlsAlpn01) => {
                    self.find(name, &self.https, challenge).await
                }
            };
            looked_at.push((host.clone(), pointing));
        }
        looked_at
    }

    async fn find(&self, host: &str, door: &Door, challenge: ChallengeKind) -> Pointing {
        let addresses = match self.addresses(host).await {
            Ok(addresses) => addresses,
            Err(why) => return Pointing::Elsewhere(why),
        };
        let foreign = foreign(&addresses, &door.ours);
        if foreign.is_empty() {
            return Pointing::Here;
        }
        let rehearsal = match challenge {
            ChallengeKind::TlsAlpn01 => Rehearsal::tls(host, &self.certificates),
            ChallengeKind::Http01 | ChallengeKind::Dns01 => {
                Ok(Rehearsal::http(host, &self.certificates))
            }
        };
        let rehearsal = match rehearsal {
            Ok(rehearsal) => rehearsal,
            Err(why) => return Pointing::Elsewhere(why),
        };
        for address in foreign {
            if let Err(why) = ask(&rehearsal, address, &door.ports).await {
                let resolves = if host.parse::<IpAddr>().is_ok() {
                    format!("{host} did not answer for this node")
                } else {
                    format!("{host} resolves to {address}, which did not answer for this node")
                };
                return Pointing::Elsewhere(format!("{resolves} ({why})"));
            }
        }
        Pointing::Here
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        match host.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => self.resolver.addresses(host).await.map_err(|error| error.to_string()),
        }
    }
}

// === impl Door ===

impl Door {
    fn new(listeners: &[SocketAddr], port: u16, acme: &Acme) -> Self {
        // A private authority may validate on whatever port it was told to.
        let private = acme.authorities.iter().any(|authority| !authority.public);
        let own = listeners.first().map(SocketAddr::port).filter(|own| private && *own != port);
        Self { ours: ours(listeners, acme), ports: own.into_iter().chain([port]).collect() }
    }
}

/// Addresses that are this node's for certain. A listener on every address says nothing of which
/// these are.
pub(crate) fn ours(listeners: &[SocketAddr], acme: &Acme) -> BTreeSet<IpAddr> {
    let listened_on = listeners.iter().map(SocketAddr::ip).filter(|ip| !ip.is_unspecified());
    let all = listened_on.chain(acme.public_addresses.iter().copied());
    all.map(|address| address.to_canonical()).collect()
}

/// Those of the addresses that are not known to be ours.
pub(crate) fn foreign(addresses: &[IpAddr], ours: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
    addresses.iter().copied().filter(|address| !ours.contains(&address.to_canonical())).collect()
}

/// When hosts that did not point here are looked at again, after so many looks.
pub(crate) fn look_again(looks: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(looks.saturating_sub(1));
    LOOK_AGAIN_MIN.saturating_mul(doubled).min(LOOK_AGAIN_MAX)
}

/// One of the ports must answer; if none does, what the last one said, which is the standard's.
async fn ask(rehearsal: &Rehearsal<'_>, address: IpAddr, ports: &[u16]) -> Result<(), String> {
    let mut why = "no port is asked".to_owned();
    for port in ports {
        match rehearsal.ask(SocketAddr::new(address, *port)).await {
            Ok(()) => return Ok(()),
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests;
