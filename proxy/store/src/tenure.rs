//! How long what is stored may be served: until an invalidation takes it, and the assets of a deploy
//! for a while longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use warmfront_semantics::tags::Tags;

use crate::ledger::{Position, Verdict};
use crate::stored::{Admission, millis};

/// What tells the time of day.
pub type Clock = fn() -> SystemTime;

/// For how long an asset outlives the deploys that replace it, a deploy being an invalidation of `/*`:
/// pages that are open in browsers still ask for it.
///
/// Any other invalidation that takes it does so at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Goes with a stored response that a soft invalidation has marked: it is stale, and refreshed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softened {
    /// When the oldest invalidation that marks it was recorded.
    pub since: SystemTime,
}

/// Whether something stored may still be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As its lifetime says.
    Live,
    /// A soft invalidation has marked it: it is stale, whatever its lifetime says.
    Stale {
        /// When the oldest invalidation that marks it was recorded.
        since: SystemTime,
    },
    /// A deploy has taken it, and it is [`Kept`].
    Retired,
    /// No more.
    Dead,
}

/// What an invalidation can take: a stored response, or an encoded form of its body.
#[derive(Debug)]
pub(crate) struct Tenure {
    pub(crate) admission: Admission,
    /// The newest invalidation that it was judged by, and that did not kill it.
    checked: AtomicU64,
    /// What came of that: 0 is nothing, [`RETIRED`] a deploy; else since when it is stale, in
    /// milliseconds since the epoch.
    mark: AtomicU64,
    /// The tags of what it freshens, if its own are others: until it stands in that one's place, what
    /// takes either takes it.
    former_tags: Option<Tags>,
    is_settled: AtomicBool,
}

const UNMARKED: u64 = 0;
const RETIRED: u64 = u64::MAX;

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
        let (mark, is_settled) = (AtomicU64::new(UNMARKED), AtomicBool::new(true));
        Self { admission, checked, mark, former_tags: None, is_settled }
    }

    /// Of what is made from this: what this was judged by, that was judged by. Without it, what is made
    /// from something old would be dead once its ledger has forgotten what came in between.
    pub(crate) fn inherited(&self) -> Self {
        // As it is judged, the other way round: the mark is at least as new as what it is judged by.
        let checked = AtomicU64::new(self.checked.load(Ordering::Acquire));
        let mark = AtomicU64::new(self.mark.load(Ordering::Acquire));
        Self { checked, mark, ..Self::new(self.admission.clone()) }
    }

    /// Of what freshens something that carries these tags.
    pub(crate) fn succeeding(former_tags: Option<&Tags>, admission: Admission) -> Self {
        let former_tags = former_tags.filter(|tags| admission.tags.as_ref() != Some(tags)).cloned();
        let is_settled = AtomicBool::new(former_tags.is_none());
        Self { former_tags, is_settled, ..Self::new(admission) }
    }

    /// It stands in its place now, so that whatever comes names it by its own tags. Says how it stands
    /// after all that came before.
    pub(crate) fn settle(&self, now: impl FnOnce() -> SystemTime) -> Standing {
        let standing = self.standing(now);
        self.is_settled.store(true, Ordering::Release);
        standing
    }

    /// Usually three atomic loads: what was judged at the newest position is so until a newer one is
    /// recorded. The time is asked for only if a deploy has taken what is kept for a time.
    pub(crate) fn standing(&self, now: impl FnOnce() -> SystemTime) -> Standing {
        #[cfg(test)]
        if blinded() {
            return Standing::Live;
        }
        let Admission { ledger, keep, birth, .. } = &self.admission;
        let checked = self.checked();
        let latest = ledger.latest();
        if latest > checked {
            match self.judged(checked) {
                Verdict::Dead => return Standing::Dead,
                Verdict::Spared { softened } => {
                    if let Some(since) = softened {
                        self.soften(since);
                    }
                }
                Verdict::Retired => self.mark.store(RETIRED, Ordering::Release),
            }
            // The mark stands before it can be passed over.
            self.checked.fetch_max(latest.get(), Ordering::Release);
        }
        match self.mark.load(Ordering::Acquire) {
            UNMARKED => Standing::Live,
            RETIRED if ledger.is_kept(*keep, birth.position, now) => Standing::Retired,
            RETIRED => Standing::Dead,
            since => {
                let since = SystemTime::UNIX_EPOCH + Duration::from_millis(since);
                Standing::Stale { since }
            }
        }
    }

    fn judged(&self, mut since: Position) -> Verdict {
        loop {
            let verdict = self.judged_once(since);
            let checked = self.checked();
            if verdict != Verdict::Dead || checked == since {
                return verdict;
            }
            // Another has judged and spared it meanwhile, and the ledger may since have forgotten what
            // came before that.
            since = checked;
        }
    }

    fn judged_once(&self, since: Position) -> Verdict {
        let ledger = &self.admission.ledger;
        let own = ledger.judge(&self.admission, since);
        if self.is_settled.load(Ordering::Acquire) {
            return own;
        }
        let former = Admission { tags: self.former_tags.clone(), ..self.admission.clone() };
        own.or_worse(ledger.judge(&former, since))
    }

    fn checked(&self) -> Position {
        Position::new(self.checked.load(Ordering::Acquire))
    }

    /// Marks it stale since then, or since an earlier time if it is so already.
    pub(crate) fn soften(&self, since: SystemTime) {
        let since = millis(since).max(UNMARKED + 1);
        let _ = self.mark.fetch_update(Ordering::AcqRel, Ordering::Acquire, |mark| match mark {
            UNMARKED => Some(since),
            // What is retired is asked for at its origin first anyway.
            RETIRED => None,
            before => (since < before).then_some(since),
        });
    }

    /// Whether whatever takes the one takes the other: it stands in the same place, carries the same tags
    /// and was born at the same moment.
    pub(crate) fn is_that_of(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.admission, &other.admission);
        ours.birth == theirs.birth
            && Arc::ptr_eq(&ours.place, &theirs.place)
            && ours.tags == theirs.tags
    }
}

#[cfg(test)]
thread_local! {
    static BLINDED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Makes this thread overlook every invalidation: whoever proves that nothing stale is served has to
/// notice.
#[cfg(test)]
pub(crate) fn blind(blinded: bool) {
    BLINDED.set(blinded);
}

#[cfg(test)]
fn blinded() -> bool {
    BLINDED.get()
}

#[cfg(test)]
mod tests;
