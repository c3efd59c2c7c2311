//! The forms in which the journal keeps things.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use warmfront_acme::renewal::Lifetime;
use warmfront_acme::{Blame, Window};

/// One try to get one certificate, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// When it ended.
    pub(crate) at: SystemTime,
    /// The authority's directory.
    pub(crate) directory: String,
    /// The authority's name in the configuration of that day: for people.
    pub(crate) authority: String,
    pub(crate) outcome: Outcome,
    /// What went wrong, for a person; empty for one that went well.
    pub(crate) sentence: String,
    /// Before when the authority does not want to see this site again.
    pub(crate) retry_after: Option<SystemTime>,
    /// When the next one follows, by the back-off: chosen once, so that every look finds the same.
    pub(crate) next: Option<SystemTime>,
}

/// How an attempt ended: well, or by whose doing not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// With a certificate that is served.
    Issued,
    /// The names: they do not resolve, or the proof was not found there.
    Names,
    /// The authority failed or was not reached.
    Authority,
    /// The authority has had enough for now.
    Busy,
    /// The account is not wanted as it is.
    Account,
    /// This node: its disk, its publisher of records.
    Edge,
}

/// When a certificate is renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    /// The serial of the certificate that this is for; another one's is nobody's.
    pub(crate) serial: String,
    /// The chosen instant.
    pub(crate) at: SystemTime,
    /// Chosen in this window of the authority's (RFC 9773 §4.1); by the lifetime alone if `None`.
    pub(crate) window: Option<(SystemTime, SystemTime)>,
    /// When the authority is asked for its window again.
    pub(crate) ask_again: SystemTime,
}

// === impl Renewal ===

impl Renewal {
    /// After the authority was asked; `window` is what it said, `random` is from 0 to 1. Without an
    /// answer what was chosen before holds.
    pub(crate) fn told(
        &self,
        lifetime: &Lifetime,
        window: Option<&Window>,
        now: SystemTime,
        random: f64,
    ) -> Self {
        let ask_again = lifetime.ask_again(window, now);
        let Some(told) = window else { return Self { ask_again, ..self.clone() } };
        // What lies before has no form in which it could be kept.
        let kept = |at: SystemTime| at.max(UNIX_EPOCH);
        let range = (kept(told.start), kept(told.end));
        // Chosen by the lifetime, it was not chosen from the window.
        let chosen = self.window.map(|_| self.at);
        let at = kept(lifetime.due_within(told, chosen, random));
        Self { serial: self.serial.clone(), at, window: Some(range), ask_again }
    }
}

// === impl Outcome ===

impl Outcome {
    /// The word for it in the API and in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Names => "names",
            Self::Authority => "authority",
            Self::Busy => "busy",
            Self::Account => "account",
            Self::Edge => "edge",
        }
    }
}

impl From<Blame> for Outcome {
    fn from(blame: Blame) -> Self {
        match blame {
            Blame::Names => Self::Names,
            Blame::Authority => Self::Authority,
            Blame::Busy => Self::Busy,
            Blame::Account => Self::Account,
            Blame::Edge => Self::Edge,
        }
    }
}
