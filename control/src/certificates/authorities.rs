//! The authorities of the configuration: how each is spoken with, and which is asked next.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use warmfront_acme::choice::{self, Choice, FAILURES_MAX, Standing};
use warmfront_acme::{Endpoint, OpenOrder, Wanted};
use warmfront_config::{Acme, Authority};

use super::ground::OrdersError;
use super::journal::{Journal, Outcome, Reach, Told};
use super::progress::Past;

/// Orders of one public authority in the time for which they are counted. Let's Encrypt takes 300.
const ORDERS_MAX: usize = 250;
/// The same for what somebody asks for: it need not wait for what is only due.
const ORDERS_ASKED_MAX: usize = 290;

/// The authorities of the configuration.
pub(crate) struct Authorities {
    /// In the order in which they are asked; never empty.
    known: Vec<Arc<Known>>,
    /// What the journal has of each, in the same order.
    told: Mutex<Vec<Told>>,
    /// In the same order.
    reach: Mutex<Vec<Reach>>,
}

/// An authority, and how it is spoken with.
pub(crate) struct Known {
    pub(crate) settings: Authority,
    pub(crate) endpoint: Endpoint,
    /// Asked when others fail.
    pub(crate) is_fallback: bool,
}

/// Whose certificate somebody is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Applicant<'a> {
    pub(crate) past: &'a Past,
    /// An order that can be gone on with.
    pub(crate) open: Option<&'a OpenOrder>,
    /// How far to go.
    pub(crate) wanted: Wanted,
    /// Somebody asked for it.
    pub(crate) asked: bool,
}

/// Who is asked next.
#[derive(Clone)]
pub(crate) enum Next {
    Ask(Arc<Known>),
    /// Nobody wants to be asked before then.
    Wait(SystemTime),
}

// === impl Authorities ===

impl Authorities {
    /// Reads files and the journal; no network.
    pub(crate) fn open(
        acme: &Acme,
        journal: &Journal,
        clock: fn() -> SystemTime,
    ) -> Result<Self, OrdersError> {
        let email = acme.email.as_deref();
        let (mut known, mut told) = (Vec::new(), Vec::new());
        for settings in &acme.authorities {
            let endpoint = Endpoint::new(settings, email, clock)?;
            let is_fallback = !known.is_empty();
            known.push(Arc::new(Known { settings: settings.clone(), endpoint, is_fallback }));
            told.push(journal.told(&settings.directory, clock())?);
        }
        let reach = Mutex::new(vec![Reach::default(); known.len()]);
        Ok(Self { known, told: Mutex::new(told), reach })
    }

    /// The one with this directory, if it is still configured.
    pub(crate) fn find(&self, directory: &str) -> Option<&Arc<Known>> {
        self.known.iter().find(|known| known.settings.directory == directory)
    }

    /// Whom a site asks next. An open order is gone on with where it was placed, and waited for
    /// there, until that authority has failed so often that another is asked; longer, if nothing
    /// else is wanted.
    pub(crate) fn next(&self, site: &Applicant<'_>, now: SystemTime) -> Next {
        let standings = self.standings(site, now);
        let with_order = site.open.and_then(|open| {
            let place = self.known.iter().position(|it| it.settings.directory == open.directory)?;
            let failures = standings.get(place)?.failures;
            if failures >= FAILURES_MAX && site.wanted == Wanted::Certificate {
                return None;
            }
            Some(match self.resumed_at(place, site.past, now) {
                Some(until) => Choice::Wait(until),
                None => Choice::Ask(place),
            })
        });
        match with_order.or_else(|| choice::choose(&standings, now)) {
            Some(Choice::Ask(place)) => {
                self.known.get(place).map_or(Next::Wait(now), |known| Next::Ask(known.clone()))
            }
            Some(Choice::Wait(until)) => Next::Wait(until),
            // There is always an authority.
            None => Next::Wait(now),
        }
    }

    /// An order was placed with this authority.
    pub(crate) fn placed(&self, directory: &str, at: SystemTime) {
        self.tell(directory, |told| told.placed(at));
    }

    /// This authority told one site to come back then. Gives until when the others leave it alone.
    pub(crate) fn told_to_wait(
        &self,
        directory: &str,
        until: SystemTime,
        now: SystemTime,
    ) -> SystemTime {
        self.tell(directory, |told| told.wait_until(until, now)).unwrap_or(until)
    }

    /// What became of an attempt there; `is_placed`: there was an order.
    pub(crate) fn attempted(
        &self,
        directory: &str,
        outcome: Outcome,
        is_placed: bool,
        now: SystemTime,
    ) {
        let place = self.known.iter().position(|known| known.settings.directory == directory);
        let mut all = self.reach.lock();
        let Some(reach) = place.and_then(|place| all.get_mut(place)) else { return };
        match outcome {
            Outcome::Authority if !is_placed => reach.missed(now),
            // It was not asked.
            Outcome::Edge => {}
            _ => reach.met(),
        }
    }

    /// Until when each is passed over because it cannot be reached; nobody, if none can. Who asks for a
    /// certificate may know that it can be reached again.
    fn away(&self, now: SystemTime) -> Vec<Option<SystemTime>> {
        let away: Vec<_> = self.reach.lock().iter().map(|reach| reach.away(now)).collect();
        if away.iter().all(Option::is_some) { vec![None; away.len()] } else { away }
    }

    fn tell<T>(&self, directory: &str, tell: impl FnOnce(&mut Told) -> T) -> Option<T> {
        let place = self.known.iter().position(|known| known.settings.directory == directory)?;
        self.told.lock().get_mut(place).map(tell)
    }

    /// Until when the order that is open there is left alone: it counts no more for the limit.
    fn resumed_at(&self, place: usize, past: &Past, now: SystemTime) -> Option<SystemTime> {
        let told = self.told.lock().get(place).and_then(|told| told.waits(None, now));
        let known = self.known.get(place);
        told.max(known.and_then(|known| past.retry_after(&known.settings.directory, now)))
    }

    fn standings(&self, site: &Applicant<'_>, now: SystemTime) -> Vec<Standing> {
        let told = self.told.lock();
        let orders_max = if site.asked { ORDERS_ASKED_MAX } else { ORDERS_MAX };
        let standing = |((known, told), away): ((&Arc<Known>, &Told), Option<SystemTime>)| {
            let Authority { directory, public, .. } = &known.settings;
            let own = site.past.retry_after(directory, now);
            let room = public.then(|| site.past.room_at(directory, now)).flatten();
            let not_before = told
                .waits(public.then_some(orders_max), now)
                .max(own)
                .max(room)
                .max(away.filter(|_| !site.asked));
            Standing { failures: site.past.failures_at(directory), not_before }
        };
        self.known.iter().zip(told.iter()).zip(self.away(now)).map(standing).collect()
    }
}

#[cfg(test)]
mod tests;
