//! The world of one interleaving: a store on a disk, an origin, and everybody who is at work.

use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Runtime;
use warmfront_state::{Database, DatabaseError};

use super::super::{clock, head, limits, set_time};
use super::dice::Dice;
use super::disk::{Disk, Honesty};
use super::flights::{Flight, Follower};
use super::oracle::{Oracle, Tick};
use super::orders::{Errand, Tally};
use super::resources::{RESOURCES, key};
use super::step::{Act, Step};
use super::{Fault, Figures, Mutation, PER_WORLD};
use crate::key::Digest;
use crate::ledger::LedgerError;
use crate::ledger::Position;
use crate::store::Store;
use crate::stored::{Admission, StoredResponse};

/// Memory of a store in which nothing has to go, and of one in which it does.
const ROOMY_BYTES: u64 = 8 << 20;
const TIGHT_BYTES: u64 = 40 << 10;
const OBJECT_BYTES: u64 = 4 << 10;

/// What the origin has of one resource.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Original {
    pub(super) version: u32,
    pub(super) varies: bool,
    pub(super) tags: u8,
}

/// Lives through several interleavings, each with a site and keys of its own.
pub(super) struct World {
    /// There but while the node is down.
    running: Option<Arc<Store>>,
    pub(super) disk: Disk,
    pub(super) dice: Dice,
    pub(super) runtime: Arc<Runtime>,
    pub(super) mutation: Mutation,
    pub(super) interleaving: u64,
    pub(super) tick: Tick,
    pub(super) origin: [Original; RESOURCES.len()],
    pub(super) oracle: Oracle,
    pub(super) flights: Vec<Flight>,
    pub(super) followers: Vec<Follower>,
    /// Found, and not yet sent in the content coding that the client wants.
    pub(super) unsent: Vec<(usize, Arc<StoredResponse>)>,
    /// Whether anything was encoded: forms weigh too.
    pub(super) has_forms: bool,
    pub(super) errands: Vec<Errand>,
    pub(super) tally: Tally,
    pub(super) figures: Figures,
    /// What happened, if somebody wants to know.
    pub(super) trace: Option<Vec<String>>,
    /// The newest that was acknowledged, of all interleavings.
    pub(super) newest: Position,
    memory_bytes: u64,
}

// === impl World ===

impl World {
    pub(super) fn new(seed: u64, runtime: &Arc<Runtime>, mutation: Mutation) -> Self {
        let disk = Disk::default();
        let is_tight = (seed / PER_WORLD).is_multiple_of(4);
        let memory_bytes = if is_tight { TIGHT_BYTES } else { ROOMY_BYTES };
        let store = open(&disk, memory_bytes).unwrap();
        if mutation == Mutation::LyingDisk {
            disk.set_honesty(Honesty::Lying);
        }
        Self {
            running: Some(store),
            disk,
            dice: Dice::new(seed),
            runtime: runtime.clone(),
            mutation,
            interleaving: 0,
            tick: Tick(1),
            origin: [Original::default(); RESOURCES.len()],
            oracle: Oracle::default(),
            flights: Vec::new(),
            followers: Vec::new(),
            unsent: Vec::new(),
            has_forms: false,
            errands: Vec::new(),
            tally: Tally::default(),
            figures: Figures::default(),
            trace: None,
            newest: Position::default(),
            memory_bytes,
        }
    }

    /// One interleaving from its first step to its last, and what everybody sees after it.
    pub(super) fn run(&mut self, seed: u64, steps: &[Step]) -> Result<(), Fault> {
        self.begin(seed);
        for step in steps {
            self.pass();
            self.take(*step)?;
        }
        self.end()
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        self.running.as_ref().expect("nobody asks while the node is down")
    }

    pub(super) fn site(&self) -> String {
        format!("site-{}", self.interleaving)
    }

    pub(super) fn key(&self, resource: usize) -> Digest {
        key(self.interleaving, resource)
    }

