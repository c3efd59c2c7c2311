//! A target group: app servers that share the requests.

mod appraising;
mod registering;
mod roster;
mod tending;
mod wish;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout_at;
use warmfront_config::TargetGroup as Settings;

use crate::Ground;
use crate::balance::{Balancer, Candidate};
use crate::budget::{RetryBudget, Withdrawal};
use crate::lease::{Bond, Lease};
use crate::names::NameError;
use crate::registrations::{RegistrationError, Registrations};
use crate::resolver::Resolver;
use crate::slow_start;
use crate::stickiness::Cookies;
use crate::target::{Appraisal, Fitness};
use crate::tls::{TargetConnection, TlsFilesError};

pub use registering::{Registered, RegisteringError, Registration, TargetStatus};
pub use wish::Wish;

use roster::{Members, Roster, Slot};

/// The targets of one group, who of them is well, and whose turn it is.
#[derive(Debug)]
pub struct TargetGroup {
    name: String,
    settings: Settings,
    connection: TargetConnection,
    resolver: Resolver,
    registrations: Option<Arc<Registrations>>,
    /// What is registered. Changed by whoever holds `editing`.
    members: ArcSwap<Members>,
    /// Held while the change of a registration is written down.
    editing: Mutex<()>,
    /// The members' addresses. Changed by whoever holds the turn.
    roster: ArcSwap<Roster>,
    /// Who picks a target holds it, and who takes one out of use: nobody picks what is just leaving.
    turn: Mutex<Balancer>,
    /// Who ejects a target holds it: never more than half of them are out.
    ejecting: Mutex<()>,
    budget: RetryBudget,
    cookies: Option<Cookies>,
    /// Requests that wait for a place.
    waiting: AtomicU32,
    /// They stand in it, and the first one holds it (tokio's is fair).
    line: tokio::sync::Mutex<()>,
    /// Wakes the first one.
    places: Notify,
    /// Something drains, so that whoever tends the group wants to know what has finished.
    drains: AtomicBool,
    /// Wakes whoever tends the group.
    changed: Notify,
}

/// Why a group cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// A file that its `tls` names.
    #[error("origins.{origin}.tls: {source}")]
    Tls {
        /// The origin's name.
        origin: String,
        /// Which, and why.
        source: Box<TlsFilesError>,
    },
    /// What the API had changed of it cannot be read.
    #[error(transparent)]
    Registrations(#[from] Box<RegistrationError>),
}

/// Why there is no address to connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// Every address of the origin has been tried for this request.
    #[error("every address of the origin has been tried")]
    AllTried,
    /// Not one name of the origin has an address.
    #[error(transparent)]
    Unresolved(NameError),
    /// All targets are deregistered, draining, or of weight 0.
    #[error("no target of the origin is in use")]
    NoneInUse,
    /// All targets have as much to do as they may, and enough requests wait already.
    #[error("all targets of the origin are busy")]
    Busy,
}

// === impl TargetGroup ===

impl TargetGroup {
    /// `name` is the origin's name in the file. Nothing is connected or resolved. Reads files.
    pub fn new(name: &str, settings: &Settings, ground: &Ground) -> Result<Arc<Self>, GroupError> {
        let connection = TargetConnection::load(name, settings).map_err(|source| {
            GroupError::Tls { origin: name.to_owned(), source: Box::new(source) }
        })?;
        let registrations = ground.registrations.clone();
        let (changes, key) = match &registrations {
            Some(kept) => (
                kept.load(name, &settings.targets).map_err(Box::new)?,
                kept.sticky_key().map_err(Box::new)?,
            ),
            None => Default::default(),
        };
        let stickiness = settings.stickiness.as_ref();
        let members = Members::new(&settings.targets, &changes, &ground.resolver);
        let group = Self {
            name: name.to_owned(),
            connection,
            resolver: ground.resolver.clone(),
            registrations,
            members: ArcSwap::from_pointee(members),
            editing: Mutex::default(),
            roster: ArcSwap::default(),
            turn: Mutex::new(Balancer::new(&settings.algorithm)),
            ejecting: Mutex::default(),
            budget: RetryBudget::new(settings.retry_budget),
            cookies: stickiness.map(|stickiness| Cookies::new(key, name, stickiness)),
            waiting: AtomicU32::new(0),
            line: tokio::sync::Mutex::default(),
            places: Notify::new(),
            drains: AtomicBool::new(false),
            changed: Notify::new(),
            settings: settings.clone(),
        };
        group.call_the_roll(None, ground.now);
        Ok(Arc::new(group))
    }

