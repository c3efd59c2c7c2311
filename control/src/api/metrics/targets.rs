//! What `/metrics` says of targets.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{IntCounterVec, IntGaugeVec, Opts};
use warmfront_origin::{Health, LATENCY_BOUNDS, Latency, Target, TargetGroup};

use crate::api::instant;

const DURATION: [&str; 2] = [
    "warmfront_target_duration_seconds",
    "From the request to the head of the target's answer, over all answers",
];

/// Asks the target groups when the metrics are asked for, so that what is told of a target goes
/// with it: the labels are bounded by what is registered.
pub(super) struct TargetCollector {
    groups: Vec<Arc<TargetGroup>>,
    descriptions: Vec<Desc>,
    /// Emptied and filled again by each who asks, one at a time.
    series: Mutex<Series>,
}

struct Series {
    healthy: IntGaugeVec,
    in_flight: IntGaugeVec,
    requests: IntCounterVec,
    ejections: IntCounterVec,
    retries: IntCounterVec,
    failed_checks: IntCounterVec,
    waiting: IntGaugeVec,
}

/// By origin and address. While an address changes names, it is two targets for a time.
type Durations = BTreeMap<(String, SocketAddr), Latency>;

// === impl TargetCollector ===

impl TargetCollector {
    pub(super) fn new(groups: Vec<Arc<TargetGroup>>) -> Result<Self, prometheus::Error> {
        let series = Series::new()?;
        let [name, help] = DURATION.map(str::to_owned);
        let labels = ["origin", "target"].map(str::to_owned).to_vec();
        let duration = Desc::new(name, help, labels, HashMap::new())?;
        let mut descriptions: Vec<Desc> =
            series.all().into_iter().flat_map(Collector::desc).cloned().collect();
        descriptions.push(duration);
        Ok(Self { groups, descriptions, series: Mutex::new(series) })
    }
}

impl Collector for TargetCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = instant();
        let series = self.series.lock();
        series.clear();
        let mut durations = Durations::new();
        for group in &self.groups {
            series.waiting.with_label_values(&[group.name()]).set(group.waiting().into());
            for status in group.targets() {
                series.add(group.name(), &status.target, now);
                add(&mut durations, group.name(), &status.target);
            }
        }
        let mut families: Vec<MetricFamily> =
            series.all().into_iter().flat_map(Collector::collect).collect();
        families.push(family(durations));
        families
    }
}

// === impl Series ===

impl Series {
    fn new() -> Result<Self, prometheus::Error> {
        let target = ["origin", "target"];
        let gauge = |name, help, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let counter =
            |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        Ok(Self {
            healthy: gauge(
                "warmfront_target_healthy",
                "1 for a target that is healthy and not ejected",
                &target,
            )?,
            in_flight: gauge(
                "warmfront_target_in_flight",
                "Requests that a target was sent and has not answered to the end",
                &target,
            )?,
            requests: counter(
                "warmfront_target_requests_total",
                "Requests by how they ended: the class of the status, unreachable or broken",
                &["origin", "target", "outcome"],
            )?,
            ejections: counter(
                "warmfront_target_ejections_total",
                "Times that a target was passed over because requests to it failed",
                &target,
            )?,
            retries: counter(
                "warmfront_target_retries_total",
                "Requests that were sent once more because this target failed",
                &target,
            )?,
            failed_checks: counter(
                "warmfront_target_failed_checks_total",
                "Health checks that failed",
                &target,
            )?,
            waiting: gauge(
                "warmfront_target_waiting",
                "Requests that wait until a target has room for them",
                &["origin"],
            )?,
        })
    }

    fn all(&self) -> [&dyn Collector; 7] {
        [
            &self.healthy,
            &self.in_flight,
            &self.requests,
            &self.ejections,
            &self.retries,
            &self.failed_checks,
            &self.waiting,
        ]
    }

    fn clear(&self) {
        for gauge in [&self.healthy, &self.in_flight, &self.waiting] {
            gauge.reset();
        }
        for counter in [&self.requests, &self.ejections, &self.retries, &self.failed_checks] {
            counter.reset();
        }
    }

    fn add(&self, origin: &str, target: &Target, now: Instant) {
        let address = target.address().to_string();
        let labels = [origin, address.as_str()];
        let is_healthy = matches!(target.condition(now).state, Health::Healthy { .. });
        let healthy = self.healthy.with_label_values(&labels);
        healthy.set(healthy.get().max(is_healthy.into()));
        self.in_flight.with_label_values(&labels).add(target.in_flight().into());
        self.ejections.with_label_values(&labels).inc_by(target.ejections());
        let tally = target.tally();
        self.retries.with_label_values(&labels).inc_by(tally.retried());
        self.failed_checks.with_label_values(&labels).inc_by(tally.failed_checks());
        for ended in tally.ended() {
            let labels = [origin, address.as_str(), ended.how];
            self.requests.with_label_values(&labels).inc_by(ended.count);
        }
    }
}

fn add(durations: &mut Durations, origin: &str, target: &Target) {
    let latency = target.tally().latency();
    durations
        .entry((origin.to_owned(), target.address()))
        .and_modify(|known| {
            known.within.iter_mut().zip(&latency.within).for_each(|(known, more)| *known += more);
            known.count += latency.count;
            known.sum += latency.sum;
        })
        .or_insert(latency);
}

/// By hand: a histogram of the library can only be observed into.
fn family(durations: Durations) -> MetricFamily {
    let metrics = durations.into_iter().map(|((origin, address), latency)| {
        let labels = vec![label("origin", &origin), label("target", &address.to_string())];
        let mut metric = Metric::from_label(labels);
        metric.set_histogram(histogram(&latency));
        metric
    });
    let [name, help] = DURATION;
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(MetricType::HISTOGRAM);
    family.set_metric(metrics.collect());
    family
}

fn histogram(latency: &Latency) -> Histogram {
    let buckets = LATENCY_BOUNDS.iter().zip(&latency.within).map(|(bound, within)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*within);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(latency.count);
    histogram.set_sample_sum(latency.sum);
    histogram
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}
