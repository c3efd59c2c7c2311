//! What the invalidations of a site name, for whoever has to judge by them.

use std::collections::HashMap;
use std::time::SystemTime;

use warmfront_semantics::tags::{Tag, Tags};

use super::{Deploys, Position, Verdict};
use crate::invalidation::{InvalidationPath, Kind, Scope};
use crate::stored::{Admission, Place};

/// Paths and tags that one site's ledger tells apart before they are folded into the floor.
const EXACT_MAX: usize = 10_000;
/// Wildcards that it tells apart: unlike the others, they are asked one by one.
const WILDCARDS_MAX: usize = 1_000;
/// Deploys that it tells apart; beyond it the older half is forgotten.
const DEPLOYS_MAX: usize = 10_000;
/// So many times those it may hold while what is stored is being judged by them.
const PATIENCE: usize = 4;

/// When an invalidation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) position: Position,
    pub(crate) at: SystemTime,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    /// Everything that was not judged since is dead.
    floor: Position,
    /// Everything that is kept and was born before is dead: how many deploys took it is forgotten.
    deploys_floor: Position,
    hard: Names,
    soft: Names,
}

/// What the invalidations of one kind name.
#[derive(Debug, Default)]
struct Names {
    /// Those of `/*`, oldest first.
    all: Vec<Mark>,
    /// The newest of a path and all its query forms.
    paths: HashMap<String, Mark>,
    /// Those of some query forms of a path, oldest first.
    queries: HashMap<String, Vec<(Mark, InvalidationPath)>>,
    queries_number: usize,
    /// The newest of a tag.
    tags: HashMap<Tag, Mark>,
    /// Oldest first.
    wildcards: Vec<(Mark, InvalidationPath)>,
}

/// How much an index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowd {
    Few,
    Many,
    TooMany,
}

// === impl Index ===

impl Index {
    pub(super) fn judge(&self, admission: &Admission, since: Position) -> Verdict {
        let Admission { place, tags, keep, birth, .. } = admission;
        let tags = tags.as_ref();
        if self.floor > since || self.hard.marks(place, tags, since).next().is_some() {
            return Verdict::Dead;
        }
        match (self.deploys_after(birth.position), keep) {
            (Some(_), None) => return Verdict::Dead,
            (Some(_), Some(_)) => return Verdict::Retired,
            (None, _) => {}
        }
        let named = self.soft.marks(place, tags, since);
        let oldest = named.chain(after(&self.soft.all, since).first().copied()).min();
        Verdict::Spared { softened: oldest.map(|mark| mark.at) }
    }

    /// Whether a hard invalidation after `birth` takes what was on its way here, whatever it is kept for.
    pub(super) fn overtakes(&self, place: &Place, birth: Position) -> bool {
        self.floor > birth
            || self.deploys_after(birth).is_some()
            || self.hard.marks(place, None, birth).next().is_some()
    }

    pub(super) fn deploys_after(&self, born: Position) -> Option<Deploys> {
        let deploys = after(&self.hard.all, born);
        deploys.first().map(|first| Deploys { first: *first, number: deploys.len() })
    }

    /// Whether every deploy since then is known.
    pub(super) fn remembers(&self, born: Position) -> bool {
        self.deploys_floor <= born
    }

    pub(super) fn newest_naming(
        &self,
        kind: Kind,
        place: &Place,
        tags: Option<&Tags>,
    ) -> Option<Position> {
        let names = match kind {
            Kind::Hard => &self.hard,
            Kind::Soft => &self.soft,
        };
        let marks = names.marks(place, tags, Position::default());
        marks.chain(names.all.last().copied()).max().map(|mark| mark.position)
    }

