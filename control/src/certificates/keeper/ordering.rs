//! From what is due to an attempt, and what becomes of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use warmfront_acme::{Refusal, Wanted, backoff};
use warmfront_certs::Record;
use warmfront_config::HostPattern;

use super::{Keeper, PAUSE, covers, list};
use crate::certificates::attempt::{Commission, edge};
use crate::certificates::authorities::{Applicant, Known, Next};
use crate::certificates::journal::{Attempt, Outcome};
use crate::certificates::pointing;
use crate::certificates::progress::{Doing, Elsewhere, Wish};
use crate::certificates::schedule::{self, Cause, lifetime};
use crate::certificates::selection::{Held, Selection};
use crate::certificates::thread::{Work, on_a_thread};
use crate::timestamp::rfc3339;

/// How long an authority that has had enough is believed.
const BUSY_MAX: Duration = Duration::from_hours(7 * 24);
/// How long any other refusal is.
const RETRY_MAX: Duration = Duration::from_hours(1);

// === impl Keeper ===

impl Keeper {
    /// Orders if that can be done, and says when to look again.
    pub(super) async fn order(
        self: &Arc<Self>,
        cause: Cause,
        now: SystemTime,
        stop: &watch::Receiver<bool>,
    ) -> Duration {
        if let Next::Wait(until) = self.next(&cause, now) {
            return self.wait(until, now);
        }
        let hosts = match self.resumed(&cause, now) {
            Some(hosts) => hosts,
            None => match self.select(now).await {
                Ok(hosts) => hosts,
                Err(look_again) => return look_again,
            },
        };
        // Nothing closes the semaphore.
        let Ok(_turn) = self.ground.attempts.acquire().await else { return PAUSE };
        // Others may have been told to wait meanwhile, and own certificates may have changed.
        let now = self.ground.now();
        let authority = match self.next(&cause, now) {
            Next::Ask(authority) => authority,
            Next::Wait(until) => return self.wait(until, now),
        };
        let is_planned = |host| self.progress.lock().plan.hosts.contains(host);
        if !hosts.iter().all(is_planned) {
            return PAUSE;
        }
        if *stop.borrow() {
            return PAUSE;
        }
        let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let (site, from) = (&self.site.name, &authority.settings.name);
        tracing::info!(site, "certificate: {cause}: getting one for {} from {from}", list(&names));
        self.begin();
        let keeper = self.clone();
        let commission = self.commission(authority.clone(), hosts, cause.wanted());
        let attempt = async move || keeper.attempt(&commission).await;
        if on_a_thread(stop.clone(), attempt).await == Work::Broken {
            let keeper = self.clone();
            let refusal = edge("the attempt failed inside the node; its log says why");
            let noting = async move || keeper.refused(&authority, refusal);
            on_a_thread(stop.clone(), noting).await;
        }
        self.sweep_aside(stop);
        self.progress.lock().doing = Doing::Idle;
        PAUSE
    }

    pub(super) fn begin(&self) {
        let mut progress = self.progress.lock();
        progress.doing = Doing::Ordering;
        progress.wish = progress.wish.tried();
    }

    /// Whom to ask now, or until when nobody wants to be asked.
    pub(crate) fn next(&self, cause: &Cause, now: SystemTime) -> Next {
        let progress = self.progress.lock();
        let authorities = &self.ground.authorities;
        let applicant = Applicant {
            past: &progress.past,
            open: progress.resumable(authorities, now),
            wanted: cause.wanted(),
            asked: progress.wish.is_open(),
        };
        authorities.next(&applicant, now)
    }

    fn wait(&self, until: SystemTime, now: SystemTime) -> Duration {
        let mut progress = self.progress.lock();
        if progress.doing != Doing::Waiting(until) {
            let (site, until) = (&self.site.name, rfc3339(until));
            tracing::info!(site, "certificate: no authority wants to be asked before {until}");
        }
        progress.doing = Doing::Waiting(until);
        drop(progress);
        schedule::look_again(self.lifetime().as_ref(), now, until)
    }

    /// The hosts of the open order, if it is gone on with now. Where they point was seen when it was
    /// placed.
    fn resumed(&self, cause: &Cause, now: SystemTime) -> Option<Vec<HostPattern>> {
        let Next::Ask(authority) = self.next(cause, now) else { return None };
        let progress = self.progress.lock();
        let open = progress.resumable(&self.ground.authorities, now)?;
        if open.directory != authority.settings.directory {
            return None;
        }
        open.hosts.iter().map(|host| progress.plan.find(host).cloned()).collect()
    }

    /// The hosts to order for, if enough of them point here; else when to look again.
    async fn select(&self, now: SystemTime) -> Result<Vec<HostPattern>, Duration> {
        let (plan, looks, asked) = {
            let progress = self.progress.lock();
            let looks = progress.doing.elsewhere().map_or(0, |elsewhere| elsewhere.looks);
            (progress.plan.clone(), looks, progress.wish.is_open())
        };
        let Ok(turn) = self.ground.looks.acquire().await else { return Err(PAUSE) };
        let looked_at = self.ground.pointer.look(&plan.hosts, plan.issuance.challenge).await;
        drop(turn);
        let sentences = looked_at.iter().filter_map(|(_, pointing)| pointing.elsewhere());
        let sentences: Vec<String> = sentences.map(str::to_owned).collect();
        let looks = if sentences.is_empty() { 0 } else { looks.saturating_add(1) };
        let ordered = self.ordered();
        let covers = |host: &HostPattern| ordered.as_ref().is_some_and(|it| covers(it, host));
        let held = ordered.as_deref().map(lifetime).map(|lifetime| Held {
            covers: &covers,
            is_due: asked || self.situated(now, |it| it.is_renewal_due(now)),
            may_wait: schedule::may_wait(&lifetime, now),
        });
        let selection = Selection::new(&looked_at, looks, held);
        self.tell_of(&sentences);
        match selection {
            Selection::Order(hosts) => Ok(hosts),
            Selection::Wait => {
                let elsewhere = Elsewhere { looks, sentences };
                self.progress.lock().doing = Doing::Pointing(elsewhere);
                let wait = pointing::look_again(looks);
                Err(schedule::often_enough(self.lifetime().as_ref(), wait))
            }
        }
    }

