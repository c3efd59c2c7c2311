//! Registering, deregistering and draining, while requests go on; and what people are shown of it.

use std::sync::Arc;
use std::time::Instant;

use warmfront_config::{TargetEntry, TargetName};

use super::TargetGroup;
use super::roster::{Duty, Member, Members, Slot, Standing};
use crate::registrations::RegistrationError;
use crate::target::Target;

/// A target as people are shown it.
#[derive(Debug, Clone)]
pub struct TargetStatus {
    /// The target itself.
    pub target: Arc<Target>,
    /// Its share of the requests, 0 to 999.
    pub weight: u16,
    /// In use only while no target of a lower tier is healthy.
    pub tier: u8,
}

/// One registered name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its name, weight and tier.
    pub entry: TargetEntry,
    /// Who took it out of use, if somebody did.
    pub drained_by: Option<Arc<str>>,
    /// The other name that has its addresses, if none of them is its own.
    pub shares: Option<TargetName>,
}

/// What a registration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// The name is in the list now.
    New,
    /// It was there already; its weight and tier are as given now, and it gets requests.
    Again,
}

/// Why a registration was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RegisteringError {
    /// Nothing of that name is registered.
    #[error("no target {name} is registered with {origin}, but {known}")]
    Unknown {
        /// What was asked for.
        name: TargetName,
        /// The origin's name.
        origin: String,
        /// The names that are registered.
        known: String,
    },
    /// The group holds as many as it may.
    #[error("{origin} has {TARGETS_MAX} targets already")]
    TooMany {
        /// The origin's name.
        origin: String,
    },
    /// It could not be written down; nothing was changed.
    #[error(transparent)]
    Registrations(#[from] RegistrationError),
}

/// Registered names of one group: an Application Load Balancer's quota.
const TARGETS_MAX: usize = 1_000;

/// So many names are told to whoever asks for another one.
const NAMES_TOLD: usize = 10;

/// A change of one registration.
#[derive(Debug, Clone, Copy)]
enum Change<'c> {
    Register(&'c TargetEntry),
    Drain,
    Deregister,
}

// === impl TargetGroup ===

impl TargetGroup {
    /// Every target, those on their way out last.
    pub fn targets(&self) -> Vec<TargetStatus> {
        let roster = self.roster.load();
        let shown = |slot: &Slot| TargetStatus {
            target: slot.target.clone(),
            weight: if slot.standing == Standing::Leaving { 0 } else { slot.weight },
            tier: slot.tier,
        };
        roster.slots.iter().map(shown).collect()
    }

    /// What is registered, whether it has an address or not.
    pub fn registrations(&self) -> Vec<Registration> {
        let roster = self.roster.load();
        let shown = |member: &Member| Registration {
            entry: member.entry.clone(),
            shares: roster.holder(member),
            drained_by: match &member.duty {
                Duty::On => None,
                Duty::Off { by } => Some(by.clone()),
            },
        };
        self.members.load().0.iter().map(shown).collect()
    }

    /// Adds a target, or changes its weight and tier and puts it back in use. `by` is who asks for it.
    /// Written down when it returns; not for an async thread.
    pub fn register(
        &self,
        entry: &TargetEntry,
        by: &str,
        now: Instant,
    ) -> Result<Registered, RegisteringError> {
        self.change(&entry.name, Change::Register(entry), by, now)
    }

    /// Takes a target out of use; what is in flight finishes, and it stays in the list. Written down
    /// when it returns; not for an async thread.
    pub fn drain(&self, name: &TargetName, by: &str, now: Instant) -> Result<(), RegisteringError> {
        self.change(name, Change::Drain, by, now).map(drop)
    }

    /// Takes a target out of the list; what is in flight finishes. Written down when it returns; not for
    /// an async thread.
    pub fn deregister(
        &self,
        name: &TargetName,
        by: &str,
        now: Instant,
    ) -> Result<(), RegisteringError> {
        self.change(name, Change::Deregister, by, now).map(drop)
    }

    fn change(
        &self,
        name: &TargetName,
        change: Change<'_>,
        by: &str,
        now: Instant,
    ) -> Result<Registered, RegisteringError> {
        let _editing = self.editing.lock();
        let mut members = self.members.load().0.clone();
        let place = members.iter().position(|member| member.entry.name == *name);
        let done = if place.is_some() { Registered::Again } else { Registered::New };
        match (change, place) {
            (Change::Register(entry), Some(place)) => {
                let known = members.remove(place);
                let again = Member { entry: entry.clone(), duty: Duty::On, ..known };
                members.insert(place, again);
            }
            (Change::Register(_), None) if members.len() >= TARGETS_MAX => {
                return Err(RegisteringError::TooMany { origin: self.name.clone() });
            }
            (Change::Register(entry), None) => {
                members.push(Member::new(entry, Duty::On, &self.resolver));
            }
            (Change::Drain, Some(place)) => {
                if let Some(member) = members.get_mut(place) {
                    member.duty = Duty::Off { by: by.into() };
                }
            }
            (Change::Deregister, Some(place)) => drop(members.remove(place)),
            (Change::Drain | Change::Deregister, None) => return Err(self.unknown(name)),
        }
        let members = Members(members);
        let written = &self.settings.targets;
        if let Some(kept) = &self.registrations {
            kept.record(&self.name, written, &members.changes(written))?;
        }
        self.members.store(Arc::new(members));
        self.call_the_roll(Some(by), now);
        Ok(done)
    }

    /// That nothing of this name is registered, with what is.
    pub fn unknown(&self, name: &TargetName) -> RegisteringError {
        let members = self.members.load();
        let names = members.0.iter().map(|member| member.entry.name.to_string());
        let mut known: Vec<_> = names.take(NAMES_TOLD).collect();
        match members.0.len() - known.len() {
            0 if known.is_empty() => known.push("no other either".to_owned()),
            0 => {}
            more => known.push(format!("{more} more")),
        }
        let (name, origin, known) = (name.clone(), self.name.clone(), known.join(", "));
        RegisteringError::Unknown { name, origin, known }
    }
}
