//! What the DNS servers of the configuration, or of the system, know of a zone.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::question::{Question, Whom, ask};

const DNS_PORT: u16 = 53;
/// As in resolv.conf(5): `MAXNS`.
const SYSTEM_SERVERS_MAX: usize = 3;
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Asks servers that look elsewhere for what they do not know.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// None: those that the system's file names at the time.
    given: Vec<SocketAddr>,
}

/// Nobody knows, neither yes nor no.
#[derive(Debug, thiserror::Error)]
#[error("looking up {name} {records}: {reason}")]
pub(crate) struct LookupError {
    name: Name,
    records: RecordType,
    reason: String,
}

// === impl Lookup ===

impl Lookup {
    pub(crate) fn new(settings: &warmfront_config::Resolver) -> Self {
        Self { given: settings.servers.clone() }
    }

    /// What the name is another name for.
    pub(crate) async fn alias(&self, name: &Name) -> Result<Option<Name>, LookupError> {
        let answer = self.ask(name, RecordType::CNAME).await?;
        Ok(answer.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(alias) if record.name == *name => Some(alias.0.clone()),
            _ => None,
        }))
    }

    /// The zone that the name lies in. `None` if that is a top-level domain or nothing: then the
    /// name is not delegated to anybody, as far as these servers see.
    pub(crate) async fn zone_of(&self, name: &Name) -> Result<Option<Name>, LookupError> {
        let mut candidate = name.clone();
        while candidate.num_labels() > 1 {
            let answer = self.ask(&candidate, RecordType::SOA).await?;
            // A no comes with the SOA of the zone that said it (RFC 2308 §3), unless a server in
            // between leaves it out.
            let records = answer.answers.iter().chain(&answer.authorities);
            let mut zones = records.filter_map(|record| match &record.data {
                RData::SOA(_) if record.name.zone_of(&candidate) => Some(&record.name),
                _ => None,
            });
            if let Some(zone) = zones.next() {
                return Ok((zone.num_labels() > 1).then(|| zone.clone()));
            }
            candidate = candidate.base_name();
        }
        Ok(None)
    }

    /// The names of the zone's name servers.
    pub(crate) async fn name_servers(&self, zone: &Name) -> Result<Vec<Name>, LookupError> {
        let answer = self.ask(zone, RecordType::NS).await?;
        let names = answer.answers.into_iter().filter_map(|record| match record.data {
            RData::NS(server) if record.name == *zone => Some(server.0),
            _ => None,
        });
        Ok(names.collect())
    }

    /// Of both families. What could be had is taken; fails if neither was answered.
    pub(crate) async fn addresses(&self, name: &Name) -> Result<Vec<IpAddr>, LookupError> {
        let (v4, v6) =
            tokio::join!(self.ask(name, RecordType::A), self.ask(name, RecordType::AAAA));
        let answers = match (v4, v6) {
            (Err(error), Err(_)) => return Err(error),
            (v4, v6) => v4.into_iter().chain(v6),
        };
        let records = answers.flat_map(|answer| answer.answers);
        Ok(records.filter_map(|record| record.data.ip_addr()).collect())
    }

    /// The servers are asked in order, until one says yes or no.
    async fn ask(&self, name: &Name, records: RecordType) -> Result<Message, LookupError> {
        let question = Question { name: name.clone(), records, whom: Whom::Resolver };
        let mut failures = Vec::new();
        for server in self.servers().await {
            match ask(server, &question).await {
                Ok(answer) => match answer.metadata.response_code {
                    ResponseCode::NoError | ResponseCode::NXDomain => return Ok(answer),
                    code => failures.push(format!("{server}: {code}")),
                },
                Err(error) => failures.push(format!("{server}: {error}")),
            }
        }
        let reason = match failures.as_slice() {
            [] => format!("{RESOLV_CONF} names no DNS server"),
            failures => failures.join("; "),
        };
        Err(LookupError { name: name.clone(), records, reason })
    }

    /// The system's file is read each time: it may come and change while the node runs.
    async fn servers(&self) -> Vec<SocketAddr> {
        if !self.given.is_empty() {
            return self.given.clone();
        }
        let text = tokio::fs::read(RESOLV_CONF).await.unwrap_or_default();
        servers_in(&String::from_utf8_lossy(&text))
    }
}

fn servers_in(resolv_conf: &str) -> Vec<SocketAddr> {
    let addresses = resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.parse::<IpAddr>().ok()
    });
    let servers = addresses.map(|address| SocketAddr::new(address, DNS_PORT));
    servers.take(SYSTEM_SERVERS_MAX).collect()
}

#[cfg(test)]
mod tests;
