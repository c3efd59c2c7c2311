//! The catalog of a site: what is stored of it, by path and by tag, with running totals. So an
//! invalidation is counted exactly, and nobody walks the store for it.
//!
//! What enters the memory tier joins before it stands there, and what leaves the tier leaves behind it.
//! Both, and putting an invalidation in force, are under one lock: each stored response has joined
//! before an invalidation came, and is counted by it, or is judged by it when it joins. What is counted
//! by a hard invalidation is listed no more, so that no later one counts it again.
//!
//! A deploy takes the totals and the whole shelf at once. Others walk the part of it that they name,
//! and let go of the lock now and then; what leaves meanwhile is counted on its way out.

mod cohorts;
mod route;
mod shelf;
mod walk;

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, MutexGuard};

use cohorts::Cohorts;
pub(crate) use shelf::Shelf;
use shelf::{Item, Key};
use walk::{Left, Progress, Walk};

use crate::invalidation::{Counted, Kind, Scope};
use crate::key::Digest;
use crate::ledger::Mark;
use crate::memory::Entry;
use crate::tenure::{Clock, Standing, Tenure};

/// What is looked at before others get their turn with the lock: some tenths of a millisecond.
const CHUNK: usize = 1_000;

/// What is stored of one site.
#[derive(Debug, Default)]
pub(crate) struct Catalog(Mutex<Stock>);

#[derive(Debug, Default)]
struct Stock {
    /// What the next deploy takes, whole.
    plain: Shelf,
    /// What is kept beyond deploys. Where its cohort is gone, it is dead and not swept yet.
    kept: Shelf,
    cohorts: Cohorts,
    /// Those under way, in the order of what is in force.
    walks: Vec<Walk>,
    walks_begun: u64,
}

/// Whether something may enter the memory tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    Listed,
    /// An invalidation has taken it already.
    Dead,
}

/// An invalidation that is in force, and on its way through the catalog.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) rest: Rest,
    /// What a deploy has taken whole.
    pub(crate) shelf: Option<Shelf>,
}

/// What of an invalidation is left to be counted.
#[derive(Debug)]
pub(crate) enum Rest {
    Nothing(Counted),
    /// It is to be walked.
    Walk(u64),
}

/// What an invalidation came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) counted: Counted,
    /// Where the dead stood that were named one by one.
    pub(crate) taken: Vec<Digest>,
}

/// How far somebody has come who looks at all of it.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    side: Side,
    after: Option<Key>,
}

/// Which shelf.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Side {
    #[default]
    Plain,
    Kept,
}

// === impl Catalog ===

impl Catalog {
    /// Lists what is about to stand at a digest, unless it is dead. What joins several times leaves as
    /// often: its comings and goings may be told of in any order.
    pub(crate) fn join(&self, digest: Digest, entry: &Entry, clock: Clock) -> Joined {
        let Tenure { admission, .. } = entry.tenure();
        let mut stock = self.0.lock();
        // Under the lock: an invalidation that is not in force yet will find it here.
        let deploys = match entry.tenure().standing(clock) {
            Standing::Dead => return Joined::Dead,
            Standing::Retired => admission.ledger.deploys_after(admission.birth.position),
            Standing::Live | Standing::Stale { .. } => None,
        };
        let Stock { plain, kept, cohorts, .. } = &mut *stock;
        let list = if admission.keep.is_some() { kept } else { plain };
        let key = Key::of(entry);
        if let Some(item) = list.get_mut(&key) {
            item.presences += 1;
            return Joined::Listed;
        }
        let cohort = cohorts.of(admission.keep, deploys);
        let item = Item::new(entry, digest, cohort);
        cohorts.add(cohort, item.counted());
        list.insert(key, item, entry);
        Joined::Listed
    }

    /// Strikes off what stands no more, if it is listed still.
    pub(crate) fn leave(&self, entry: &Entry) {
        let key = Key::of(entry);
        let mut stock = self.0.lock();
        let Stock { plain, kept, cohorts, walks, .. } = &mut *stock;
        let is_kept = entry.tenure().admission.keep.is_some();
        let list = if is_kept { kept } else { plain };
        let Some(item) = list.get_mut(&key) else { return };
        item.presences -= 1;
        if item.presences > 0 {
            return;
        }
        let Some(item) = list.remove(&key, entry) else { return };
        if cohorts.has(item.cohort) {
            // The first that takes it has it.
            walks.iter_mut().any(|walk| walk.meet_leaving(entry, &item) == Left::Taken);
            cohorts.subtract(item.cohort, item.counted());
        }
    }

