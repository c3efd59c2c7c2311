//! A certificate as the API shows it.

use std::time::SystemTime;

use serde::Serialize;
use warmfront_certs::{Certificate, Certificates, Own, Source};
use warmfront_config::HostPattern;

use crate::certificates::{Attempt, Outcome, Standing};
use crate::timestamp::rfc3339;

/// A certificate as the API shows it, or the lack of one.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    site: Option<String>,
    /// `acme`, `file` or `self-signed`; where nothing is shown, `null`.
    source: Option<&'static str>,
    /// The chain's path, of a certificate of the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Those it speaks for; where there is none, those it is ordered for.
    names: Vec<String>,
    issuer: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    serial: Option<String>,
    /// Who gave it, by its name in the configuration.
    authority: Option<String>,
    state: &'static str,
    next_renewal: Option<String>,
    last_attempt: Option<LastAttempt>,
    next_attempt: Option<String>,
    last_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct LastAttempt {
    at: String,
    authority: String,
    /// `issued`, or by whose doing not: `names`, `authority`, `busy`, `account`, `edge`.
    outcome: &'static str,
    error: Option<String>,
}

// === impl Shown ===

impl Shown {
    /// `None` where nothing is ordered.
    pub(super) fn ordered(standing: &Standing, certificates: &Certificates) -> Option<Self> {
        let first = standing.names.first()?;
        let presented = standing.ordered.clone().or_else(|| {
            let host = HostPattern::parse(first).ok()?;
            certificates.speaks_for(&host).filter(|shown| shown.source == Source::StandIn)
        });
        let source = presented.as_ref().map(|presented| match presented.source {
            Source::Own => "file",
            Source::Ordered => "acme",
            Source::StandIn => "self-signed",
        });
        let blank = Self {
            site: Some(standing.site.clone()),
            source,
            file: None,
            names: standing.names.clone(),
            issuer: None,
            not_before: None,
            not_after: None,
            serial: None,
            authority: standing.authority.clone(),
            state: standing.state.as_str(),
            next_renewal: standing.next_renewal.map(rfc3339),
            last_attempt: standing.last_attempt.as_ref().map(LastAttempt::from),
            next_attempt: standing.next_attempt.map(rfc3339),
            last_error: standing.last_error.clone(),
        };
        Some(match presented {
            Some(presented) => blank.with(&presented.certificate),
            None => blank,
        })
    }

    /// `bad` says why what lies in its files now is not shown.
    pub(super) fn own(own: &Own, site: Option<&str>, bad: Option<String>, now: SystemTime) -> Self {
        let certificate = &own.presented.certificate;
        let blank = Self {
            site: site.map(str::to_owned),
            source: Some("file"),
            file: Some(own.files.chain.display().to_string()),
            names: Vec::new(),
            issuer: None,
            not_before: None,
            not_after: None,
            serial: None,
            authority: None,
            state: if certificate.not_after() <= now { "expired" } else { "valid" },
            next_renewal: None,
            last_attempt: None,
            next_attempt: None,
            last_error: bad,
        };
        blank.with(certificate)
    }

    fn with(self, certificate: &Certificate) -> Self {
        let addresses = certificate.addresses().iter().map(ToString::to_string);
        Self {
            names: certificate.names().iter().cloned().chain(addresses).collect(),
            issuer: Some(certificate.issuer().to_owned()),
            not_before: Some(rfc3339(certificate.not_before())),
            not_after: Some(rfc3339(certificate.not_after())),
            serial: Some(certificate.serial().to_owned()),
            ..self
        }
    }
}

impl From<&Attempt> for LastAttempt {
    fn from(attempt: &Attempt) -> Self {
        Self {
            at: rfc3339(attempt.at),
            authority: attempt.authority.clone(),
            outcome: attempt.outcome.as_str(),
            error: (attempt.outcome != Outcome::Issued).then(|| attempt.sentence.clone()),
        }
    }
}
