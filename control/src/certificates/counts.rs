//! What is counted of orders.

use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::{IntCounterVec, Opts};
use warmfront_config::Site;

use super::journal::Attempt;
use super::journal::Outcome;

/// Counters since the node started.
pub(crate) struct Counts {
    failures: IntCounterVec,
    orders: IntCounterVec,
}

// === impl Counts ===

impl Counts {
    pub(crate) fn new(sites: &[Arc<Site>]) -> Result<Self, prometheus::Error> {
        let failures = Opts::new(
            "warmfront_certificate_failures_total",
            "Attempts to get a certificate that failed",
        );
        let failures = IntCounterVec::new(failures, &["site"])?;
        // A rate can only be told from a counter that was seen at 0.
        for site in sites.iter().filter(|site| site.issuance.is_some()) {
            failures.with_label_values(&[&site.name]).reset();
        }
        let orders = Opts::new(
            "warmfront_certificate_orders_total",
            "Attempts to get a certificate by how they ended: issued, or by whose doing not",
        );
        let orders = IntCounterVec::new(orders, &["site", "authority", "outcome"])?;
        Ok(Self { failures, orders })
    }

    pub(crate) fn count(&self, site: &str, attempt: &Attempt) {
        if attempt.outcome != Outcome::Issued {
            self.failures.with_label_values(&[site]).inc();
        }
        let labels = [site, attempt.authority.as_str(), attempt.outcome.as_str()];
        self.orders.with_label_values(&labels).inc();
    }

    /// For a registry: clones share what is counted.
    pub(crate) fn collectors(&self) -> [Box<dyn Collector>; 2] {
        [Box::new(self.failures.clone()), Box::new(self.orders.clone())]
    }
}
