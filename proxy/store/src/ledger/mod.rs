//! The ledger: which invalidation came when, and what each takes.
//!
//! Every invalidation has a [`Position`] in one order. A stored response carries the position that
//! was newest when the request to the origin *began*; it is dead if a later invalidation takes it.
//! So an invalidation that overtakes a slow fill wins, in memory as on disk. An invalidation of `/*` is
//! a deploy: what is kept beyond it is retired first, and dead in the end.
//!
//! Recording is O(1). Nothing scans the store on the request path: a stored response that was
//! judged at the newest position is live until a newer one is recorded.

mod journal;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

pub(crate) use journal::Journal;
pub use journal::LedgerError;

use crate::invalidation::InvalidationPath;
use crate::stored::Place;
use crate::tenure::{Keep, Standing};

/// Exact paths that one site's ledger tells apart; beyond it the older ones are folded into the floor.
const EXACT_PATHS_MAX: usize = 10_000;
/// Wildcards that one site's ledger tells apart; beyond it the older half is folded into the floor.
const WILDCARDS_MAX: usize = 1_000;
/// Deploys of one site that its ledger tells apart, as wildcards are.
const DEPLOYS_MAX: usize = 10_000;

/// A place in the order of all invalidations. 0 is before the first.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position(u64);

/// The invalidations of one site, as the request path sees them.
#[derive(Debug, Default)]
pub struct SiteLedger {
    latest: AtomicU64,
    index: RwLock<Index>,
}

#[derive(Debug, Default)]
struct Index {
    /// Everything born before this is dead, what was kept too.
    floor: Position,
    /// The invalidations of `/*` and when they came, oldest first.
    deploys: Vec<(Position, SystemTime)>,
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
    pub(crate) fn publish(
        &self,
        site: &str,
        position: Position,
        paths: &[InvalidationPath],
        created: SystemTime,
    ) {
        self.site(site).record(position, paths, created);
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

    /// Judges by every invalidation after `since`; no deploy before it has taken what is judged.
    pub(crate) fn judge(
        &self,
        place: &Place,
        keep: Option<Keep>,
        since: Position,
        now: impl FnOnce() -> SystemTime,
    ) -> Standing {
        let index = self.index.read();
        if index.floor > since || index.names(place, since) {
            return Standing::Dead;
        }
        match (index.deploys_after(since), keep) {
            ([], _) => Standing::Live,
            ([(_, first), rest @ ..], Some(keep)) if keep.spares(1 + rest.len(), *first, now) => {
                Standing::Retired
            }
            _ => Standing::Dead,
        }
    }

    fn record(&self, position: Position, paths: &[InvalidationPath], created: SystemTime) {
        let mut index = self.index.write();
        for path in paths {
            index.record(position, path, created);
        }
        index.keep_bounds(position);
        drop(index);
        self.latest.fetch_max(position.0, Ordering::AcqRel);
    }
}

// === impl Index ===

impl Index {
    /// Whether one that is no deploy takes it.
    fn names(&self, place: &Place, since: Position) -> bool {
        let by_path = |path: &str| self.paths.get(path).is_some_and(|p| *p > since);
        let newer = self.wildcards.partition_point(|(position, _)| *position <= since);
        by_path(&place.path)
            || place.made_from.as_deref().is_some_and(by_path)
            || self.wildcards.iter().skip(newer).any(|(_, wildcard)| wildcard.takes(place))
    }

    fn deploys_after(&self, since: Position) -> &[(Position, SystemTime)] {
        let newer = self.deploys.partition_point(|(position, _)| *position <= since);
        self.deploys.get(newer..).unwrap_or_default()
    }

    fn record(&mut self, position: Position, path: &InvalidationPath, created: SystemTime) {
        if path.is_all() {
            if self.deploys.last().is_none_or(|(last, _)| *last < position) {
                self.deploys.push((position, created));
            }
        } else if let Some(exact) = path.exact() {
            self.paths.insert(exact.to_owned(), position);
        } else {
            self.wildcards.push((position, path.clone()));
        }
    }

    /// Called with the newest position, which is never forgotten: nothing was judged by it yet.
    fn keep_bounds(&mut self, newest: Position) {
        let before = Position(newest.0.saturating_sub(1));
        if self.is_over_bounds()
            && let Some((deploy, _)) = self.deploys.last()
        {
            // All but what is kept beyond deploys is dead by that one anyway.
            self.fold((*deploy).min(before));
        }
        if self.paths.len() > EXACT_PATHS_MAX {
            self.fold(before);
        }
        if self.wildcards.len() > WILDCARDS_MAX {
            self.fold(middle(&self.wildcards).min(before));
        }
        if self.deploys.len() > DEPLOYS_MAX {
            self.fold(middle(&self.deploys).min(before));
        }
    }

