//! Sites and their behaviors.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method};
use ipnet::IpNet;

use super::{ErrorPage, Forward, Issuance, Origin, Policy, ResponseFields, TrustedKeys, Viewer};
use crate::pattern::{HostPattern, PathPattern};

/// `[sites.NAME]`: what CloudFront calls a distribution.
#[derive(Debug, Clone)]
pub struct Site {
    /// The table's name: metrics and API speak of the site by it.
    pub name: String,
    /// The distribution id that CloudFront's API knows the site by.
    pub id: String,
    /// Never empty; no host stands in two sites.
    pub hosts: Vec<HostPattern>,
    /// One of the hosts, to which requests for the others are redirected.
    pub canonical_host: Option<String>,
    /// For `/`: a key without a leading slash, or empty.
    pub default_root_object: String,
    /// The app's page (`/index.html`), if this is a single-page app.
    pub spa: Option<String>,
    /// What becomes of errors; a status stands in one of them at most.
    pub error_pages: Vec<ErrorPage>,
    /// Whether assets that an invalidation of everything took out of service are still served once
    /// their origin has them no more.
    pub keep_assets: Option<KeepAssets>,
    /// Which clients are let in.
    pub clients: Clients,
    /// What becomes of a response that sets a cookie.
    pub set_cookie: SetCookie,
    /// Whether a client's Cache-Control decides what is served to it.
    pub request_directives: RequestDirectives,
    /// How long past its lifetime a response is served while its origin cannot be reached.
    pub stale_if_unreachable: Duration,
    /// `acme`: how the certificate for its hosts is ordered; `None` where it is not.
    pub issuance: Option<Issuance>,
    /// The field of an origin's answer that names its tags, separated by commas; no client sees it.
    pub tags_header: HeaderName,
    /// Whether requests to this site are written to the access log.
    pub access_log: bool,
    /// In the order of the file; the site itself is the last one, with a pattern that matches all.
    pub behaviors: Vec<Behavior>,
}

/// `allow` and `deny`: who is let in by address.
#[derive(Debug, Clone, Default)]
pub struct Clients {
    /// These alone; empty is everybody.
    pub allow: Vec<IpNet>,
    /// Not these, even if `allow` has them.
    pub deny: Vec<IpNet>,
}

/// `keep_assets`: how long after an invalidation of everything the assets it took are still served
/// where their origin has them no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAssets {
    /// Until so many invalidations of `/*` have come.
    Deploys(u32),
    /// For so long.
    For(Duration),
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

/// A path pattern, and how requests that match it are cached and answered.
#[derive(Debug, Clone)]
pub struct Behavior {
    /// `*` any run, also across `/`; `?` one character.
    pub path: PathPattern,
    /// Where answers come from.
    pub origin: Arc<Origin>,
    /// What happens to a request over plain HTTP.
    pub viewer: Viewer,
    /// Methods that are let through.
    pub methods: Methods,
    /// What is stored, for how long, and what it is found by.
    pub policy: Policy,
    /// What reaches the origin beside the key.
    pub forward: Forward,
    /// What is done to the fields of every response.
    pub response_fields: Arc<ResponseFields>,
    /// Whose signed URLs and cookies are let in; `None` lets everybody in.
    pub trusted_keys: Option<Arc<TrustedKeys>>,
    /// Whether responses carry Server-Timing.
    pub server_timing: bool,
}

/// Which methods a behavior lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// Every method but TRACE and CONNECT (the default for a target group).
    All,
    /// These; GET, HEAD and OPTIONS are the default for S3.
    Only(Vec<Method>),
}
