//! A target group: app servers that take turns.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;
use warmfront_config::{TargetGroup as Settings, TargetName};

use crate::names::{Name, NameError};

/// The targets of one group and whose turn it is.
#[derive(Debug)]
pub struct TargetGroup {
    name: String,
    settings: Settings,
    /// In the order of the file, as in the settings.
    targets: Vec<(TargetName, Name)>,
    turn: AtomicUsize,
}

/// One address, and what the file calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where to connect.
    pub address: SocketAddr,
    /// Its `host:port` in the file.
    pub name: TargetName,
}

/// Why there is no address to connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// Every address of the origin has been tried for this request.
    #[error("every address of the origin has been tried")]
    AllTried,
    /// Not one name of the origin has an address.
    #[error(transparent)]
    Unresolved(NameError),
}

// === impl TargetGroup ===

impl TargetGroup {
    /// `name` is the origin's name in the file. Nothing is connected or resolved.
    pub fn new(name: &str, settings: &Settings) -> Self {
        let targets = settings.targets.iter().cloned();
        Self {
            name: name.to_owned(),
            targets: targets
                .map(|target| (target.clone(), Name::new(&target.host, target.port)))
                .collect(),
            turn: AtomicUsize::new(0),
            settings: settings.clone(),
        }
    }

    /// The origin's name in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file says of the group: host, fields, timeouts, attempts.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The next target whose address is not in `tried`, round robin over all addresses. Waits for a
    /// name only when no target with a known address is left.
    pub async fn select(&self, tried: &[SocketAddr], now: Instant) -> Result<Target, NoTarget> {
        let mut known = Vec::new();
        for (target, name) in &self.targets {
            let addresses = name.known(now);
            known.extend(candidates(target, addresses.as_deref().unwrap_or_default()));
        }
        if let Some(target) = self.take_turn(&known, tried) {
            return Ok(target);
        }
        let mut resolved = Vec::new();
        let mut unresolved = None;
        for (target, name) in &self.targets {
            match name.addresses(now).await {
                Ok(addresses) => resolved.extend(candidates(target, &addresses)),
                Err(error) => unresolved = Some(error),
            }
        }
        match (resolved.is_empty(), unresolved) {
            (true, Some(error)) => Err(NoTarget::Unresolved(error)),
            _ => self.take_turn(&resolved, tried).ok_or(NoTarget::AllTried),
        }
    }

    /// Connects to every target and closes again, for `check --online`. A target is there if one of
    /// its addresses is.
    ///
    /// Fails with one sentence that names each target that did not answer, and why.
    pub async fn probe(&self) -> Result<(), String> {
        let mut silent = Vec::new();
        let mut attempts = Vec::new();
        for (target, name) in &self.targets {
            match name.look_up().await {
                Ok(addresses) => {
                    let attempt = connect(addresses, self.settings.connect_timeout);
                    attempts.push((target, tokio::spawn(attempt)));
                }
                Err(error) => silent.push(format!("{} ({error})", shown(target))),
            }
        }
        for (target, attempt) in attempts {
            if let Ok(Err(reason)) = attempt.await {
                silent.push(format!("{} ({reason})", shown(target)));
            }
        }
        if silent.is_empty() {
            Ok(())
        } else {
            Err(format!("no connection to {}", silent.join(", ")))
        }
    }

    fn take_turn(&self, candidates: &[Candidate<'_>], tried: &[SocketAddr]) -> Option<Target> {
        let count = candidates.len();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(count)?;
        let mut in_turn = candidates.iter().cycle().skip(turn).take(count);
        let (address, name) = in_turn.find(|(address, _)| !tried.contains(address))?;
        Some(Target { address: *address, name: (*name).clone() })
    }
}

/// An address, and the target it belongs to.
type Candidate<'a> = (SocketAddr, &'a TargetName);

fn candidates<'a>(
    name: &'a TargetName,
    addresses: &[SocketAddr],
) -> impl Iterator<Item = Candidate<'a>> {
    addresses.iter().map(move |address| (*address, name))
}

async fn connect(addresses: Arc<[SocketAddr]>, within: Duration) -> Result<(), String> {
    let mut outcome = Err("no address".to_owned());
    for address in &*addresses {
        outcome = match timeout(within, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {within:?}")),
        };
    }
    outcome
}

fn shown(target: &TargetName) -> String {
    if target.host.contains(':') {
        format!("[{}]:{}", target.host, target.port)
    } else {
        format!("{}:{}", target.host, target.port)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    use tokio::net::TcpListener;
    use warmfront_config::{HostField, TargetGroup as Settings, TargetName};

    use super::{NoTarget, TargetGroup};

    fn group(targets: &[(&str, u16)]) -> TargetGroup {
        let targets =
            targets.iter().map(|(host, port)| TargetName { host: (*host).to_owned(), port: *port });
        let settings = Settings {
            targets: targets.collect(),
            host: HostField::Client,
            headers: Vec::new(),
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(2),
            attempts: 3,
        };
        TargetGroup::new("api", &settings)
    }

    #[tokio::test]
    async fn targets_take_turns_and_the_tried_are_passed_over() {
        let now = Instant::now();
        let group = group(&[("10.0.0.1", 80), ("10.0.0.2", 80), ("10.0.0.3", 80)]);
        let mut hosts = Vec::new();
        for _ in 0..6 {
            hosts.push(group.select(&[], now).await.unwrap().name.host);
        }
        hosts.sort();
        assert_eq!(hosts, ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.3"]);

        let mut tried: Vec<SocketAddr> = Vec::new();
        for _ in 0..3 {
            let target = group.select(&tried, now).await.unwrap();
            assert!(!tried.contains(&target.address));
            tried.push(target.address);
        }
        assert_eq!(group.select(&tried, now).await, Err(NoTarget::AllTried));
    }

    #[tokio::test]
    async fn a_dead_name_does_not_stop_the_living() {
        let now = Instant::now();
        let mixed = group(&[("no-such-host.invalid", 80), ("127.0.0.1", 8080)]);
        for _ in 0..4 {
            assert_eq!(mixed.select(&[], now).await.unwrap().name.host, "127.0.0.1");
        }
        let dead = group(&[("no-such-host.invalid", 80)]);
        assert!(matches!(dead.select(&[], now).await, Err(NoTarget::Unresolved(_))));
    }

    #[tokio::test]
    async fn a_name_is_waited_for_when_nothing_else_is_known() {
        let now = Instant::now();
        let group = group(&[("localhost", 8080)]);
        let target = group.select(&[], now).await.unwrap();
        assert!(target.address.ip().is_loopback());
        assert_eq!(target.name.host, "localhost");
    }

    #[tokio::test]
    async fn a_probe_names_the_targets_that_do_not_answer() {
        let listening = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (open, dead) = (listening.local_addr().unwrap(), closed.local_addr().unwrap());
        drop(closed);
        assert_eq!(group(&[("127.0.0.1", open.port())]).probe().await, Ok(()));
        let both = group(&[("127.0.0.1", open.port()), ("127.0.0.1", dead.port())]);
        let sentence = both.probe().await.unwrap_err();
        assert!(sentence.contains(&dead.to_string()), "{sentence}");
        assert!(!sentence.contains(&open.to_string()), "{sentence}");
    }
}
