//! One address that requests go to: how it is, and what it has to do.

mod tally;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use warmfront_config::{Outliers, TargetName};

use crate::ejection::{Change, Ejection, Grounds, Outcome, Standing, Trial};
use crate::health::{Event, Health, Reason, Thresholds};
use crate::load::Average;
use crate::names::Due;
use crate::stickiness::Tag;

pub use tally::{Ended, LATENCY_BOUNDS, Latency, Tally};

/// One address of a target group.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    name: TargetName,
    tag: Option<Tag>,
    in_flight: AtomicU32,
    /// Seconds that its server keeps an idle connection, as it last said; 0 is unknown.
    keep_alive: AtomicU64,
    state: Mutex<State>,
    pub(crate) tally: Tally,
}

#[derive(Debug)]
struct State {
    health: Health,
    reason: Reason,
    /// Of `health`.
    since: Instant,
    /// When its share began to grow; `None` is a full share.
    grows_since: Option<Instant>,
    ejection: Ejection,
    /// What the last ejection was for.
    ejected_for: Option<Grounds>,
    latency: Average,
    failing: Average,
    check: Schedule,
    /// How often it was registered: what a check of an earlier time finds says nothing of now.
    registration: u64,
}

/// When a target is checked next.
#[derive(Debug, Clone, Copy)]
enum Schedule {
    At(Instant),
    /// One is under way, begun at this registration.
    Running(u64),
}

/// Whether what a check found is about the target as it is registered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    Current,
    Outdated,
}

/// How far a target is fit for a request; the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fitness {
    /// Healthy.
    Fit,
    /// Healthy by its checks, and ejected for what requests came to.
    Ejected,
    /// Not known yet.
    Unknown,
    /// Unhealthy: better than nothing.
    Unfit,
    /// On its way out.
    Gone,
}

/// What the algorithms and people are told of a target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appraisal {
    pub(crate) fitness: Fitness,
    pub(crate) standing: Standing,
    pub(crate) grows_since: Option<Instant>,
    pub(crate) latency: Option<f64>,
    pub(crate) failing: f64,
}

/// A target's state, for people.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Unhealthy too while it is ejected.
    pub state: Health,
    /// Why, in a sentence.
    pub reason: String,
    /// Why, in the words of an Application Load Balancer where it has some.
    pub code: Option<&'static str>,
    /// When the state was entered.
    pub since: Instant,
    /// When it gets requests again, if it is ejected.
    pub ejected_until: Option<Instant>,
}

/// How the other targets of the group are: a target's own changes depend on it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Company {
    /// Another one is healthy, so that this one can begin slowly.
    pub(crate) healthy: bool,
    /// At least half would be healthy and in use if this one were ejected.
    pub(crate) can_spare: bool,
}

// === impl Target ===

impl Target {
    pub(crate) fn new(
        address: SocketAddr,
        name: TargetName,
        tag: Option<Tag>,
        thresholds: Option<Thresholds>,
        now: Instant,
    ) -> Self {
        Self {
            address,
            name,
            tag,
            in_flight: AtomicU32::new(0),
            keep_alive: AtomicU64::new(0),
            state: Mutex::new(State {
                health: Health::first(thresholds),
                reason: Reason::first(thresholds),
                since: now,
                grows_since: None,
                ejection: Ejection::default(),
                ejected_for: None,
                latency: Average::default(),
                failing: Average::default(),
                check: Schedule::At(now),
                registration: 0,
            }),
            tally: Tally::default(),
        }
    }

    /// Where to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its `host:port` as registered.
    pub fn name(&self) -> &TargetName {
        &self.name
    }

