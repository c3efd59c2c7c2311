//! Invalidations, step by step: what they should count, and what is on record of them.

use std::sync::Arc;

use super::flights::serial;
use super::oracle::{Force, Tick, Use};
use super::resources::{CHOICES, Choice, RESOURCES, variant};
use super::world::World;
use super::{Fault, Mutation};
use crate::invalidation::{Counted, Invalidation, Kind, Order, Receipt};
use crate::ledger::LedgerError;
use crate::store::invalidating::Taking;
use crate::stored::StoredResponse;

/// An order, and how far it has come.
#[derive(Debug)]
pub(super) struct Errand {
    choice: &'static Choice,
    soft: bool,
    reference: Option<String>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Asked,
    /// On disk.
    Recorded(Box<Invalidation>),
    InForce(Box<InForce>),
    /// And its count is on disk, or the disk had failed by then.
    Acknowledged(Box<Invalidation>, Written),
    /// In the hands of whoever takes its next step.
    Taken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Surely,
    Perhaps,
}

#[derive(Debug)]
struct InForce {
    invalidation: Invalidation,
    /// Which of the oracle's it is.
    number: usize,
    taking: Taking,
}

/// What the orders count that are in force together: each thing once, by one of them.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    open: usize,
    expected: Expected,
    counted: Counted,
    /// Whether a soft one is among them: it counts what comes meanwhile, and what others count too.
    is_soft: bool,
    /// Whether a deploy is among them: what is kept beyond it another may count as well.
    is_deploy: bool,
    /// How many they are.
    orders: usize,
}

/// What should be counted. What an unsafe method changed since may be in memory still.
#[derive(Debug, Default, Clone, Copy)]
struct Expected {
    least: Counted,
    most: Counted,
}

// === impl Errand ===

impl Errand {
    pub(super) fn acknowledged(&self) -> Option<&Invalidation> {
        match &self.stage {
            Stage::Acknowledged(done, _) => Some(done),
            _ => None,
        }
    }

    fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Acknowledged(..) | Stage::Taken)
    }

    fn is_recorded(&self) -> bool {
        matches!(self.stage, Stage::Recorded(_))
    }

    fn kind(&self) -> Kind {
        if self.soft { Kind::Soft } else { Kind::Hard }
    }

    fn order(&self, site: String) -> Order {
        Order {
            site,
            paths: self.choice.paths(),
            tags: self.choice.tags(),
            kind: self.kind(),
            reference: self.reference.clone(),
            by: "root".into(),
            prefetch: None,
        }
    }
}

// === impl World ===

impl World {
    pub(super) fn order(&mut self, who: u8, how: u8) -> Result<(), Fault> {
        if how.is_multiple_of(8) {
            return self.repeat(who);
        }
        let choice = &CHOICES[usize::from(who) % CHOICES.len()];
        let number = self.errands.len();
        // One of an order that was lost is never used again: that one may be on record all the same.
        let reference = (how & 0b11_0000 == 0).then(|| format!("build {}", self.tick.0));
        let soft = how >> 6 == 0;
        self.note(|| format!("order {number}: {} soft: {soft}", choice.written()));
        self.errands.push(Errand { choice, soft, reference, stage: Stage::Asked });
        Ok(())
    }

    /// The order of an earlier invalidation again, and one that only has its reference.
    fn repeat(&mut self, who: u8) -> Result<(), Fault> {
        let done = |errand: &&Errand| errand.reference.is_some() && errand.acknowledged().is_some();
        let all: Vec<&Errand> = self.errands.iter().filter(done).collect();
        let Some(at) = usize::from(who).checked_rem(all.len()) else { return Ok(()) };
        let Some(first) = all[at].acknowledged() else { return Ok(()) };
        let same = all[at].order(self.site());
        let other = Order { paths: CHOICES[15].paths(), tags: Vec::new(), ..same.clone() };
        for (order, is_same) in [(same, true), (other, all[at].choice.is(&CHOICES[15]))] {
            let again = match self.store().record(order, self.tick.time()) {
                Ok(Receipt::Repeated(again)) if is_same => again,
                Ok(Receipt::Conflict(again)) if !is_same => again,
                // Reading may have failed with the disk, or found that it has to be opened anew.
                Err(error)
                    if self.disk.is_failing()
                        || self.disk.has_refused()
                        || self.is_restarted_after(&error)? =>
                {
                    return Ok(());
                }
                other => return Err(Fault::Record(format!("not a repeated order: {other:?}"))),
            };
            if again.id != first.id {
                return Err(Fault::Record(format!("{again:?} is not {first:?}")));
            }
        }
        self.figures.repeated += 1;
        Ok(())
    }