    /// The origin's name in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file says of the group.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is the same for all connections to its targets.
    pub fn connection(&self) -> &TargetConnection {
        &self.connection
    }

    /// A target for a request, held until the lease is dropped. Waits for a name only when no target
    /// with a known address is left, and for a place only when all targets are full; for
    /// `connect_timeout` at most.
    pub async fn lease(self: &Arc<Self>, wish: &Wish<'_>, now: Instant) -> Result<Lease, NoTarget> {
        // One that was sent already has waited.
        let arrival = if wish.tried.is_empty() { Arrival::New } else { Arrival::Queued };
        match self.pick(wish, arrival, now) {
            Err(NoTarget::Busy) if arrival == Arrival::New => self.queue(wish, now).await,
            Err(NoTarget::AllTried | NoTarget::NoneInUse) if self.has_unknown_names() => {
                let unresolved = self.resolve_all(now).await;
                let picked = self.pick(wish, arrival, now);
                match (picked, unresolved) {
                    (Err(NoTarget::NoneInUse), Some(error)) => Err(NoTarget::Unresolved(error)),
                    (picked, _) => picked,
                }
            }
            picked => picked,
        }
    }

    /// Counts a request that may be repeated later on: each pays for a share of a repetition.
    pub fn deposit(&self) {
        self.budget.deposit();
    }

    /// Whether a request may be sent once more, for another reason than that there was no connection.
    pub fn withdraw(&self, now: Instant) -> Withdrawal {
        self.budget.withdraw(now)
    }