    pub(super) fn record(&mut self, mark: Mark, kind: Kind, scope: &Scope) {
        let names = match kind {
            Kind::Hard => &mut self.hard,
            Kind::Soft => &mut self.soft,
        };
        scope.paths().iter().for_each(|path| names.record_path(mark, path));
        for tag in scope.tags() {
            names.tags.insert(tag.clone(), mark);
        }
        let excess = names.all.len().saturating_sub(DEPLOYS_MAX);
        if excess > 0 {
            let forgotten = names.all.drain(..excess + DEPLOYS_MAX / 2).next_back();
            // What a soft one marked that is forgotten, later ones mark as well.
            if let (Kind::Hard, Some(newest)) = (kind, forgotten) {
                self.deploys_floor = newest.position;
            }
        }
    }

    pub(super) fn crowd(&self) -> Crowd {
        let [exact, wildcards] = [&self.hard, &self.soft]
            .map(|names| [names.exact_number(), names.wildcards.len()])
            .into_iter()
            .fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
        if exact > EXACT_MAX * PATIENCE || wildcards > WILDCARDS_MAX * PATIENCE {
            Crowd::TooMany
        } else if exact > EXACT_MAX || wildcards > WILDCARDS_MAX {
            Crowd::Many
        } else {
            Crowd::Few
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let held = |names: &Names| names.exact_number() + names.wildcards.len();
        held(&self.hard) + held(&self.soft)
    }

    pub(super) fn fold(&mut self, position: Position) {
        self.floor = self.floor.max(position);
        self.hard.forget(position);
        self.soft.forget(position);
    }
}

// === impl Names ===

impl Names {
    /// Those after `since` that name this; of one path or tag the newest, and none of `/*`.
    fn marks<'n>(
        &'n self,
        place: &'n Place,
        tags: Option<&'n Tags>,
        since: Position,
    ) -> impl Iterator<Item = Mark> + 'n {
        let by_path = [Some(&*place.path), place.made_from.as_deref()].into_iter().flatten();
        let by_path = by_path.filter_map(|path| self.paths.get(path));
        let by_tag = tags.into_iter().flat_map(Tags::iter).filter_map(|tag| self.tags.get(tag));
        let exact = by_path.chain(by_tag).copied().filter(move |mark| mark.position > since);
        let queries = self.queries.get(&*place.path).map_or(&[][..], Vec::as_slice);
        let asked = [queries, self.wildcards.as_slice()].into_iter().flat_map(move |list| {
            let newer = list.partition_point(|(mark, _)| mark.position <= since);
            list.iter().skip(newer).filter(|(_, path)| path.takes(place)).map(|(mark, _)| *mark)
        });
        exact.chain(asked)
    }

    fn record_path(&mut self, mark: Mark, path: &InvalidationPath) {
        match path.literal() {
            _ if path.is_all() => {
                if self.all.last().is_none_or(|last| last.position < mark.position) {
                    self.all.push(mark);
                }
            }
            Some(literal) if path.has_query() => {
                self.queries.entry(literal.to_owned()).or_default().push((mark, path.clone()));
                self.queries_number += 1;
            }
            Some(literal) => {
                self.paths.insert(literal.to_owned(), mark);
            }
            None => self.wildcards.push((mark, path.clone())),
        }
    }

    fn exact_number(&self) -> usize {
        self.paths.len() + self.tags.len() + self.queries_number
    }

    fn forget(&mut self, position: Position) {
        let is_newer = |mark: &Mark| mark.position > position;
        self.paths.retain(|_, mark| is_newer(mark));
        self.tags.retain(|_, mark| is_newer(mark));
        self.wildcards.retain(|(mark, _)| is_newer(mark));
        self.queries.retain(|_, list| {
            list.retain(|(mark, _)| is_newer(mark));
            !list.is_empty()
        });
        self.queries_number = self.queries.values().map(Vec::len).sum();
        // What once held much does not keep its room.
        self.paths.shrink_to_fit();
        self.tags.shrink_to_fit();
        self.queries.shrink_to_fit();
    }
}

/// Those of a list, oldest first, that came after a position.
fn after(list: &[Mark], since: Position) -> &[Mark] {
    let newer = list.partition_point(|mark| mark.position <= since);
    list.get(newer..).unwrap_or_default()
}
