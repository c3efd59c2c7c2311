//! What a site does to its responses: error pages, fields, CORS.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};

/// One of `error_pages`: CloudFront's custom error response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// The statuses it is for: 400 to 599, never empty.
    pub status: Vec<StatusCode>,
    /// The path of the page, with its slash; `None` leaves the error as it is.
    pub page: Option<String>,
    /// The status the client gets with the page; `None` is the error's own.
    pub respond: Option<StatusCode>,
    /// For how long the error is kept at least.
    pub ttl: Duration,
}

/// `response_headers`: CloudFront's response headers policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseFields {
    /// Taken away first.
    pub remove: Vec<HeaderName>,
    /// Set, whatever the origin says.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Set where the origin does not say it.
    pub default: Vec<(HeaderName, HeaderValue)>,
    /// Strict-Transport-Security, over HTTPS alone (RFC 6797 §7.2); `default` as to the origin's own.
    pub hsts: Option<HeaderValue>,
    /// What pages of other origins may do.
    pub cors: Option<Cors>,
}

/// `response_headers.cors`: what the edge says of cross-origin requests, in the origin's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Whose pages.
    pub origins: CorsOrigins,
    /// Methods that a preflight allows.
    pub methods: Vec<Method>,
    /// Request fields that a preflight allows; `None` is whatever is asked for.
    pub headers: Option<Vec<HeaderName>>,
    /// Response fields that a page's script may read.
    pub expose: Vec<HeaderName>,
    /// Whether cookies may come along; never with [`CorsOrigins::Any`].
    pub credentials: bool,
    /// For how long a browser remembers a preflight.
    pub max_age: Option<Duration>,
}

/// Whose pages may read what is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Everybody's: `"*"`.
    Any,
    /// Those of these origins, each `scheme://host[:port]`.
    Listed(Vec<CorsOrigin>),
}

/// One origin, as browsers spell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigin {
    /// Exactly this one.
    Exact(String),
    /// `https://*.example.org`: any one or more labels in front of the rest.
    Wildcard {
        /// `https://`.
        before: String,
        /// `.example.org`, and the port if there is one.
        after: String,
    },
}

// === impl Cors ===

impl Cors {
    /// Whether pages of this origin, as an Origin field spells it, are meant.
    pub fn lets_in(&self, origin: &str) -> bool {
        match &self.origins {
            CorsOrigins::Any => true,
            CorsOrigins::Listed(listed) => listed.iter().any(|known| known.matches(origin)),
        }
    }
}

impl CorsOrigin {
    fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Exact(known) => known == origin,
            Self::Wildcard { before, after } => origin
                .strip_prefix(before.as_str())
                .and_then(|rest| rest.strip_suffix(after.as_str()))
                .is_some_and(|labels| {
                    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
                    !labels.is_empty() && labels.bytes().all(plain)
                }),
        }
    }
}
