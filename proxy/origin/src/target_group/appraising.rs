//! What becomes of a target by what it did: ejected, returned, healthy or not; and who is told.

use std::time::Instant;

use super::TargetGroup;
use crate::ejection::{Change, Outcome, Standing, Trial};
use crate::health::{Event, Health, Reason, Thresholds};
use crate::target::{Appraisal, Company, Fitness, Target};

// === impl TargetGroup ===

impl TargetGroup {
    /// Takes in what a request to a target came to.
    pub(crate) fn record(
        &self,
        target: &Target,
        outcome: Outcome,
        trial: Option<Trial>,
        now: Instant,
    ) {
        let outliers = self.settings.outliers.as_ref();
        let matters = outcome != Outcome::Answered || trial.is_some();
        // Never two at a time: each would think that the other one is spared.
        let ejecting = matters.then(|| self.ejecting.lock());
        let company = if matters { self.company(target, now) } else { Company::default() };
        let change = target.record(outcome, trial, outliers, company, now);
        drop(ejecting);
        if let Some(change) = change {
            self.tell_change(target, change);
        }
    }

    /// Takes in what happened to a target, for a reason that people are told.
    pub(super) fn happened(&self, target: &Target, event: Event, why: Reason, now: Instant) {
        let company = self.company(target, now);
        let told = why.to_string();
        let Some(state) = target.turn(event, why, self.thresholds(), company, now) else { return };
        self.places.notify_waiters();
        let (origin, address) = (&self.name, target.address());
        match state {
            Health::Unhealthy { .. } => {
                tracing::warn!(origin, address = %address, "unhealthy: {told}");
            }
            state => tracing::info!(origin, address = %address, "{state}: {told}"),
        }
    }

    /// A check of a target passed: what was out of reach is not any more.
    pub(super) fn pardon(&self, target: &Target, now: Instant) {
        let company = self.company(target, now);
        if let Some(change) = target.pardon(company, now) {
            self.tell_change(target, change);
        }
    }

    pub(super) fn thresholds(&self) -> Option<Thresholds> {
        self.settings.health_check.as_ref().map(Thresholds::from)
    }

    /// How the others are.
    fn company(&self, target: &Target, now: Instant) -> Company {
        let roster = self.roster.load();
        let others = roster.slots.iter().filter(|slot| slot.target.address() != target.address());
        let others = others.filter(|slot| slot.weight > 0);
        let others = others.map(|slot| slot.target.appraise(now));
        let others: Vec<_> = others.filter(|other| other.fitness != Fitness::Gone).collect();
        // One that is on trial, new or unhealthy is nothing to rely on.
        let is_well = |it: &&Appraisal| it.fitness == Fitness::Fit && it.standing == Standing::In;
        let well = others.iter().filter(is_well).count();
        Company {
            healthy: others.iter().any(|other| other.fitness == Fitness::Fit),
            can_spare: well * 2 > others.len(),
        }
    }

    fn tell_change(&self, target: &Target, change: Change) {
        self.places.notify_waiters();
        let (origin, address) = (&self.name, target.address());
        match change {
            Change::Ejected { for_, why } => {
                tracing::warn!(origin, address = %address, "ejected for {for_:?}: {why}");
            }
            Change::Returned => tracing::info!(origin, address = %address, "in use again"),
        }
    }
}
