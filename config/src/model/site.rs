//! Sites and their behaviors.

use std::sync::Arc;
use std::time::Duration;

use super::{Origin, Viewer};
use crate::pattern::{HostPattern, PathPattern};

/// `[sites.NAME]`: what CloudFront calls a distribution.
#[derive(Debug, Clone)]
pub struct Site {
    /// The table's name: metrics and API speak of the site by it.
    pub name: String,
    /// Never empty; no host stands in two sites.
    pub hosts: Vec<HostPattern>,
    /// What happens to a request over plain HTTP.
    pub viewer: Viewer,
    /// For `/`: a key without a leading slash, or empty.
    pub default_root_object: String,
    /// The app's page (`/index.html`), if this is a single-page app.
    pub spa: Option<String>,
    /// What becomes of a response that sets a cookie.
    pub set_cookie: SetCookie,
    /// Whether a client's Cache-Control decides what is served to it.
    pub request_directives: RequestDirectives,
    /// How long past its lifetime a response is served while its origin cannot be reached.
    pub stale_if_unreachable: Duration,
    /// Whether requests to this site are written to the access log.
    pub access_log: bool,
    /// In the order of the file; the site itself is the last one, with a pattern that matches all.
    pub behaviors: Vec<Behavior>,
}

/// What becomes of a response that sets a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetCookie {
    /// It is stored only if it says that it is for everybody: `public`, `s-maxage`, or a targeted
    /// field.
    Skip,
    /// RFC 9111 to the letter: it is stored like any other, its cookie included.
    Store,
    /// It is stored, and its cookie is not.
    Strip,
}

/// Whether a client's `no-cache`, `max-age`, `min-fresh` and `max-stale` count (RFC 9111 §5.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestDirectives {
    /// No: nobody can make the edge ask the origin again.
    Ignore,
    /// Yes.
    Honor,
}

/// A path pattern and where requests that match it go.
#[derive(Debug, Clone)]
pub struct Behavior {
    /// `*` any run, also across `/`; `?` one character.
    pub path: PathPattern,
    /// Where answers come from.
    pub origin: Arc<Origin>,
    /// The freshness lifetime of an answer that does not say, and bounds on what it says.
    pub ttl: Ttl,
    /// What of the query is in the primary key.
    pub query: QueryKey,
    /// Methods that are let through.
    pub methods: Methods,
}

/// Bounds on freshness lifetimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl {
    /// At least this long.
    pub min: Duration,
    /// Where the origin says nothing. `None`: an answer that says nothing is not stored.
    pub default: Option<Duration>,
    /// At most this long.
    pub max: Duration,
}

/// What of the query is in the primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryKey {
    /// Nothing of it, and the origin does not see it either (the default for S3).
    None,
    /// The whole of it, byte for byte (the default for a target group).
    All,
}

/// Which methods a behavior lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Methods {
    /// GET, HEAD, OPTIONS (the default for S3).
    Safe,
    /// Every method but TRACE and CONNECT (the default for a target group).
    All,
}
