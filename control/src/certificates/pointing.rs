//! Whether a host points here: an order for one that does not would only cost a failed validation.
//!
//! A host whose every address is one of ours points here. The others may still, behind a router or
//! a balancer, so they are asked for something that only this node can answer, in the way that the
//! authority will ask.

mod rehearsal;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
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
/// Hosts of one site that are looked at at once.
const HOSTS_AT_ONCE: usize = 8;
/// How long one look at all hosts of a site may take.
const LOOK_TIME_MAX: Duration = Duration::from_mins(1);

/// Whether a host points here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pointing {
    /// Each of its addresses is one of ours, or answered for this node.
    Here,
    /// It does not, and this sentence says why that is thought.
    Elsewhere(String),
}

/// Finds out where hosts point. Clones share what they know.
#[derive(Debug, Clone)]
pub(crate) struct Pointer {
    resolver: Resolver,
    certificates: Arc<Certificates>,
    http: Arc<Approach>,
    https: Arc<Approach>,
}

/// How one of the challenges comes in.
#[derive(Debug)]
struct Approach {
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
            http: Arc::new(Approach::new(&config.listen.http, HTTP_PORT, acme)),
            https: Arc::new(Approach::new(&config.listen.https, HTTPS_PORT, acme)),
        }
    }

    /// Where each of the hosts points, in their order; within a minute. A TXT record is found
    /// wherever the host itself points, so with dns-01 all are as good as here.
    ///
    /// Called on a tokio runtime.
    pub(crate) async fn look(
        &self,
        hosts: &[HostPattern],
        challenge: ChallengeKind,
    ) -> Vec<(HostPattern, Pointing)> {
        let turns = Arc::new(Semaphore::new(HOSTS_AT_ONCE));
        // What still looks when the time is over ends with this.
        let mut looks = JoinSet::new();
        for host in hosts {
            let (pointer, host, turns) = (self.clone(), host.clone(), turns.clone());
            looks.spawn(async move {
                // Nothing closes the semaphore.
                let _turn = turns.acquire_owned().await;
                let pointing = pointer.look_at(&host, challenge).await;
                (host.to_string(), pointing)
            });
        }
        let mut seen = HashMap::new();
        let _ = timeout(LOOK_TIME_MAX, async {
            while let Some(look) = looks.join_next().await {
                seen.extend(look.ok());
            }
        })
        .await;
        let mut pointing = |host: &HostPattern| {
            seen.remove(&host.to_string()).unwrap_or_else(|| {
                let seconds = LOOK_TIME_MAX.as_secs();
                Pointing::Elsewhere(format!("where {host} points was not seen within {seconds} s"))
            })
        };
        hosts.iter().map(|host| (host.clone(), pointing(host))).collect()
    }

    async fn look_at(&self, host: &HostPattern, challenge: ChallengeKind) -> Pointing {
        match (host, challenge) {
            (HostPattern::Wildcard(_), _) | (_, ChallengeKind::Dns01) => Pointing::Here,
            (HostPattern::Exact(name), ChallengeKind::Http01) => {
                self.find(name, &self.http, challenge).await
            }
            (HostPattern::Exact(name), ChallengeKind::TlsAlpn01) => {
                self.find(name, &self.https, challenge).await
            }
        }
    }

    async fn find(&self, host: &str, approach: &Approach, challenge: ChallengeKind) -> Pointing {
        let addresses = match self.addresses(host).await {
            Ok(addresses) => addresses,
            Err(why) => return Pointing::Elsewhere(why),
        };
        let foreign = foreign(&addresses, &approach.ours);
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
            if let Err(why) = ask(&rehearsal, address, &approach.ports).await {
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

// === impl Approach ===

impl Approach {
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
