//! What of the ledger is kept of whom; and which records it lets go of when it is full: the oldest of the
//! site that has most, so that nobody's key can push out what belongs to another site.

use std::collections::{BTreeMap, HashMap};
use std::iter::Peekable;

use crate::invalidation::Invalidation;

/// Invalidations that are kept for `GET /invalidations` and for repeated references.
const RECORDS_MAX: usize = 10_000;
/// Bytes of their records. A record holds as many paths as an order may.
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The records that are kept, by site.
#[derive(Debug, Default)]
pub(super) struct Shares(HashMap<String, Share>);

/// Whether something is still to be done for an invalidation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Underway,
    Completed,
}

/// The records of one site.
#[derive(Debug, Default)]
struct Share {
    /// By position.
    records: BTreeMap<u64, Record>,
    bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    bytes: u64,
    stage: Stage,
}

/// What a site would have left.
struct Left<'s> {
    /// What goes first, first: positions, and bytes.
    going: Peekable<Box<dyn Iterator<Item = (u64, u64)> + 's>>,
    records: usize,
    bytes: u64,
}

// === impl Stage ===

impl Stage {
    pub(super) fn of(invalidation: &Invalidation) -> Self {
        if invalidation.is_completed() { Self::Completed } else { Self::Underway }
    }
}

// === impl Shares ===

impl Shares {
    /// Notes a record of so many bytes, or what has become of one.
    pub(super) fn note(&mut self, site: &str, position: u64, (bytes, stage): (u64, Stage)) {
        let share = self.0.entry(site.to_owned()).or_default();
        let before = share.records.insert(position, Record { bytes, stage });
        share.bytes = share.bytes + bytes - before.map_or(0, |before| before.bytes);
    }

    pub(super) fn forget(&mut self, site: &str, position: u64) {
        let Some(share) = self.0.get_mut(site) else { return };
        share.bytes -= share.records.remove(&position).map_or(0, |record| record.bytes);
        if share.records.is_empty() {
            self.0.remove(site);
        }
    }

    /// The positions of the newest of these sites first, older than `before`, at most `most`.
    pub(super) fn newest(
        &self,
        shown: &dyn Fn(&str) -> bool,
        before: u64,
        most: usize,
    ) -> Vec<u64> {
        let shares = self.0.iter().filter(|(site, _)| shown(site)).map(|(_, share)| share);
        let newest = |share: &'_ Share| {
            share.records.range(..before).rev().take(most).map(|(at, _)| *at).collect::<Vec<_>>()
        };
        let mut newest: Vec<u64> = shares.flat_map(newest).collect();
        newest.sort_unstable_by(|one, other| other.cmp(one));
        newest.truncate(most);
        newest
    }

    /// The positions of those that are under way, oldest first.
    pub(super) fn underway(&self) -> Vec<u64> {
        let records = self.0.values().flat_map(|share| &share.records);
        let underway = records.filter(|(_, record)| record.stage == Stage::Underway);
        let mut positions: Vec<u64> = underway.map(|(position, _)| *position).collect();
        positions.sort_unstable();
        positions
    }

    /// The positions of what must go for one of `bytes` of this site to come.
    pub(super) fn beyond(&self, site: &str, bytes: u64) -> Vec<u64> {
        let nothing = Share::default();
        let mut sites: HashMap<&str, Left<'_>> =
            self.0.iter().map(|(name, share)| (name.as_str(), share.left())).collect();
        let own = sites.entry(site).or_insert_with(|| nothing.left());
        own.records += 1;
        own.bytes += bytes;
        let mut records: usize = sites.values().map(|left| left.records).sum();
        let mut total: u64 = sites.values().map(|left| left.bytes).sum();
        let mut gone = Vec::new();
        while records > RECORDS_MAX || total > BYTES_MAX {
            let weight =
                |left: &Left<'_>| if total > BYTES_MAX { left.bytes } else { left.records as u64 };
            let others = sites.values_mut();
            let others = others.filter_map(|left| left.going.peek().is_some().then_some(left));
            let Some(most) = others.max_by_key(|left| weight(left)) else { break };
            let Some((position, bytes)) = most.going.next() else { break };
            most.records -= 1;
            most.bytes -= bytes;
            records -= 1;
            total -= bytes;
            gone.push(position);
        }
        gone
    }
}

// === impl Share ===

impl Share {
    fn left(&self) -> Left<'_> {
        // What is under way begins anew after a restart, if it is known then.
        let going = self.oldest(Stage::Completed).chain(self.oldest(Stage::Underway));
        let going: Box<dyn Iterator<Item = (u64, u64)> + '_> = Box::new(going);
        Left { going: going.peekable(), records: self.records.len(), bytes: self.bytes }
    }

    fn oldest(&self, stage: Stage) -> impl Iterator<Item = (u64, u64)> {
        let records = self.records.iter().filter(move |(_, record)| record.stage == stage);
        records.map(|(position, record)| (*position, record.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(bytes: u64) -> (u64, Stage) {
        (bytes, Stage::Completed)
    }

    #[test]
    fn the_site_that_has_most_makes_room() {
        let mut shares = Shares::default();
        shares.note("small", 1, done(1_000));
        for position in 2..=32 {
            shares.note("large", position, done(1 << 20));
        }
        assert_eq!(shares.beyond("large", 1 << 10), [0_u64; 0]);
        assert_eq!(shares.beyond("large", 1 << 20), [2], "though another's is older");
        assert_eq!(shares.beyond("small", 2 << 20), [2, 3]);
        shares.forget("large", 2);
        assert_eq!(shares.beyond("large", 1 << 20), [0_u64; 0]);
    }

    #[test]
    fn so_many_are_kept_and_one_that_is_alone_is() {
        let mut shares = Shares::default();
        shares.note("small", 0, done(1));
        for position in 1..RECORDS_MAX as u64 {
            shares.note("large", position, done(1));
        }
        assert_eq!(shares.beyond("small", 1), [1]);
        assert_eq!(Shares::default().beyond("small", 2 * BYTES_MAX), [0_u64; 0]);
    }

    #[test]
    fn what_is_under_way_goes_last() {
        let mut shares = Shares::default();
        let underway = (12 << 20, Stage::Underway);
        shares.note("www", 1, underway);
        shares.note("www", 2, done(10 << 20));
        shares.note("www", 3, underway);
        assert_eq!(shares.underway(), [1, 3]);
        assert_eq!(shares.beyond("www", 1 << 20), [2]);
        assert_eq!(shares.beyond("www", 10 << 20), [2, 1]);
        shares.note("www", 1, done(12 << 20));
        assert_eq!(shares.underway(), [3]);
        assert_eq!(shares.beyond("www", 1 << 20), [1]);
    }

    #[test]
    fn the_newest_of_some_sites_are_known_by_their_positions() {
        let mut shares = Shares::default();
        for (position, site) in (1..).zip(["b", "c", "a"].into_iter().cycle().take(9)) {
            shares.note(site, position, done(1));
        }
        for (sites, before, most, newest) in [
            (&["a"][..], u64::MAX, 9, &[9_u64, 6, 3][..]),
            (&["a"], 9, 1, &[6]),
            (&["a", "c"], u64::MAX, 3, &[9, 8, 6]),
            (&["a", "c"], 6, 3, &[5, 3, 2]),
            (&["d"], u64::MAX, 9, &[]),
        ] {
            let shown = |site: &str| sites.contains(&site);
            assert_eq!(shares.newest(&shown, before, most), newest, "{sites:?} {before}");
        }
    }
}
