//! What may be served: told by what happened in which order, and by nothing that the store knows.

use std::time::{Duration, SystemTime};

use super::super::NOW;
use super::resources::{Choice, RESOURCES};
use crate::tenure::Standing;

/// A moment in the model's own order of all that happens.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(pub(super) u64);

/// What the model knows of a response that the origin gave, or said is still good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    pub(super) resource: usize,
    /// When its request to the origin began.
    pub(super) born: Tick,
    /// What the origin had when it answered.
    pub(super) version: u32,
    /// For whom, if the origin makes a difference.
    pub(super) variant: Option<u8>,
    /// The tags it carries, as bits.
    pub(super) tags: u8,
    /// The tags it carried too until it was freshened, and when that was: what was in force before is
    /// not undone by other tags.
    pub(super) tags_before: (u8, Tick),
}

/// An order that is in force.
#[derive(Debug, Clone)]
pub(super) struct Force {
    pub(super) choice: &'static Choice,
    pub(super) soft: bool,
    /// When it came into force.
    pub(super) since: Tick,
    /// When it was recorded, as people are told.
    pub(super) created: Tick,
    /// What the origin had then, for each resource.
    pub(super) versions: Vec<u32>,
    pub(super) acknowledged: bool,
}

/// What is remembered for the verdicts.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// By serial number.
    pub(super) births: Vec<Birth>,
    pub(super) forces: Vec<Force>,
    /// When each resource was last changed by an unsafe method.
    pub(super) changed: Vec<Tick>,
}

/// What a stored response may be used for, as far as invalidations go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Live,
    Stale,
    Retired,
    Dead,
}

// === impl Tick ===

impl Tick {
    /// What the clock shows then.
    pub(super) fn time(self) -> SystemTime {
        NOW + Duration::from_secs(self.0)
    }

    pub(super) fn at(time: SystemTime) -> Self {
        Self(time.duration_since(NOW).unwrap_or_default().as_secs())
    }
}

// === impl Birth ===

impl Birth {
    pub(super) fn is_taken_by(&self, force: &Force) -> bool {
        force.choice.takes[self.resource] || self.is_tagged(force)
    }

    /// Whether a deploy takes it, and nothing else that was ordered with it.
    fn is_spared_by(&self, force: &Force) -> bool {
        force.choice.is_deploy && !self.is_tagged(force)
    }

    fn is_tagged(&self, force: &Force) -> bool {
        let (before, until) = self.tags_before;
        let tags = if force.since <= until { self.tags | before } else { self.tags };
        force.choice.tags & tags != 0
    }
}

// === impl Oracle ===

impl Oracle {
    /// What the house rules say of a response now.
    pub(super) fn allows(&self, birth: &Birth) -> Use {
        if self.is_changed(birth) { Use::Dead } else { self.by_orders(birth) }
    }

    pub(super) fn is_changed(&self, birth: &Birth) -> bool {
        self.changed[birth.resource] > birth.born
    }

    /// As [`Self::allows`], had nothing been changed by an unsafe method.
    pub(super) fn by_orders(&self, birth: &Birth) -> Use {
        let taken = |force: &&Force| force.since > birth.born && birth.is_taken_by(force);
        let hard = || self.forces.iter().filter(|force| !force.soft).filter(taken);
        let spared = |force: &Force| birth.is_spared_by(force);
        match RESOURCES[birth.resource].keep_deploys {
            _ if hard().next().is_none() => {}
            Some(most) if hard().all(spared) && hard().count() <= most => return Use::Retired,
            _ => return Use::Dead,
        }
        if self.softened(birth).next().is_none() { Use::Live } else { Use::Stale }
    }

    /// The soft invalidations that mark it.
    pub(super) fn softened<'o>(&'o self, birth: &'o Birth) -> impl Iterator<Item = &'o Force> {
        let taken = |force: &&Force| force.since > birth.born && birth.is_taken_by(force);
        self.forces.iter().filter(|force| force.soft).filter(taken)
    }

    /// The promise, in a client's words: whoever asks after an acknowledgement gets nothing that is
    /// older than what the origin had when the invalidation came into force; `None` if it is kept.
    pub(super) fn broken_promise(&self, birth: &Birth, served: Use) -> Option<String> {
        let broken = self.forces.iter().find(|force| {
            let binds = match served {
                Use::Live => true,
                Use::Stale => !force.soft,
                Use::Retired | Use::Dead => !force.soft && !birth.is_spared_by(force),
            };
            force.acknowledged
                && binds
                && birth.is_taken_by(force)
                && birth.version < force.versions[birth.resource]
        })?;
        let (is, was) = (birth.version, broken.versions[birth.resource]);
        let what = broken.choice.written();
        Some(format!("version {is} was served as {served:?}, after {what} at version {was}"))
    }
}

// === impl Use ===

impl From<Standing> for Use {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Live => Self::Live,
            Standing::Stale { .. } => Self::Stale,
            Standing::Retired => Self::Retired,
            Standing::Dead => Self::Dead,
        }
    }
}
