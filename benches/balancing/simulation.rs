//! A target group in simulated time: requests come at random, targets serve so many at once and
//! keep the others waiting, and what the edge would know of them is what the algorithm goes by.
//!
//! Nothing here reads a clock, and all that is random comes from one seed: a run can be repeated to
//! the last bit.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng as _};

use super::Candidate;

/// What each observation counts for in the edge's moving averages.
const STEP: f64 = 0.2;
/// After this long without an observation the edge does not know any more.
const MEMORY: Duration = Duration::from_secs(10);
/// How long a failing target takes to say so.
const FAILURE: Duration = Duration::from_millis(1);

/// What is simulated.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// Requests a second, each at its own random moment.
    pub(super) requests_per_s: f64,
    /// How many there are.
    pub(super) requests: u32,
    /// Who serves them.
    pub(super) targets: Vec<Server>,
}

/// A target.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// Its share of the requests, as it is configured.
    pub(super) weight: f64,
    /// What it serves at once; the others wait in line.
    pub(super) concurrency: usize,
    /// What a request takes on average, beside the line.
    pub(super) service: Duration,
    /// One in ten requests takes ten times as long.
    pub(super) mixed: bool,
    /// What is wrong with it, from the first moment to the second.
    pub(super) fault: Option<(Fault, Duration, Duration)>,
}

/// What may be wrong with a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Everything takes ten times as long.
    Slow,
    /// Everything fails at once.
    Fails,
    /// Nothing goes on.
    Pauses,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Requests that each target was asked.
    pub(super) asked: Vec<u32>,
    /// Requests that failed.
    pub(super) errors: u32,
    /// How long good answers took, the quickest first.
    latencies: Vec<Duration>,
}

/// Runs the scenario; `pick` chooses for each request, with a random number for its key.
pub(super) fn simulate(
    scenario: &Scenario,
    seed: u64,
    mut pick: impl FnMut(&[Candidate], u64, &mut StdRng) -> usize,
) -> Outcome {
    // What comes in is the same for every algorithm, however often that rolls the dice.
    let mut arrivals = StdRng::seed_from_u64(seed);
    let mut dice = StdRng::seed_from_u64(!seed);
    let mut group: Vec<Target> = scenario.targets.iter().cloned().map(Target::new).collect();
    let mut finishes: BinaryHeap<Reverse<Finish>> = BinaryHeap::new();
    let mut outcome = Outcome { asked: vec![0; group.len()], errors: 0, latencies: Vec::new() };
    let mut now = Duration::ZERO;
    for number in 0..scenario.requests {
        now += Duration::from_secs_f64(exponential(&mut arrivals) / scenario.requests_per_s);
        let request = Request::arrived(now, number, &mut arrivals);
        while let Some(Reverse(finish)) = finishes.pop() {
            if finish.at > now {
                finishes.push(Reverse(finish));
                break;
            }
            finishes.extend(group[finish.target].finished(&finish, &mut outcome).map(Reverse));
        }
        let candidates: Vec<Candidate> =
            (0..).zip(&group).map(|(id, target)| target.candidate(id, now)).collect();
        let chosen = pick(&candidates, request.key, &mut dice);
        outcome.asked[chosen] += 1;
        finishes.extend(group[chosen].asked(chosen, request).map(Reverse));
    }
    while let Some(Reverse(finish)) = finishes.pop() {
        finishes.extend(group[finish.target].finished(&finish, &mut outcome).map(Reverse));
    }
    outcome.latencies.sort_unstable();
    outcome
}

/// A request, with what it would take of an ordinary target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    arrived: Duration,
    number: u32,
    key: u64,
    /// Thousandths of a target's mean service time.
    work: u32,
    /// One of the ten in a hundred that take long where requests are mixed.
    heavy: bool,
}

/// The moment that a target is done with a request; the earliest is the least.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finish {
    at: Duration,
    request: Request,
    target: usize,
    good: bool,
}

#[derive(Debug)]
struct Target {
    server: Server,
    serving: usize,
    line: VecDeque<Request>,
    /// Seconds.
    latency: Average,
    failing: Average,
}

