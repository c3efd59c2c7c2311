//! The ledger: which invalidation came when, and what each takes.
//!
//! Every invalidation has a [`Position`] in one order. A stored response carries the position that
//! was newest when the request to the origin *began*; it is dead if a later invalidation takes it.
//! So an invalidation that overtakes a slow fill wins, in memory as on disk.
//!
//! Recording is O(1). Nothing scans the store on the request path: a stored response that was
//! judged at the newest position is live until a newer one is recorded.

mod journal;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

pub(crate) use journal::Journal;
pub use journal::LedgerError;

use crate::invalidation::InvalidationPath;
use crate::stored::Place;

/// Exact paths that one site's ledger tells apart; beyond it the older ones are folded into the floor.
const EXACT_PATHS_MAX: usize = 10_000;
/// Wildcards that one site's ledger tells apart; beyond it the older half is folded into the floor.
const WILDCARDS_MAX: usize = 1_000;

/// A place in the order of all invalidations. 0 is before the first.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position(u64);

/// Whether a stored response may still be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Live,
    Dead,
}

/// The invalidations of one site, as the request path sees them.
#[derive(Debug, Default)]
pub struct SiteLedger {
    latest: AtomicU64,
    index: RwLock<Index>,
}

#[derive(Debug, Default)]
struct Index {
    /// Everything born before this is dead.
    floor: Position,
    /// The newest invalidation of a path and all its query forms.
    paths: HashMap<String, Position>,
    /// Oldest first.
    wildcards: Vec<(Position, InvalidationPath)>,
}

/// The ledgers of all sites, and the position that is newest among them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    newest: AtomicU64,
    sites: RwLock<HashMap<String, Arc<SiteLedger>>>,
}

// === impl Position ===

impl Position {
    pub(crate) const fn new(position: u64) -> Self {
        Self(position)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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

    /// Publishes a recorded invalidation. Its paths are in force before its position is, so nothing
    /// can be born at a position whose paths it has not been judged by.
    pub(crate) fn publish(&self, site: &str, position: Position, paths: &[InvalidationPath]) {
        self.site(site).record(position, paths);
        self.newest.fetch_max(position.0, Ordering::AcqRel);
    }

    /// Everything of this site born before `position` is dead: what it was taken by is forgotten.
    pub(crate) fn raise_floor(&self, site: &str, position: Position) {
        let site = self.site(site);
        let mut index = site.index.write();
        index.floor = index.floor.max(position);
        drop(index);
        site.latest.fetch_max(position.0, Ordering::AcqRel);
        self.newest.fetch_max(position.0, Ordering::AcqRel);
    }
}

// === impl SiteLedger ===

impl SiteLedger {
    pub(crate) fn latest(&self) -> Position {
        Position(self.latest.load(Ordering::Acquire))
    }

    /// Judges by every invalidation after `since`.
    pub(crate) fn judge(&self, place: &Place, since: Position) -> Standing {
        let index = self.index.read();
        let by_path = |path: &str| index.paths.get(path).is_some_and(|p| *p > since);
        let newer = index.wildcards.partition_point(|(position, _)| *position <= since);
        let dead = index.floor > since
            || by_path(&place.path)
            || place.made_from.as_deref().is_some_and(by_path)
            || index.wildcards.iter().skip(newer).any(|(_, wildcard)| wildcard.takes(place));
        if dead { Standing::Dead } else { Standing::Live }
    }

    fn record(&self, position: Position, paths: &[InvalidationPath]) {
        let mut index = self.index.write();
        for path in paths {
            index.record(position, path);
        }
        index.keep_bounds(position);
        drop(index);
        self.latest.fetch_max(position.0, Ordering::AcqRel);
    }
}

// === impl Index ===

impl Index {
    fn record(&mut self, position: Position, path: &InvalidationPath) {
        if path.is_all() {
            self.fold(position);
        } else if let Some(exact) = path.exact() {
            self.paths.insert(exact.to_owned(), position);
        } else {
            self.wildcards.push((position, path.clone()));
        }
    }

    /// Called with the newest position, which is never forgotten: nothing was judged by it yet.
    fn keep_bounds(&mut self, newest: Position) {
        let before = Position(newest.0.saturating_sub(1));
        if self.paths.len() > EXACT_PATHS_MAX {
            self.fold(before);
        }
        if self.wildcards.len() > WILDCARDS_MAX {
            let half = self.wildcards.get(self.wildcards.len() / 2).map(|(at, _)| *at);
            self.fold(half.unwrap_or(before).min(before));
        }
    }

    /// Forgets what came up to `position`: what was not judged by it yet is dead.
    ///
    /// Every stored response is judged when an invalidation is swept, so this takes only fills that
    /// began before `position` and are not stored yet.
    fn fold(&mut self, position: Position) {
        self.floor = self.floor.max(position);
        self.paths.retain(|_, at| *at > position);
        self.wildcards.retain(|(at, _)| *at > position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Place {
        Place { path: path.into(), query: None, made_from: None }
    }

    fn paths(written: &[&str]) -> Vec<InvalidationPath> {
        written.iter().map(|p| InvalidationPath::parse(p).unwrap()).collect()
    }

    #[test]
    fn only_later_invalidations_kill() {
        let ledger = Ledger::default();
        let site = ledger.site("www");
        ledger.publish("www", Position(1), &paths(&["/a", "/dir/*"]));
        assert_eq!(ledger.newest(), Position(1));
        for (path, born, standing) in [
            ("/a", 0, Standing::Dead),
            ("/a", 1, Standing::Live),
            ("/b", 0, Standing::Live),
            ("/dir/x", 0, Standing::Dead),
            ("/dir/x", 1, Standing::Live),
        ] {
            assert_eq!(site.judge(&place(path), Position(born)), standing, "{path} {born}");
        }
        ledger.publish("other", Position(2), &paths(&["/*"]));
        assert_eq!(site.judge(&place("/b"), Position(0)), Standing::Live);
        ledger.publish("www", Position(3), &paths(&["/*"]));
        assert_eq!(site.judge(&place("/b"), Position(2)), Standing::Dead);
        assert_eq!(site.judge(&place("/b"), Position(3)), Standing::Live);
    }

    #[test]
    fn what_is_folded_stays_dead_and_memory_stays_bounded() {
        let ledger = Ledger::default();
        let site = ledger.site("www");
        for n in 1..=2 * WILDCARDS_MAX as u64 {
            ledger.publish("www", Position(n), &paths(&[&format!("/{n}/*")]));
        }
        assert!(site.index.read().wildcards.len() <= WILDCARDS_MAX);
        assert_eq!(site.judge(&place("/1/x"), Position(0)), Standing::Dead);
        let exact: Vec<_> = (0..=EXACT_PATHS_MAX).map(|n| format!("/{n}")).collect();
        let exact: Vec<_> = exact.iter().map(String::as_str).collect();
        ledger.publish("www", Position(90_000), &paths(&exact));
        assert!(site.index.read().paths.len() <= EXACT_PATHS_MAX + 1);
        assert_eq!(site.judge(&place("/0"), Position(89_999)), Standing::Dead);
        assert_eq!(site.judge(&place("/0"), Position(90_000)), Standing::Live);
    }
}
