//! Addresses of names: looked up, kept for a while, and not given up until better ones are known.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

/// How long an answer serves before a new one is asked for, in the background.
const ANSWER_KEPT: Duration = Duration::from_secs(10);
/// How long a name that does not resolve is left alone.
const FAILURE_KEPT: Duration = Duration::from_secs(5);
/// The most that a look-up may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// The addresses of one `host:port`.
#[derive(Debug)]
pub(crate) struct Name {
    kind: Kind,
}

/// A name that has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name `{host}` does not resolve: {reason}")]
pub struct NameError {
    /// The name.
    pub host: String,
    /// The resolver's words.
    pub reason: String,
}

#[derive(Debug)]
enum Kind {
    /// An address was written: there is nothing to look up.
    Literal(Arc<[SocketAddr]>),
    Dns(Arc<DnsName>),
}

#[derive(Debug)]
struct DnsName {
    host: String,
    port: u16,
    standing: ArcSwap<Standing>,
    /// Whoever holds it is asking: one look-up of a name at a time.
    turn: Arc<Mutex<()>>,
}

/// What is known of a name.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// The last good answer, however old. Never empty.
    addresses: Option<Arc<[SocketAddr]>>,
    last: Last,
}

/// How the last look-up ended, and when it began.
#[derive(Debug, Clone, Default)]
enum Last {
    #[default]
    Never,
    Answered(Instant),
    Failed(Instant, NameError),
}

// === impl Name ===

impl Name {
    /// A name, an IPv4 address or an IPv6 address without brackets. Nothing is looked up yet.
    pub(crate) fn new(host: &str, port: u16) -> Self {
        let kind = match host.parse::<IpAddr>() {
            Ok(address) => Kind::Literal([SocketAddr::new(address, port)].into()),
            Err(_) => Kind::Dns(Arc::new(DnsName {
                host: host.to_owned(),
                port,
                standing: ArcSwap::default(),
                turn: Arc::default(),
            })),
        };
        Self { kind }
    }

    /// What is known without waiting, never empty. An old answer is refreshed in the background.
    /// Called on a tokio runtime.
    pub(crate) fn known(&self, now: Instant) -> Option<Arc<[SocketAddr]>> {
        match &self.kind {
            Kind::Literal(addresses) => Some(Arc::clone(addresses)),
            Kind::Dns(name) => DnsName::known(name, now),
        }
    }

    /// The addresses, never empty. Waits, 5 s at most, only for a name that never had any.
    pub(crate) async fn addresses(&self, now: Instant) -> Result<Arc<[SocketAddr]>, NameError> {
        match &self.kind {
            Kind::Literal(addresses) => Ok(Arc::clone(addresses)),
            Kind::Dns(name) => match DnsName::known(name, now) {
                Some(addresses) => Ok(addresses),
                None => name.first_answer(now).await,
            },
        }
    }

    /// What the resolver says this moment, past all that is known: for whoever asks what is wrong.
    pub(crate) async fn look_up(&self) -> Result<Arc<[SocketAddr]>, NameError> {
        match &self.kind {
            Kind::Literal(addresses) => Ok(Arc::clone(addresses)),
            Kind::Dns(name) => look_up(&name.host, name.port).await,
        }
    }
}

// === impl DnsName ===

impl DnsName {
    fn known(name: &Arc<Self>, now: Instant) -> Option<Arc<[SocketAddr]>> {
        let standing = name.standing.load();
        if standing.is_due(now)
            && let Ok(turn) = Arc::clone(&name.turn).try_lock_owned()
        {
            let name = Arc::clone(name);
            tokio::spawn(async move {
                // What fails is in the standing, for whoever asks next.
                let _ = name.ask(now).await;
                drop(turn);
            });
        }
        standing.addresses.clone()
    }

    async fn first_answer(&self, now: Instant) -> Result<Arc<[SocketAddr]>, NameError> {
        let _turn = self.turn.lock().await;
        let standing = self.standing.load_full();
        match (&standing.addresses, &standing.last) {
            (Some(addresses), _) => Ok(Arc::clone(addresses)),
            (None, Last::Failed(_, error)) if !standing.is_due(now) => Err(error.clone()),
            (None, _) => self.ask(now).await,
        }
    }