/// What the edge has seen lately.
#[derive(Debug, Default)]
struct Average {
    /// And when the last of it was seen.
    value: Option<(f64, Duration)>,
}

// === impl Outcome ===

impl Outcome {
    /// Within which so many of a hundred good answers came.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.latencies.len() * percent).div_ceil(100);
        self.latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// Of the good answers.
    pub(super) fn mean(&self) -> Duration {
        let count = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        self.latencies.iter().sum::<Duration>() / count.max(1)
    }

    /// A target's part of the requests, 0 to 1.
    pub(super) fn share(&self, target: usize) -> f64 {
        f64::from(self.asked[target]) / f64::from(self.asked.iter().sum::<u32>())
    }
}

// === impl Request ===

impl Request {
    /// Half of the work is the same for every request, and the other half has a long tail.
    fn arrived(arrived: Duration, number: u32, dice: &mut StdRng) -> Self {
        let tail = Duration::from_secs_f64(exponential(dice) / 2.0);
        let work = 500 + u32::try_from(tail.as_millis()).unwrap_or(u32::MAX / 2);
        Self { arrived, number, key: dice.random(), work, heavy: dice.random_ratio(1, 10) }
    }
}

// === impl Target ===

impl Target {
    fn new(server: Server) -> Self {
        let [latency, failing] = [(); 2].map(|()| Average::default());
        Self { server, serving: 0, line: VecDeque::new(), latency, failing }
    }

    /// What the edge knows of it.
    fn candidate(&self, id: u64, now: Duration) -> Candidate {
        Candidate {
            id,
            weight: self.server.weight,
            in_flight: u32::try_from(self.serving + self.line.len()).unwrap_or(u32::MAX),
            latency: self.latency.recent(now),
            failing: self.failing.recent(now).unwrap_or_default(),
        }
    }

    /// It is asked, and begins if it has a place.
    fn asked(&mut self, target: usize, request: Request) -> Option<Finish> {
        if self.serving == self.server.concurrency {
            self.line.push_back(request);
            return None;
        }
        Some(self.begin(target, request, request.arrived))
    }

    /// It is done with one request, and begins the next in line.
    fn finished(&mut self, finish: &Finish, outcome: &mut Outcome) -> Option<Finish> {
        self.serving -= 1;
        self.failing.observe(if finish.good { 0.0 } else { 1.0 }, finish.at);
        if finish.good {
            let took = finish.at.saturating_sub(finish.request.arrived);
            self.latency.observe(took.as_secs_f64(), finish.at);
            outcome.latencies.push(took);
        } else {
            outcome.errors += 1;
        }
        let next = self.line.pop_front()?;
        Some(self.begin(finish.target, next, finish.at))
    }

    fn begin(&mut self, target: usize, request: Request, now: Duration) -> Finish {
        self.serving += 1;
        let times = if self.server.mixed && request.heavy { 10 } else { 1 };
        let takes = self.server.service * request.work * times / 1_000;
        let fault = self.server.fault.filter(|(_, from, to)| (*from..*to).contains(&now));
        let (takes, good) = match fault {
            None => (takes, true),
            Some((Fault::Slow, ..)) => (takes * 10, true),
            Some((Fault::Fails, ..)) => (FAILURE, false),
            Some((Fault::Pauses, _, to)) => (to.saturating_sub(now) + takes, true),
        };
        Finish { at: now + takes, request, target, good }
    }
}

// === impl Average ===

impl Average {
    fn observe(&mut self, observed: f64, now: Duration) {
        let before = self.recent(now).unwrap_or(observed);
        self.value = Some((before + STEP * (observed - before), now));
    }

    fn recent(&self, now: Duration) -> Option<f64> {
        self.value.filter(|(_, at)| now < *at + MEMORY).map(|(value, _)| value)
    }
}

/// Times between events that do not know of each other, 1 on average.
fn exponential(dice: &mut StdRng) -> f64 {
    -(1.0 - dice.random::<f64>()).ln()
}
