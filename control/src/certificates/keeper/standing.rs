//! How a site's certificate stands, for the API, `/ready` and metrics.

use std::sync::Arc;
use std::time::SystemTime;

use warmfront_certs::Presented;

use super::Keeper;
use crate::certificates::authorities::Next;
use crate::certificates::journal::Attempt;
use crate::certificates::own_files::untimely;
use crate::certificates::plan::LeftOut;
use crate::certificates::progress::{Doing, Past, Progress};
use crate::certificates::schedule::{self, lifetime};
use crate::timestamp::rfc3339;

/// How a site's certificate stands.
pub(crate) struct Standing {
    pub(crate) site: String,
    /// The hosts it is ordered for.
    pub(crate) names: Vec<String>,
    /// The one that is served, if an authority gave it.
    pub(crate) ordered: Option<Arc<Presented>>,
    pub(crate) state: State,
    /// Who gave it.
    pub(crate) authority: Option<String>,
    pub(crate) next_renewal: Option<SystemTime>,
    pub(crate) last_attempt: Option<Attempt>,
    /// When one is made that is wanted now and cannot be made now; `None` if that is not known.
    pub(crate) next_attempt: Option<SystemTime>,
    /// Why it is not as it should be.
    pub(crate) last_error: Option<String>,
    failures: u32,
    left_out: Vec<LeftOut>,
    damaged: Option<String>,
    elsewhere: Vec<String>,
    is_broken: bool,
}

/// The state of a site's certificate, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is as it should be.
    Valid,
    /// One is being ordered.
    Renewing,
    /// One is wanted, and cannot be ordered yet.
    Waiting,
    /// The last attempts to get one failed.
    Failing,
    /// It is no longer valid.
    Expired,
    /// There is none.
    Missing,
}

// === impl Keeper ===

impl Keeper {
    /// `None` where there is nothing to tell: own certificates speak for all hosts of the site.
    pub(crate) fn standing(&self, now: SystemTime) -> Option<Standing> {
        let due = self.due(now);
        let next_renewal = self.situated(now, |situation| situation.renewal(now));
        let next = match self.next(&due.cause, due.at) {
            Next::Ask(_) => due.at,
            Next::Wait(until) => until,
        };
        let progress = self.progress.lock();
        if progress.plan.hosts.is_empty() && progress.plan.left_out.is_empty() {
            return None;
        }
        let ordered = self.ordered().filter(|_| !progress.plan.hosts.is_empty());
        let record = progress.record.as_ref().filter(|_| ordered.is_some());
        let authority = record.map(|record| {
            let known = self.ground.authorities.find(&record.authority);
            known.map_or_else(|| record.authority.clone(), |known| known.settings.name.clone())
        });
        let state = state(&progress, ordered.as_deref(), now);
        let is_held_up = matches!(state, State::Failing | State::Expired | State::Missing)
            || matches!(progress.doing, Doing::Waiting(_));
        let elsewhere = progress.doing.elsewhere();
        let elsewhere = elsewhere.map_or_else(Vec::new, |elsewhere| elsewhere.sentences.clone());
        // Where nothing is ordered any more, what went wrong before is past.
        let past = (!progress.plan.hosts.is_empty()).then_some(&progress.past);
        let damaged = past.and_then(|_| progress.damaged.clone());
        let failed = past.and_then(Past::failure).map(|failed| failed.sentence.clone());
        let in_the_way = (!elsewhere.is_empty()).then(|| elsewhere.join("; "));
        Some(Standing {
            site: self.site.name.clone(),
            names: progress.plan.names(),
            state,
            authority,
            next_renewal: ordered.as_ref().and(next_renewal),
            ordered,
            last_attempt: progress.past.last.clone(),
            next_attempt: (is_held_up && elsewhere.is_empty()).then_some(next),
            last_error: in_the_way.or(failed).or_else(|| damaged.clone()),
            failures: past.map_or(0, Past::failures),
            left_out: progress.plan.left_out.clone(),
            damaged,
            elsewhere,
            is_broken: progress.is_broken,
        })
    }
}

// === impl Standing ===

impl Standing {
    /// What somebody should know, a sentence each.
    pub(crate) fn problems(&self, now: SystemTime) -> Vec<String> {
        let mut problems: Vec<String> = self.left_out.iter().map(ToString::to_string).collect();
        if self.is_broken {
            problems.push(
                "what keeps its certificate fresh failed inside the node, and begins again within \
                 a minute; its log says why"
                    .to_owned(),
            );
        }
        if let Some(why) = &self.damaged {
            problems.push(format!("the stored certificate cannot be used: {why}"));
        }
        let elsewhere = self.elsewhere.iter();
        problems.extend(elsewhere.map(|why| format!("no certificate is ordered for now: {why}")));
        let served = self.served(now);
        if self.failures > 0 {
            let attempts = match self.failures {
                1 => "the last attempt to get a certificate".to_owned(),
                n => format!("the last {n} attempts to get a certificate"),
            };
            let why = self.last_attempt.as_ref().map_or("", |last| &last.sentence);
            problems.push(format!("{attempts} failed: {why}; {served}"));
        } else if self.is_untimely(now) {
            problems.push(served);
        }
        let site = &self.site;
        problems.into_iter().map(|problem| format!("site {site}: {problem}")).collect()
    }

    /// What clients are shown, as the end of a sentence.
    fn served(&self, now: SystemTime) -> String {
        let Some(ordered) = &self.ordered else { return "there is none yet".to_owned() };
        let lifetime = lifetime(ordered);
        let until = rfc3339(lifetime.not_after());
        if let Some(why) = untimely(&ordered.certificate, now) {
            return format!("the certificate that is served {why}");
        }
        if schedule::is_expiring(&lifetime, now) {
            return format!("the certificate that is served expires soon, at {until}");
        }
        format!("the certificate that is served is valid until {until}")
    }

    fn is_untimely(&self, now: SystemTime) -> bool {
        self.ordered.as_ref().is_some_and(|it| untimely(&it.certificate, now).is_some())
    }
}

// === impl State ===

impl State {
    /// The word for it in the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Renewing => "renewing",
            Self::Waiting => "waiting",
            Self::Failing => "failing",
            Self::Expired => "expired",
            Self::Missing => "missing",
        }
    }
}

fn state(progress: &Progress, ordered: Option<&Presented>, now: SystemTime) -> State {
    match (&progress.doing, ordered) {
        (Doing::Ordering, _) => State::Renewing,
        (_, Some(ordered)) if ordered.certificate.not_after() <= now => State::Expired,
        _ if progress.past.failure().is_some() => State::Failing,
        (Doing::Pointing(_) | Doing::Waiting(_), _) => State::Waiting,
        (Doing::Idle, None) => State::Missing,
        (Doing::Idle, Some(_)) => State::Valid,
    }
}
