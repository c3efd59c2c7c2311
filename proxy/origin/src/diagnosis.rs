//! Why the bucket refused. An object's own 403 or 404 is the client's to see; a refused signature
//! or a missing bucket is the operator's to mend, and the status alone does not tell them apart.
//!
//! So the edge asks once more itself, with a GET whose error document it reads. One asks for all,
//! and what was learned holds for a while, so that a crawler of missing pages costs little.

use std::time::{Duration, SystemTime};

use http::Method;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::bucket::{Bucket, BucketError, Lesson};
use crate::peer::{self, Unreachable};
use crate::refusal::{Answer, Blame, Cause};

/// How long a bucket in good order is not asked again.
const SOUND_KEPT: Duration = Duration::from_secs(30);
/// How long trouble is not asked about again: it should be seen to end soon after it was mended.
const TROUBLE_KEPT: Duration = Duration::from_secs(5);
/// The most that a diagnosis may take: a client waits for it.
const DIAGNOSIS_TIMEOUT: Duration = Duration::from_secs(5);
/// The most that a probe may take: a person waits for it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);
/// A key that nobody has.
const PROBE_PATH: &str = "/warmfront-probe-8c1f6e0b2d7a4953";

/// What is behind a bucket's 301, 307, 400, 403 or 404.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Diagnosis {
    /// The bucket is in order: the answer is about this object and may go to the client.
    ObjectsOwn,
    /// Something to mend, as one sentence: the client gets a 502, the log gets the sentence.
    Trouble(String),
}

/// The last diagnosis of a bucket, and whose turn it is to make the next.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    last: Mutex<Option<(SystemTime, Diagnosis)>>,
}

// === impl Bucket ===

impl Bucket {
    /// Finds out why the bucket refused a request for `client_path`, within 5 s. A region that it
    /// names is learned, so that the next request may succeed. Called on a tokio runtime.
    pub async fn diagnose(&self, client_path: &str, now: SystemTime) -> Diagnosis {
        let deadline = Instant::now() + DIAGNOSIS_TIMEOUT;
        let Ok(mut last) = timeout_at(deadline, self.verdicts.last.lock()).await else {
            return Diagnosis::from(Err(silent(DIAGNOSIS_TIMEOUT)));
        };
        if let Some((at, diagnosis)) = &*last
            && diagnosis.holds(*at, now)
        {
            return diagnosis.clone();
        }
        let examined = timeout_at(deadline, Box::pin(self.examine(client_path, now))).await;
        let diagnosis =
            Diagnosis::from(examined.unwrap_or_else(|_| Err(silent(DIAGNOSIS_TIMEOUT))));
        *last = Some((now, diagnosis.clone()));
        diagnosis
    }

    /// Asks the bucket for an object that is not there, for `check --online`. That it is not there,
    /// or not for us, is what a bucket in order says.
    ///
    /// Fails with one sentence: no address, no connection, no credentials, or what S3 objects to.
    pub async fn probe(&self, now: SystemTime) -> Result<(), String> {
        let deadline = Instant::now() + PROBE_TIMEOUT;
        let examined = timeout_at(deadline, Box::pin(self.examine(PROBE_PATH, now))).await;
        examined.unwrap_or_else(|_| Err(silent(PROBE_TIMEOUT)))
    }

    /// `Err` is the sentence of what is wrong.
    async fn examine(&self, client_path: &str, now: SystemTime) -> Result<(), String> {
        let answer = match self.ask(client_path, now).await? {
            // A website redirects by its own rules.
            Some(answer) if self.is_website() && (300..400).contains(&answer.status) => {
                return Ok(());
            }
            Some(answer) => answer,
            None => return Ok(()),
        };
        let Blame::Edge(cause) = answer.judge(&self.region(), now) else {
            return Ok(());
        };
        self.learn_from(&cause);
        Err(cause.to_string())
    }

    /// What can be mended without the operator.
    fn learn_from(&self, cause: &Cause) {
        match cause {
            Cause::WrongRegion { actual: Some(actual), .. }
                if self.learn_region(actual) == Lesson::Learned =>
            {
                let origin = self.name();
                tracing::warn!(origin, "{cause}; requests are signed for it from now on");
            }
            Cause::Token { .. } | Cause::WrongKey | Cause::WrongSecret => self.doubt_credentials(),
            _ => {}
        }
    }

    /// `None` if the path makes no request, which is the client's fault.
    async fn ask(&self, client_path: &str, now: SystemTime) -> Result<Option<Answer>, String> {
        let request = match self.request(&Method::GET, client_path, now).await {
            Ok(request) => request,
            Err(BucketError::Key(_)) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let location = self.location();
        let addresses = location.name.look_up().await;
        let addresses = addresses.map_err(|error| error.to_string())?;
        let mut unreachable = None;
        for address in &*addresses {
            match peer::ask(self, *address, &request).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => unreachable = Some((address, error)),
            }
        }
        let told = |(address, error): (_, Unreachable)| match error {
            Unreachable::Connection(_) => format!("{error} (`{}` is {address})", location.host),
            _ => format!("{error} (`{}`)", location.host),
        };
        Err(unreachable
            .map_or_else(|| format!("the name `{}` has no address", location.host), told))
    }
}

fn silent(after: Duration) -> String {
    format!("the bucket did not answer within {} s", after.as_secs())
}

// === impl Diagnosis ===

impl Diagnosis {
    fn holds(&self, since: SystemTime, now: SystemTime) -> bool {
        let kept = match self {
            Self::ObjectsOwn => SOUND_KEPT,
            Self::Trouble(_) => TROUBLE_KEPT,
        };
        // A request that came while the diagnosis was made may have the older time.
        now.duration_since(since).is_ok_and(|age| age < kept)
            || since.duration_since(now).is_ok_and(|early| early < kept)
    }
}

impl From<Result<(), String>> for Diagnosis {
    fn from(examined: Result<(), String>) -> Self {
        examined.map_or_else(Self::Trouble, |()| Self::ObjectsOwn)
    }
}

#[cfg(test)]
mod tests;
