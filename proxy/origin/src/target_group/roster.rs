//! Who is registered, and at which addresses that is now.

use std::collections::HashSet;
use std::hash::{Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use siphasher::sip::SipHasher13;
use warmfront_config::{TargetEntry, TargetName};

use super::TargetGroup;
use crate::health::{Event, Reason};
use crate::names::Name;
use crate::registrations::Changes;
use crate::resolver::Resolver;
use crate::target::Target;

/// Who drained what was drained before the node was started.
const EARLIER: &str = "an earlier run";

/// What is registered, in the order of the file, then of registration.
#[derive(Debug, Default)]
pub(super) struct Members(pub(super) Vec<Member>);

/// One registered name.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) entry: TargetEntry,
    pub(super) name: Arc<Name>,
    pub(super) duty: Duty,
    /// A look-up of the name is under way.
    pub(super) asked: Arc<AtomicBool>,
}

/// Whether a member is to get requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Duty {
    On,
    /// Drained by somebody, and still in the list.
    Off {
        by: Arc<str>,
    },
}

/// The addresses of the members, and those that are on their way out.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pub(super) slots: Vec<Slot>,
}

/// One address, with its share.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) target: Arc<Target>,
    /// 0 to 999.
    pub(super) weight: u16,
    pub(super) tier: u8,
    /// A hash of the address, the same on every node.
    pub(super) id: u64,
    pub(super) standing: Standing,
}

/// Whether a slot is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A member's.
    Held,
    /// Nobody's any more: it goes as soon as nothing is in flight.
    Leaving,
}

// === impl Members ===

impl Members {
    /// The file's entries, changed as the API changed them.
    pub(super) fn new(written: &[TargetEntry], changes: &Changes, resolver: &Resolver) -> Self {
        let member = |entry: &TargetEntry| {
            let drained = changes.drained.contains(&entry.name);
            let duty = if drained { Duty::Off { by: EARLIER.into() } } else { Duty::On };
            Member::new(entry, duty, resolver)
        };
        let again = |entry: &&TargetEntry| changes.registered.iter().find(|r| r.name == entry.name);
        let kept = written.iter().filter(|entry| !changes.removed.contains(&entry.name));
        let kept = kept.map(|entry| again(&entry).unwrap_or(entry));
        let is_new = |entry: &&TargetEntry| !written.iter().any(|known| known.name == entry.name);
        let added = changes.registered.iter().filter(is_new);
        Self(kept.chain(added).map(member).collect())
    }

    /// What the API has changed of the file's entries.
    pub(super) fn changes(&self, written: &[TargetEntry]) -> Changes {
        let is_here = |name: &TargetName| self.0.iter().any(|member| member.entry.name == *name);
        let changed = self.0.iter().filter(|member| !written.contains(&member.entry));
        let drained = self.0.iter().filter(|member| member.duty != Duty::On);
        let removed = written.iter().filter(|entry| !is_here(&entry.name));
        Changes {
            registered: changed.map(|member| member.entry.clone()).collect(),
            drained: drained.map(|member| member.entry.name.clone()).collect(),
            removed: removed.map(|entry| entry.name.clone()).collect(),
        }
    }
}

// === impl Member ===

impl Member {
    pub(super) fn new(entry: &TargetEntry, duty: Duty, resolver: &Resolver) -> Self {
        let TargetName { host, port } = &entry.name;
        let name = Arc::new(Name::new(host, *port, resolver));
        Self { entry: entry.clone(), name, duty, asked: Arc::default() }
    }
}

// === impl Slot ===

impl Slot {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.target, &other.target)
    }
}

// === impl Roster ===

impl Roster {
    /// The other name that has a member's addresses, if it has none of its own.
    pub(super) fn holder(&self, member: &Member) -> Option<TargetName> {
        let addresses = member.name.last_known()?;
        let held = self.slots.iter().filter(|slot| slot.standing == Standing::Held);
        let mut names = held
            .filter(|slot| addresses.contains(&slot.target.address()))
            .map(|slot| slot.target.name());
        let first = names.next()?;
        let others = *first != member.entry.name && names.all(|name| *name != member.entry.name);
        others.then(|| first.clone())
    }

    fn at(&self, address: SocketAddr) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.target.address() == address)
    }
}

// === impl TargetGroup ===

impl TargetGroup {
    /// Makes the roster what the members' names stand for now. Who is there stays as it is; who is not
    /// any more finishes what is in flight; who is new begins. `by` is who changed the members.
    pub(super) fn call_the_roll(&self, by: Option<&str>, now: Instant) {
        // Nobody picks a target that is just leaving.
        let _turn = self.turn.lock();
        let (members, before) = (self.members.load(), self.roster.load());
        let mut taken = HashSet::new();
        let mut held = Vec::new();
        // Where two names stand for one address, it is that of one that is in use.
        let numbered = members.0.iter().enumerate();
        let (on, off): (Vec<_>, Vec<_>) = numbered.partition(|(_, it)| it.duty == Duty::On);
        for (number, member) in on.into_iter().chain(off) {
            let addresses = member.name.last_known().unwrap_or_default();
            for address in addresses.iter().filter(|address| taken.insert(**address)) {
                held.push((number, self.slot(member, *address, before.at(*address), now)));
            }
        }
        held.sort_by_key(|(number, _)| *number);
        let mut slots: Vec<Slot> = held.into_iter().map(|(_, slot)| slot).collect();
        let here = slots.clone();
        for gone in before.slots.iter().filter(|slot| !here.iter().any(|s| s.is(slot))) {
            let registered = members.0.iter().any(|m| m.entry.name == *gone.target.name());
            let why = match (registered, by) {
                (true, _) | (false, None) => Reason::Renamed,
                (false, Some(by)) => Reason::Deregistered { by: by.to_owned() },
            };
            self.send_off(&gone.target, why, now);
            if gone.target.in_flight() > 0 {
                slots.push(Slot { standing: Standing::Leaving, ..gone.clone() });
            }
        }
        self.roster.store(Arc::new(Roster { slots }));
        self.places.notify_waiters();
        self.changed.notify_one();
    }

    fn slot(
        &self,
        member: &Member,
        address: SocketAddr,
        known: Option<&Slot>,
        now: Instant,
    ) -> Slot {
        let TargetEntry { name, weight, tier } = &member.entry;
        let known = known.filter(|slot| slot.target.name() == name);
        let new = || {
            let tag = self.cookies.as_ref().map(|cookies| cookies.tag(address));
            Arc::new(Target::new(address, name.clone(), tag, self.thresholds(), now))
        };
        let target = known.map_or_else(new, |slot| slot.target.clone());
        match &member.duty {
            Duty::On => {
                let why = Reason::first(self.thresholds());
                self.happened(&target, Event::Registered, why, now);
            }
            Duty::Off { by } => {
                self.send_off(&target, Reason::Drained { by: by.to_string() }, now);
            }
        }
        Slot { target, weight: *weight, tier: *tier, id: id(address), standing: Standing::Held }
    }

    /// Takes a target out of use; it is at once where nothing is in flight.
    fn send_off(&self, target: &Target, why: Reason, now: Instant) {
        self.happened(target, Event::Deregistered, why, now);
        // Before the count is read: whoever brings it to nothing says so, or is seen here.
        self.drains.store(true, Ordering::Release);
        if target.in_flight() == 0 {
            self.happened(target, Event::Finished, Reason::NotInUse, now);
        }
    }
}

fn id(address: SocketAddr) -> u64 {
    let mut hasher = SipHasher13::new();
    address.hash(&mut hasher);
    hasher.finish()
}
