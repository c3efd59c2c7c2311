//! Passive outlier detection: a target is passed over because requests to it fail, and returns once
//! one of them succeeds. A pure machine, one for each target.
//!
//! It begins with a short time and doubles it, as Envoy's outlier detection does, so that a target
//! that is gone costs a request ever more seldom and one that hiccuped is missed only shortly. What
//! returns has to prove itself on one request, the trial, as behind a circuit breaker.

use std::fmt;
use std::time::{Duration, Instant};

use warmfront_config::Outliers;

/// How long a target that no connection leads to is out at first. A restart takes about that long,
/// and trying again is cheap: the request goes to another target.
const UNREACHABLE_FOR: Duration = Duration::from_secs(1);
/// The longest ejection, in `eject_for`s.
const GROWTH_MAX: u32 = 10;
/// After this a trial that was not heard of is given up. It is longer than a target may take to
/// connect and to answer by default, or a target that hangs would be given trial after trial.
const TRIAL_TIMEOUT: Duration = Duration::from_mins(1);
/// For at least this long a returned target has to be in use before its last ejection is forgotten.
const PROBATION_MIN: Duration = Duration::from_mins(1);

/// What a request to a target came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Any status below 500.
    Answered,
    /// A status of 500 or above, a timeout, or a connection that broke.
    Failed,
    /// No connection.
    Unreachable,
}

/// Whether a target may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// By everybody.
    In,
    /// By one request: [`Ejection::begin_trial`].
    Trial,
    /// By nobody.
    Out,
}

/// What a request made of a target's standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is out.
    Ejected {
        /// Until the next trial.
        for_: Duration,
        /// What it did.
        why: Grounds,
    },
    /// It is in use again.
    Returned,
}

/// Why a target was ejected; displayed as a short sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grounds {
    /// So many failures in a row.
    Failures(u32),
    /// No connection led to it.
    Unreachable,
    /// It was tried again, and failed again.
    Trial,
}

/// A trial that is under way. Whoever holds it owes [`Ejection::record`] an outcome, or
/// [`Ejection::abandon_trial`] the word that there is none.
///
/// By it the trial's outcome is told from those of requests that were sent before the ejection:
/// a target that shuts down still finishes these when no connection leads to it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "without an outcome nobody is let through for a minute"]
pub(crate) struct Trial {
    number: u64,
}

/// The standing of one target, and what it did to get there.
#[derive(Debug, Default)]
pub(crate) struct Ejection {
    stage: Stage,
    /// Ejections ever.
    ejections: u64,
    /// Trials ever.
    trials: u64,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    In {
        /// In a row.
        failures: u32,
        last: Option<Return>,
    },
    Out(Term),
    Trying {
        /// The ejection that the trial is to end.
        out: Term,
        trial: Term,
        number: u64,
    },
}

/// A time that has to pass.
#[derive(Debug, Clone, Copy)]
struct Term {
    since: Instant,
    length: Duration,
}

/// The end of an ejection.
#[derive(Debug, Clone, Copy)]
struct Return {
    at: Instant,
    /// Of the ejection.
    length: Duration,
}

// === impl Ejection ===

