mod changing;
mod picking;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tempfile::TempDir;
use warmfront_config::{
    Algorithm, Circuit, HashOn, HealthCheck, HostField, Outliers, Probe, Stickiness, TargetEntry,
    TargetGroup as Settings, TargetName, TargetProtocol,
};

use super::{NoTarget, TargetGroup, Wish};
use crate::health::{CheckFailure, Event, Reason};
use crate::registrations::Registrations;
use crate::resolver::Resolver;
use crate::stickiness::Channel;
use crate::target::Target;
use crate::{Failure, Ground, Lease};

const OUTLIERS: Outliers = Outliers { consecutive_errors: 3, eject_for: Duration::from_secs(30) };

fn settings(hosts: &[&str]) -> Settings {
    let entry = |host: &&str| {
        let name = TargetName { host: (*host).to_owned(), port: 80 };
        TargetEntry { name, weight: 1, tier: 0 }
    };
    Settings {
        targets: hosts.iter().map(entry).collect(),
        tls: None,
        protocol: TargetProtocol::Http1,
        host: HostField::Client,
        headers: Vec::new(),
        algorithm: Algorithm::RoundRobin,
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_secs(30),
        attempts: 3,
        retry_budget: 20,
        health_check: None,
        slow_start: Duration::ZERO,
        deregistration_delay: Duration::from_mins(5),
        stickiness: None,
        outliers: Some(OUTLIERS),
        circuit: None,
    }
}

fn checked(hosts: &[&str]) -> Settings {
    let check = HealthCheck {
        probe: Probe::Tcp,
        port: None,
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        healthy: 2,
        unhealthy: 2,
    };
    Settings { health_check: Some(check), ..settings(hosts) }
}

/// A group, and the time that it began at.
fn group(settings: &Settings) -> (Arc<TargetGroup>, Instant) {
    let now = Instant::now();
    (grounded(settings, None, now), now)
}

fn grounded(
    settings: &Settings,
    registrations: Option<Arc<Registrations>>,
    now: Instant,
) -> Arc<TargetGroup> {
    let resolver = Resolver::new(&warmfront_config::Resolver::default()).unwrap();
    TargetGroup::new("api", settings, &Ground { resolver, registrations, now }).unwrap()
}

struct Asks {
    tried: Vec<SocketAddr>,
    client: IpAddr,
    fields: HeaderMap,
}

impl Default for Asks {
    fn default() -> Self {
        let client = [192, 0, 2, 1].into();
        Self { tried: Vec::new(), client, fields: HeaderMap::new() }
    }
}

impl Asks {
    fn wish(&self) -> Wish<'_> {
        let Self { tried, client, fields } = self;
        Wish { tried, client: *client, path: "/", fields, at: SystemTime::UNIX_EPOCH }
    }
}

async fn lease(group: &Arc<TargetGroup>, now: Instant) -> Lease {
    group.lease(&Asks::default().wish(), now).await.unwrap()
}

/// The hosts that this many requests went to, one after the other.
async fn hosts(group: &Arc<TargetGroup>, count: usize, now: Instant) -> Vec<String> {
    let mut hosts = Vec::new();
    for _ in 0..count {
        hosts.push(lease(group, now).await.name().host.clone());
    }
    hosts
}

async fn distinct(group: &Arc<TargetGroup>, now: Instant) -> BTreeSet<String> {
    hosts(group, 12, now).await.into_iter().collect()
}

fn target(group: &TargetGroup, host: &str) -> Arc<Target> {
    let targets = group.targets();
    let found = targets.iter().find(|status| status.target.name().host == host);
    found.unwrap().target.clone()
}

fn name(host: &str) -> TargetName {
    TargetName { host: host.to_owned(), port: 80 }
}

fn state(group: &TargetGroup, host: &str, now: Instant) -> &'static str {
    target(group, host).condition(now).state.as_str()
}

fn check(group: &TargetGroup, host: &str, passed: bool, now: Instant) {
    let target = target(group, host);
    if passed {
        group.happened(&target, Event::Passed, Reason::Passing, now);
        group.pardon(&target, now);
    } else {
        let failure = CheckFailure::Status(500);
        group.happened(&target, Event::Failed, Reason::Check(failure), now);
    }
}

async fn fail(group: &Arc<TargetGroup>, host: &str, status: u16, now: Instant) {
    loop {
        let mut lease = lease(group, now).await;
        let mine = lease.name().host == host;
        let status = if mine { status } else { 200 };
        lease.answered(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), now);
        if mine {
            return;
        }
    }
}
