//! What an attempt has written down before it goes on, and where accounts are kept.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// An order that has come to nothing for so long is not waited for: authorities forget them after
/// some days, but do not have to say so.
const KEPT: Duration = Duration::from_hours(24);

/// What must be on disk before an order goes on. Every method blocks until it is, for as long as a
/// small write takes.
pub trait Journal: Send + Sync {
    /// An order stands open at an authority.
    fn placed(&mut self, order: &OpenOrder) -> Result<(), KeepError>;

    /// The private key of the order under way, in PEM; `None` where none was kept.
    fn key(&mut self) -> Result<Option<String>, KeepError>;

    /// Keeps the private key of the order under way, in PEM, and has read it back when it returns.
    fn keep_key(&mut self, pem: &str) -> Result<(), KeepError>;

    /// The order is over, well or not: its URL and its key are forgotten.
    fn closed(&mut self) -> Result<(), KeepError>;

    /// Told for the log, one line each.
    fn step(&mut self, step: Step);
}

/// Where accounts are kept, by the URL of the authority's directory. Both methods block for as long
/// as a small read or write takes.
pub trait Accounts: Send + Sync {
    /// The credentials as they were kept.
    fn load(&self, directory: &str) -> Result<Option<String>, KeepError>;

    /// Keeps the credentials, a private key among them: nobody else may read them.
    fn keep(&self, directory: &str, credentials: &str) -> Result<(), KeepError>;
}

/// What could not be kept or read; its words are those of the cause.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct KeepError(Box<dyn Error + Send + Sync>);

/// An order that stands open at an authority, as it is found again after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// The URL of the authority's directory.
    pub directory: String,
    /// The URL of the account that placed it.
    pub account: String,
    /// Its own URL.
    pub url: String,
    /// The hosts it is for, as they are configured: `*.example.com` with its star.
    pub hosts: Vec<String>,
    /// The profile that was asked for.
    #[serde(default)]
    pub profile: Option<String>,
    /// When it was placed.
    pub placed: SystemTime,
}

/// A step of an attempt. Its `Display` is a line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An order was placed.
    Ordered {
        /// The authority's name.
        authority: String,
        /// The order's URL.
        url: String,
    },
    /// An order from before a restart is taken up again.
    Resumed {
        /// The order's URL.
        url: String,
    },
    /// An order from before is left to itself.
    Abandoned {
        /// The order's URL.
        url: String,
        /// Why it is of no use.
        reason: String,
    },
    /// The authority would not hear which certificate is replaced; it is ordered as a new one.
    WithoutReplaces {
        /// What the authority said.
        reason: String,
    },
    /// The authority does not offer the profile; its own choice is ordered.
    WithoutProfile {
        /// The profile that was wanted.
        profile: String,
    },
    /// Proofs are published for these hosts.
    Proving {
        /// The hosts that the authority wants a proof for.
        hosts: Vec<String>,
    },
    /// The authority believes every host.
    Proven,
    /// The certificate was asked for; its key is kept.
    Finalized,
    /// The certificate is here, and it is the one that was ordered.
    Issued,
}

// === impl KeepError ===

impl KeepError {
    /// Of an error, or of a sentence.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

// === impl OpenOrder ===

impl OpenOrder {
    /// It has come to nothing for a day, and is not gone on with.
    pub fn is_old(&self, now: SystemTime) -> bool {
        now.duration_since(self.placed).is_ok_and(|age| age > KEPT)
    }
}

// === impl Step ===

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordered { authority, url } => write!(f, "ordered from {authority}: {url}"),
            Self::Resumed { url } => write!(f, "going on with the order {url}"),
            Self::Abandoned { url, reason } => write!(f, "gave up the order {url}: {reason}"),
            Self::WithoutReplaces { reason } => {
                write!(f, "ordering without naming the certificate that is replaced: {reason}")
            }
            Self::WithoutProfile { profile } => {
                write!(f, "ordering without the profile `{profile}`: it is not offered")
            }
            Self::Proving { hosts } if hosts.is_empty() => f.write_str("proven before"),
            Self::Proving { hosts } => write!(f, "proving {}", hosts.join(", ")),
            Self::Proven => f.write_str("proven"),
            Self::Finalized => f.write_str("finalized"),
            Self::Issued => f.write_str("issued"),
        }
    }
}
