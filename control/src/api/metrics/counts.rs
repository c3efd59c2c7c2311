//! What the control API counts as it happens.

use prometheus::{IntCounterVec, Opts, Registry};
use warmfront_config::Config;
use warmfront_store::Counted;

/// What the control API counts as it happens.
pub(in crate::api) struct Counts {
    invalidated: IntCounterVec,
    matched: IntCounterVec,
    not_recorded: IntCounterVec,
    refused: IntCounterVec,
}

/// Why a request was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Refused {
    /// Its key did not prove itself.
    Unproven,
    /// Too many wrong keys came from where it came from.
    Guesser,
    /// Its key may not do what it asked for.
    Denied,
}

// === impl Counts ===

impl Counts {
    pub(super) fn register(
        config: &Config,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let counter = |name, help, label| {
            let counter = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let counts = Self {
            invalidated: counter(
                "warmfront_invalidations_total",
                "Invalidations recorded",
                "site",
            )?,
            matched: counter(
                "warmfront_invalidated_responses_total",
                "Stored responses that invalidations took out of service or marked stale",
                "site",
            )?,
            not_recorded: counter(
                "warmfront_invalidation_failures_total",
                "Invalidations that were refused because they could not be recorded",
                "site",
            )?,
            refused: counter(
                "warmfront_control_refusals_total",
                "Requests to the control API that were refused for their key",
                "reason",
            )?,
        };
        // A rate can only be told from a counter that was seen at 0.
        for site in &config.sites {
            for counter in [&counts.invalidated, &counts.matched, &counts.not_recorded] {
                counter.with_label_values(&[&site.name]).reset();
            }
        }
        for reason in [Refused::Unproven, Refused::Guesser, Refused::Denied] {
            counts.refused.with_label_values(&[reason.as_str()]).reset();
        }
        Ok(counts)
    }

    pub(in crate::api) fn invalidated(&self, site: &str, counted: Counted) {
        self.invalidated.with_label_values(&[site]).inc();
        self.matched.with_label_values(&[site]).inc_by(counted.matched);
    }

    pub(in crate::api) fn not_recorded(&self, site: &str) {
        self.not_recorded.with_label_values(&[site]).inc();
    }

    pub(in crate::api) fn refused(&self, reason: Refused) {
        self.refused.with_label_values(&[reason.as_str()]).inc();
    }
}

// === impl Refused ===

impl Refused {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Guesser => "guesser",
            Self::Denied => "denied",
        }
    }
}