    /// Requests that wait for a place.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn cookies(&self) -> Option<&Cookies> {
        self.cookies.as_ref()
    }

    /// A request is over; its target has so many left.
    pub(crate) fn freed(&self, left: u32) {
        if self.settings.circuit.is_some() {
            self.places.notify_one();
        }
        if left == 0 && self.drains.load(Ordering::Acquire) {
            self.changed.notify_one();
        }
    }

    /// Waits until a target has room for one more request.
    async fn queue(self: &Arc<Self>, wish: &Wish<'_>, now: Instant) -> Result<Lease, NoTarget> {
        let Some(_place) = Waiting::begin(self) else { return Err(NoTarget::Busy) };
        let deadline = now + self.settings.connect_timeout;
        // Whoever waits for longest looks alone: whatever woke them all, they would mix up their order.
        let Ok(_first) = timeout_at(deadline.into(), self.line.lock()).await else {
            return Err(NoTarget::Busy);
        };
        loop {
            let mut freed = std::pin::pin!(self.places.notified());
            // Before the look, so that nothing is missed between the two.
            freed.as_mut().enable();
            let now = tokio::time::Instant::now().into_std();
            match self.pick(wish, Arrival::Queued, now) {
                Err(NoTarget::Busy) if now < deadline => {}
                picked => return picked,
            }
            // Nobody says so when an ejected target may be tried again.
            let until = self.next_return(now).map_or(deadline, |returns| returns.min(deadline));
            let _ = timeout_at(until.into(), freed).await;
        }
    }

    /// When the next ejected target may be tried again.
    fn next_return(&self, now: Instant) -> Option<Instant> {
        let roster = self.roster.load();
        roster.slots.iter().filter_map(|slot| slot.target.condition(now).ejected_until).min()
    }

    /// Picks a target: of the best that are there, the one that the client stays with, else the one
    /// that the algorithm says.
    fn pick(
        self: &Arc<Self>,
        wish: &Wish<'_>,
        arrival: Arrival,
        now: Instant,
    ) -> Result<Lease, NoTarget> {
        let mut turn = self.turn.lock();
        let roster = self.roster.load();
        let best = best(&roster, wish, now)?;
        let waits = arrival == Arrival::New && self.waiting() > 0;
        let free: Vec<_> =
            best.into_iter().filter(|(slot, _)| !waits && self.has_room(slot)).collect();
        if free.is_empty() {
            return Err(NoTarget::Busy);
        }
        let wanted = self.cookies.as_ref().and_then(|cookies| wish.tag(cookies));
        let stays = wanted.and_then(|tag| free.iter().find(|(s, _)| s.target.tag() == Some(&tag)));
        let bond = if wanted.is_some() && stays.is_none() { Bond::Broken } else { Bond::Kept };
        let picked = stays.or_else(|| {
            let candidates = free.iter().map(|(slot, known)| self.candidate(slot, known, now));
            let candidates: Vec<_> = candidates.collect();
            let key = wish.key(&self.settings.algorithm);
            turn.pick(&candidates, key, &mut rand::rng()).and_then(|index| free.get(index))
        });
        let (slot, appraisal) = picked.ok_or(NoTarget::NoneInUse)?;
        Ok(Lease::new(self.clone(), slot.target.clone(), appraisal.standing, bond, now))
    }

    fn has_room(&self, slot: &Slot) -> bool {
        self.settings.circuit.is_none_or(|circuit| slot.target.in_flight() < circuit.in_flight)
    }

    fn candidate(&self, slot: &Slot, known: &Appraisal, now: Instant) -> Candidate {
        let share = slow_start::share(known.grows_since, self.settings.slow_start, now);
        Candidate {
            id: slot.id,
            weight: f64::from(slot.weight) * share,
            in_flight: slot.target.in_flight(),
            latency: known.latency,
            failing: known.failing,
        }
    }
}

/// Whether a request has waited for its turn already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// It stands behind those that wait.
    New,
    Queued,
}

/// The best targets that a request has not tried: healthy ones if there are any, else ejected ones, else
/// such as are not known yet, else the unhealthy; of those the lowest tier.
fn best<'r>(
    roster: &'r Roster,
    wish: &Wish<'_>,
    now: Instant,
) -> Result<Vec<(&'r Slot, Appraisal)>, NoTarget> {
    let weighted = roster.slots.iter().filter(|slot| slot.weight > 0);
    let appraised = weighted.map(|slot| (slot, slot.target.appraise(now)));
    let in_use: Vec<_> = appraised.filter(|(_, a)| a.fitness != Fitness::Gone).collect();
    if in_use.is_empty() {
        return Err(NoTarget::NoneInUse);
    }
    let untried = |slot: &Slot| !wish.tried.contains(&slot.target.address());
    let mut left: Vec<_> = in_use.into_iter().filter(|(slot, _)| untried(slot)).collect();
    let rank = |(slot, a): &(&Slot, Appraisal)| (a.fitness, slot.tier);
    let best = left.iter().map(rank).min().ok_or(NoTarget::AllTried)?;
    left.retain(|one| rank(one) == best);
    Ok(left)
}

/// A place among those who wait.
struct Waiting<'g>(&'g AtomicU32);

// === impl Waiting ===

impl<'g> Waiting<'g> {
    /// None if as many wait as may.
    fn begin(group: &'g TargetGroup) -> Option<Self> {
        let targets = group.roster.load().slots.len();
        let each = group.settings.circuit?.waiting as usize;
        let most = u32::try_from(targets * each).unwrap_or(u32::MAX);
        let grown = |waiting| (waiting < most).then_some(waiting + 1);
        group.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).ok()?;
        Some(Self(&group.waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