    /// Says once where hosts point that do not point here.
    fn tell_of(&self, sentences: &[String]) {
        let progress = self.progress.lock();
        let told = progress.doing.elsewhere().map_or(&[][..], |elsewhere| &elsewhere.sentences);
        for sentence in sentences.iter().filter(|sentence| !told.contains(sentence)) {
            tracing::warn!(site = self.site.name, "certificate: not ordered for now: {sentence}");
        }
    }

    pub(super) fn commission(
        &self,
        authority: Arc<Known>,
        hosts: Vec<HostPattern>,
        wanted: Wanted,
    ) -> Commission {
        let progress = self.progress.lock();
        let served = self.ordered().map(|it| it.certificate.leaf().to_vec());
        Commission {
            site: self.site.name.clone(),
            hosts,
            issuance: progress.plan.issuance.clone(),
            authority,
            replaces: served.zip(progress.record.clone()),
            open: progress.open.clone(),
            wanted,
        }
    }

    /// Blocks on the disk now and then.
    async fn attempt(&self, commission: &Commission) {
        match commission.in_time(&self.ground).await {
            Ok(Some(record)) => self.issued(&commission.authority, record),
            Ok(None) => self.progress.lock().open = None,
            Err(refusal) => self.refused(&commission.authority, refusal),
        }
    }

    pub(super) fn issued(&self, authority: &Known, record: Record) {
        let attempt = self.attempted(authority, Outcome::Issued);
        let directory = &authority.settings.directory;
        self.ground.authorities.attempted(directory, Outcome::Issued, true, attempt.at);
        {
            let mut progress = self.progress.lock();
            progress.record = Some(record);
            progress.damaged = None;
            progress.open = None;
        }
        self.record(attempt);
        self.choose_renewal();
        let until = self.lifetime().map(|lifetime| rfc3339(lifetime.not_after()));
        let now = self.ground.now();
        let renewal = self.situated(now, |situation| situation.renewal(now)).map(rfc3339);
        tracing::info!(
            site = self.site.name,
            "certificate: serving until {}; to be renewed at {}",
            until.unwrap_or_default(),
            renewal.unwrap_or_default(),
        );
    }

    pub(super) fn refused(&self, authority: &Known, refusal: Refusal) {
        let site = &self.site.name;
        let mut attempt = self.attempted(authority, refusal.blame.into());
        let failures = self.progress.lock().past.failures().saturating_add(1);
        let served = self.lifetime().map(|lifetime| lifetime.length());
        attempt.next = Some(attempt.at + backoff::wait(failures, served, rand::random()));
        attempt.retry_after =
            refusal.retry_after.map(|at| at.min(believed(attempt.outcome, attempt.at)));
        attempt.sentence = refusal.sentence;
        let (now, directory) = (attempt.at, &authority.settings.directory);
        // When it is done with one order is nothing to the others.
        if let Some(until) = attempt.retry_after.filter(|_| attempt.outcome == Outcome::Busy) {
            let until = self.ground.authorities.told_to_wait(directory, until, now);
            if let Err(error) = self.ground.journal.wait(directory, until) {
                tracing::warn!(site, "certificate: a Retry-After is not kept: {error}");
            }
        }
        match self.ground.journal.open_order(site) {
            Ok(open) => self.progress.lock().open = open,
            Err(error) => tracing::warn!(site, "certificate: {error}"),
        }
        let is_placed = self.progress.lock().open.is_some();
        self.ground.authorities.attempted(directory, attempt.outcome, is_placed, now);
        let sentence = attempt.sentence.clone();
        let backed_off = attempt.next.unwrap_or(now);
        self.record(attempt);
        let next = match self.next(&self.due(backed_off).cause, backed_off) {
            Next::Ask(_) => backed_off,
            Next::Wait(until) => until,
        };
        tracing::warn!(
            site,
            "certificate: attempt {failures} failed: {sentence}; the next one is made at {}",
            rfc3339(next),
        );
    }

    fn attempted(&self, authority: &Known, outcome: Outcome) -> Attempt {
        Attempt {
            at: self.ground.now(),
            directory: authority.settings.directory.clone(),
            authority: authority.settings.name.clone(),
            outcome,
            sentence: String::new(),
            retry_after: None,
            next: None,
        }
    }

    fn record(&self, attempt: Attempt) {
        let site = &self.site.name;
        self.ground.counts.count(site, &attempt);
        if let Err(error) = self.ground.journal.record(site, &attempt) {
            tracing::warn!(site, "certificate: an attempt is not kept: {error}");
        }
        let mut progress = self.progress.lock();
        if attempt.outcome == Outcome::Issued {
            // One that was wished for meanwhile is this one.
            progress.wish = Wish::Nothing;
        }
        progress.past.add(attempt);
    }
}

/// The latest instant that such a refusal may put the next attempt off to. Only limits last for days;
/// who errs, or is not done with an order yet, is asked again within the hour.
fn believed(outcome: Outcome, now: SystemTime) -> SystemTime {
    match outcome {
        Outcome::Busy => now + BUSY_MAX,
        _ => now + RETRY_MAX,
    }
}
