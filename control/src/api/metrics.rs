//! `GET /metrics`, and the metrics that the control plane knows.

mod certificates;
mod counts;
mod targets;

use std::sync::Arc;

use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGauge, IntGaugeVec, Opts, TEXT_FORMAT, TextEncoder};
use warmfront_config::Action;
use warmfront_store::Store;

use super::access::Asked;
use super::problem::Problem;
use super::{Node, Reach, Setup, blocking, groups};
use certificates::CertificateCollector;
pub(super) use counts::{Counts, Refused};
use targets::TargetCollector;

/// Registers the control plane's own metrics; returns those that are counted here.
pub(super) fn register(setup: &Setup) -> Result<Counts, prometheus::Error> {
    let build = Opts::new("warmfront_build_info", "1, with the version that runs as a label");
    let build = IntGaugeVec::new(build, &["version"])?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    setup.registry.register(Box::new(build))?;

    let store = StoreCollector::new(setup.store.clone())?;
    setup.registry.register(Box::new(store))?;

    let groups = groups(&setup.origins).cloned().collect();
    setup.registry.register(Box::new(TargetCollector::new(groups)?))?;

    let (certificates, orders) = (setup.certificates.clone(), setup.orders.clone());
    let counted = orders.as_ref().map(|orders| orders.collectors());
    for collector in counted.into_iter().flatten() {
        setup.registry.register(collector)?;
    }
    let certificates =
        CertificateCollector::new(setup.config.clone(), certificates, orders, setup.clock)?;
    setup.registry.register(Box::new(certificates))?;

    Counts::register(&setup.config, &setup.registry)
}

/// Without a key only where no other machine can ask.
pub(super) async fn show(
    State(node): State<Arc<Node>>,
    request: Request,
) -> Result<Response, Problem> {
    if node.reach() == Reach::Network {
        let asked = Asked::from_request(request, &node).await?;
        asked.access().may(Action::Read, None, &[])?;
    }
    blocking(move || {
        let text = TextEncoder::new().encode_to_string(&node.registry.gather());
        let text = text
            .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
    })
    .await
}

/// Asks the store when the metrics are asked for.
struct StoreCollector {
    store: Arc<Store>,
    objects: IntGauge,
    bytes: IntGauge,
}

// === impl StoreCollector ===

impl StoreCollector {
    fn new(store: Arc<Store>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            store,
            objects: IntGauge::new(
                "warmfront_store_objects",
                "Stored responses, variants counted one by one",
            )?,
            bytes: IntGauge::new(
                "warmfront_store_bytes",
                "Bytes that stored responses hold, headers and bookkeeping included",
            )?,
        })
    }
}

impl Collector for StoreCollector {
    fn desc(&self) -> Vec<&Desc> {
        [self.objects.desc(), self.bytes.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let stats = self.store.stats();
        self.objects.set(i64::try_from(stats.objects).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(stats.bytes).unwrap_or(i64::MAX));
        [self.objects.collect(), self.bytes.collect()].concat()
    }
}