    /// Only for the holder of the turn.
    async fn ask(&self, now: Instant) -> Result<Arc<[SocketAddr]>, NameError> {
        let answer = look_up(&self.host, self.port).await;
        let standing = match &answer {
            Ok(addresses) => {
                Standing { addresses: Some(Arc::clone(addresses)), last: Last::Answered(now) }
            }
            Err(error) => Standing {
                addresses: self.standing.load().addresses.clone(),
                last: Last::Failed(now, error.clone()),
            },
        };
        let news = !matches!(self.standing.load().last, Last::Failed(..));
        if let (Err(error), Some(_), true) = (&answer, &standing.addresses, news) {
            tracing::warn!(host = self.host, "{error}; its last addresses serve on");
        }
        self.standing.store(Arc::new(standing));
        answer
    }
}

// === impl Standing ===

impl Standing {
    fn is_due(&self, now: Instant) -> bool {
        match &self.last {
            Last::Never => true,
            Last::Answered(at) => now.saturating_duration_since(*at) >= ANSWER_KEPT,
            Last::Failed(at, _) => now.saturating_duration_since(*at) >= FAILURE_KEPT,
        }
    }
}

async fn look_up(host: &str, port: u16) -> Result<Arc<[SocketAddr]>, NameError> {
    let error = |reason: String| NameError { host: host.to_owned(), reason };
    let answer = tokio::time::timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((host, port))).await;
    let addresses: Arc<[SocketAddr]> = answer
        .map_err(|_| error(format!("no answer within {} s", LOOKUP_TIMEOUT.as_secs())))?
        .map_err(|source| error(source.to_string()))?
        .collect();
    if addresses.is_empty() { Err(error("it has no address".to_owned())) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::{DnsName, Kind, Last, Name, Standing};

    #[tokio::test]
    async fn a_literal_address_needs_no_look_up() {
        let now = Instant::now();
        for (host, address) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")] {
            let known = Name::new(host, 80).known(now).unwrap();
            assert_eq!(*known, [address.parse().unwrap()]);
        }
    }

    #[tokio::test]
    async fn the_first_look_up_is_awaited() {
        let now = Instant::now();
        let name = Name::new("localhost", 8080);
        let addresses = name.addresses(now).await.unwrap();
        assert!(addresses.iter().all(|a| a.ip().is_loopback()));
        assert_eq!(name.known(now), Some(addresses));
    }

    #[tokio::test]
    async fn a_failure_is_told_and_kept_for_a_while() {
        let now = Instant::now();
        let name = Name::new("no-such-host.invalid", 80);
        let error = name.addresses(now).await.unwrap_err();
        assert!(error.to_string().starts_with("the name `no-such-host.invalid` does not resolve"));
        let again = name.addresses(now + Duration::from_secs(4)).await;
        assert_eq!(again, Err(error));
    }

    #[tokio::test]
    async fn the_last_good_answer_outlives_a_dead_resolver() {
        let now = Instant::now();
        let much_later = now + Duration::from_hours(1);
        let answered = Standing {
            addresses: Some(["192.0.2.1:80".parse().unwrap()].into()),
            last: Last::Answered(now),
        };
        let name = Name::new("no-such-host.invalid", 80);
        let Kind::Dns(dns) = &name.kind else { panic!("a name") };
        dns.standing.store(Arc::new(answered.clone()));

        assert_eq!(name.known(much_later), answered.addresses);
        wait_for_the_look_up(dns).await;
        assert!(matches!(dns.standing.load().last, Last::Failed(at, _) if at == much_later));
        assert_eq!(name.addresses(much_later).await.ok(), answered.addresses);
    }

    /// The background look-up holds the turn from before it was spawned until it is through.
    async fn wait_for_the_look_up(name: &DnsName) {
        drop(name.turn.lock().await);
    }
}
