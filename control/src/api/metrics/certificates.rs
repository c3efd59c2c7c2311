//! What `/metrics` says of certificates.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};
use warmfront_certs::{Certificates, Source};
use warmfront_config::{Config, Site};

use crate::certificates::Orders;

/// Asks when the metrics are asked for: what is told is what is served.
pub(super) struct CertificateCollector {
    config: Arc<Config>,
    certificates: Arc<Certificates>,
    orders: Option<Arc<Orders>>,
    clock: fn() -> SystemTime,
    descriptions: Vec<Desc>,
    /// Emptied and filled again by each who asks, one at a time.
    series: Mutex<Series>,
}

struct Series {
    not_after: IntGaugeVec,
    next_renewal: IntGaugeVec,
}

// === impl CertificateCollector ===

impl CertificateCollector {
    pub(super) fn new(
        config: Arc<Config>,
        certificates: Arc<Certificates>,
        orders: Option<Arc<Orders>>,
        clock: fn() -> SystemTime,
    ) -> Result<Self, prometheus::Error> {
        let gauge = |name, help| IntGaugeVec::new(Opts::new(name, help), &["site"]);
        let series = Series {
            not_after: gauge(
                "warmfront_certificate_not_after_seconds",
                "When the first of the certificates that a site is shown with ends, as a Unix time",
            )?,
            next_renewal: gauge(
                "warmfront_certificate_next_renewal_seconds",
                "When a site's certificate is to be renewed, as a Unix time",
            )?,
        };
        let descriptions = [series.not_after.desc(), series.next_renewal.desc()].concat();
        let descriptions = descriptions.into_iter().cloned().collect();
        let series = Mutex::new(series);
        Ok(Self { config, certificates, orders, clock, descriptions, series })
    }

    /// A stand-in is nothing that a client would take.
    fn not_after(&self, site: &Site) -> Option<SystemTime> {
        let shown = site.hosts.iter().filter_map(|host| self.certificates.speaks_for(host));
        let shown = shown.filter(|presented| presented.source != Source::StandIn);
        shown.map(|presented| presented.certificate.not_after()).min()
    }
}

impl Collector for CertificateCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let series = self.series.lock();
        series.not_after.reset();
        series.next_renewal.reset();
        for site in &self.config.sites {
            if let Some(at) = self.not_after(site) {
                series.not_after.with_label_values(&[&site.name]).set(seconds(at));
            }
        }
        let now = (self.clock)();
        let standings = self.orders.as_ref().map_or_else(Vec::new, |it| it.standings(now));
        for standing in standings {
            if let Some(at) = standing.next_renewal {
                series.next_renewal.with_label_values(&[&standing.site]).set(seconds(at));
            }
        }
        [series.not_after.collect(), series.next_renewal.collect()].concat()
    }
}

fn seconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
