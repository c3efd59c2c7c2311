//! What goes on beside the requests: names are resolved again, targets are checked, what drains ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::Rng as _;
use warmfront_config::{HealthCheck, Probe, TargetName};

use super::TargetGroup;
use super::roster::{Member, Standing};
use crate::check::check;
use crate::health::{CheckFailure, Event, Health, Reason};
use crate::names::{Due, NameError};
use crate::target::{Finding, Target};

/// Without anything that is due, whoever tends a group looks again after this.
const REST: Duration = Duration::from_mins(1);
/// The share of an interval by which checks are spread.
const JITTER: f64 = 0.1;

// === impl TargetGroup ===

impl TargetGroup {
    /// Begins all that is due, in the background, and says when to come again. Called on a tokio
    /// runtime, never twice at a time.
    pub fn tend(self: &Arc<Self>, now: Instant) -> Instant {
        let resolve = self.members.load().0.iter().filter_map(|m| self.resolve(m, now)).min();
        let check = self.settings.health_check.as_ref().and_then(|by| self.check_all(by, now));
        let finish = self.finish_drained(now);
        [resolve, check, finish].into_iter().flatten().min().unwrap_or(now + REST)
    }

    /// Returns when something has happened that [`Self::tend`] should see to.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Checks every target once, for `check --online`; without a health check it is connected to. A
    /// target is there if one of its addresses is.
    ///
    /// Fails with one sentence that names each target that is not well, and why.
    pub async fn probe(self: &Arc<Self>) -> Result<(), String> {
        let mut silent = Vec::new();
        let mut attempts = Vec::new();
        for member in &self.members.load().0 {
            let name = member.entry.name.clone();
            match member.name.look_up().await {
                Ok(addresses) => {
                    let (group, of) = (self.clone(), name.clone());
                    let attempt = async move { group.probe_one(&of, &addresses).await };
                    attempts.push((name, tokio::spawn(attempt)));
                }
                Err(error) => silent.push(format!("{name} ({error})")),
            }
        }
        for (name, attempt) in attempts {
            if let Ok(Err(reason)) = attempt.await {
                silent.push(format!("{name} ({reason})"));
            }
        }
        if silent.is_empty() {
            Ok(())
        } else {
            Err(format!("no answer from {}", silent.join(", ")))
        }
    }

    async fn probe_one(&self, name: &TargetName, addresses: &[SocketAddr]) -> Result<(), String> {
        let connecting = HealthCheck {
            probe: Probe::Tcp,
            port: None,
            interval: self.settings.connect_timeout,
            timeout: self.settings.connect_timeout,
            healthy: 1,
            unhealthy: 1,
        };
        let by = self.settings.health_check.as_ref().unwrap_or(&connecting);
        let mut outcome = Err("no address".to_owned());
        for address in addresses {
            outcome = self.ask(*address, name, by).await.map_err(|failure| failure.to_string());
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    async fn ask(
        &self,
        address: SocketAddr,
        name: &TargetName,
        by: &HealthCheck,
    ) -> Result<(), CheckFailure> {
        check(&self.settings, by, &self.connection, &self.name, address, name).await
    }

    /// Whether a name was never resolved.
    pub(super) fn has_unknown_names(&self) -> bool {
        self.members.load().0.iter().any(|member| member.name.last_known().is_none())
    }

    /// Waits until every name is resolved that never was; one of the errors, if there are some.
    pub(super) async fn resolve_all(&self, now: Instant) -> Option<NameError> {
        let members = self.members.load_full();
        let mut unresolved = None;
        for member in members.0.iter().filter(|member| member.name.last_known().is_none()) {
            if let Err(error) = member.name.addresses(now).await {
                unresolved = Some(error);
            }
        }
        self.call_the_roll(None, now);
        unresolved
    }

    /// Asks for a name's addresses if it is time; else says when it is.
    fn resolve(self: &Arc<Self>, member: &Member, now: Instant) -> Option<Instant> {
        match member.name.due(now) {
            Due::Never => return None,
            Due::At(due) => return Some(due),
            Due::Now => {}
        }
        if !member.asked.swap(true, Ordering::AcqRel) {
            let (group, member) = (self.clone(), member.clone());
            tokio::spawn(async move {
                let before = member.name.last_known();
                member.name.refresh(now).await;
                member.asked.store(false, Ordering::Release);
                if member.name.last_known() == before {
                    group.changed.notify_one();
                } else {
                    group.call_the_roll(None, clock());
                }
            });
        }
        None
    }

    fn check_all(self: &Arc<Self>, by: &HealthCheck, now: Instant) -> Option<Instant> {
        let roster = self.roster.load();
        let mut next: Option<Instant> = None;
        for slot in roster.slots.iter().filter(|slot| slot.standing == Standing::Held) {
            match slot.target.begin_check(now) {
                Due::Now => {
                    let (group, target, by) = (self.clone(), slot.target.clone(), by.clone());
                    tokio::spawn(async move { group.check(&target, &by, now).await });
                }
                Due::At(at) => next = Some(next.map_or(at, |next| next.min(at))),
                Due::Never => {}
            }
        }
        next
    }

    async fn check(&self, target: &Target, by: &HealthCheck, began: Instant) {
        let address = target.address();
        let checked = self.ask(address, target.name(), by).await;
        let now = clock();
        let spread = rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER);
        // Never two at a time: the next one is counted from the end of this if that took long.
        let next = (began + by.interval.mul_f64(spread)).max(now);
        match checked {
            // The app was replaced meanwhile: what the old one said says nothing of the new one.
            _ if target.end_check(next, now) == Finding::Outdated => {}
            Ok(()) => {
                self.happened(target, Event::Passed, Reason::Passing, now);
                self.pardon(target, now);
            }
            Err(failure) => {
                target.tally.check_failed();
                tracing::debug!(origin = self.name, address = %address, "{failure}");
                self.happened(target, Event::Failed, Reason::Check(failure), now);
            }
        }
        self.changed.notify_one();
    }

    /// Ends the draining of what has nothing in flight any more, or has had its time, and forgets who
    /// left; says when the next one has had its time.
    fn finish_drained(&self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let mut gone = false;
        // What begins to drain from here on says so again.
        self.drains.store(false, Ordering::Release);
        for slot in &self.roster.load().slots {
            let (target, condition) = (&slot.target, slot.target.condition(now));
            if condition.state == Health::Draining {
                let over = condition.since + self.settings.deregistration_delay;
                if target.in_flight() == 0 || over <= now {
                    self.happened(target, Event::Finished, Reason::NotInUse, now);
                } else {
                    self.drains.store(true, Ordering::Release);
                    next = Some(next.map_or(over, |next| next.min(over)));
                }
            }
            if slot.standing == Standing::Leaving {
                gone |= target.in_flight() == 0;
                self.drains.store(true, Ordering::Release);
            }
        }
        if gone {
            self.call_the_roll(None, now);
        }
        next
    }
}

/// Tokio's, so that tests can pass the time.
fn clock() -> Instant {
    tokio::time::Instant::now().into_std()
}
