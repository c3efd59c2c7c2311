//! Taking stored responses out of service: recorded, in force, counted, acknowledged; and swept
//! afterwards, beside.

use std::sync::Arc;
use std::time::SystemTime;

use rand::seq::IndexedRandom as _;

use super::Store;
use crate::catalog::{Begun, Ended, Rest};
use crate::invalidation::{
    Counted, Invalidation, Order, PrefetchState, Prefetching, Receipt, Scope,
};
use crate::ledger::{Crowding, LedgerError, Mark, SiteLedger};
use crate::sweeper::{Work, settle};

/// An invalidation that is in force and not yet counted.
#[derive(Debug)]
pub(crate) struct Taking {
    site: Arc<SiteLedger>,
    scope: Arc<Scope>,
    mark: Mark,
    begun: Begun,
}

// === impl Store ===

impl Store {
    /// Takes stored responses out of service: when this returns, no request is served one of them
    /// again, but for what is to be kept beyond a deploy where its origin has nothing newer, and but as
    /// stale if the order is soft. Writes to disk; not for an async thread.
    pub fn invalidate(&self, order: Order, now: SystemTime) -> Result<Receipt, LedgerError> {
        let recording = self.recording.lock();
        let mut invalidation = match self.record(order, now)? {
            Receipt::New(invalidation) => invalidation,
            done => return Ok(done),
        };
        // On disk before it is in force, in force before it is acknowledged.
        let taking = self.publish(&invalidation);
        drop(recording);
        invalidation.counted = self.count_taken(taking);
        self.write_count(&invalidation);
        Ok(Receipt::New(invalidation))
    }

    /// What an order comes to whose reference is known: [`Receipt::Repeated`] or
    /// [`Receipt::Conflict`]; `None` if it would be a new one. Reads the disk; not for an async thread.
    pub fn repeated(&self, order: &Order) -> Result<Option<Receipt>, LedgerError> {
        // What is on disk and not yet in force is not done.
        let _recording = self.recording.lock();
        self.known(order)
    }

    fn known(&self, order: &Order) -> Result<Option<Receipt>, LedgerError> {
        let Some(reference) = &order.reference else { return Ok(None) };
        let done = self.journal.by_reference(&order.site, reference)?;
        Ok(done.map(|done| {
            let is_same = order.is_for(&done);
            if is_same { Receipt::Repeated(done) } else { Receipt::Conflict(done) }
        }))
    }

    /// What an order would take, without taking it. Walks what it names; not for an async thread.
    pub fn count(&self, order: &Order) -> Counted {
        let site = self.ledger.site(&order.site);
        site.catalog.count(Arc::new(order.scope()), (self.clock)())
    }

    /// Puts an order on disk, if it is not there. Between this and [`Self::publish`] no other comes.
    pub(crate) fn record(&self, order: Order, now: SystemTime) -> Result<Receipt, LedgerError> {
        if let Some(known) = self.known(&order)? {
            return Ok(known);
        }
        let running = |asked| Prefetching { asked, state: PrefetchState::Running };
        let invalidation = Invalidation {
            id: invalidation_id(),
            position: self.ledger.newest().next(),
            site: order.site,
            paths: order.paths,
            tags: order.tags,
            kind: order.kind,
            reference: order.reference,
            by: order.by,
            created: now,
            counted: Counted::default(),
            prefetch: order.prefetch.map(running),
        };
        self.journal.append(&invalidation)?;
        Ok(Receipt::New(invalidation))
    }

    /// Puts what is recorded in force.
    pub(crate) fn publish(&self, invalidation: &Invalidation) -> Taking {
        let Invalidation { position, kind, created, .. } = *invalidation;
        let site = self.ledger.site(&invalidation.site);
        let (mark, scope) = (Mark { position, at: created }, Arc::new(invalidation.scope()));
        let begun = site.catalog.begin(mark, kind, scope.clone(), || {
            site.record(mark, kind, &scope);
            self.ledger.advance(position);
        });
        Taking { site, scope, mark, begun }
    }

    /// Counts what an invalidation that is in force has taken, and has its memory given back.
    pub(crate) fn count_taken(&self, taking: Taking) -> Counted {
        let Taking { site, scope, mark, mut begun } = taking;
        // One after another: each counts what those before it have left. A deploy waits for nobody.
        let counting = matches!(begun.rest, Rest::Walk(_)).then(|| site.counting.lock());
        let Ended { counted, taken } = site.catalog.finish(&begun.rest, mark.at);
        drop(counting);
        self.lately_taken.note(&taken, mark.position);
        if !taken.is_empty() {
            self.sweeper.take(Work::Digests(taken));
        }
        if let Some(shelf) = begun.shelf.take() {
            self.sweeper.take(Work::Shelf(shelf));
        }
        if scope.is_all() {
            self.sweeper.take(Work::Kept(site.clone()));
        }
        match site.crowding() {
            Crowding::None => {}
            Crowding::Full => self.sweeper.take(Work::Ledger(site)),
            Crowding::Overfull => settle(&site, self.clock),
        }
        counted
    }

    /// Writes down what was counted: what is acknowledged is told after a crash as well. Whether that
    /// succeeds or not, the invalidation stands.
    pub(crate) fn write_count(&self, invalidation: &Invalidation) {
        let counted = invalidation.counted;
        let _ = self.journal.revise(invalidation.position, |record| {
            record.counted = counted;
        });
    }

    /// The newest invalidations first: those of the sites that are `shown`, behind the one with the id
    /// `after`, at most `most`. `None` if there is no such id among those that are shown. Reads what it
    /// returns from the disk; not for an async thread.
    pub fn invalidations(
        &self,
        shown: &dyn Fn(&str) -> bool,
        after: Option<&str>,
        most: usize,
    ) -> Result<Option<Vec<Invalidation>>, LedgerError> {
        let Some(after) = after else {
            return self.journal.newest(shown, None, most).map(Some);
        };
        match self.journal.by_id(after)?.filter(|marker| shown(&marker.site)) {
            Some(marker) => self.journal.newest(shown, Some(marker.position), most).map(Some),
            None => Ok(None),
        }
    }

    /// Why no invalidation is recorded before a restart; `None` as long as that is not so.
    pub fn problem(&self) -> Option<LedgerError> {
        self.journal.problem()
    }

    /// The invalidation with this id.
    pub fn invalidation(&self, id: &str) -> Result<Option<Invalidation>, LedgerError> {
        self.journal.by_id(id)
    }

    /// Writes down how the prefetch of an invalidation goes. Writes to disk; not for an async thread.
    pub fn prefetched(&self, id: &str, state: PrefetchState) -> Result<(), LedgerError> {
        let Some(Invalidation { position, .. }) = self.journal.by_id(id)? else { return Ok(()) };
        self.journal.revise(position, |record| {
            if let Some(prefetching) = &mut record.prefetch {
                prefetching.state = state;
            }
        })
    }

    /// The invalidations whose prefetch is not done, oldest first: after a restart it begins anew.
    pub fn unfinished(&self) -> Result<Vec<Invalidation>, LedgerError> {
        self.journal.underway()
    }

    /// Gives the memory of what is dead back, in this thread.
    #[cfg(test)]
    pub(crate) fn sweep(&self) {
        self.sweeper.sweep();
    }
}

/// CloudFront's shape: `I` and 13 of A-Z and 0-9.
fn invalidation_id() -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut rng = rand::rng();
    let letters = (0..13).filter_map(|_| ALPHABET.choose(&mut rng)).map(|b| char::from(*b));
    std::iter::once('I').chain(letters).collect()
}
