//! Goal: after an acknowledgement no older response is served, whatever else happens meanwhile.
//!
//! Method: random schedules of requests, fills, followers, refreshes, invalidations, evictions,
//! restarts, power failures and full disks over few keys, each a step at a time in one thread: one seed
//! is one schedule. An oracle that knows nothing of the store says what each look-up may find. What counts is when a
//! request looks: whoever has joined a transfer before the acknowledgement is being served already,
//! and reads on; whoever looks after it gets nothing that was asked of the origin before the
//! invalidation came into force. The steps of threads are cut finer than these: `threads` has real ones.

mod dice;
mod disk;
mod flights;
mod oracle;
mod orders;
mod resources;
mod step;
mod threads;
mod world;

use std::fmt;
use std::ops::{Add, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use step::{Step, reduced, schedule};
use world::World;

use crate::tenure::blind;

const INTERLEAVINGS: u64 = 100_000;
/// Each explores its own; none meets another.
const THREADS: u64 = 2;
/// So many live in one world, one after the other: to open a store costs more than to use it.
const PER_WORLD: u64 = 40;
/// Within so many the model finds what is broken on purpose.
const MUTANTS_MAX: u64 = 4_000;

/// What is broken on purpose: the test of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutation {
    None,
    /// Nobody looks into the ledger.
    Blind,
    /// A response is born when it arrives, not when it was asked for.
    BornLate,
    /// The disk says that it has synced, and has not.
    LyingDisk,
}

/// What must not happen.
#[derive(Debug)]
enum Fault {
    /// A promise to a client is broken.
    Stale(String),
    /// Something is served that is right by chance, or is not served as what it is.
    Standing(String),
    /// Somebody is served what is not theirs, or a body that is none.
    Foreign(String),
    /// What was acknowledged is not on record.
    Record(String),
    /// An order counts what is not so.
    Count(String),
    /// What is dead holds memory.
    Leak(String),
    Panic(String),
}

/// What was in the interleavings.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    interleavings: u64,
    hits: u64,
    stale: u64,
    kept: u64,
    misses: u64,
    fills: u64,
    freshened: u64,
    followers: u64,
    encoded: u64,
    invalidations: u64,
    matched: u64,
    repeated: u64,
    restarts: u64,
    crashes: u64,
    /// Power failures in the middle of an append.
    torn: u64,
    /// Appends that found the disk full.
    refused: u64,
    /// Restarts that the node asked for.
    uncertain: u64,
}

/// What was found, told so that it can be found again.
struct Failure {
    seed: u64,
    fault: Fault,
    steps: Vec<Step>,
    trace: Vec<String>,
}

#[test]
fn after_an_acknowledgement_no_older_response_is_served() {
    let each = INTERLEAVINGS / THREADS;
    let figures = std::thread::scope(|scope| {
        let begun = |n| scope.spawn(move || explore(n * each..(n + 1) * each, Mutation::None));
        let runs: Vec<_> = (0..THREADS).map(begun).collect();
        runs.into_iter().fold(Figures::default(), |figures, run| {
            let found = run.join().unwrap();
            figures + found.unwrap_or_else(|failure| panic!("{failure}"))
        })
    });
    assert!(figures.interleavings >= INTERLEAVINGS, "{figures:?}");
    // Where nothing is found, nothing is proven.
    let Figures { hits, stale, kept, encoded, restarts, torn, refused, uncertain, .. } = figures;
    assert!(hits > INTERLEAVINGS && stale.min(kept) > INTERLEAVINGS / 20, "{figures:?}");
    assert!(
        restarts > INTERLEAVINGS / 50
            && torn.min(refused) > INTERLEAVINGS / 100
            && uncertain > INTERLEAVINGS / 2_000
            && encoded > INTERLEAVINGS / 100,
        "{figures:?}"
    );
}

#[test]
fn without_the_ledger_check_the_model_finds_what_is_stale() {
    assert!(matches!(mutant(Mutation::Blind), Fault::Stale(_)));
}

