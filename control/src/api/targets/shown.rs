//! A target as the API shows it.

use std::net::SocketAddr;

use crate::timestamp::Moment;
use serde::Serialize;
use warmfront_config::TargetEntry;
use warmfront_origin::{Health, Registration, TargetGroup, TargetStatus};

/// A target as the API shows it.
#[derive(Debug, Clone, Serialize)]
pub(in crate::api) struct Shown {
    /// `ip:port`; of a name that has none yet, or several, `null`.
    address: Option<SocketAddr>,
    /// `host:port` as registered.
    name: String,
    state: &'static str,
    /// Why, in a sentence.
    reason: String,
    /// Why, as an Application Load Balancer has it.
    code: Option<&'static str>,
    in_flight: u32,
    weight: u16,
    tier: u8,
    /// When the state was entered.
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ejected_until: Option<String>,
    /// Each of several addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<Self>,
}

// === impl Shown ===

impl Shown {
    /// Every address of a group, then the names that have none.
    pub(in crate::api) fn all(group: &TargetGroup, now: Moment) -> Vec<Self> {
        let statuses = group.targets();
        let registrations = group.registrations();
        let unaddressed = registrations
            .iter()
            .filter(|known| !statuses.iter().any(|s| *s.target.name() == known.entry.name));
        let shown = statuses.iter().map(|status| Self::new(status, now));
        shown.chain(unaddressed.map(Self::without_address)).collect()
    }

    pub(super) fn new(status: &TargetStatus, now: Moment) -> Self {
        let TargetStatus { target, weight, tier } = status;
        let condition = target.condition(now.instant);
        Self {
            address: Some(target.address()),
            name: target.name().to_string(),
            state: condition.state.as_str(),
            reason: condition.reason,
            code: condition.code,
            in_flight: target.in_flight(),
            weight: *weight,
            tier: *tier,
            since: Some(now.show(condition.since)),
            ejected_until: condition.ejected_until.map(|until| now.show(until)),
            targets: Vec::new(),
        }
    }

    /// It is not resolved yet, or another name has all its addresses.
    pub(super) fn without_address(registered: &Registration) -> Self {
        let Registration { entry, drained_by, shares } = registered;
        let unknown = || match shares {
            Some(other) => format!("its addresses are those of {other}"),
            None => "the name has no address yet".to_owned(),
        };
        let (state, reason) = drained_by.as_ref().map_or_else(
            || (Health::Initial { failed: 0 }, unknown()),
            |by| (Health::Unused, format!("drained by {by}")),
        );
        Self {
            address: None,
            name: entry.name.to_string(),
            state: state.as_str(),
            reason,
            code: None,
            in_flight: 0,
            weight: entry.weight,
            tier: entry.tier,
            since: None,
            ejected_until: None,
            targets: Vec::new(),
        }
    }

    /// Several addresses of one name as one: in the state of the one that a script would still have
    /// to wait for, with all that is in flight.
    pub(super) fn together(
        statuses: &[TargetStatus],
        entry: Option<&TargetEntry>,
        now: Moment,
    ) -> Option<Self> {
        let settled = |status: &&TargetStatus| match status.target.condition(now.instant).state {
            Health::Unhealthy { .. } => 0,
            Health::Initial { .. } => 1,
            Health::Healthy { .. } => 2,
            // Beside one that is in use it is a former address.
            Health::Draining => 3,
            Health::Unused => 4,
        };
        let first = Self::new(statuses.iter().min_by_key(settled)?, now);
        let targets: Vec<Self> = statuses.iter().map(|status| Self::new(status, now)).collect();
        Some(Self {
            address: None,
            in_flight: targets.iter().map(|target| target.in_flight).sum(),
            weight: entry.map_or(first.weight, |entry| entry.weight),
            tier: entry.map_or(first.tier, |entry| entry.tier),
            targets,
            ..first
        })
    }

    /// What is left of one that had no address.
    pub(super) fn deregistered(self, by: &str) -> Self {
        let state = Health::Unused.as_str();
        Self { state, reason: format!("deregistered by {by}"), ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use warmfront_config::OriginKind;
    use warmfront_origin::{Ground, Resolver};

    use super::*;
    use crate::api::instant;

    const CONFIG: &str = r#"
        [listen]
        https = []

        [origins.app]
        targets = ["127.0.0.1:3001", "127.0.0.1:3002"]

        [sites.www]
        hosts = ["www.example.com"]
        origin = "app"
        viewer = "allow-all"
    "#;

    #[tokio::test]
    async fn several_addresses_are_as_far_as_the_last_of_them() {
        let config = warmfront_config::parse(CONFIG, Path::new("/x.toml"), &|_| None).unwrap();
        let OriginKind::TargetGroup(settings) = &config.origins["app"].kind else {
            panic!("no target group");
        };
        let resolver = Resolver::new(&config.resolver).unwrap();
        let ground = Ground { resolver, registrations: None, now: instant() };
        let group = TargetGroup::new("app", settings, &ground).unwrap();
        let [one, two] = [0, 1].map(|index| settings.targets[index].name.clone());
        let held = group.targets();
        let state = |now: Moment| Shown::together(&held, None, now).unwrap();

        let now = Moment { wall: SystemTime::UNIX_EPOCH, instant: instant() };
        assert_eq!(state(now).state, "healthy");
        group.drain(&one, "deploy", now.instant).unwrap();
        assert_eq!(state(now).state, "healthy", "a former address holds nobody up");
        group.drain(&two, "deploy", now.instant).unwrap();
        let both = state(now);
        assert_eq!((both.state, both.address, both.targets.len()), ("unused", None, 2));
    }
}
