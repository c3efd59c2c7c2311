//! What is stored and what it is found by: CloudFront's cache policies and origin request policies.

use std::time::Duration;

use http::HeaderName;

/// `[policies.NAME]`, with what a behavior says over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Bounds on freshness lifetimes.
    pub ttl: Ttl,
    /// Parameters of the query that are in the primary key.
    pub query: Selection,
    /// How those parameters are ordered in it.
    pub query_order: QueryOrder,
    /// Request fields that are in the primary key, sorted.
    pub headers: Vec<HeaderName>,
    /// Cookies that are in the primary key.
    pub cookies: Selection,
    /// Whether responses are compressed for clients that take it.
    pub compress: bool,
}

/// Bounds on freshness lifetimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl {
    /// At least this long.
    pub min: Duration,
    /// Where the origin says nothing. `None`: an answer that says nothing is not stored.
    pub default: Option<Duration>,
    /// At most this long. Zero: nothing is stored.
    pub max: Duration,
}

/// Some of the parameters, cookies or fields of a request, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// None of them.
    None,
    /// All of them.
    All,
    /// These. Cookies and parameters are told apart by case, fields are not.
    Only(Vec<String>),
    /// All but these.
    Except(Vec<String>),
}

/// How the parameters in a key are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryOrder {
    /// As the client sent them: another order is another key.
    AsSent,
    /// By name and value; the origin sees them in this order too.
    Sorted,
}

/// `forward`: what reaches the origin beside what is in the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Parameters of the query.
    pub query: Selection,
    /// Request fields.
    pub headers: Selection,
    /// Cookies.
    pub cookies: Selection,
}

// === impl Policy ===

impl Policy {
    /// Whether nothing is stored under it: CloudFront's caching disabled.
    pub fn stores_nothing(&self) -> bool {
        self.ttl.max.is_zero()
    }
}

// === impl Selection ===

impl Selection {
    /// Whether a name is among them.
    pub fn takes(&self, name: &[u8]) -> bool {
        let among = |names: &[String]| names.iter().any(|known| known.as_bytes() == name);
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(names) => among(names),
            Self::Except(names) => !among(names),
        }
    }
}