    /// What stands for it in a stickiness cookie.
    pub(crate) fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// Requests that it was sent and has not answered to the end.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Acquire)
    }

    /// What it has done since the node started.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Ejections since the node started.
    pub fn ejections(&self) -> u64 {
        self.state.lock().ejection.total()
    }

    /// How it is, for people.
    pub fn condition(&self, now: Instant) -> Condition {
        let state = self.state.lock();
        let ejected = is_in_use(state.health) && state.ejection.standing(now) != Standing::In;
        Condition {
            state: if ejected { Health::Unhealthy { passed: 0 } } else { state.health },
            reason: state.reason.to_string(),
            code: state.reason.code(),
            since: state.since,
            ejected_until: state.ejection.until().filter(|until| ejected && *until > now),
        }
    }

    pub(crate) fn appraise(&self, now: Instant) -> Appraisal {
        let state = self.state.lock();
        let standing = state.ejection.standing(now);
        let fitness = match (state.health, standing) {
            (Health::Draining | Health::Unused, _) => Fitness::Gone,
            (Health::Unhealthy { .. }, _) => Fitness::Unfit,
            (Health::Initial { .. }, _) => Fitness::Unknown,
            (Health::Healthy { .. }, Standing::Out) => Fitness::Ejected,
            (Health::Healthy { .. }, Standing::In | Standing::Trial) => Fitness::Fit,
        };
        Appraisal {
            fitness,
            standing,
            grows_since: state.grows_since,
            latency: state.latency.recent(now),
            failing: state.failing.recent(now).unwrap_or_default(),
        }
    }

    /// A request is on its way to it, the trial of an ejected one maybe. Called by whoever holds the
    /// turn of the group.
    pub(crate) fn begin(&self, standing: Standing, now: Instant) -> Option<Trial> {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let on_trial = standing == Standing::Trial;
        on_trial.then(|| self.state.lock().ejection.begin_trial(now)).flatten()
    }

    /// A request is over; how many are left.
    pub(crate) fn end(&self) -> u32 {
        self.in_flight.fetch_sub(1, Ordering::AcqRel) - 1
    }

    /// The trial's request went away without an outcome.
    pub(crate) fn abandon_trial(&self, trial: Trial) {
        self.state.lock().ejection.abandon_trial(trial);
    }

    /// Takes in what became of a request.
    pub(crate) fn record(
        &self,
        outcome: Outcome,
        trial: Option<Trial>,
        outliers: Option<&Outliers>,
        company: Company,
        now: Instant,
    ) -> Option<Change> {
        let mut state = self.state.lock();
        let failed = if outcome == Outcome::Answered { 0.0 } else { 1.0 };
        state.failing.observe(failed, now);
        let change = state.ejection.record(outcome, trial, outliers?, company.can_spare, now)?;
        state.follow(change, company, now);
        Some(change)
    }

    /// Takes in how long a good answer took.
    pub(crate) fn took(&self, latency: Duration, now: Instant) {
        self.state.lock().latency.observe(latency.as_secs_f64(), now);
    }

    /// Takes in what happened to it; the new state if it is another one.
    pub(crate) fn turn(
        &self,
        event: Event,
        why: Reason,
        thresholds: Option<Thresholds>,
        company: Company,
        now: Instant,
    ) -> Option<Health> {
        let mut state = self.state.lock();
        let (before, after) = (state.health, state.health.after(event, thresholds));
        state.health = after;
        if before.as_str() == after.as_str() {
            if matches!(event, Event::Failed) && !matches!(after, Health::Healthy { .. }) {
                state.reason = why;
            }
            return None;
        }
        state.reason = why;
        state.since = now;
        if is_in_use(after) && !is_in_use(before) {
            state.ejection.forget();
            state.registration += 1;
            // One that is under way ends first, so that there are never two.
            if matches!(state.check, Schedule::At(_)) {
                state.check = Schedule::At(now);
            }
        }
        if matches!(after, Health::Healthy { .. }) {
            state.grows_since = company.healthy.then_some(now);
        }
        Some(after)
    }

    /// A check has passed: what was out of reach is not any more. One that failed requests may pass
    /// checks all the while.
    pub(crate) fn pardon(&self, company: Company, now: Instant) -> Option<Change> {
        let mut state = self.state.lock();
        if state.ejected_for? != Grounds::Unreachable {
            return None;
        }
        let change = state.ejection.pardon(now)?;
        state.follow(change, company, now);
        Some(change)
    }

    /// Begins a check if one is due; else says when the next one is, unless one is under way.
    pub(crate) fn begin_check(&self, now: Instant) -> Due {
        let mut state = self.state.lock();
        match state.check {
            Schedule::Running(_) => Due::Never,
            Schedule::At(_) if !is_in_use(state.health) => Due::Never,
            Schedule::At(at) if at > now => Due::At(at),
            Schedule::At(_) => {
                state.check = Schedule::Running(state.registration);
                Due::Now
            }
        }
    }

    /// The check that was begun is over. The next one is due at `next`, or at once if this one was
    /// outdated.
    pub(crate) fn end_check(&self, next: Instant, now: Instant) -> Finding {
        let mut state = self.state.lock();
        let current =
            matches!(state.check, Schedule::Running(began) if began == state.registration);
        state.check = Schedule::At(if current { next } else { now });
        if current { Finding::Current } else { Finding::Outdated }
    }

    /// How long its server keeps an idle connection, as it last said.
    pub(crate) fn keep_alive(&self) -> Option<Duration> {
        let seconds = self.keep_alive.load(Ordering::Relaxed);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    pub(crate) fn says_keep_alive(&self, seconds: u64) {
        self.keep_alive.store(seconds, Ordering::Relaxed);
    }
}

// === impl State ===

impl State {
    /// What follows of an ejection, or of the return from one.
    fn follow(&mut self, change: Change, company: Company, now: Instant) {
        if !is_in_use(self.health) {
            return;
        }
        self.since = now;
        match change {
            Change::Ejected { why, .. } => {
                self.reason = Reason::Ejected(why);
                self.ejected_for = Some(why);
            }
            Change::Returned => {
                self.reason = Reason::Returned;
                self.grows_since = company.healthy.then_some(now);
            }
        }
    }
}

/// Whether a target is to get requests, or would be if it were well.
pub(crate) fn is_in_use(health: Health) -> bool {
    !matches!(health, Health::Draining | Health::Unused)
}