    pub(super) fn note(&mut self, note: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>4}  {}", self.tick.0, note()));
        }
    }

    /// Time passes.
    pub(super) fn pass(&mut self) {
        self.tick = Tick(self.tick.0 + 1);
        set_time(self.tick.time());
    }

    fn begin(&mut self, seed: u64) {
        // Not that of its schedule: the same schedule meets other power failures.
        self.dice = Dice::new(!seed);
        self.interleaving += 1;
        self.figures.interleavings += 1;
        self.origin = [Original { version: 1, ..Original::default() }; RESOURCES.len()];
        self.oracle = Oracle { changed: vec![Tick(0); RESOURCES.len()], ..Oracle::default() };
        self.followers.clear();
        self.unsent.clear();
        self.errands.clear();
        self.has_forms = false;
        self.tally = Tally::default();
    }

    fn take(&mut self, step: Step) -> Result<(), Fault> {
        let Step { act, who, how } = step;
        if !self.is_roomy() {
            // The cache evicts in its own time if it is not asked, and a schedule would be several.
            self.store().stats();
        }
        match act {
            Act::Request => self.request(who, how)?,
            Act::Advance => self.advance(who, how),
            Act::Hurry => self.hurry(who, how),
            Act::Abort => self.abort(who),
            Act::Read => self.follow(who)?,
            Act::Encode => self.encode(who, how)?,
            Act::Edit => self.edit(who, how),
            Act::Change => self.change(who),
            Act::Order => self.order(who, how)?,
            Act::Proceed => self.proceed(who)?,
            Act::Complete => self.complete(who)?,
            Act::Sweep => self.sweep(),
            Act::Evict => self.evict(how),
            Act::Forget => self.forget(who),
            Act::Restart => self.restart()?,
            Act::Fail => self.disk.fail_after(u32::from(how) % 24),
            Act::Fill => self.fill(who, how),
        }
        Ok(())
    }

    /// Everybody comes to an end, and whoever asks then gets what may be served.
    fn end(&mut self) -> Result<(), Fault> {
        while self.has_open_orders() {
            self.pass();
            self.complete(0)?;
        }
        for resource in 0..RESOURCES.len() {
            self.look(resource, 0)?;
        }
        while !self.flights.is_empty() {
            self.pass();
            self.hurry(0, 0);
        }
        if self.mutation == Mutation::None && self.is_roomy() {
            self.check_swept()?;
        }
        for resource in 0..RESOURCES.len() {
            self.look(resource, 0)?;
            self.look(resource, 1)?;
        }
        while !self.followers.is_empty() {
            self.follow(0)?;
            self.followers.remove(0);
        }
        if self.disk.is_failing() {
            self.lose_power()?;
        }
        self.disk.make_room();
        let asked = self.store().invalidations(&|_| false, None, 1);
        if let Err(error) = asked
            && !self.is_restarted_after(&error)?
        {
            return Err(Fault::Record(error.to_string()));
        }
        // Each look at the disk costs as much as all else that an interleaving does.
        if self.dice.below(16) == 0 { self.check_records() } else { Ok(()) }
    }

    /// The origin has a new version, which may be for all clients alike, and carries other tags.
    fn edit(&mut self, who: u8, how: u8) {
        let resource = usize::from(who) % RESOURCES.len();
        let original = &mut self.origin[resource];
        // Now and then only the tags are others.
        original.version += u32::from(!how.is_multiple_of(8));
        original.tags = (how >> 3) & 0b11;
        original.varies = RESOURCES[resource].may_vary && (how >> 5).is_multiple_of(4);
        let now = *original;
        self.note(|| format!("the origin has {resource}: {now:?}"));
    }

    fn change(&mut self, who: u8) {
        let resource = usize::from(who) % RESOURCES.len();
        self.origin[resource].version += 1;
        self.store().change(&self.key(resource));
        for (other, changed) in self.oracle.changed.iter_mut().enumerate() {
            if other == resource || RESOURCES[other].version_of == Some(resource) {
                *changed = self.tick;
            }
        }
        self.note(|| format!("{resource} is changed"));
    }

    /// Others need the memory.
    fn evict(&mut self, how: u8) {
        let place = RESOURCES[0].place();
        for n in 0..how % 12 {
            let mut key = self.key(0);
            (key[0], key[14]) = (n, 1);
            let site = self.store().site("others");
            let admission = Admission::plain(site, place.clone(), self.store().birth());
            let mut filling = self.store().fill(key, head(), admission);
            if filling.write(&Bytes::from_static(&[b'x'; 3_000])).is_ok() {
                filling.finish();
            }
        }
        self.note(|| "memory is needed".to_owned());
    }

    fn forget(&mut self, who: u8) {
        let resource = usize::from(who) % RESOURCES.len();
        self.store().variants.remove(&self.key(resource));
        self.note(|| format!("the list of the variants of {resource} is evicted"));
    }

    /// The node stops and starts, and its disk has written all that it was told.
    fn restart(&mut self) -> Result<(), Fault> {
        if self.disk.is_failing() {
            return self.lose_power();
        }
        self.figures.restarts += 1;
        self.note(|| "restart".to_owned());
        self.reopen()
    }

    pub(super) fn is_roomy(&self) -> bool {
        self.memory_bytes == ROOMY_BYTES
    }

    /// Half of the time a write is done, and said not to be.
    fn fill(&mut self, who: u8, how: u8) {
        let (left, refused) = (u32::from(how) % 16, 1 + u32::from(who >> 1) % 24);
        self.disk.fill_after(left, refused, who.is_multiple_of(2));
    }

    /// The node itself asks for it.
    pub(super) fn is_restarted_after(&mut self, error: &LedgerError) -> Result<bool, Fault> {
        use DatabaseError::Uncertain;
        let is_uncertain =
            matches!(error, LedgerError::Read(Uncertain) | LedgerError::Write(Uncertain));
        if is_uncertain {
            self.figures.uncertain += 1;
            self.restart()?;
        }
        Ok(is_uncertain)
    }

    pub(super) fn lose_power(&mut self) -> Result<(), Fault> {
        self.figures.crashes += 1;
        self.note(|| "the power is gone".to_owned());
        self.disk.cut();
        self.reopen()
    }

    fn reopen(&mut self) -> Result<(), Fault> {
        self.flights.clear();
        self.followers.clear();
        self.unsent.clear();
        self.errands.retain(|errand| errand.acknowledged().is_some());
        self.tally = Tally::default();
        // The last to hold the store: here its database is closed.
        self.running = None;
        self.disk.make_room();
        if self.disk.is_failing() {
            self.disk.recover(&mut self.dice);
        }
        self.running = Some(open(&self.disk, self.memory_bytes).map_err(Fault::Record)?);
        self.check_records()
    }
}

fn open(disk: &Disk, memory_bytes: u64) -> Result<Arc<Store>, String> {
    let disk = disk.clone();
    let database = Database::on(move || disk.clone()).map_err(|e| e.to_string())?;
    let limits = limits(memory_bytes, OBJECT_BYTES);
    let store = Store::open_unswept(&limits, database, clock).map_err(|e| e.to_string())?;
    Ok(Arc::new(store))
}