    pub(super) fn has_open_orders(&self) -> bool {
        self.errands.iter().any(Errand::is_open)
    }

    /// One step of an order. No other is recorded before one that is recorded is in force: the store
    /// holds a lock that long.
    pub(super) fn proceed(&mut self, who: u8) -> Result<(), Fault> {
        let open = |(at, errand): (usize, &Errand)| errand.is_open().then_some(at);
        let open: Vec<usize> = self.errands.iter().enumerate().filter_map(open).collect();
        let Some(at) = usize::from(who).checked_rem(open.len()) else { return Ok(()) };
        let recorded = self.errands.iter().position(Errand::is_recorded);
        let at = match self.errands[open[at]].stage {
            Stage::Asked => recorded.unwrap_or(open[at]),
            _ => open[at],
        };
        let stage = match std::mem::replace(&mut self.errands[at].stage, Stage::Taken) {
            Stage::Asked => match self.record(at)? {
                Some(recorded) => recorded,
                // With the power its caller is gone.
                None => return Ok(()),
            },
            Stage::Recorded(invalidation) => self.publish(at, *invalidation)?,
            Stage::InForce(force) => self.acknowledge(at, *force)?,
            done => done,
        };
        self.errands[at].stage = stage;
        Ok(())
    }

    pub(super) fn complete(&mut self, who: u8) -> Result<(), Fault> {
        let open = self.errands.iter().filter(|errand| errand.is_open()).count();
        while open > 0 && self.errands.iter().filter(|errand| errand.is_open()).count() == open {
            self.proceed(who)?;
        }
        Ok(())
    }

    fn record(&mut self, at: usize) -> Result<Option<Stage>, Fault> {
        let order = self.errands[at].order(self.site());
        let recorded = self.store().record(order, self.tick.time());
        self.note(|| format!("order {at} is recorded: {}", recorded.is_ok()));
        match recorded {
            Ok(Receipt::New(new)) if new.position > self.newest => {
                Ok(Some(Stage::Recorded(Box::new(new))))
            }
            Err(_) if self.disk.is_failing() => {
                self.figures.torn += 1;
                self.lose_power()?;
                Ok(None)
            }
            // Its caller is gone with the node.
            Err(error) if self.is_restarted_after(&error)? => Ok(None),
            // It was not done, and its caller tries again.
            Err(_) if self.disk.has_refused() => {
                self.figures.refused += 1;
                Ok(Some(Stage::Asked))
            }
            other => Err(Fault::Record(format!("{other:?} after {:?}", self.newest))),
        }
    }

    fn publish(&mut self, at: usize, invalidation: Invalidation) -> Result<Stage, Fault> {
        let Errand { choice, soft, .. } = self.errands[at];
        let force = Force {
            choice,
            soft,
            since: self.tick,
            created: Tick::at(invalidation.created),
            versions: self.origin.iter().map(|original| original.version).collect(),
            acknowledged: false,
        };
        let expected = self.expected(&force);
        if self.tally.open == 0 {
            let dry = self.store().count(&self.errands[at].order(self.site()));
            self.check_count(expected, dry)?;
            self.tally = Tally::default();
        }
        self.tally.open += 1;
        self.tally.orders += 1;
        self.tally.is_soft |= soft;
        self.tally.is_deploy |= choice.is_deploy;
        self.tally.expected.least += expected.least;
        self.tally.expected.most += expected.most;
        let taking = self.store().publish(&invalidation);
        let number = self.oracle.forces.len();
        self.oracle.forces.push(force);
        self.note(|| format!("order {at} is in force, and should count {expected:?}"));
        Ok(Stage::InForce(Box::new(InForce { invalidation, number, taking })))
    }

