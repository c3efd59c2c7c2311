//! The health state of a target, as an Application Load Balancer has it: a pure machine that takes
//! events, and the reasons that people are told.

use std::fmt;
use std::time::Duration;

use thiserror::Error;
use warmfront_config::HealthCheck;

use crate::ejection::Grounds;

/// Whether a target is asked, as the active checks and the people in charge have it.
///
/// ```text
/// Initial            ── one check passed ───────────────▶ Healthy
/// Initial, Healthy   ── `unhealthy` failed in a row ────▶ Unhealthy
/// Unhealthy          ── `healthy` passed in a row ──────▶ Healthy
/// any of these       ── deregistered ───────────────────▶ Draining
/// Draining           ── finished ───────────────────────▶ Unused
/// Draining, Unused   ── registered ─────────────────────▶ as a new one
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// New: no check has passed, and not enough have failed. Asked only if no target is healthy.
    Initial {
        /// Checks that failed, in a row.
        failed: u32,
    },
    /// Asked.
    Healthy {
        /// Checks that failed, in a row.
        failed: u32,
    },
    /// Not asked, unless all are unhealthy.
    Unhealthy {
        /// Checks that passed, in a row.
        passed: u32,
    },
    /// Gets nothing new; what is in flight may finish.
    Draining,
    /// Out of use, with nothing in flight.
    Unused,
}

/// What happens to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A check passed.
    Passed,
    /// A check failed.
    Failed,
    /// It was registered, or registered again.
    Registered,
    /// It was deregistered, or drained by hand.
    Deregistered,
    /// Nothing is in flight any more, or the deregistration delay is over.
    Finished,
}

/// How many checks in a row change a target's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thresholds {
    /// Passed ones, for an unhealthy target.
    pub(crate) healthy: u32,
    /// Failed ones, for any other.
    pub(crate) unhealthy: u32,
}

/// What a check failed with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CheckFailure {
    /// The time that the whole check may take was over.
    #[error("the check had no answer within {0:?}")]
    Timeout(Duration),
    /// No connection, and why.
    #[error("no connection: {0}")]
    Connect(String),
    /// The handshake failed, or the certificate is not believed, and why.
    #[error("no TLS: {0}")]
    Tls(String),
    /// An HTTP status that does not pass.
    #[error("the check was answered with status {0}")]
    Status(u16),
    /// A gRPC status that does not pass.
    #[error("the check was answered with gRPC status {0}")]
    Grpc(i32),
    /// What the gRPC health service said instead of `SERVING`.
    #[error("the check was answered with {0}, not SERVING")]
    NotServing(String),
    /// The connection ended, or what came is no answer, and why.
    #[error("the answer to the check was broken: {0}")]
    Broken(String),
}

/// Why a target is in the state it is in; displayed as one short sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No check has passed yet.
    Registering,
    /// There are no checks, so it counts as healthy.
    Unchecked,
    /// Checks pass.
    Passing,
    /// A check failed.
    Check(CheckFailure),
    /// Requests to it failed.
    Ejected(Grounds),
    /// It was ejected, and a request or a check has shown it well.
    Returned,
    /// Somebody deregistered it.
    Deregistered {
        /// The name of the key that was used.
        by: String,
    },
    /// Somebody drained it, and it stays in the list.
    Drained {
        /// The name of the key that was used.
        by: String,
    },
    /// The name that it was found by has other addresses now.
    Renamed,
    /// It was drained, and that has come to its end.
    NotInUse,
}

// === impl Health ===

impl Health {
    /// What a new target begins as. `thresholds` is `None` where there are no checks.
    pub(crate) fn first(thresholds: Option<Thresholds>) -> Self {
        match thresholds {
            Some(_) => Self::Initial { failed: 0 },
            None => Self::Healthy { failed: 0 },
        }
    }

