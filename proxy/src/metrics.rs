//! What Prometheus is told of the data plane. Labels are names from the configuration, never what a
//! client sent.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};
use warmfront_semantics::cache_status::Lookup;

use crate::listen::connection::Crowded;

/// Hits take microseconds in here, origins up to their timeout.
const DURATION_BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The data plane's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: IntCounterVec,
    bytes: IntCounterVec,
    duration: HistogramVec,
    refused: IntCounterVec,
    handshakes: IntCounterVec,
    open: IntGauge,
    dropped_lines: prometheus::IntCounter,
}

/// One request, as it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample<'a> {
    pub(crate) site: &'a str,
    pub(crate) behavior: &'a str,
    pub(crate) lookup: Lookup,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) duration: Duration,
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let requests = counter(
            "warmfront_requests_total",
            "Requests that were answered.",
            &["site", "behavior", "cache", "status"],
        )?;
        let bytes = counter(
            "warmfront_response_bytes_total",
            "Bytes of response bodies.",
            &["site", "behavior"],
        )?;
        let refused = counter(
            "warmfront_connections_refused_total",
            "Connections closed as soon as they were accepted, by the limit they met.",
            &["limit"],
        )?;
        let handshakes = counter(
            "warmfront_tls_handshake_failures_total",
            "TLS handshakes that came to nothing.",
            &["reason"],
        )?;
        let options = HistogramOpts::new(
            "warmfront_request_duration_seconds",
            "From a request's head to the last byte of its response.",
        );
        let duration =
            HistogramVec::new(options.buckets(DURATION_BUCKETS.to_vec()), &["site", "cache"])?;
        registry.register(Box::new(duration.clone()))?;
        let open = IntGauge::new("warmfront_connections", "Open client connections.")?;
        registry.register(Box::new(open.clone()))?;
        let dropped_lines = prometheus::IntCounter::new(
            "warmfront_access_log_dropped_total",
            "Access log lines that were dropped because the log could not be written fast enough.",
        )?;
        registry.register(Box::new(dropped_lines.clone()))?;
        Ok(Self { requests, bytes, duration, refused, handshakes, open, dropped_lines })
    }

    /// The gauge of open connections: whoever counts them keeps it true.
    pub(crate) fn open_connections(&self) -> IntGauge {
        self.open.clone()
    }

    pub(crate) fn request(&self, sample: &Sample<'_>) {
        let Sample { site, behavior, lookup, status, bytes, duration } = *sample;
        let mut digits = [0; 3];
        let status = status_label(status, &mut digits);
        self.requests.with_label_values(&[site, behavior, lookup.as_str(), status]).inc();
        self.bytes.with_label_values(&[site, behavior]).inc_by(bytes);
        self.duration.with_label_values(&[site, lookup.as_str()]).observe(duration.as_secs_f64());
    }

    pub(crate) fn connection_refused(&self, crowded: Crowded) {
        let limit = match crowded {
            Crowded::Node => "connections",
            Crowded::Client => "connections_per_client",
        };
        self.refused.with_label_values(&[limit]).inc();
    }

    pub(crate) fn handshake_failed(&self, reason: &'static str) {
        self.handshakes.with_label_values(&[reason]).inc();
    }

    pub(crate) fn line_dropped(&self) {
        self.dropped_lines.inc();
    }
}

/// Three digits without an allocation.
fn status_label(status: u16, digits: &mut [u8; 3]) -> &str {
    for (digit, unit) in digits.iter_mut().zip([100, 10, 1]) {
        *digit = b'0' + u8::try_from(status / unit % 10).unwrap_or_default();
    }
    std::str::from_utf8(digits).unwrap_or("000")
}
