//! What the journal says of an authority and of a site's attempts.

use std::time::{Duration, SystemTime};

use warmfront_acme::choice::FAILURES_MAX;

use super::ORDERS_COUNTED;
use super::record::{Attempt, Outcome};

/// So long, at the most, one site's Retry-After holds up the others: many limits are about one
/// site's names alone, and last for days.
const SHARED_WAIT_MAX: Duration = Duration::from_hours(1);

/// How long an authority that cannot be reached is left alone, where there is another.
const AWAY: Duration = Duration::from_mins(10);

/// What is known of one authority.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// It said that it is not to be asked before this.
    pub(crate) until: Option<SystemTime>,
    /// The orders that were placed lately, oldest first.
    pub(crate) placed: Vec<SystemTime>,
}

// === impl Told ===

impl Told {
    /// Until when it is not asked: because it said so, or because as many orders as `orders_max`
    /// were placed there lately. `None` if it may be asked now.
    pub(crate) fn waits(&self, orders_max: Option<usize>, now: SystemTime) -> Option<SystemTime> {
        // The one that has to fall out of the window before there is room for another.
        let over = orders_max.and_then(|most| self.placed.len().checked_sub(most));
        let room = over.and_then(|index| self.placed.get(index)?.checked_add(ORDERS_COUNTED));
        // What is further off was written by a clock that ran ahead.
        let told = self.until.filter(|until| *until <= now + SHARED_WAIT_MAX);
        told.max(room).filter(|until| *until > now)
    }

    /// It told one site to come back then. Gives until when the others leave it alone.
    pub(crate) fn wait_until(&mut self, until: SystemTime, now: SystemTime) -> SystemTime {
        let until = until.min(now + SHARED_WAIT_MAX);
        self.until = self.until.filter(|known| *known <= now + SHARED_WAIT_MAX).max(Some(until));
        until
    }

    /// An order was placed; those that are no longer counted are forgotten.
    pub(crate) fn placed(&mut self, at: SystemTime) {
        let forgotten = at.checked_sub(ORDERS_COUNTED).unwrap_or(at);
        self.placed.retain(|placed| *placed >= forgotten);
        self.placed.push(at);
    }
}

/// Whether an authority can be reached at all, by what befell the last attempts there, of whatever
/// sites: each need not find out for itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reach {
    /// Attempts in a row that came to no order.
    missed: u32,
    last: Option<SystemTime>,
}

// === impl Reach ===

impl Reach {
    /// An attempt there came to no order, by the authority's doing.
    pub(crate) fn missed(&mut self, now: SystemTime) {
        self.missed = self.missed.saturating_add(1);
        self.last = Some(now);
    }

    /// It answered.
    pub(crate) fn met(&mut self) {
        *self = Self::default();
    }

    /// Until when others are asked in its place, if there are any.
    pub(crate) fn away(&self, now: SystemTime) -> Option<SystemTime> {
        // A failure that seems to be later than now was seen by a clock that ran ahead.
        let last = self.last.filter(|last| self.missed >= FAILURES_MAX && *last <= now)?;
        Some(last + AWAY).filter(|until| *until > now)
    }
}

/// Attempts since the last one that went well.
pub(crate) fn failures_in_a_row(attempts: &[Attempt]) -> &[Attempt] {
    let well = attempts.iter().rposition(|attempt| attempt.outcome == Outcome::Issued);
    attempts.get(well.map_or(0, |index| index + 1)..).unwrap_or_default()
}
