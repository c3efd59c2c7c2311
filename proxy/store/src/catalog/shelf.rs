//! Listed things in order: by path, by the page they were made from, and by tag.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use warmfront_semantics::tags::{Tag, Tags};

use super::cohorts::CohortId;
use super::route::{Along, Reach};
use crate::invalidation::Counted;
use crate::key::Digest;
use crate::memory::{Entry, WeakEntry};
use crate::stored::Admission;

/// What stands in the memory tier, by path; and where it is found by its other names.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    items: BTreeMap<Key, Item>,
    names: BTreeSet<(Name, Key)>,
}

/// A path, and what stands under it by identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    path: Arc<str>,
    /// As long as it is listed no other has its address.
    address: usize,
}

/// What is found by more than its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// The page it was made from.
    Page(Arc<str>),
    Tag(Tag),
}

/// One thing that is listed.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) entry: WeakEntry,
    pub(super) digest: Digest,
    pub(super) cohort: CohortId,
    /// How often it has joined and not left.
    pub(super) presences: u32,
    bytes: u64,
}

/// How far a route was followed.
#[derive(Debug, Clone)]
pub(super) enum Cursor {
    Item(Key),
    Name(Name, Key),
}

// === impl Shelf ===

impl Shelf {
    pub(super) fn get(&self, key: &Key) -> Option<&Item> {
        self.items.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Item> {
        self.items.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: Key, item: Item, entry: &Entry) {
        let names = names(&entry.tenure().admission);
        self.names.extend(names.map(|name| (name, key.clone())));
        self.items.insert(key, item);
    }

    pub(super) fn remove(&mut self, key: &Key, entry: &Entry) -> Option<Item> {
        let item = self.items.remove(key)?;
        for name in names(&entry.tenure().admission) {
            self.names.remove(&(name, key.clone()));
        }
        Some(item)
    }

    /// Some of all, in order.
    pub(super) fn keys_after(&self, after: Option<&Key>, most: usize) -> Vec<Key> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let keys = self.items.range::<Key, _>((from, Bound::Unbounded)).map(|(key, _)| key);
        keys.take(most).cloned().collect()
    }

    /// Some of what a route leads along; and how far that was, if there may be others.
    pub(super) fn along(
        &self,
        route: &Along,
        after: Option<&Cursor>,
        most: usize,
    ) -> (Vec<Key>, Option<Cursor>) {
        let (keys, last) = match route {
            Along::Paths(reach) => self.by_path(reach, after, most),
            Along::Pages(reach) => {
                let is_led = |name: &Name| matches!(name, Name::Page(page) if reach.has(page));
                self.by_name(Name::Page(reach.first().clone()), is_led, after, most)
            }
            Along::Tag(tag) => {
                let is_led = |name: &Name| matches!(name, Name::Tag(other) if other == tag);
                self.by_name(Name::Tag(tag.clone()), is_led, after, most)
            }
        };
        let more = (keys.len() == most).then_some(last).flatten();
        (keys, more)
    }

    /// Takes some out; `None` if there is nothing any more.
    pub(crate) fn drain(&mut self, most: usize) -> Option<Vec<Digest>> {
        // Of names there are up to 51 to a thing.
        if self.items.is_empty() && self.names.is_empty() {
            return None;
        }
        (0..most).for_each(|_| drop(self.names.pop_first()));
        let items = (0..most).map_while(|_| self.items.pop_first());
        Some(items.map(|(_, item)| item.digest).collect())
    }

    fn by_path(
        &self,
        reach: &Reach,
        after: Option<&Cursor>,
        most: usize,
    ) -> (Vec<Key>, Option<Cursor>) {
        let first = Key { path: reach.first().clone(), address: 0 };
        let from = match after {
            Some(Cursor::Item(key)) => Bound::Excluded(key),
            _ => Bound::Included(&first),
        };
        let items = self.items.range::<Key, _>((from, Bound::Unbounded)).map(|(key, _)| key);
        let led = items.take_while(|key| reach.has(&key.path)).take(most);
        let keys: Vec<Key> = led.cloned().collect();
        let last = keys.last().cloned().map(Cursor::Item);
        (keys, last)
    }

    fn by_name(
        &self,
        first: Name,
        is_led: impl Fn(&Name) -> bool,
        after: Option<&Cursor>,
        most: usize,
    ) -> (Vec<Key>, Option<Cursor>) {
        let lowest = (first, Key { path: "".into(), address: 0 });
        let from = match after {
            Some(Cursor::Name(name, key)) => Bound::Excluded((name.clone(), key.clone())),
            _ => Bound::Included(lowest),
        };
        let names = self.names.range((from, Bound::Unbounded));
        let led: Vec<_> = names.take_while(|(name, _)| is_led(name)).take(most).collect();
        let last = led.last().map(|(name, key)| Cursor::Name(name.clone(), key.clone()));
        (led.into_iter().map(|(_, key)| key.clone()).collect(), last)
    }
}

// === impl Key ===

impl Key {
    pub(super) fn of(entry: &Entry) -> Self {
        let path = entry.tenure().admission.place.path.clone();
        Self { path, address: entry.address() }
    }

    pub(super) fn address(&self) -> usize {
        self.address
    }
}

// === impl Item ===

impl Item {
    pub(super) fn new(entry: &Entry, digest: Digest, cohort: CohortId) -> Self {
        let bytes = entry.weight();
        Self { entry: entry.downgrade(), digest, cohort, presences: 1, bytes }
    }

    /// What it counts for: an encoded form is no stored response of its own.
    pub(super) fn counted(&self) -> Counted {
        let matched = match self.entry {
            WeakEntry::Response(_) => 1,
            WeakEntry::Encoded(_) => 0,
        };
        Counted { matched, bytes: self.bytes }
    }
}

fn names(admission: &Admission) -> impl Iterator<Item = Name> {
    let page = admission.place.made_from.iter().cloned().map(Name::Page);
    let tags = admission.tags.iter().flat_map(Tags::iter).cloned().map(Name::Tag);
    page.chain(tags)
}
