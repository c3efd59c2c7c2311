//! Running totals, apart for what lives and dies together: a deploy counts without looking at any one.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::invalidation::Counted;
use crate::ledger::{Deploys, Mark};
use crate::tenure::Keep;

/// Names a cohort for as long as anything of it is listed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CohortId(u64);

#[derive(Debug, Default)]
pub(super) struct Cohorts {
    all: BTreeMap<CohortId, Cohort>,
    newest: CohortId,
}

/// What is kept alike and was taken by the same deploys.
#[derive(Debug)]
struct Cohort {
    keep: Option<Keep>,
    deploys: Option<Deploys>,
    totals: Counted,
}

// === impl Cohorts ===

impl Cohorts {
    /// The cohort of what is kept so and was taken by these deploys.
    pub(super) fn of(&mut self, keep: Option<Keep>, deploys: Option<Deploys>) -> CohortId {
        let first = deploys.map(|deploys| deploys.first);
        let is_same = |cohort: &Cohort| {
            cohort.keep == keep && cohort.deploys.map(|deploys| deploys.first) == first
        };
        // The newest are the ones that most belong to.
        if let Some((id, _)) = self.all.iter().rev().find(|(_, cohort)| is_same(cohort)) {
            return *id;
        }
        self.newest.0 += 1;
        self.all.insert(self.newest, Cohort { keep, deploys, totals: Counted::default() });
        self.newest
    }

    pub(super) fn add(&mut self, id: CohortId, counted: Counted) {
        if let Some(cohort) = self.all.get_mut(&id) {
            cohort.totals += counted;
        }
    }

    pub(super) fn subtract(&mut self, id: CohortId, counted: Counted) {
        let Some(cohort) = self.all.get_mut(&id) else { return };
        cohort.totals -= counted;
        if cohort.totals == Counted::default() {
            self.all.remove(&id);
        }
    }

    /// Whether no deploy has taken all of it for good.
    pub(super) fn has(&self, id: CohortId) -> bool {
        self.all.contains_key(&id)
    }

    /// As [`Self::has`], and that its time is not over.
    pub(super) fn stands(&self, id: CohortId, now: SystemTime) -> bool {
        self.all.get(&id).is_some_and(|cohort| cohort.is_kept(now))
    }

    /// What stands now, in all.
    pub(super) fn standing(&self, now: SystemTime) -> Counted {
        let mut counted = Counted::default();
        let standing = self.all.values().filter(|cohort| cohort.is_kept(now));
        standing.for_each(|cohort| counted += cohort.totals);
        counted
    }

    /// A deploy takes all of them, some for good; returns what stood.
    pub(super) fn deploy(&mut self, mark: Mark) -> Counted {
        let counted = self.standing(mark.at);
        for cohort in self.all.values_mut() {
            let deploys = cohort.deploys.get_or_insert(Deploys { first: mark, number: 0 });
            deploys.number += 1;
        }
        self.all.retain(|_, cohort| cohort.keep.is_some() && cohort.is_kept(mark.at));
        counted
    }
}

// === impl Cohort ===

impl Cohort {
    fn is_kept(&self, now: SystemTime) -> bool {
        match (self.keep, self.deploys) {
            (_, None) => true,
            (Some(keep), Some(deploys)) => keep.spares(deploys.number, deploys.first.at, || now),
            (None, Some(_)) => false,
        }
    }
}
