//! The authorities of the configuration: how each is spoken with, and which is asked next.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use warmfront_acme::choice::{self, Choice, Standing};
use warmfront_acme::{Endpoint, OpenOrder};
use warmfront_config::{Acme, Authority};

use super::ground::OrdersError;
use super::journal::{Journal, Told};
use super::progress::Past;

/// After so many failures in a row, an open order is no reason to stay with its authority.
const FAILURES_MAX: u32 = 3;

/// The authorities of the configuration.
pub(crate) struct Authorities {
    /// In the order in which they are asked; never empty.
    known: Vec<Arc<Known>>,
    /// What the journal has of each, in the same order.
    told: Mutex<Vec<Told>>,
}

/// An authority, and how it is spoken with.
pub(crate) struct Known {
    pub(crate) settings: Authority,
    pub(crate) endpoint: Endpoint,
    /// Asked when others fail.
    pub(crate) stands_in: bool,
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
            let stands_in = !known.is_empty();
            known.push(Arc::new(Known { settings: settings.clone(), endpoint, stands_in }));
            told.push(journal.told(&settings.directory, clock())?);
        }
        Ok(Self { known, told: Mutex::new(told) })
    }

    /// The one with this directory, if it is still configured.
    pub(crate) fn find(&self, directory: &str) -> Option<&Arc<Known>> {
        self.known.iter().find(|known| known.settings.directory == directory)
    }

    /// Whom a site with this past asks next. An open order is gone on with where it was placed.
    pub(crate) fn next(&self, past: &Past, open: Option<&OpenOrder>, now: SystemTime) -> Next {
        let standings = self.standings(past, now);
        let has_order = open.and_then(|open| {
            let place = self.known.iter().position(|it| it.settings.directory == open.directory)?;
            let standing = standings.get(place)?;
            let is_asked = standing.not_before.is_none() && standing.failures < FAILURES_MAX;
            is_asked.then_some(Choice::Ask(place))
        });
        match has_order.or_else(|| choice::choose(&standings, now)) {
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

    fn tell<T>(&self, directory: &str, tell: impl FnOnce(&mut Told) -> T) -> Option<T> {
        let place = self.known.iter().position(|known| known.settings.directory == directory)?;
        self.told.lock().get_mut(place).map(tell)
    }

    fn standings(&self, past: &Past, now: SystemTime) -> Vec<Standing> {
        let told = self.told.lock();
        let standing = |(known, told): (&Arc<Known>, &Told)| {
            let Authority { directory, public, .. } = &known.settings;
            let own = past.retry_after(directory, now);
            let not_before = told.waits(*public, now).max(own);
            Standing { failures: past.failures_at(directory), not_before }
        };
        self.known.iter().zip(told.iter()).map(standing).collect()
    }
}

#[cfg(test)]
mod tests;
