//! DNS servers, asked one after the other until one of them knows.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name as DomainName, RecordType};
use tokio::time::{Instant, timeout, timeout_at};

use super::search::Search;
use super::{Answer, Family, ResolverError};

/// Never empty.
#[derive(Debug)]
pub(super) struct Servers {
    in_order: Vec<Server>,
    search: Search,
    /// How long each server is waited for, so that all have their turn within one look-up.
    share: Duration,
}

/// One server, with a client of its own: a client of several ends with the first one's SERVFAIL and
/// never asks the second.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    client: TokioResolver,
}

/// What a question came to, for one family or for both.
#[derive(Debug)]
enum Outcome {
    Found(Answer),
    Absent(Absence),
    /// Nobody knows. In words.
    Failed(String),
}

/// The servers' clear no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Absence {
    NoName,
    NoAddress,
}

// === impl Servers ===

impl Servers {
    /// `servers` is not empty, `timeout` is that of a whole look-up. Nothing is connected or asked.
    pub(super) fn new(
        servers: impl ExactSizeIterator<Item = SocketAddr>,
        search: Search,
        timeout: Duration,
    ) -> Result<Self, ResolverError> {
        let count = u32::try_from(servers.len()).unwrap_or(u32::MAX).max(1);
        let server = |address| match client(address, timeout) {
            Ok(client) => Ok(Server { address, client }),
            Err(source) => Err(ResolverError::Server { server: address, source }),
        };
        let in_order = servers.map(server).collect::<Result<_, _>>()?;
        Ok(Self { in_order, search, share: timeout / count })
    }

    /// The addresses of the first of the names that `host` may stand for, unsorted and not bounded.
    /// Only a clear no leads on to the next one: a server that stumbles must not turn one name into
    /// another.
    pub(super) async fn look_up(&self, host: &str, timeout: Duration) -> Result<Answer, String> {
        let name = DomainName::from_str_relaxed(host);
        let name = name.map_err(|error| format!("it is no domain name: {error}"))?;
        let deadline = Instant::now() + timeout;
        let mut absence = Absence::NoName;
        for candidate in self.search.candidates(name) {
            let (v4, v6) = tokio::join!(
                timeout_at(deadline, self.ask(&candidate, RecordType::A)),
                timeout_at(deadline, self.ask(&candidate, RecordType::AAAA)),
            );
            let too_late = |_| Outcome::Failed(format!("no answer within {timeout:?}"));
            match v4.unwrap_or_else(too_late).with_v6(v6.unwrap_or_else(too_late)) {
                Outcome::Found(answer) => return Ok(answer),
                Outcome::Failed(reason) => return Err(reason),
                Outcome::Absent(this) => absence = absence.max(this),
            }
        }
        Err(match absence {
            Absence::NoName => "there is no such name".to_owned(),
            Absence::NoAddress => "it has no address".to_owned(),
        })
    }

    async fn ask(&self, name: &DomainName, records: RecordType) -> Outcome {
        let mut failures = Vec::new();
        for Server { address, client } in &self.in_order {
            match timeout(self.share, Box::pin(client.lookup(name.clone(), records))).await {
                Ok(Ok(lookup)) => return Outcome::of(&lookup),
                Ok(Err(error)) if error.is_nx_domain() => return Outcome::Absent(Absence::NoName),
                Ok(Err(error)) if error.is_no_records_found() => {
                    return Outcome::Absent(Absence::NoAddress);
                }
                Ok(Err(NetError::Timeout)) | Err(_) => {
                    failures.push(format!("{address}: no answer within {:?}", self.share));
                }
                Ok(Err(error)) => failures.push(format!("{address}: {error}")),
            }
        }
        Outcome::Failed(failures.join("; "))
    }
}

/// UDP, and TCP for what is too long for it.
fn client(server: SocketAddr, timeout: Duration) -> Result<TokioResolver, NetError> {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = server.port();
    }
    let server = NameServerConfig::new(server.ip(), true, connections);
    let config = ResolverConfig::from_name_servers(vec![server]);
    let mut options = ResolverOpts::default();
    options.timeout = timeout;
    // Lost datagrams are sent again all the same. What this counts is the same question to a server
    // that has answered.
    options.attempts = 0;
    // A cache in front of the one that counts would hide a change.
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build()
}

// === impl Outcome ===

impl Outcome {
    fn of(lookup: &Lookup) -> Self {
        let records = lookup.answers();
        let addresses: Vec<IpAddr> = records.iter().filter_map(|it| it.data.ip_addr()).collect();
        // The aliases on the way are among the records: the answer holds as long as the chain does.
        match records.iter().map(|record| record.ttl).min() {
            Some(ttl) if !addresses.is_empty() => Self::Found(Answer {
                addresses,
                valid_for: Duration::from_secs(ttl.into()),
                unanswered: None,
            }),
            _ => Self::Absent(Absence::NoAddress),
        }
    }

    /// The A records' outcome, and the AAAA records' too.
    fn with_v6(self, v6: Self) -> Self {
        match (self, v6) {
            (Self::Found(mut answer), Self::Found(v6)) => {
                answer.addresses.extend(v6.addresses);
                answer.valid_for = answer.valid_for.min(v6.valid_for);
                Self::Found(answer)
            }
            (Self::Found(answer), Self::Failed(_)) => {
                Self::Found(Answer { unanswered: Some(Family::V6), ..answer })
            }
            (Self::Failed(_), Self::Found(answer)) => {
                Self::Found(Answer { unanswered: Some(Family::V4), ..answer })
            }
            (Self::Found(answer), Self::Absent(_)) | (Self::Absent(_), Self::Found(answer)) => {
                Self::Found(answer)
            }
            (Self::Failed(reason), _) | (_, Self::Failed(reason)) => Self::Failed(reason),
            (Self::Absent(v4), Self::Absent(v6)) => Self::Absent(v4.max(v6)),
        }
    }
}
