//! What is asked to be taken out of service, and what became of it.

mod path;
mod query;

use std::collections::HashSet;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use warmfront_semantics::tags::{Tag, Tags};

pub use path::{BadPath, InvalidationPath};

use crate::ledger::Position;
use crate::stored::Admission;

/// An order to take stored responses out of service. Names a path or a tag at least.
#[derive(Debug, Clone)]
pub struct Order {
    /// The site's name.
    pub site: String,
    /// Each takes what stands under it.
    pub paths: Vec<InvalidationPath>,
    /// Each takes what carries it, whatever its path.
    pub tags: Vec<Tag>,
    /// Whether what is named is dead, or only stale.
    pub kind: Kind,
    /// The caller's name for it: the same reference again is the same invalidation.
    pub reference: Option<String>,
    /// Whose key it was.
    pub by: String,
    /// What is fetched after it.
    pub prefetch: Option<Prefetch>,
}

/// What becomes of stored responses that an invalidation names.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nobody is served them again.
    #[default]
    Hard,
    /// They are stale: the next request is served the old answer at once, and it is refreshed once.
    Soft,
}

/// What is fetched after an invalidation, so that no client is the first to ask.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefetch {
    /// Request targets on the site.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The path of a sitemap, whose locations are fetched too.
    #[serde(default)]
    pub sitemap: Option<String>,
}

/// What an order came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Receipt {
    /// It is in force.
    New(Invalidation),
    /// This reference was used before, for the same.
    Repeated(Invalidation),
    /// This reference was used for something else.
    Conflict(Invalidation),
}

/// A recorded invalidation. It is in force when it is acknowledged: from then on no request is served
/// an older stored response as if it were fresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invalidation {
    /// `I` and 13 letters and digits, as CloudFront's.
    pub id: String,
    /// Its place in the order of all invalidations.
    pub position: Position,
    /// The site's name.
    pub site: String,
    /// What was asked for.
    #[serde(default)]
    pub paths: Vec<InvalidationPath>,
    /// As the paths.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// As the paths.
    #[serde(default)]
    pub kind: Kind,
    /// The caller's name for it.
    #[serde(default)]
    pub reference: Option<String>,
    /// Whose key it was.
    pub by: String,
    /// When it was recorded.
    pub created: SystemTime,
    /// What it took out of service, or marked.
    #[serde(default)]
    pub counted: Counted,
    /// What is fetched after it.
    #[serde(default)]
    pub prefetch: Option<Prefetching>,
}

/// A prefetch that was asked for, and how it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prefetching {
    /// What was asked for.
    pub asked: Prefetch,
    /// How far it has come.
    pub state: PrefetchState,
}

/// How far a prefetch has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrefetchState {
    /// It is not done, and begins anew after a restart.
    Running,
    /// It is over.
    Done {
        /// Requests that were answered.
        fetched: u64,
        /// Requests that were not.
        failed: u64,
        /// When the last of them was.
        finished: SystemTime,
        /// What went wrong, in a sentence.
        #[serde(default)]
        detail: Option<String>,
    },
}

/// Stored responses that an invalidation names.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// How many, variants counted one by one. What is kept beyond a deploy was taken too: nobody is served
    /// it any more before its origin was asked.
    pub matched: u64,
    /// How much memory they held, in bytes, the encoded forms of their bodies included.
    pub bytes: u64,
}

/// What an invalidation names, in the order in which it is asked for one thing: there are thousands of
/// names, and it is asked under locks.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// Wildcards first, then the others by their path.
    paths: Vec<InvalidationPath>,
    /// Sorted.
    tags: Vec<Tag>,
}

// === impl Order ===

impl Order {
    /// Whether an invalidation is what this order asks for, in whatever sequence it names things.
    pub(crate) fn is_for(&self, done: &Invalidation) -> bool {
        let paths = |paths: &[InvalidationPath]| {
            paths.iter().map(|path| path.as_str().to_owned()).collect::<HashSet<_>>()
        };
        let tags = |tags: &[Tag]| tags.iter().cloned().collect::<HashSet<_>>();
        let prefetched = done.prefetch.as_ref().map(|prefetching| &prefetching.asked);
        self.kind == done.kind
            && self.prefetch.as_ref() == prefetched
            && paths(&self.paths) == paths(&done.paths)
            && tags(&self.tags) == tags(&done.tags)
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::new(self.paths.clone(), self.tags.clone())
    }
}

// === impl Invalidation ===

impl Invalidation {
    /// Whether nothing is left to be done for it. What it names is out of service long before, if
    /// it prefetches.
    pub fn is_completed(&self) -> bool {
        let state = self.prefetch.as_ref().map(|prefetching| &prefetching.state);
        !matches!(state, Some(PrefetchState::Running))
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::new(self.paths.clone(), self.tags.clone())
    }
}

// === impl Counted ===

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.matched += other.matched;
        self.bytes += other.bytes;
    }
}

impl std::ops::SubAssign for Counted {
    fn sub_assign(&mut self, other: Self) {
        self.matched = self.matched.saturating_sub(other.matched);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

// === impl Scope ===

impl Scope {
    pub(crate) fn new(mut paths: Vec<InvalidationPath>, mut tags: Vec<Tag>) -> Self {
        paths.sort_by(|one, other| one.literal().cmp(&other.literal()));
        tags.sort_unstable();
        Self { paths, tags }
    }

    pub(crate) fn paths(&self) -> &[InvalidationPath] {
        &self.paths
    }

    pub(crate) fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// Whether it names what was admitted so.
    pub(crate) fn takes(&self, admission: &Admission) -> bool {
        let Admission { place, tags, .. } = admission;
        let exact = [Some(&*place.path), place.made_from.as_deref()].into_iter().flatten();
        let mut asked = exact.map(Some).chain([None]).flat_map(|literal| self.spelled(literal));
        let named = |tag: &Tag| self.tags.binary_search(tag).is_ok();
        asked.any(|path| path.takes(place)) || tags.iter().flat_map(Tags::iter).any(named)
    }

    /// The paths that are exactly this one, whatever their query; `None` is the wildcards.
    fn spelled(&self, literal: Option<&str>) -> &[InvalidationPath] {
        let first = self.paths.partition_point(|path| path.literal() < literal);
        let behind = self.paths.partition_point(|path| path.literal() <= literal);
        self.paths.get(first..behind).unwrap_or_default()
    }

    /// What is named beside everything.
    pub(crate) fn beside_all(&self) -> Self {
        let paths = self.paths.iter().filter(|path| !path.is_all()).cloned().collect();
        Self { paths, tags: self.tags.clone() }
    }

    /// Whether it names nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.tags.is_empty()
    }

    /// Whether it names everything.
    pub(crate) fn is_all(&self) -> bool {
        self.paths.iter().any(InvalidationPath::is_all)
    }
}
