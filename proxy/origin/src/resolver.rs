//! Who is asked for the addresses of names: the hosts file first, then DNS servers.

mod hosts;
mod resolv_conf;
mod search;
mod servers;
mod system;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::net::NetError;

use crate::names::NameError;
use search::Search;
use servers::Servers;
use system::System;

/// The most that a look-up may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// No answer serves for less: a TTL of 0 would have a name looked up all the time.
const KEPT_MIN: Duration = Duration::from_secs(1);
/// No answer serves for longer: a name that moves is followed within a minute, whatever its zone says.
const KEPT_MAX: Duration = Duration::from_mins(1);
/// A hosts file has no TTLs.
const HOSTS_FILE_KEPT: Duration = Duration::from_secs(10);
/// The addresses of one name that are taken.
const ADDRESSES_MAX: usize = 64;

/// Looks names up, in the hosts file and with DNS servers. Clones are cheap and share everything.
///
/// Nothing is cached here: whoever asks decides for how long an answer serves.
#[derive(Debug, Clone)]
pub struct Resolver {
    inner: Arc<Inner>,
}

/// Why there is no resolver.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResolverError {
    /// A DNS server can not be spoken with.
    #[error("preparing to ask the DNS server {server}")]
    Server {
        /// Its address in the file.
        server: SocketAddr,
        /// What was wrong.
        #[source]
        source: NetError,
    },
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Never empty; sorted, IPv4 first, each once. The same addresses compare equal, in whatever
    /// order the servers tell them.
    pub(crate) addresses: Vec<IpAddr>,
    /// How long the answer serves, from when it came: 1 s to 60 s.
    pub(crate) valid_for: Duration,
    /// The family that no server had an answer for, neither yes nor no.
    pub(crate) unanswered: Option<Family>,
}

/// The two kinds of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

#[derive(Debug)]
struct Inner {
    hosts_file: PathBuf,
    source: Source,
    timeout: Duration,
}

#[derive(Debug)]
enum Source {
    /// The servers of the file. Names are complete as they are written.
    Given(Servers),
    /// What the system's `resolv.conf` says now, search domains included.
    System(System),
}

// === impl Resolver ===

impl Resolver {
    /// Nothing is connected, read or asked yet.
    pub fn new(settings: &warmfront_config::Resolver) -> Result<Self, ResolverError> {
        Self::with_timeout(settings, LOOKUP_TIMEOUT)
    }

    fn with_timeout(
        settings: &warmfront_config::Resolver,
        timeout: Duration,
    ) -> Result<Self, ResolverError> {
        let source = if settings.servers.is_empty() {
            Source::System(System::new(PathBuf::from("/etc/resolv.conf"), timeout))
        } else {
            let servers = settings.servers.iter().copied();
            Source::Given(Servers::new(servers, Search::default(), timeout)?)
        };
        let hosts_file = PathBuf::from("/etc/hosts");
        Ok(Self { inner: Arc::new(Inner { hosts_file, source, timeout }) })
    }

    /// The addresses of a name: never empty, IPv4 first, each once. Asks for both families, for 5 s
    /// at most. Fails if the name has no address, or if nobody knows.
    ///
    /// Called on a tokio runtime.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NameError> {
        self.look_up(host).await.map(|answer| answer.addresses)
    }

    /// Asks for both families at once, for 5 s at most. What the hosts file says of a name is the
    /// whole answer. Fails if the name has no address, or if nobody knows.
    ///
    /// Called on a tokio runtime.
    pub(crate) async fn look_up(&self, host: &str) -> Result<Answer, NameError> {
        let written = hosts::addresses(&self.inner.hosts_file, host).await;
        let answer = if !written.is_empty() {
            Ok(Answer { addresses: written, valid_for: HOSTS_FILE_KEPT, unanswered: None })
        } else if is_localhost(host) {
            Ok(Answer::loopback())
        } else {
            self.ask_servers(host).await
        };
        answer
            .map(|answer| answer.bounded(host))
            .map_err(|reason| NameError { host: host.to_owned(), reason })
    }

    async fn ask_servers(&self, host: &str) -> Result<Answer, String> {
        match &self.inner.source {
            Source::Given(servers) => servers.look_up(host, self.inner.timeout).await,
            Source::System(system) => match system.servers().await.as_ref() {
                Ok(servers) => servers.look_up(host, self.inner.timeout).await,
                Err(reason) => Err(reason.clone()),
            },
        }
    }
}

// === impl Answer ===

impl Answer {
    fn loopback() -> Self {
        let addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        Self { addresses, valid_for: KEPT_MAX, unanswered: None }
    }

    fn bounded(mut self, host: &str) -> Self {
        self.addresses.sort_unstable();
        self.addresses.dedup();
        if self.addresses.len() > ADDRESSES_MAX {
            let found = self.addresses.len();
            tracing::warn!(host, found, "only the first {ADDRESSES_MAX} addresses are used");
            self.addresses.truncate(ADDRESSES_MAX);
        }
        self.valid_for = self.valid_for.clamp(KEPT_MIN, KEPT_MAX);
        self
    }
}

// === impl Family ===

impl Family {
    pub(crate) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// RFC 6761 §6.3: such names are the loopback, and no server is asked.
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let label = host.rsplit('.').next().unwrap_or(host);
    label.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
pub(crate) mod tests;