    /// Puts an invalidation in force by `publish`, and counts what it takes whole; the rest of what it
    /// names is to be walked.
    pub(crate) fn begin(
        &self,
        mark: Mark,
        kind: Kind,
        scope: Arc<Scope>,
        publish: impl FnOnce(),
    ) -> Begun {
        let mut stock = self.0.lock();
        publish();
        let mut whole = None;
        let walk = match (scope.is_all(), kind) {
            (false, Kind::Hard) => Walk::taking(mark.position, scope),
            (false, Kind::Soft) => Walk::marking(mark, scope),
            (true, Kind::Hard) => {
                whole = Some(std::mem::take(&mut stock.plain));
                let counted = stock.cohorts.deploy(mark);
                let beside = scope.beside_all();
                if beside.is_empty() {
                    return Begun { rest: Rest::Nothing(counted), shelf: whole };
                }
                // What is named beside is dead even where it is kept, and counted already.
                Walk::taking_uncounted(mark.position, beside, counted)
            }
            // Each is found stale when it is judged.
            (true, Kind::Soft) => {
                let counted = stock.cohorts.standing(mark.at);
                return Begun { rest: Rest::Nothing(counted), shelf: None };
            }
        };
        Begun { rest: Rest::Walk(stock.begin(walk)), shelf: whole }
    }

    /// Walks what is left of an invalidation, to the end.
    pub(crate) fn finish(&self, rest: &Rest, now: SystemTime) -> Ended {
        let walk = match *rest {
            Rest::Nothing(counted) => return Ended { counted, taken: Vec::new() },
            Rest::Walk(walk) => walk,
        };
        let mut stock = self.0.lock();
        while stock.step(walk, now) == Progress::Underway {
            MutexGuard::bump(&mut stock);
        }
        stock.end(walk)
    }

    /// What an invalidation of this scope would name now.
    pub(crate) fn count(&self, scope: Arc<Scope>, now: SystemTime) -> Counted {
        let walk = {
            let mut stock = self.0.lock();
            if scope.is_all() {
                return stock.cohorts.standing(now);
            }
            stock.begin(Walk::counting(scope))
        };
        self.finish(&Rest::Walk(walk), now).counted
    }

    /// Strikes off some more of what is kept no longer, and says where it stood; `None` is the end.
    pub(crate) fn expire(&self, cursor: &mut Cursor, now: SystemTime) -> Option<Vec<Digest>> {
        let mut stock = self.0.lock();
        let Stock { kept, cohorts, .. } = &mut *stock;
        let keys = kept.keys_after(cursor.after.as_ref(), CHUNK);
        cursor.after = Some(keys.last()?.clone());
        let mut dead = Vec::new();
        for key in keys {
            let Some(item) = kept.get(&key).filter(|item| !cohorts.stands(item.cohort, now)) else {
                continue;
            };
            dead.push(item.digest);
            let cohort = item.cohort;
            if let Some(entry) = item.entry.upgrade()
                && let Some(item) = kept.remove(&key, &entry)
            {
                cohorts.subtract(cohort, item.counted());
            }
        }
        Some(dead)
    }

    /// Some more of all that is listed; `None` is the end.
    pub(crate) fn listed(&self, cursor: &mut Cursor) -> Option<Vec<Entry>> {
        let stock = self.0.lock();
        loop {
            let list = stock.shelf(cursor.side);
            let keys = list.keys_after(cursor.after.as_ref(), CHUNK);
            if let Some(last) = keys.last() {
                cursor.after = Some(last.clone());
                let items = keys.iter().filter_map(|key| list.get(key));
                return Some(items.filter_map(|item| item.entry.upgrade()).collect());
            }
            match cursor.side {
                Side::Plain => *cursor = Cursor { side: Side::Kept, after: None },
                Side::Kept => return None,
            }
        }
    }
}

#[cfg(test)]
impl Catalog {
    /// The totals that are kept, and the addresses of what is listed.
    pub(crate) fn audit(&self, now: SystemTime) -> (Counted, Vec<usize>) {
        let totals = self.0.lock().cohorts.standing(now);
        let (mut cursor, mut addresses) = (Cursor::default(), Vec::new());
        while let Some(entries) = self.listed(&mut cursor) {
            addresses.extend(entries.iter().map(Entry::address));
        }
        addresses.sort_unstable();
        (totals, addresses)
    }
}

// === impl Stock ===

impl Stock {
    fn shelf(&self, side: Side) -> &Shelf {
        match side {
            Side::Plain => &self.plain,
            Side::Kept => &self.kept,
        }
    }
}
