//! An invalidation on its way through what it names.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::route::Route;
use super::shelf::{Cursor, Item, Key};
use super::{CHUNK, Ended, Side, Stock};
use crate::invalidation::{Counted, Scope};
use crate::key::Digest;
use crate::ledger::{Mark, Position};
use crate::memory::Entry;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Underway,
    Done,
}

/// What becomes of the count of something that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Taken,
    ToOthers,
}

#[derive(Debug)]
pub(super) struct Walk {
    pub(super) id: u64,
    scope: Arc<Scope>,
    /// What is born here or later it does not name.
    position: Option<Position>,
    purpose: Purpose,
    counted: Counted,
    /// Where what it has taken stood.
    taken: Vec<Digest>,
    /// By identity, what it has met and left where it is.
    met: HashSet<usize>,
    /// Each leads along both shelves.
    routes: Arc<[Route]>,
    /// How many ways along one shelf are behind it.
    gone: usize,
    after: Option<Cursor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To strike off what it names, and to count it.
    Take,
    /// To strike off what is counted already.
    TakeUncounted,
    /// To count it and mark it stale since then.
    Mark(SystemTime),
    Count,
}

// === impl Walk ===

impl Walk {
    pub(super) fn taking(position: Position, scope: Arc<Scope>) -> Self {
        Self::new(Some(position), scope, Purpose::Take)
    }

    pub(super) fn taking_uncounted(position: Position, scope: Scope, counted: Counted) -> Self {
        Self { counted, ..Self::new(Some(position), Arc::new(scope), Purpose::TakeUncounted) }
    }

    pub(super) fn marking(mark: Mark, scope: Arc<Scope>) -> Self {
        Self::new(Some(mark.position), scope, Purpose::Mark(mark.at))
    }

    pub(super) fn counting(scope: Arc<Scope>) -> Self {
        Self::new(None, scope, Purpose::Count)
    }

    fn new(position: Option<Position>, scope: Arc<Scope>, purpose: Purpose) -> Self {
        Self {
            id: 0,
            routes: Route::all(&scope).into(),
            scope,
            position,
            purpose,
            counted: Counted::default(),
            taken: Vec::new(),
            met: HashSet::new(),
            gone: 0,
            after: None,
        }
    }

    /// Something goes before it has come there. Says whether it is left to later ones: what one takes is
    /// for no other to count.
    pub(super) fn meet_leaving(&mut self, entry: &Entry, item: &Item) -> Left {
        // Each eviction comes through here, under the lock.
        if self.purpose == Purpose::Count {
            return Left::ToOthers;
        }
        if !self.is_older(entry) || !self.scope.takes(&entry.tenure().admission) {
            return Left::ToOthers;
        }
        match self.purpose {
            Purpose::Take => {
                self.taken.push(item.digest);
                self.counted += item.counted();
                Left::Taken
            }
            Purpose::TakeUncounted => Left::Taken,
            Purpose::Mark(_) => {
                if self.met.insert(entry.address()) {
                    self.counted += item.counted();
                }
                Left::ToOthers
            }
            Purpose::Count => Left::ToOthers,
        }
    }

    pub(super) fn end(self) -> Ended {
        Ended { counted: self.counted, taken: self.taken }
    }

    fn is_older(&self, entry: &Entry) -> bool {
        let born = entry.tenure().admission.birth.position;
        self.position.is_none_or(|position| born < position)
    }
}

// === impl Stock ===

impl Stock {
    pub(super) fn begin(&mut self, walk: Walk) -> u64 {
        self.walks_begun += 1;
        self.walks.push(Walk { id: self.walks_begun, ..walk });
        self.walks_begun
    }

    pub(super) fn end(&mut self, id: u64) -> Ended {
        let at = self.walks.iter().position(|walk| walk.id == id);
        let nothing = || Ended { counted: Counted::default(), taken: Vec::new() };
        at.map_or_else(nothing, |at| self.walks.remove(at).end())
    }

    /// Takes a walk some way further.
    pub(super) fn step(&mut self, id: u64, now: SystemTime) -> Progress {
        let Some(at) = self.walks.iter().position(|walk| walk.id == id) else {
            return Progress::Done;
        };
        // Put back in its place below; nobody sees that it was gone.
        let mut walk = self.walks.remove(at);
        let routes = walk.routes.clone();
        let mut progress = Progress::Done;
        let mut left = CHUNK;
        while let Some(route) = routes.get(walk.gone / 2) {
            if left == 0 {
                progress = Progress::Underway;
                break;
            }
            let side = if walk.gone.is_multiple_of(2) { Side::Plain } else { Side::Kept };
            let most = (left / route.cost()).max(1);
            let (keys, more) = self.shelf(side).along(&route.along, walk.after.as_ref(), most);
            // A route that leads nowhere costs something too.
            left = left.saturating_sub((keys.len() * route.cost()).max(1));
            for key in &keys {
                self.meet(&mut walk, (side, route), key, now);
            }
            walk.gone += usize::from(more.is_none());
            walk.after = more;
        }
        self.walks.insert(at, walk);
        progress
    }

    fn meet(&mut self, walk: &mut Walk, (side, route): (Side, &Route), key: &Key, now: SystemTime) {
        let Self { plain, kept, cohorts, .. } = self;
        let list = match side {
            Side::Plain => plain,
            Side::Kept => kept,
        };
        let Some(item) = list.get(key).filter(|item| cohorts.stands(item.cohort, now)) else {
            return;
        };
        let Some(entry) = item.entry.upgrade() else { return };
        if !walk.is_older(&entry) || !route.names(&entry.tenure().admission.place) {
            return;
        }
        let (counted, digest, cohort) = (item.counted(), item.digest, item.cohort);
        match walk.purpose {
            Purpose::Take | Purpose::TakeUncounted => {
                list.remove(key, &entry);
                cohorts.subtract(cohort, counted);
                walk.taken.push(digest);
                if walk.purpose == Purpose::Take {
                    walk.counted += counted;
                }
            }
            Purpose::Mark(_) | Purpose::Count => {
                if let Purpose::Mark(since) = walk.purpose {
                    // Not left to whoever judges it: of a path and of a tag the ledger knows only the
                    // newest that names it, and it is stale since the oldest.
                    entry.tenure().soften(since);
                }
                if walk.met.insert(key.address()) {
                    walk.counted += counted;
                }
            }
        }
    }
}