    /// What becomes of it. Without `thresholds` a check's result is one that came late, after the
    /// checks were configured away, and changes nothing.
    pub(crate) fn after(self, event: Event, thresholds: Option<Thresholds>) -> Self {
        match (event, self) {
            (Event::Passed, _) => thresholds.map_or(self, |thresholds| self.passed(thresholds)),
            (Event::Failed, _) => thresholds.map_or(self, |thresholds| self.failed(thresholds)),
            (Event::Registered, Self::Draining | Self::Unused) => Self::first(thresholds),
            (Event::Deregistered, Self::Unused) | (Event::Finished, Self::Draining) => Self::Unused,
            (Event::Deregistered, _) => Self::Draining,
            (Event::Registered | Event::Finished, _) => self,
        }
    }

    /// Its name in the API, in logs and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial { .. } => "initial",
            Self::Healthy { .. } => "healthy",
            Self::Unhealthy { .. } => "unhealthy",
            Self::Draining => "draining",
            Self::Unused => "unused",
        }
    }

    fn passed(self, thresholds: Thresholds) -> Self {
        match self {
            // One is enough for a new target: a deployment should not wait for five intervals.
            Self::Initial { .. } | Self::Healthy { .. } => Self::Healthy { failed: 0 },
            Self::Unhealthy { passed } => match passed.saturating_add(1) {
                passed if passed >= thresholds.healthy => Self::Healthy { failed: 0 },
                passed => Self::Unhealthy { passed },
            },
            Self::Draining | Self::Unused => self,
        }
    }

    fn failed(self, thresholds: Thresholds) -> Self {
        let is_enough = |failed| failed >= thresholds.unhealthy;
        match self {
            Self::Initial { failed } => match failed.saturating_add(1) {
                failed if is_enough(failed) => Self::Unhealthy { passed: 0 },
                failed => Self::Initial { failed },
            },
            Self::Healthy { failed } => match failed.saturating_add(1) {
                failed if is_enough(failed) => Self::Unhealthy { passed: 0 },
                failed => Self::Healthy { failed },
            },
            Self::Unhealthy { .. } => Self::Unhealthy { passed: 0 },
            Self::Draining | Self::Unused => self,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

// === impl Thresholds ===

impl From<&HealthCheck> for Thresholds {
    fn from(check: &HealthCheck) -> Self {
        Self { healthy: check.healthy, unhealthy: check.unhealthy }
    }
}

// === impl Reason ===

impl Reason {
    /// Why a new target is in the state it begins in.
    pub(crate) fn first(thresholds: Option<Thresholds>) -> Self {
        match thresholds {
            Some(_) => Self::Registering,
            None => Self::Unchecked,
        }
    }

    /// The code that an Application Load Balancer has for it, if it has one.
    pub(crate) fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::Registering => "Elb.InitialHealthChecking",
            Self::Unchecked => "Target.HealthCheckDisabled",
            Self::Check(failure) => failure.code(),
            Self::Deregistered { .. } | Self::Drained { .. } | Self::Renamed => {
                "Target.DeregistrationInProgress"
            }
            Self::NotInUse => "Target.NotInUse",
            Self::Passing | Self::Ejected(_) | Self::Returned => return None,
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registering => "no check has passed yet",
            Self::Unchecked => "health checks are not configured",
            Self::Passing => "checks pass",
            Self::Returned => "well again after it was ejected",
            Self::Check(failure) => return failure.fmt(f),
            Self::Ejected(grounds) => return grounds.fmt(f),
            Self::Deregistered { by } => return write!(f, "deregistered by {by}"),
            Self::Drained { by } => return write!(f, "drained by {by}"),
            Self::Renamed => "its name has other addresses now",
            Self::NotInUse => "drained, and not in use",
        })
    }
}

// === impl CheckFailure ===

impl CheckFailure {
    fn code(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "Target.Timeout",
            Self::Status(_) | Self::Grpc(_) | Self::NotServing(_) => "Target.ResponseCodeMismatch",
            Self::Connect(_) | Self::Tls(_) | Self::Broken(_) => "Target.FailedHealthChecks",
        }
    }
}

#[cfg(test)]
mod tests;