    fn is_over_bounds(&self) -> bool {
        self.paths.len() > EXACT_PATHS_MAX || self.wildcards.len() > WILDCARDS_MAX
    }

    /// Forgets what came up to `position`: what was not judged by it yet is dead.
    ///
    /// Every stored response is judged when an invalidation is swept, so this takes only fills that
    /// began before `position` and are not stored yet, and what is kept beyond a deploy: that is judged
    /// by all that came since its birth, each time.
    fn fold(&mut self, position: Position) {
        self.floor = self.floor.max(position);
        self.paths.retain(|_, at| *at > position);
        self.wildcards.retain(|(at, _)| *at > position);
        self.deploys.retain(|(at, _)| *at > position);
    }
}

/// The position in the middle of a list.
fn middle<T>(list: &[(Position, T)]) -> Position {
    list.get(list.len() / 2).map_or_else(Position::default, |(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn place(path: &str) -> Place {
        Place { path: path.into(), query: None, made_from: None }
    }

    fn publish(ledger: &Ledger, site: &str, position: u64, written: &[&str]) {
        ledger.publish(site, Position(position), &paths(written), NOW);
    }

    fn judge(site: &SiteLedger, path: &str, born: u64) -> Standing {
        site.judge(&place(path), None, Position(born), || NOW)
    }

    fn paths(written: &[&str]) -> Vec<InvalidationPath> {
        written.iter().map(|p| InvalidationPath::parse(p).unwrap()).collect()
    }

    #[test]
    fn only_later_invalidations_kill() {
        let ledger = Ledger::default();
        let site = ledger.site("www");
        publish(&ledger, "www", 1, &["/a", "/dir/*"]);
        assert_eq!(ledger.newest(), Position(1));
        for (path, born, standing) in [
            ("/a", 0, Standing::Dead),
            ("/a", 1, Standing::Live),
            ("/b", 0, Standing::Live),
            ("/dir/x", 0, Standing::Dead),
            ("/dir/x", 1, Standing::Live),
        ] {
            assert_eq!(judge(&site, path, born), standing, "{path} {born}");
        }
        publish(&ledger, "other", 2, &["/*"]);
        assert_eq!(judge(&site, "/b", 0), Standing::Live);
        publish(&ledger, "www", 3, &["/*"]);
        assert_eq!(judge(&site, "/b", 2), Standing::Dead);
        assert_eq!(judge(&site, "/b", 3), Standing::Live);
    }

    #[test]
    fn what_is_folded_stays_dead_and_memory_stays_bounded() {
        let ledger = Ledger::default();
        let site = ledger.site("www");
        for n in 1..=2 * WILDCARDS_MAX as u64 {
            publish(&ledger, "www", n, &[&format!("/{n}/*")]);
        }
        assert!(site.index.read().wildcards.len() <= WILDCARDS_MAX);
        assert_eq!(judge(&site, "/1/x", 0), Standing::Dead);
        let exact: Vec<_> = (0..=EXACT_PATHS_MAX).map(|n| format!("/{n}")).collect();
        let exact: Vec<_> = exact.iter().map(String::as_str).collect();
        publish(&ledger, "www", 90_000, &exact);
        assert!(site.index.read().paths.len() <= EXACT_PATHS_MAX + 1);
        assert_eq!(judge(&site, "/0", 89_999), Standing::Dead);
        assert_eq!(judge(&site, "/0", 90_000), Standing::Live);
    }

    #[test]
    fn what_is_kept_is_judged_by_all_that_came_since_and_forgotten_with_it() {
        let ledger = Ledger::default();
        let site = ledger.site("www");
        let judge = |path, born| {
            site.judge(&place(path), Some(Keep::Deploys(u32::MAX)), Position(born), || NOW)
        };
        publish(&ledger, "www", 1, &["/named"]);
        publish(&ledger, "www", 2, &["/*", "/*"]);
        assert_eq!(judge("/named", 0), Standing::Dead, "a deploy hid what came before it");
        assert_eq!(judge("/other", 0), Standing::Retired);
        assert_eq!(judge("/other", 2), Standing::Live);
        for n in 3..=3 + DEPLOYS_MAX as u64 {
            publish(&ledger, "www", n, &["/*"]);
        }
        assert!(site.index.read().deploys.len() <= DEPLOYS_MAX);
        assert_eq!(judge("/other", 0), Standing::Dead);
        assert_eq!(judge("/other", DEPLOYS_MAX as u64), Standing::Retired);
    }
}
