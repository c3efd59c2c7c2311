//! A request's hold on a target, for as long as it is in flight.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};
use warmfront_config::TargetName;

use crate::ejection::{Outcome, Standing, Trial};
use crate::stickiness::Channel;
use crate::target::Target;
use crate::target_group::TargetGroup;

/// The longest that an idle connection is kept. nginx closes its own after 75 s, and does not say so.
const IDLE_MAX: Duration = Duration::from_mins(1);
/// So long before the server closes an idle connection it is not used any more.
const IDLE_MARGIN: Duration = Duration::from_secs(1);

/// A request's hold on a target: while it lives, the request counts as in flight there.
#[derive(Debug)]
pub struct Lease {
    group: Arc<TargetGroup>,
    target: Arc<Target>,
    began: Instant,
    /// Whether the target returns is decided by what comes of this request.
    trial: Option<Trial>,
    bond: Bond,
}

/// Whether the client's cookie led to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bond {
    /// It did, or it had none.
    Kept,
    /// It named another one, which cannot be had.
    Broken,
}

/// How a request failed that a target did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There was no connection.
    Unreachable,
    /// There was one, and no answer or not all of it.
    Broken,
}

// === impl Lease ===

impl Lease {
    /// Called by whoever holds the turn of the group.
    pub(crate) fn new(
        group: Arc<TargetGroup>,
        target: Arc<Target>,
        standing: Standing,
        bond: Bond,
        now: Instant,
    ) -> Self {
        let trial = target.begin(standing, now);
        Self { group, target, began: now, trial, bond }
    }

    /// Where to connect.
    pub fn address(&self) -> SocketAddr {
        self.target.address()
    }

    /// The target's name, as registered.
    pub fn name(&self) -> &TargetName {
        self.target.name()
    }

    /// The group that the target is of.
    pub fn group(&self) -> &Arc<TargetGroup> {
        &self.group
    }

    /// For how long an idle connection is kept for the next request: not until the server closes it,
    /// which a request on its way would meet.
    pub fn idle(&self) -> Duration {
        let Some(kept) = self.target.keep_alive() else { return IDLE_MAX };
        let margin = IDLE_MARGIN.min(kept / 2);
        IDLE_MAX.min(kept.saturating_sub(margin))
    }

    /// The head of the target's answer is there.
    pub fn answered(&mut self, status: StatusCode, fields: &HeaderMap, now: Instant) {
        let took = now.saturating_duration_since(self.began);
        self.target.tally.answered(status, took);
        if let Some(seconds) = keep_alive(fields) {
            self.target.says_keep_alive(seconds);
        }
        if status.is_server_error() {
            self.record(Outcome::Failed, now);
        } else {
            self.target.took(took, now);
            self.record(Outcome::Answered, now);
        }
    }

    /// There is no answer, or it broke off.
    pub fn failed(&mut self, failure: Failure, now: Instant) {
        let outcome = match failure {
            Failure::Unreachable => {
                self.target.tally.unreachable();
                Outcome::Unreachable
            }
            Failure::Broken => {
                self.target.tally.broken();
                Outcome::Failed
            }
        };
        self.record(outcome, now);
    }

    /// The request is sent once more because this target failed.
    pub fn retried(&self) {
        self.target.tally.retry();
    }

    /// The Set-Cookie field by which the client stays with this target, if its group has such.
    pub fn cookie(
        &self,
        response: &HeaderMap,
        channel: Channel,
        now: SystemTime,
    ) -> Option<HeaderValue> {
        let (cookies, tag) = (self.group.cookies()?, self.target.tag()?);
        match self.bond {
            Bond::Kept => cookies.write(tag, response, channel, now),
            // The app that shares its sessions has no reason to set its own cookie once more.
            Bond::Broken => cookies.issue(tag, channel, now),
        }
    }

    fn record(&mut self, outcome: Outcome, now: Instant) {
        self.group.record(&self.target, outcome, self.trial.take(), now);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(trial) = self.trial.take() {
            self.target.abandon_trial(trial);
        }
        let left = self.target.end();
        self.group.freed(left);
    }
}

/// `Keep-Alive: timeout=5`: what many servers say of their idle connections.
fn keep_alive(fields: &HeaderMap) -> Option<u64> {
    let field = fields.get("keep-alive")?.to_str().ok()?;
    let mut parameters = field.split(',').filter_map(|parameter| parameter.split_once('='));
    let (_, seconds) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"))?;
    seconds.trim().parse().ok()
}
