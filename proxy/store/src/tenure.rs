//! How long what is stored may be served: until an invalidation takes it, and the assets of a deploy
//! for a while longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::ledger::Position;
use crate::stored::Admission;

/// What tells the time of day.
pub type Clock = fn() -> SystemTime;

/// For how long an asset outlives the deploys that replace it, a deploy being an invalidation of `/*`:
/// pages that are open in browsers still ask for it.
///
/// Any other invalidation that takes it does so at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Until more than so many deploys have come.
    Deploys(u32),
    /// For so long after the first of them.
    For(Duration),
}

/// Goes with a stored response that a deploy has taken and that is kept: it is served only once its origin
/// was asked, and has it no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept;

/// Whether something stored may still be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As its lifetime says.
    Live,
    /// A deploy has taken it, and it is [`Kept`].
    Retired,
    /// No more.
    Dead,
}

/// What an invalidation can take: a stored response, or an encoded form of its body.
#[derive(Debug)]
pub(crate) struct Tenure {
    pub(crate) admission: Admission,
    /// The newest invalidation that is known not to take it.
    checked: AtomicU64,
}

// === impl Keep ===

impl Keep {
    /// Whether what these deploys took, the first of them at this time, is still kept.
    pub(crate) fn spares(
        self,
        deploys: usize,
        first: SystemTime,
        now: impl FnOnce() -> SystemTime,
    ) -> bool {
        match self {
            Self::Deploys(most) => deploys <= usize::try_from(most).unwrap_or(usize::MAX),
            // A clock that was set back makes it last longer, never forever.
            Self::For(most) => now().duration_since(first).unwrap_or_default() <= most,
        }
    }
}

// === impl Tenure ===

impl Tenure {
    pub(crate) fn new(admission: Admission) -> Self {
        let checked = AtomicU64::new(admission.birth.position.get());
        Self { admission, checked }
    }

    /// Usually one atomic load: the time is asked for only if a deploy has taken what is kept for a
    /// time.
    pub(crate) fn standing(&self, now: impl FnOnce() -> SystemTime) -> Standing {
        let Admission { ledger, place, keep, .. } = &self.admission;
        let checked = Position::new(self.checked.load(Ordering::Relaxed));
        let latest = ledger.latest();
        if latest <= checked {
            return Standing::Live;
        }
        let standing = ledger.judge(place, *keep, checked, now);
        if standing == Standing::Live {
            self.checked.store(latest.get(), Ordering::Relaxed);
        }
        standing
    }

    /// Whether the other stands in the same place and was born at the same moment.
    pub(crate) fn is_that_of(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.admission, &other.admission);
        ours.birth == theirs.birth && Arc::ptr_eq(&ours.place, &theirs.place)
    }
}