    fn acknowledge(&mut self, at: usize, force: InForce) -> Result<Stage, Fault> {
        let InForce { mut invalidation, number, taking } = force;
        let counted = self.store().count_taken(taking);
        invalidation.counted = counted;
        self.store().write_count(&invalidation);
        let is_written = !self.disk.is_failing() && !self.disk.has_refused();
        let written = if is_written { Written::Surely } else { Written::Perhaps };
        self.oracle.forces[number].acknowledged = true;
        self.newest = self.newest.max(invalidation.position);
        self.figures.invalidations += 1;
        self.figures.matched += counted.matched;
        self.note(|| format!("order {at} is acknowledged: {counted:?}"));
        self.tally.open -= 1;
        self.tally.counted += counted;
        let Tally { open, expected, counted, is_soft, is_deploy, orders } = self.tally;
        let is_at_once = self.oracle.forces[number].since == self.tick;
        let is_told = (!is_soft || is_at_once) && (!is_deploy || orders == 1);
        if open == 0 && is_told {
            self.check_count(expected, counted)?;
        }
        Ok(Stage::Acknowledged(Box::new(invalidation), written))
    }

    fn check_count(&self, expected: Expected, counted: Counted) -> Result<(), Fault> {
        let Expected { least, most } = expected;
        let matched = (least.matched..=most.matched).contains(&counted.matched);
        // Forms weigh too, and are told of nowhere.
        let bytes = self.has_forms || (least.bytes..=most.bytes).contains(&counted.bytes);
        // Of what is evicted meanwhile, nobody tells.
        if self.mutation != Mutation::None || !self.is_roomy() || (matched && bytes) {
            return Ok(());
        }
        Err(Fault::Count(format!("{counted:?} is not from {least:?} to {most:?}")))
    }

    /// What it takes of what is stored now.
    fn expected(&self, force: &Force) -> Expected {
        let mut expected = Expected::default();
        if !self.is_roomy() {
            return expected;
        }
        for stored in self.stored() {
            let birth = &self.oracle.births[serial(&stored)];
            let counted = Counted { matched: 1, bytes: stored.weight };
            if birth.is_taken_by(force) && self.oracle.by_orders(birth) != Use::Dead {
                expected.most += counted;
                if !self.oracle.is_changed(birth) {
                    expected.least += counted;
                }
            }
        }
        expected
    }

    /// Everything of this interleaving that is in the memory tier, found or not.
    fn stored(&self) -> Vec<Arc<StoredResponse>> {
        let digests = (0..RESOURCES.len()).flat_map(|resource| {
            let key = self.key(resource);
            [key, variant(key, 0), variant(key, 1)]
        });
        digests.filter_map(|digest| self.store().memory.get(&digest)).collect()
    }

    pub(super) fn sweep(&mut self) {
        self.store().sweep();
        self.note(|| "sweep".to_owned());
    }

    /// No memory is left to what is dead.
    pub(super) fn check_swept(&self) -> Result<(), Fault> {
        self.store().sweep();
        let mut serials = self.stored().into_iter().map(|stored| serial(&stored));
        let dead =
            |serial: &usize| self.oracle.by_orders(&self.oracle.births[*serial]) == Use::Dead;
        match serials.find(dead) {
            Some(serial) => Err(Fault::Leak(format!("birth {serial} is dead and holds memory"))),
            None => Ok(()),
        }
    }

    /// Whatever was acknowledged is on record, under its id and its reference, and all that is
    /// recorded from here on comes later.
    pub(super) fn check_records(&mut self) -> Result<(), Fault> {
        let told = |error: LedgerError| Fault::Record(error.to_string());
        if self.store().birth().position < self.newest {
            return Err(Fault::Record(format!("positions begin again below {:?}", self.newest)));
        }
        let site = self.site();
        let all = self.store().invalidations(&|name| name == site, None, usize::MAX);
        let all = all.map_err(told)?.unwrap_or_default();
        if !all.is_sorted_by(|newer, older| newer.position > older.position) {
            return Err(Fault::Record("not the newest first".to_owned()));
        }
        for errand in &self.errands {
            let Stage::Acknowledged(done, written) = &errand.stage else { continue };
            let found = self.store().invalidation(&done.id).map_err(told)?;
            let as_it_was = |found: &Invalidation| {
                let uncounted = Invalidation { counted: Counted::default(), ..(**done).clone() };
                *found == **done || (*written == Written::Perhaps && *found == uncounted)
            };
            let listed = all.iter().any(|listed| listed.id == done.id);
            if !found.as_ref().is_some_and(as_it_was) || !listed {
                return Err(Fault::Record(format!("{found:?}, {listed}, for {done:?}")));
            }
            if errand.reference.is_some() {
                let order = errand.order(self.site());
                match self.store().record(order, self.tick.time()).map_err(told)? {
                    Receipt::Repeated(again) if again.id == done.id => {}
                    other => return Err(Fault::Record(format!("{other:?} for {done:?}"))),
                }
            }
        }
        Ok(())
    }
}
