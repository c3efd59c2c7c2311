//! What a target's name in a path stands for.

use std::net::{IpAddr, SocketAddr};

use warmfront_config::{TargetEntry, TargetName};
use warmfront_origin::{Health, Registration, TargetGroup, TargetStatus};

use super::shown::Shown;
use crate::timestamp::Moment;

/// What a group knows of a name: what is registered, and where it is found. A DNS name may have no
/// address or many; one that was deregistered is here as long as something is in flight.
#[derive(Debug)]
pub(super) struct Found {
    registered: Option<Registration>,
    statuses: Vec<TargetStatus>,
}

// === impl Found ===

impl Found {
    pub(super) fn by_name(group: &TargetGroup, name: &TargetName) -> Self {
        let mut all = group.registrations().into_iter();
        let registered = all.find(|registered| registered.entry.name == *name);
        let mut statuses = group.targets();
        statuses.retain(|status| status.target.name() == name);
        Self { registered, statuses }
    }

    /// An address of a DNS name is found, too, if it is no name itself.
    pub(super) fn by_name_or_address(group: &TargetGroup, name: &TargetName) -> Self {
        let found = Self::by_name(group, name);
        if found.registered.is_some() || !found.statuses.is_empty() {
            return found;
        }
        Self { registered: None, statuses: at_address(group, name).into_iter().collect() }
    }

    /// The name that has this address.
    pub(super) fn holder(group: &TargetGroup, address: &TargetName) -> Option<TargetName> {
        let holder = at_address(group, address)?.target.name().clone();
        (holder != *address).then_some(holder)
    }

    /// What is registered.
    pub(super) fn entry(&self) -> Option<&TargetEntry> {
        self.registered.as_ref().map(|registered| &registered.entry)
    }

    /// As one target; nothing if there is none.
    pub(super) fn show(&self, now: Moment) -> Option<Shown> {
        match (self.statuses.as_slice(), &self.registered) {
            ([], None) => None,
            ([], Some(registered)) => Some(Shown::without_address(registered)),
            ([status], _) => Some(Shown::new(status, now)),
            (several, _) => Shown::together(several, self.entry(), now),
        }
    }

    /// As it is after it was deregistered by `by`, even if nothing is left of it.
    pub(super) fn show_deregistered(&self, by: &str, now: Moment) -> Option<Shown> {
        let shown = self.show(now)?;
        Some(if self.statuses.is_empty() { shown.deregistered(by) } else { shown })
    }

    /// The other name that has all its addresses.
    pub(super) fn shares(&self) -> Option<&TargetName> {
        self.registered.as_ref()?.shares.as_ref()
    }

    /// Whether it was taken out of use, with all its addresses.
    pub(super) fn is_drained(&self, now: Moment) -> bool {
        let mut states = self.statuses.iter().map(|s| s.target.condition(now.instant).state);
        let is_out = |state| matches!(state, Health::Draining | Health::Unused);
        match &self.registered {
            Some(registered) => registered.drained_by.is_some(),
            None => states.all(is_out),
        }
    }
}

fn at_address(group: &TargetGroup, name: &TargetName) -> Option<TargetStatus> {
    let address = SocketAddr::new(name.host.parse::<IpAddr>().ok()?, name.port);
    group.targets().into_iter().find(|status| status.target.address() == address)
}
