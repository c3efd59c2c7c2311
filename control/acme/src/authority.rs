//! An authority as an attempt sees it: everything RFC 8555 is spoken for, and nothing of how.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use warmfront_config::{ChallengeKind, HostPattern};

use crate::problem::Problem;
use crate::proofs::Proof;
use crate::refusal::Blame;

/// An authority that an account of ours is logged in at, for one attempt.
#[async_trait]
pub(crate) trait Authority: Send + Sync {
    /// For people: `letsencrypt`.
    fn name(&self) -> &str;

    /// The URL of its directory.
    fn directory(&self) -> &str;

    /// The URL of our account.
    fn account(&self) -> &str;

    /// The profiles that its directory offers, in order of their names.
    fn profiles(&self) -> Vec<String>;

    /// Places an order (RFC 8555 §7.4).
    async fn place(&self, order: &NewOrder<'_>) -> Result<Box<dyn RemoteOrder>, Fault>;

    /// Looks at an order that was placed before.
    async fn look(&self, url: &str) -> Result<Box<dyn RemoteOrder>, Fault>;
}

/// An order as it stands at the authority.
#[async_trait]
pub(crate) trait RemoteOrder: Send {
    /// Where it is looked at again.
    fn url(&self) -> &str;

    /// As last seen.
    fn seen(&self) -> Seen;

    /// Looks at it again.
    async fn refresh(&mut self) -> Result<Seen, Fault>;

    /// How much must be proven for it.
    fn proofs_wanted(&mut self) -> usize;

    /// Everything that must be proven for it, with the answer to the challenge of this kind.
    async fn authorizations(&mut self, kind: ChallengeKind) -> Result<Vec<Authorization>, Fault>;

    /// Looks at one of them again.
    async fn authorization(
        &mut self,
        url: &str,
        kind: ChallengeKind,
    ) -> Result<Authorization, Fault>;

    /// Says that the challenge of this kind may be tried (RFC 8555 §7.5.1).
    async fn ready(&mut self, authorization: &str, kind: ChallengeKind) -> Result<(), Fault>;

    /// Asks for the certificate, by a request in DER (RFC 8555 §7.4).
    async fn finalize(&mut self, request: &[u8]) -> Result<(), Fault>;

    /// Fetches the chain of an order that is valid, in PEM (RFC 8555 §7.4.2).
    async fn certificate(&mut self) -> Result<String, Fault>;
}

/// What is ordered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewOrder<'a> {
    /// Names, wildcards and addresses.
    pub(crate) hosts: &'a [HostPattern],
    /// One that the directory offers.
    pub(crate) profile: Option<&'a str>,
    /// The certificate that is replaced, in DER (RFC 9773 §5).
    pub(crate) replaces: Option<&'a [u8]>,
}

/// The states of an order (RFC 8555 §7.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderStatus {
    /// It will come to nothing.
    Invalid,
    /// Something must be proven.
    Pending,
    /// The certificate is being made.
    Processing,
    /// It can be finalized.
    Ready,
    /// The certificate can be fetched.
    Valid,
}

/// An order, seen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its state.
    pub(crate) status: OrderStatus,
    /// Why it is invalid.
    pub(crate) error: Option<Problem>,
    /// How long the authority wants to be left alone.
    pub(crate) ask_again: Option<Duration>,
}

/// What must be proven for one name (RFC 8555 §7.1.4), seen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorization {
    /// Where it is looked at again.
    pub(crate) url: String,
    /// The host it is for.
    pub(crate) host: HostPattern,
    /// How far it is.
    pub(crate) proving: Proving,
    /// How long the authority wants to be left alone.
    pub(crate) ask_again: Option<Duration>,
}

/// How far an authorization is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proving {
    /// The authority believes us.
    Done,
    /// It does not, or no more; a problem where it said why.
    Failed(Option<Problem>),
    /// A challenge of the wanted kind is open.
    Open(Challenge),
    /// There is no challenge of the wanted kind, but of these.
    NotOffered(Vec<String>),
}

/// An open challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// It waits for us.
    Pending(Proof),
    /// The authority is trying it.
    Processing(Proof),
}

/// Something did not come about at the authority. Its `Display` is the end of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It said no.
    Problem {
        /// In its words.
        problem: Problem,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// It would take the order if no certificate were named as replaced; nothing was placed.
    Replaces {
        /// As the end of a sentence.
        reason: String,
    },
    /// There was no answer, or none that RFC 8555 knows.
    Unusable {
        /// As the end of a sentence.
        reason: String,
        /// The status, if there was an answer.
        status: Option<u16>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
}

// === impl Challenge ===

impl Challenge {
    /// What answers it.
    pub(crate) fn proof(&self) -> &Proof {
        match self {
            Self::Pending(proof) | Self::Processing(proof) => proof,
        }
    }
}

// === impl Fault ===

impl Fault {
    /// Of an answer that RFC 8555 does not know.
    pub(crate) fn nonsense(reason: impl Into<String>) -> Self {
        Self::Unusable { reason: reason.into(), status: None, retry_after: None }
    }

    /// Who can do something about it.
    pub(crate) fn blame(&self) -> Blame {
        match self {
            Self::Problem { problem, .. } => problem.blame(),
            Self::Unusable { status: Some(429), .. } => Blame::Busy,
            Self::Replaces { .. } | Self::Unusable { .. } => Blame::Authority,
        }
    }

    /// How long the authority wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } | Self::Unusable { retry_after, .. } => *retry_after,
            Self::Replaces { .. } => None,
        }
    }

    /// Asking once more, in the same words, will not change the answer.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Problem { problem, .. } => problem.is_final(),
            Self::Unusable { status, .. } => matches!(status, Some(404 | 410)),
            Self::Replaces { .. } => true,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem { problem, .. } => problem.fmt(f),
            Self::Replaces { reason } | Self::Unusable { reason, .. } => f.write_str(reason),
        }
    }
}
