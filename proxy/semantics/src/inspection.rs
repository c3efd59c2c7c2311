//! Why a request is a hit or a miss: what there is to tell of a URL, as data and in sentences.
//!
//! Whoever looks into the store gathers the facts; everything that is said about them is said here.

mod cause;
mod course;
mod explained;
mod lifetime;
mod question;
mod span;
mod variant;

use serde::Serialize;

pub use cause::{By, Cause, Force, Named};
pub use course::{Bypass, Course, Next, Validator};
pub use explained::{Explained, INVALIDATED};
pub use lifetime::{Grant, Lifetime};
pub use question::{BadQuestion, Question};
pub use variant::{Standing, StoredFacts, Variant};

/// Everything there is to tell of one request that has not been made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The URL that was asked about, as it was routed.
    pub url: String,
    /// The method that was asked about.
    pub method: String,
    /// The name of the site that answers to the host.
    pub site: String,
    /// The path pattern of the first behavior that matches.
    pub behavior: String,
    /// The name of the origin that is asked first.
    pub origin: String,
    /// The primary key in hexadecimal digits; `None` if nothing is looked up.
    pub key: Option<String>,
    /// What stands under the key, in the order in which a look-up selects from it.
    pub variants: Vec<Variant>,
    /// The newest invalidation that is known to have taken what stood under the key, or that would
    /// have, had something stood there.
    pub invalidation: Option<Cause>,
    /// What a request would come to now.
    pub next: Next,
    /// What could not be told from here, each a sentence without its full stop.
    pub notes: Vec<String>,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unroutable {
    /// The host belongs to nobody here.
    #[error("no site answers to this host")]
    UnknownHost,
    /// No room would let such a request in, whatever the site; the reason is a sentence without its
    /// full stop.
    #[error("such a request is refused: {0}")]
    Refused(String),
}
