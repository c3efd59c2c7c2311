//! Addresses of names: looked up, kept for their TTL, and not given up until better ones are known.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::resolver::{Answer, Family, Resolver};

/// How long a name that does not resolve is left alone, once, twice, … in a row; the last one holds
/// for all that follow.
const FAILURE_KEPT: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(30),
];

/// The addresses of one `host:port`.
///
/// The last good answer serves for as long as no newer one comes: when servers are silent or fail,
/// and also when they say that the name has gone. A registry that stumbles says just that, and must
/// not empty a target group; whoever wants a target gone takes it out of the file.
#[derive(Debug)]
pub(crate) struct Name {
    kind: Kind,
}

/// When something is to be done: of a name, the next look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It was never done, or its time has come.
    Now,
    /// Not before this.
    At(Instant),
    /// Not before something else happens. What is an address already is never looked up.
    Never,
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
    resolver: Resolver,
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

/// How the last look-up ended, and until when that is left alone.
#[derive(Debug, Clone, Default)]
enum Last {
    #[default]
    Never,
    Answered {
        due: Instant,
    },
    Failed {
        due: Instant,
        /// Failures since the last answer, this one not counted.
        before: usize,
        error: NameError,
    },
}

// === impl Name ===

impl Name {
    /// A name, an IPv4 address or an IPv6 address without brackets. Nothing is looked up yet.
    pub(crate) fn new(host: &str, port: u16, resolver: &Resolver) -> Self {
        let kind = match host.parse::<IpAddr>() {
            Ok(address) => Kind::Literal([SocketAddr::new(address, port)].into()),
            Err(_) => Kind::Dns(Arc::new(DnsName {
                host: host.to_owned(),
                port,
                resolver: resolver.clone(),
                standing: ArcSwap::default(),
                turn: Arc::default(),
            })),
        };
        Self { kind }
    }

    /// The addresses, never empty. Waits, 5 s at most, only for a name that never had any; an old
    /// answer is refreshed in the background. Called on a tokio runtime.
    pub(crate) async fn addresses(&self, now: Instant) -> Result<Arc<[SocketAddr]>, NameError> {
        match &self.kind {
            Kind::Literal(addresses) => Ok(Arc::clone(addresses)),
            Kind::Dns(name) => match DnsName::known(name, now) {
                Some(addresses) => Ok(addresses),
                None => name.first_answer(now).await,
            },
        }
    }

    /// What is known, however old, never empty. Nothing is looked up.
    pub(crate) fn last_known(&self) -> Option<Arc<[SocketAddr]>> {
        match &self.kind {
            Kind::Literal(addresses) => Some(Arc::clone(addresses)),
            Kind::Dns(name) => name.standing.load().addresses.clone(),
        }
    }

    /// When [`Self::refresh`] has something to do: an answer serves for its TTL, a failure is left
    /// alone for 5 s, and up to 30 s as it goes on.
    pub(crate) fn due(&self, now: Instant) -> Due {
        match &self.kind {
            Kind::Literal(_) => Due::Never,
            Kind::Dns(name) => name.standing.load().due(now),
        }
    }

    /// Looks the name up, if that is due, for a keeper that asks without a request. Waits for a
    /// look-up that is under way.
    pub(crate) async fn refresh(&self, now: Instant) {
        let Kind::Dns(name) = &self.kind else { return };
        let _turn = name.turn.lock().await;
        let before = name.standing.load_full();
        if before.due(now) != Due::Now {
            return;
        }
        // Only here is a move news: S3 answers with other addresses every few seconds.
        if let Ok(to) = name.ask(now).await
            && let Some(from) = &before.addresses
            && *from != to
        {
            tracing::info!(host = name.host, ?from, ?to, "the addresses of a target have changed");
        }
    }

    /// What the resolver says this moment, past all that is known: for whoever asks what is wrong.
    pub(crate) async fn look_up(&self) -> Result<Arc<[SocketAddr]>, NameError> {
        match &self.kind {
            Kind::Literal(addresses) => Ok(Arc::clone(addresses)),
            Kind::Dns(name) => {
                let answer = name.resolver.look_up(&name.host).await?;
                Ok(name.with_port(&answer.addresses))
            }
        }
    }
}

// === impl DnsName ===

impl DnsName {
    /// What is known without waiting, never empty.
    fn known(name: &Arc<Self>, now: Instant) -> Option<Arc<[SocketAddr]>> {
        let standing = name.standing.load();
        if standing.due(now) == Due::Now
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
            (None, Last::Failed { error, .. }) if standing.due(now) != Due::Now => {
                Err(error.clone())
            }
            (None, _) => self.ask(now).await,
        }
    }

    /// Only for the holder of the turn.
    async fn ask(&self, now: Instant) -> Result<Arc<[SocketAddr]>, NameError> {
        let began = tokio::time::Instant::now();
        let answer = self.resolver.look_up(&self.host).await;
        // A TTL counts from the answer, and a pause from the failure.
        let now = now + began.elapsed();
        let before = self.standing.load_full();
        match answer {
            Ok(answer) => {
                if let Last::Failed { .. } = before.last {
                    tracing::info!(host = self.host, "the name resolves again");
                }
                let addresses = self.merged(&before, &answer);
                let last = Last::Answered { due: now + answer.valid_for };
                let addresses_kept = Some(Arc::clone(&addresses));
                self.standing.store(Arc::new(Standing { addresses: addresses_kept, last }));
                Ok(addresses)
            }
            Err(error) => {
                self.standing.store(Arc::new(failed(&before, error.clone(), now)));
                Err(error)
            }
        }
    }

    /// The answer, and what was known of a family that the resolver has failed for.
    fn merged(&self, before: &Standing, answer: &Answer) -> Arc<[SocketAddr]> {
        let addresses = self.with_port(&answer.addresses);
        let (Some(family), Some(known)) = (answer.unanswered, &before.addresses) else {
            return addresses;
        };
        let kept = known.iter().filter(|address| Family::of(address.ip()) == family);
        let mut both: Vec<SocketAddr> = addresses.iter().chain(kept).copied().collect();
        both.sort_unstable();
        both.into()
    }

    fn with_port(&self, addresses: &[IpAddr]) -> Arc<[SocketAddr]> {
        addresses.iter().map(|address| SocketAddr::new(*address, self.port)).collect()
    }
}

// === impl Standing ===

impl Standing {
    fn due(&self, now: Instant) -> Due {
        match &self.last {
            Last::Answered { due } | Last::Failed { due, .. } if *due > now => Due::At(*due),
            Last::Never | Last::Answered { .. } | Last::Failed { .. } => Due::Now,
        }
    }
}

fn failed(before: &Standing, error: NameError, now: Instant) -> Standing {
    let count = match &before.last {
        Last::Failed { before, .. } => before + 1,
        Last::Never | Last::Answered { .. } => 0,
    };
    match &before.addresses {
        _ if count > 0 => tracing::debug!("still: {error}"),
        Some(_) => tracing::warn!("{error}; its last addresses serve on"),
        None => tracing::warn!("{error}"),
    }
    let [.., longest] = FAILURE_KEPT;
    let due = now + FAILURE_KEPT.get(count).copied().unwrap_or(longest);
    let last = Last::Failed { due, before: count, error };
    Standing { addresses: before.addresses.clone(), last }
}

#[cfg(test)]
mod tests;
