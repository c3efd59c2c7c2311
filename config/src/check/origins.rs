//! `[origins.NAME]`: a bucket, a target group, or two of them of which one stands in.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;

pub(crate) use super::target_group::{ATTEMPTS, permit_to_targets};
use super::{check_name, s3, target_group};
use crate::model::{Config, Failover, Origin, OriginKind};
use crate::raw::{Section, Value};

/// All origins by name; `None` is one that is there but could not be read.
pub(super) struct Origins(BTreeMap<String, Option<Arc<Origin>>>);

impl Origins {
    /// Reads `[origins]`. Failovers name other origins, so they are read behind those.
    pub(super) fn read(root: &Section<'_>) -> Self {
        let written = root.named("origins").unwrap_or_default();
        let (failovers, plain): (Vec<_>, Vec<_>) =
            written.into_iter().partition(|(_, value)| is_failover(value));
        let mut origins = Self(BTreeMap::new());
        for (name, value) in &plain {
            check_name(name, value);
            origins.add(name, value.section(kind));
        }
        let aside: Vec<&str> = failovers.iter().map(|(name, _)| *name).collect();
        for (name, value) in &failovers {
            check_name(name, value);
            let failover = value.section(|section| origins.failover(section, &aside));
            origins.add(name, failover.map(OriginKind::Failover));
        }
        origins
    }

    /// Those of a configuration that was read before.
    pub(super) fn of(config: &Config) -> Self {
        let known = config.origins.iter();
        Self(known.map(|(name, origin)| (name.clone(), Some(origin.clone()))).collect())
    }

    fn add(&mut self, name: &str, kind: Option<OriginKind>) {
        let origin = kind.map(|kind| Arc::new(Origin { name: name.to_owned(), kind }));
        self.0.insert(name.to_owned(), origin);
    }

    /// The origin that `value` names. A name that is nobody's is reported.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<Arc<Origin>> {
        let name = value.text()?;
        if let Some(origin) = self.0.get(&name) {
            return origin.clone();
        }
        let message = format!("there is no origin `{name}`");
        value.unknown(message, &name, self.0.keys().map(String::as_str));
        None
    }

    /// The origins that could be read.
    pub(super) fn proven(self) -> BTreeMap<String, Arc<Origin>> {
        self.0.into_iter().filter_map(|(name, origin)| Some((name, origin?))).collect()
    }

    fn failover(&self, section: &Section<'_>, failovers: &[&str]) -> Option<Failover> {
        let foreign = target_group::KEYS.iter().chain(&["s3"]);
        for value in foreign.filter_map(|key| section.get(key)) {
            value.problem("cannot stand beside `primary`: a failover has no addresses of its own");
        }
        let member = |value: &Value<'_>| {
            let name = value.text()?;
            if failovers.contains(&name.as_str()) {
                value.problem("is a failover itself: name a bucket or a target group");
                return None;
            }
            self.find(value)
        };
        let primary = section.need("primary").and_then(|value| member(&value));
        let secondary = section.need("secondary").and_then(|value| {
            let origin = member(&value)?;
            if primary.as_ref().is_some_and(|primary| primary.name == origin.name) {
                value.problem("is the primary too: another origin has to stand in for it");
            }
            Some(origin)
        });
        let on = section.or("on", FAILING.to_vec(), |value| failing(value));
        Some(Failover { primary: primary?, secondary: secondary?, on })
    }
}

/// What stands behind an origin, or behind the one that is asked first.
pub(super) fn first_asked(origin: &Origin) -> &OriginKind {
    match &origin.kind {
        OriginKind::Failover(failover) => &failover.primary.kind,
        kind => kind,
    }
}

fn kind(section: &Section<'_>) -> Option<OriginKind> {
    if let Some(value) = section.get("on") {
        value.problem("stands only beside `primary` and `secondary`");
    }
    let Some(bucket) = section.get("s3") else {
        if section.get("targets").is_none() {
            miss_everything(section);
        }
        return target_group::target_group(section).map(Box::new).map(OriginKind::TargetGroup);
    };
    let foreign = target_group::KEYS.iter().filter(|key| **key != "headers");
    for value in foreign.filter_map(|key| section.get(key)) {
        value.problem("cannot stand beside `s3`: an origin is a bucket or a target group");
    }
    let headers = section.or("headers", Vec::new(), s3::headers);
    bucket.section(|section| s3::bucket(section, headers)).map(OriginKind::S3)
}

fn miss_everything(section: &Section<'_>) {
    let wanted = ["s3", "targets", "primary", "secondary"];
    // To have them among the words that a misspelled one is like.
    for key in ["primary", "secondary"] {
        section.get(key);
    }
    let message = "an origin needs `s3 = { … }`, `targets = [ … ]`, or `primary` and `secondary`";
    section.miss(&wanted, None, message);
}

// === failovers ===

/// The origin's own failures; what a client asked wrongly, another origin would not answer either.
const FAILING: [StatusCode; 4] = [
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

fn is_failover(value: &Value<'_>) -> bool {
    value.has("primary") || value.has("secondary")
}

fn failing(value: &Value<'_>) -> Option<Vec<StatusCode>> {
    let statuses = value.distinct(super::error_pages::error_status)?;
    if statuses.is_empty() {
        value.problem("names no status: 400 to 599");
    }
    Some(statuses)
}