impl Ejection {
    /// Who may ask the target.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        match self.stage.term() {
            None => Standing::In,
            Some(term) if term.is_over(now) => Standing::Trial,
            Some(_) => Standing::Out,
        }
    }

    /// Takes the trial for a request. `None` if the standing is another: somebody was faster.
    #[must_use]
    pub(crate) fn begin_trial(&mut self, now: Instant) -> Option<Trial> {
        let (Stage::Out(out) | Stage::Trying { out, .. }) = self.stage else {
            return None;
        };
        if self.standing(now) != Standing::Trial {
            return None;
        }
        self.trials += 1;
        let number = self.trials;
        let trial = Term { since: now, length: TRIAL_TIMEOUT };
        self.stage = Stage::Trying { out, trial, number };
        Some(Trial { number })
    }

    /// The trial's request went away without an outcome: the next one may try at once. Nothing
    /// happens if there was one.
    pub(crate) fn abandon_trial(&mut self, trial: Trial) {
        if let Stage::Trying { out, number, .. } = self.stage
            && trial == (Trial { number })
        {
            self.stage = Stage::Out(out);
        }
    }

    /// What a request came to, with the trial if it was one. With `may_eject` false the target
    /// stays in use, since too many others are out; its failures are counted all the same.
    pub(crate) fn record(
        &mut self,
        outcome: Outcome,
        trial: Option<Trial>,
        outliers: &Outliers,
        may_eject: bool,
        now: Instant,
    ) -> Option<Change> {
        match self.stage {
            Stage::In { failures, last } => {
                let failures = match outcome {
                    Outcome::Answered => 0,
                    Outcome::Failed | Outcome::Unreachable => failures.saturating_add(1),
                };
                self.stage = Stage::In { failures, last };
                let why = match outcome {
                    Outcome::Unreachable => Grounds::Unreachable,
                    Outcome::Failed if failures >= outliers.consecutive_errors => {
                        Grounds::Failures(failures)
                    }
                    Outcome::Answered | Outcome::Failed => return None,
                };
                let last = last.filter(|last| last.counts(now)).map(|last| last.length);
                may_eject.then(|| self.eject(why, last, outliers, now))
            }
            Stage::Trying { out, number, .. } if trial == Some(Trial { number }) => {
                let why = match outcome {
                    Outcome::Answered => return Some(self.take_back(out.length, now)),
                    Outcome::Failed => Grounds::Trial,
                    Outcome::Unreachable => Grounds::Unreachable,
                };
                Some(self.eject(why, Some(out.length), outliers, now))
            }
            // Of a request that was sent before the ejection, which had its reasons.
            Stage::Out(_) | Stage::Trying { .. } => None,
        }
    }

    /// An active check passed, which is as good as a trial. Failures of a target that is in use are
    /// not forgiven by it: one that fails requests may still pass checks.
    pub(crate) fn pardon(&mut self, now: Instant) -> Option<Change> {
        match self.stage {
            Stage::In { .. } => None,
            Stage::Out(out) | Stage::Trying { out, .. } => Some(self.take_back(out.length, now)),
        }
    }

    /// Whatever it did is forgotten: it begins anew.
    pub(crate) fn forget(&mut self) {
        self.stage = Stage::default();
    }

    /// When the next trial may begin; `None` if the target is in use.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.stage.term().and_then(|term| term.since.checked_add(term.length))
    }

    /// How often it was ejected ever, failed trials included.
    pub(crate) fn total(&self) -> u64 {
        self.ejections
    }

    /// `last` is the length of the ejection before, unless that is forgotten.
    fn eject(
        &mut self,
        why: Grounds,
        last: Option<Duration>,
        outliers: &Outliers,
        now: Instant,
    ) -> Change {
        let first = match why {
            Grounds::Unreachable => UNREACHABLE_FOR,
            Grounds::Failures(_) | Grounds::Trial => outliers.eject_for,
        };
        let length = last.map_or(first, |last| first.max(last.saturating_mul(2)));
        let length = length.min(outliers.eject_for.saturating_mul(GROWTH_MAX));
        self.stage = Stage::Out(Term { since: now, length });
        self.ejections += 1;
        Change::Ejected { for_: length, why }
    }

    fn take_back(&mut self, length: Duration, now: Instant) -> Change {
        self.stage = Stage::In { failures: 0, last: Some(Return { at: now, length }) };
        Change::Returned
    }
}

// === impl Stage ===

impl Stage {
    /// What has to pass until somebody may try; `None` if anybody may ask.
    fn term(&self) -> Option<Term> {
        match *self {
            Self::In { .. } => None,
            Self::Out(out) => Some(out),
            Self::Trying { trial, .. } => Some(trial),
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::In { failures: 0, last: None }
    }
}

// === impl Term ===

impl Term {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= self.length
    }
}

// === impl Return ===

impl Return {
    /// Whether the target has been in use too shortly for the ejection before to be forgotten.
    fn counts(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < self.length.max(PROBATION_MIN)
    }
}

// === impl Grounds ===

impl fmt::Display for Grounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures(1) => f.write_str("a failed request"),
            Self::Failures(count) => write!(f, "{count} failed requests in a row"),
            Self::Unreachable => f.write_str("no connection could be made"),
            Self::Trial => f.write_str("it failed again when it was tried"),
        }
    }
}

#[cfg(test)]
mod tests;