#[test]
fn a_response_that_is_born_when_it_arrives_is_found_to_be_stale() {
    assert!(matches!(mutant(Mutation::BornLate), Fault::Stale(_)));
}

#[test]
fn an_acknowledgement_before_the_disk_has_it_is_found_out() {
    assert!(matches!(mutant(Mutation::LyingDisk), Fault::Record(_)));
}

#[test]
fn one_seed_is_one_schedule() {
    let runtime = runtime();
    let run = || {
        let mut world = World::new(0, &runtime, Mutation::None);
        world.trace = Some(Vec::new());
        for seed in 0..PER_WORLD {
            world.run(seed, &schedule(seed)).unwrap();
        }
        world.trace
    };
    assert_eq!(run(), run());
}

fn mutant(mutation: Mutation) -> Fault {
    let Err(failure) = explore(0..MUTANTS_MAX, mutation) else {
        panic!("{mutation:?} was not found in {MUTANTS_MAX} interleavings");
    };
    failure.fault
}

fn explore(seeds: Range<u64>, mutation: Mutation) -> Result<Figures, Failure> {
    blind(mutation == Mutation::Blind);
    let runtime = runtime();
    let mut figures = Figures::default();
    let mut seeds = seeds.peekable();
    while let Some(first) = seeds.peek().copied() {
        let mut world = World::new(first, &runtime, mutation);
        for seed in seeds.by_ref().take(PER_WORLD.try_into().unwrap()) {
            let steps = schedule(seed);
            if let Err(fault) = attempt(&mut world, seed, &steps) {
                return Err(failure(seed, fault, &steps, || World::new(seed, &runtime, mutation)));
            }
        }
        figures = figures + world.figures;
    }
    Ok(figures)
}

fn runtime() -> Arc<Runtime> {
    Arc::new(Builder::new_current_thread().enable_time().build().unwrap())
}

/// A panic is a fault like any other.
fn attempt(world: &mut World, seed: u64, steps: &[Step]) -> Result<(), Fault> {
    let run = catch_unwind(AssertUnwindSafe(|| world.run(seed, steps)));
    run.unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().cloned();
        Err(Fault::Panic(told.unwrap_or_else(|| "a panic".to_owned())))
    })
}

/// The shortest way to the same, if it is there in a world of its own.
fn failure(seed: u64, fault: Fault, steps: &[Step], world: impl Fn() -> World) -> Failure {
    let steps = reduced(steps, |steps| attempt(&mut world(), seed, steps).is_err());
    let mut world = world();
    world.trace = Some(Vec::new());
    let fault = attempt(&mut world, seed, &steps).err().unwrap_or(fault);
    Failure { seed, fault, steps, trace: world.trace.take().unwrap_or_default() }
}

impl Add for Figures {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            interleavings: self.interleavings + more.interleavings,
            hits: self.hits + more.hits,
            stale: self.stale + more.stale,
            kept: self.kept + more.kept,
            misses: self.misses + more.misses,
            fills: self.fills + more.fills,
            freshened: self.freshened + more.freshened,
            followers: self.followers + more.followers,
            encoded: self.encoded + more.encoded,
            invalidations: self.invalidations + more.invalidations,
            matched: self.matched + more.matched,
            repeated: self.repeated + more.repeated,
            restarts: self.restarts + more.restarts,
            crashes: self.crashes + more.crashes,
            torn: self.torn + more.torn,
            refused: self.refused + more.refused,
            uncertain: self.uncertain + more.uncertain,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, how) = match self {
            Self::Stale(how) => ("stale", how),
            Self::Standing(how) => ("not served as what it is", how),
            Self::Foreign(how) => ("somebody else's", how),
            Self::Record(how) => ("not on record", how),
            Self::Count(how) => ("miscounted", how),
            Self::Leak(how) => ("not swept", how),
            Self::Panic(how) => ("a panic", how),
        };
        write!(f, "{what}: {how}")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, fault, steps, trace } = self;
        let trace = trace.join("\n");
        write!(f, "seed {seed}: {fault}\n{trace}\nthe schedule, reduced: {steps:?}")
    }
}
