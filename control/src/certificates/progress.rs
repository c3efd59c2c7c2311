//! How far a site's certificate is, as its keeper knows it and others are told.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use warmfront_acme::OpenOrder;
use warmfront_certs::Record;

use super::authorities::Authorities;
use super::journal::{Attempt, Outcome, Renewal, failures_in_a_row};
use super::plan::Plan;

/// What a keeper knows beside what is served.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) plan: Plan,
    /// Who gave the certificate that is kept.
    pub(crate) record: Option<Record>,
    /// Why the certificate that was kept cannot be served.
    pub(crate) damaged: Option<String>,
    pub(crate) renewal: Option<Renewal>,
    /// An order that is not known to be over.
    pub(crate) open: Option<OpenOrder>,
    pub(crate) past: Past,
    pub(crate) wish: Wish,
    pub(crate) doing: Doing,
    /// Its keeper failed inside the node, and has not looked after it since.
    pub(crate) is_broken: bool,
}

/// Whether somebody asked for a new certificate that has not come yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Nothing,
    /// Nothing was attempted since: it does not wait for the back-off.
    Fresh,
    /// An attempt began since: the next one waits as all others do.
    Tried,
}

/// What a keeper is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing is to be done before its time.
    Idle,
    /// Hosts that an order is for do not point here.
    Pointing(Elsewhere),
    /// Every authority wants to be left alone until then.
    Waiting(SystemTime),
    /// An attempt is under way.
    Ordering,
}

/// Hosts that do not point here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// How often it was looked, in a row.
    pub(crate) looks: u32,
    /// A sentence for each host.
    pub(crate) sentences: Vec<String>,
}

/// What became of earlier attempts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    pub(crate) last: Option<Attempt>,
    /// Since the last one that went well.
    pub(crate) failed: Vec<Attempt>,
    /// The last ones for which the names were to blame, whatever came of later ones.
    unproven: VecDeque<Attempt>,
}

/// Failed validations of one name that Let's Encrypt takes from one account, and for how long it
/// counts them.
const VALIDATIONS_MAX: usize = 5;
const VALIDATIONS_COUNTED: Duration = Duration::from_hours(1);
/// The last failures in a row that are kept; more than any back-off counts.
const FAILED_KEPT: usize = 100;

// === impl Progress ===

impl Progress {
    /// The open order, if it can be gone on with: where it was placed, for hosts that are all still
    /// planned, with the profile that is wanted now, and not for ever.
    pub(crate) fn resumable(
        &self,
        authorities: &Authorities,
        now: SystemTime,
    ) -> Option<&OpenOrder> {
        let open = self.open.as_ref()?;
        let known = authorities.find(&open.directory)?;
        let wanted = &self.plan.issuance.profile;
        // The profile is the first authority's; another need not offer it.
        let is_profile = open.profile == *wanted || (known.is_fallback && open.profile.is_none());
        let is_planned = open.hosts.iter().all(|host| self.plan.find(host).is_some());
        (is_profile && is_planned && !open.is_old(now)).then_some(open)
    }
}

// === impl Wish ===

impl Wish {
    pub(crate) fn is_open(self) -> bool {
        self != Self::Nothing
    }

    /// An attempt begins.
    pub(crate) fn tried(self) -> Self {
        if self.is_open() { Self::Tried } else { self }
    }
}

// === impl Past ===

impl Past {
    /// Of the attempts in the journal, oldest first.
    pub(crate) fn new(attempts: &[Attempt]) -> Self {
        let failed = failures_in_a_row(attempts).to_vec();
        let mut past = Self { last: attempts.last().cloned(), failed, unproven: VecDeque::new() };
        for attempt in attempts {
            past.count(attempt);
        }
        past
    }

    pub(crate) fn add(&mut self, attempt: Attempt) {
        self.count(&attempt);
        if attempt.outcome == Outcome::Issued {
            self.failed.clear();
        } else {
            let over = (self.failed.len() + 1).saturating_sub(FAILED_KEPT);
            self.failed.drain(..over);
            self.failed.push(attempt.clone());
        }
        self.last = Some(attempt);
    }

    /// The last attempt, if it failed.
    pub(crate) fn failure(&self) -> Option<&Attempt> {
        self.last.as_ref().filter(|last| last.outcome != Outcome::Issued)
    }

    pub(crate) fn failures(&self) -> u32 {
        u32::try_from(self.failed.len()).unwrap_or(u32::MAX)
    }

    /// How many of them were at this authority.
    pub(crate) fn failures_at(&self, directory: &str) -> u32 {
        let here = self.failed.iter().filter(|attempt| attempt.directory == directory);
        u32::try_from(here.count()).unwrap_or(u32::MAX)
    }

    /// Before when this authority would count one failed validation too many, however urgent another
    /// attempt is.
    pub(crate) fn room_at(&self, directory: &str, now: SystemTime) -> Option<SystemTime> {
        let unproven = self.unproven.iter();
        let mut here = unproven.filter(|it| it.directory == directory && it.at <= now);
        let first = here.nth(VALIDATIONS_MAX - 1)?;
        Some(first.at + VALIDATIONS_COUNTED).filter(|until| *until > now)
    }

    fn count(&mut self, attempt: &Attempt) {
        if attempt.outcome == Outcome::Names {
            self.unproven.truncate(FAILED_KEPT - 1);
            self.unproven.push_front(attempt.clone());
        }
    }

    /// Before when this authority does not want to see the site again. What was written by a clock
    /// that ran ahead does not count.
    pub(crate) fn retry_after(&self, directory: &str, now: SystemTime) -> Option<SystemTime> {
        let here = self.failed.iter().filter(|attempt| attempt.directory == directory);
        let told = here.filter(|attempt| attempt.at <= now).filter_map(|it| it.retry_after);
        told.max().filter(|until| *until > now)
    }
}

// === impl Doing ===

impl Doing {
    pub(crate) fn elsewhere(&self) -> Option<&Elsewhere> {
        match self {
            Self::Pointing(elsewhere) => Some(elsewhere),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
