//! Why there is no certificate, for a person and for whoever decides what to do next.

use std::time::SystemTime;
use warmfront_semantics::tame::cut;

use crate::authority::Fault;
use crate::journal::KeepError;

/// A sentence may speak of a hundred hosts.
const SENTENCE_BYTES_MAX: usize = 2_000;

/// An attempt that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    /// For a person: which host, which challenge, what the authority said. At most 2,000 bytes.
    pub sentence: String,
    /// Who can do something about it.
    pub blame: Blame,
    /// The authority does not want to be asked before; at most 7 days ahead.
    pub retry_after: Option<SystemTime>,
}

/// Who can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The account: its external binding, its standing, the terms of service.
    Account,
    /// The authority cannot be reached, is broken, or answered with nonsense.
    Authority,
    /// The authority wants fewer orders.
    Busy,
    /// Our own disk, publisher or configuration.
    Edge,
    /// The names: their DNS, their validation, the authority's policy on them.
    Names,
}

// === impl Refusal ===

impl Refusal {
    /// Without a word on when to come again.
    pub(crate) fn new(blame: Blame, sentence: impl Into<String>) -> Self {
        Self { sentence: cut(sentence.into(), SENTENCE_BYTES_MAX), blame, retry_after: None }
    }

    /// `context` is what the authority did, up to the colon: `letsencrypt did not take the order`.
    pub(crate) fn of_fault(context: &str, fault: &Fault, now: SystemTime) -> Self {
        Self {
            retry_after: fault.retry_after().and_then(|wait| now.checked_add(wait)),
            ..Self::new(fault.blame(), format!("{context}: {fault}"))
        }
    }

    /// As it is, with what went wrong after it.
    pub(crate) fn and(self, later: &Self) -> Self {
        let sentence = format!("{}; {}", self.sentence, later.sentence);
        Self { retry_after: self.retry_after, ..Self::new(self.blame, sentence) }
    }

    /// `doing` is what we were about to do: `cannot keep the key of the order`.
    pub(crate) fn of_disk(doing: &str, error: &KeepError) -> Self {
        Self::new(Blame::Edge, format!("{doing}: {error}"))
    }
}
