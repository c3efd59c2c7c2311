//! Asks the edge for one URL after the other, and the origin at the pace of all prefetches.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::{IntCounterVec, Opts, Registry};
use tokio::time::{Instant, sleep_until};
use warmfront_config::Config;
use warmfront_semantics::errand::{Answer, Body, Cached, Fetch, Fetched, Form};

use super::front::{Entrance, Resource};
use super::pace::Pace;
use crate::data_plane::DataPlane;

/// `outcome` of `warmfront_prefetch_requests_total`.
const OUTCOMES: [&str; 4] = ["stored", "hit", "not_stored", "failed"];

/// What all jobs share.
pub(super) struct Fetcher {
    data_plane: Arc<dyn DataPlane>,
    pace: Mutex<Pace>,
    requests: IntCounterVec,
}

/// What came of one URL, in every form of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Visit {
    /// It is stored.
    Kept,
    /// It was answered, and is not stored: it is for one client, or the edge's own.
    NotKept,
    /// Why there is no good answer: the end of a sentence.
    Failed(String),
}

// === impl Fetcher ===

impl Fetcher {
    /// Fails if the registry has its metric already.
    pub(super) fn new(
        config: &Config,
        data_plane: Arc<dyn DataPlane>,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let told = "Requests that prefetches made, by what came of them";
        let requests = Opts::new("warmfront_prefetch_requests_total", told);
        let requests = IntCounterVec::new(requests, &["site", "outcome"])?;
        for site in &config.sites {
            // A rate can only be told from a counter that was seen at 0.
            for outcome in OUTCOMES {
                requests.with_label_values(&[site.name.as_str(), outcome]).reset();
            }
        }
        registry.register(Box::new(requests.clone()))?;
        let pace = Pace::new(config.cache.prefetch_rate, Instant::now().into_std());
        Ok(Self { data_plane, pace: Mutex::new(pace), requests })
    }

    /// Has a URL stored in every form in which it is: by each entrance, as it is, and in each
    /// other form.
    pub(super) async fn visit(&self, site: &str, resource: &Resource) -> Visit {
        let mut visit = Visit::Kept;
        for entrance in &resource.entrances {
            let mut fetch = fetch(resource, entrance);
            let plain = self.fetch(site, &fetch).await;
            visit = visit.and(judged(&plain));
            for form in forms(&plain) {
                fetch.form = form;
                let other = self.fetch(site, &fetch).await;
                visit = match form {
                    // Most clients ask for nothing else.
                    Form::Browsers => visit.and(judged(&other)),
                    // One that is not there is made when a client asks for it: no failure.
                    Form::Identity | Form::Coded(_) => visit,
                };
            }
        }
        visit
    }

    /// The body of a good answer, up to so many bytes, or the end of a sentence.
    pub(super) async fn read(
        &self,
        site: &str,
        resource: &Resource,
        bytes_max: usize,
    ) -> Result<bytes::Bytes, String> {
        let entrance = resource.entrances.first();
        let entrance = entrance.ok_or_else(|| "cannot be asked for: nothing listens".to_owned())?;
        let fetch = Fetch { keep: Some(bytes_max), ..fetch(resource, entrance) };
        match self.fetch(site, &fetch).await {
            Fetched::Failed(why) => Err(why),
            Fetched::Answered(Answer { status, .. }) if !status.is_success() => {
                Err(format!("was answered with {}", status.as_u16()))
            }
            Fetched::Answered(Answer { body: Body::Kept(body), .. }) => Ok(body),
            Fetched::Answered(_) => Err(format!("is longer than {} MiB", bytes_max >> 20)),
        }
    }

    async fn fetch(&self, site: &str, fetch: &Fetch) -> Fetched {
        // A coding is the edge's work, and the pace is the origin's: it is paid for afterwards, if the
        // origin was asked after all.
        let is_coded = matches!(fetch.form, Form::Coded(_));
        if !is_coded {
            self.paced().await;
        }
        let fetched = self.data_plane.prefetch(fetch).await;
        let is_hit = matches!(fetched, Fetched::Answered(Answer { cached: Cached::Hit, .. }));
        if is_coded && !is_hit {
            self.paced().await;
        }
        self.requests.with_label_values(&[site, outcome(&fetched)]).inc();
        fetched
    }

    async fn paced(&self) {
        let at = self.pace.lock().take(Instant::now().into_std());
        sleep_until(at.into()).await;
    }
}

// === impl Visit ===

impl Visit {
    /// The worse of the two; of two failures the first.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Failed(why), _) | (_, Self::Failed(why)) => Self::Failed(why),
            (Self::NotKept, _) | (_, Self::NotKept) => Self::NotKept,
            (Self::Kept, Self::Kept) => Self::Kept,
        }
    }
}

/// What asks for a resource as it is.
fn fetch(resource: &Resource, entrance: &Entrance) -> Fetch {
    Fetch {
        scheme: entrance.scheme,
        host: entrance.host.clone(),
        target: resource.target.clone(),
        form: Form::Identity,
        keep: None,
    }
}

fn judged(fetched: &Fetched) -> Visit {
    match fetched {
        Fetched::Failed(why) => Visit::Failed(why.clone()),
        Fetched::Answered(answer) if is_error(answer) => {
            Visit::Failed(format!("was answered with {}", answer.status.as_u16()))
        }
        Fetched::Answered(Answer { cached: Cached::NotStored, .. }) => Visit::NotKept,
        Fetched::Answered(_) => Visit::Kept,
    }
}

/// Those in which a good answer that is stored can be had.
fn forms(fetched: &Fetched) -> Vec<Form> {
    match fetched {
        Fetched::Answered(answer) if judged(fetched) == Visit::Kept => answer.forms.clone(),
        _ => Vec::new(),
    }
}

fn outcome(fetched: &Fetched) -> &'static str {
    match fetched {
        Fetched::Failed(_) => "failed",
        Fetched::Answered(answer) if is_error(answer) => "failed",
        Fetched::Answered(Answer { cached: Cached::Hit, .. }) => "hit",
        Fetched::Answered(Answer { cached: Cached::Stored, .. }) => "stored",
        Fetched::Answered(Answer { cached: Cached::NotStored, .. }) => "not_stored",
    }
}

fn is_error(answer: &Answer) -> bool {
    answer.status.is_client_error() || answer.status.is_server_error()
}
