//! A data plane that knows two hosts, and fetches when it is let.

use async_trait::async_trait;
use http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use warmfront_semantics::errand::{self, Cached, Fetch, Fetched};
use warmfront_semantics::inspection::{Course, Inspection, Next, Question, Unroutable};

use crate::DataPlane;

#[derive(Debug)]
pub(crate) struct Plane {
    /// One permit for each request that is answered.
    pub(super) answers: Semaphore,
    /// Hosts and targets that were asked for.
    pub(super) asked: Mutex<Vec<String>>,
}

impl Default for Plane {
    fn default() -> Self {
        Self { answers: Semaphore::new(0), asked: Mutex::default() }
    }
}

#[async_trait]
impl DataPlane for Plane {
    fn inspect(&self, question: &Question) -> Result<Inspection, Unroutable> {
        let host = question.fields["host"].to_str().unwrap();
        let site = match host {
            "www.example.com" => "www",
            "api.example.com" => "api",
            _ => return Err(Unroutable::UnknownHost),
        };
        if question.target.contains('\\') {
            return Err(Unroutable::Refused("it has a backslash".to_owned()));
        }
        let fields = question.fields.iter();
        let fields = fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let (scheme, target) = (question.scheme.as_str(), &question.target);
        Ok(Inspection {
            url: format!("{scheme}://{host}{target}"),
            method: question.method.to_string(),
            site: site.to_owned(),
            behavior: "*".to_owned(),
            origin: "api".to_owned(),
            key: None,
            variants: Vec::new(),
            invalidation: None,
            next: Next::tell(&Course::Hit, None, None),
            notes: fields.collect(),
        })
    }

    async fn prefetch(&self, asked: &Fetch) -> Fetched {
        self.asked.lock().push(format!("{}{}", asked.host, asked.target));
        match self.answers.acquire().await {
            Ok(permit) => permit.forget(),
            Err(_) => return Fetched::Failed("nobody answers".to_owned()),
        }
        Fetched::Answered(errand::Answer {
            status: StatusCode::OK,
            cached: Cached::Stored,
            forms: Vec::new(),
            body: errand::Body::Dropped,
        })
    }
}
