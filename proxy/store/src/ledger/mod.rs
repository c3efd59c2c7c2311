//! The ledger: which invalidation came when, and what each takes.
//!
//! Every invalidation has a [`Position`] in one order. A stored response carries the position that
//! was newest when the request to the origin *began*; it is dead if a later invalidation takes it.
//! So an invalidation that overtakes a slow fill wins, in memory as on disk. An invalidation of `/*` is
//! a deploy: what is kept beyond it is retired first, and dead in the end. A soft one kills nothing:
//! what it names is stale until it is refreshed.
//!
//! Recording is O(1). Nothing scans the store on the request path: a stored response that was
//! judged at the newest position is what it was until a newer one is recorded.

mod index;
mod journal;
mod shares;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

pub(crate) use index::Mark;
use index::{Crowd, Index};
pub(crate) use journal::Journal;
pub use journal::LedgerError;

use crate::catalog::Catalog;
use crate::invalidation::{Kind, Scope};
use crate::stored::{Admission, Birth, Place};
use crate::tenure::Keep;

/// A place in the order of all invalidations. 0 is before the first.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position(u64);

/// The invalidations of one site, as the request path sees them, and what is stored of it.
#[derive(Debug, Default)]
pub struct SiteLedger {
    latest: AtomicU64,
    index: RwLock<Index>,
    pub(crate) catalog: Catalog,
    /// Held while what an invalidation names is counted: each counts only what no other has.
    pub(crate) counting: Mutex<()>,
}

/// The ledgers of all sites, and the position that is newest among them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    newest: AtomicU64,
    sites: RwLock<HashMap<String, Arc<SiteLedger>>>,
}

/// What the invalidations since some position make of something stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing; or it is stale since then.
    Spared { softened: Option<SystemTime> },
    /// A deploy has taken it, and its [`Keep`] says for how long that spares it.
    Retired,
    /// It is taken.
    Dead,
}

/// The deploys that have taken something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deploys {
    pub(crate) first: Mark,
    pub(crate) number: usize,
}

/// Whether a ledger holds more than is good for who asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowding {
    None,
    /// It is time that all that is stored was judged, so that what it was judged by can be forgotten.
    Full,
    /// It cannot wait.
    Overfull,
}

// === impl Position ===

impl Position {
    pub(crate) const fn new(position: u64) -> Self {
        Self(position)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl Verdict ===

impl Verdict {
    pub(crate) fn or_worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Dead, _) | (_, Self::Dead) => Self::Dead,
            (Self::Retired, _) | (_, Self::Retired) => Self::Retired,
            (Self::Spared { softened: one }, Self::Spared { softened: other }) => {
                Self::Spared { softened: one.into_iter().chain(other).min() }
            }
        }
    }
}

// === impl Ledger ===

impl Ledger {
    /// The newest invalidation: what a request to an origin that begins now is born at.
    pub(crate) fn newest(&self) -> Position {
        Position(self.newest.load(Ordering::Acquire))
    }

    pub(crate) fn site(&self, name: &str) -> Arc<SiteLedger> {
        if let Some(site) = self.sites.read().get(name) {
            return site.clone();
        }
        self.sites.write().entry(name.to_owned()).or_default().clone()
    }

    /// Lets requests be born at a position. What it names is in force before, so that nothing is born
    /// at a position that it could still be taken by.
    pub(crate) fn advance(&self, position: Position) {
        self.newest.fetch_max(position.0, Ordering::AcqRel);
    }

    /// Everything of this site born before `position` is dead: what it was taken by is forgotten.
    pub(crate) fn raise_floor(&self, site: &str, position: Position) {
        let site = self.site(site);
        site.fold(position);
        site.latest.fetch_max(position.0, Ordering::AcqRel);
        self.advance(position);
    }
}

// === impl SiteLedger ===

impl SiteLedger {
    pub(crate) fn latest(&self) -> Position {
        Position(self.latest.load(Ordering::Acquire))
    }

    /// Whether a hard invalidation takes what was born then and will stand here, before it is stored:
    /// whoever came behind that invalidation must not be given it. Any deploy does, also of what is kept
    /// beyond it. What is only named by a tag is not known yet, and found dead once it is stored; what
    /// came so long ago that it is forgotten may take too much.
    ///
    /// Usually one atomic load.
    pub fn overtakes(&self, place: &Place, birth: Birth) -> bool {
        self.latest() > birth.position && self.index.read().overtakes(place, birth.position)
    }

    /// Judges by every invalidation after `since`, and by every deploy since it was born.
    pub(crate) fn judge(&self, admission: &Admission, since: Position) -> Verdict {
        self.index.read().judge(admission, since)
    }

    /// Whether what was born then is kept beyond the deploys that have taken it.
    pub(crate) fn is_kept(
        &self,
        keep: Option<Keep>,
        born: Position,
        now: impl FnOnce() -> SystemTime,
    ) -> bool {
        let index = self.index.read();
        let spares =
            |keep: Keep, deploys: Deploys| keep.spares(deploys.number, deploys.first.at, now);
        match (keep, index.deploys_after(born)) {
            (Some(keep), Some(deploys)) => index.remembers(born) && spares(keep, deploys),
            (_, None) => true,
            (None, Some(_)) => false,
        }
    }

    /// The deploys that have taken what was born then.
    pub(crate) fn deploys_after(&self, born: Position) -> Option<Deploys> {
        self.index.read().deploys_after(born)
    }

    /// The newest invalidation of this kind, of those that are still known, that names this.
    pub(crate) fn newest_naming(&self, kind: Kind, admission: &Admission) -> Option<Position> {
        self.index.read().newest_naming(kind, &admission.place, admission.tags.as_ref())
    }

    /// The newest hard invalidation, of those that are still known, that takes what stands here.
    pub(crate) fn newest_taking(&self, place: &Place) -> Option<Position> {
        self.index.read().newest_naming(Kind::Hard, place, None)
    }

    /// Puts an invalidation in force.
    pub(crate) fn record(&self, mark: Mark, kind: Kind, scope: &Scope) {
        self.index.write().record(mark, kind, scope);
        self.latest.fetch_max(mark.position.0, Ordering::AcqRel);
    }

    pub(crate) fn crowding(&self) -> Crowding {
        match self.index.read().crowd() {
            Crowd::Few => Crowding::None,
            Crowd::Many => Crowding::Full,
            Crowd::TooMany => Crowding::Overfull,
        }
    }

    /// Forgets what came up to `position`, but for deploys: what was not judged by it yet is dead.
    pub(crate) fn fold(&self, position: Position) {
        self.index.write().fold(position);
    }
}

#[cfg(test)]
mod tests;
