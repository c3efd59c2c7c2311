//! What the file means, once every word of it has been understood.

mod acme;
mod policy;
mod response;
mod signing;
mod site;
mod target_group;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use acme::*;
pub use policy::*;
pub use response::*;
pub use signing::*;
pub use site::*;
pub use target_group::*;

use crate::pattern::PathPattern;
use crate::secret::Secret;

/// A whole, proven configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[listen]`: where connections come in.
    pub listen: Listen,
    /// `[limits]`: what one client may ask of the node.
    pub limits: Limits,
    /// `[tls]`: certificates and versions.
    pub tls: Tls,
    /// `[acme]`: whom certificates are ordered from; `None` where none are.
    pub acme: Option<Acme>,
    /// `[cache]`: the memory tier.
    pub cache: Cache,
    /// `[resolver]`: who is asked for the addresses of names.
    pub resolver: Resolver,
    /// `[origins.NAME]`, by name.
    pub origins: BTreeMap<String, Arc<Origin>>,
    /// `[sites.NAME]`, in the order of the file.
    pub sites: Vec<Arc<Site>>,
    /// `[keys.NAME]`: access keys for scripts.
    pub keys: Vec<Key>,
    /// `[log]`.
    pub log: Log,
}

/// `[listen]`.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Plain HTTP sockets.
    pub http: Vec<SocketAddr>,
    /// TLS sockets. Redirects go to the port of the first.
    pub https: Vec<SocketAddr>,
    /// Where the control API listens.
    pub admin: AdminAddr,
    /// The site under whose certificate the control API is served; `None` is without TLS.
    pub admin_tls: Option<String>,
    /// Ordered certificates, ledger and generated root key; created with mode 0700.
    pub state: PathBuf,
    /// Threads of the data plane.
    pub workers: NonZeroUsize,
}

/// `listen.admin`: a TCP address, or `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminAddr {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A Unix domain socket.
    Unix(PathBuf),
}

/// `[limits]`. Every limit is on by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request head. Over it: 431.
    pub header_bytes: usize,
    /// Fields of one request head. Over it: 431.
    pub header_fields: usize,
    /// Bytes of one request target. Over it: 414.
    pub url_bytes: usize,
    /// Time for the TLS handshake and the first whole request head together, and for each later head.
    pub header_timeout: Duration,
    /// Bytes of one request body. Over it: 413.
    pub body_bytes: u64,
    /// How long a connection, a body or a reader may stand still.
    pub idle_timeout: Duration,
    /// Requests answered on one connection before it is closed.
    pub requests_per_connection: u32,
    /// Open client connections. At it, new ones are closed at once.
    pub connections: usize,
    /// Open connections of one client address (IPv6: of one /64).
    pub connections_per_client: usize,
    /// Concurrent HTTP/2 streams of one connection.
    pub h2_streams: u32,
}

/// `[cache]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// Bound on stored bytes; headers and bookkeeping included.
    pub memory: u64,
    /// Largest body that is stored, in bytes.
    pub max_object: u64,
    /// How long collapsed requests wait for the one that went to the origin.
    pub collapse_timeout: Duration,
    /// Requests a second that all prefetches together make.
    pub prefetch_rate: NonZeroU32,
}

/// `[resolver]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolver {
    /// DNS servers, asked in this order; none means those of the system (`/etc/resolv.conf`).
    pub servers: Vec<SocketAddr>,
}

/// `[origins.NAME]`.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The table's name.
    pub name: String,
    /// What stands behind it.
    pub kind: OriginKind,
}

/// The kinds of origin.
#[derive(Debug, Clone)]
pub enum OriginKind {
    /// A bucket.
    S3(S3),
    /// App servers.
    TargetGroup(Box<TargetGroup>),
    /// Two of them, of which the second stands in for the first.
    Failover(Failover),
}

/// `primary` and `secondary`: CloudFront's origin group.
#[derive(Debug, Clone)]
pub struct Failover {
    /// Asked first, each time; never itself a failover.
    pub primary: Arc<Origin>,
    /// Asked when the first fails; never itself a failover.
    pub secondary: Arc<Origin>,
    /// Statuses of the first that count as failing, beside connection failures and timeouts.
    pub on: Vec<http::StatusCode>,
}

/// `origins.NAME.s3`.
#[derive(Debug, Clone)]
pub struct S3 {
    /// Bucket name.
    pub bucket: String,
    /// Region, part of every signature.
    pub region: String,
    /// An S3-compatible server, instead of Amazon's own host names.
    pub endpoint: Option<Endpoint>,
    /// Bucket in the path rather than in the host name.
    pub path_style: bool,
    /// Put before every key; either empty, or without a leading and with a trailing slash.
    pub prefix: String,
    /// The bucket's website endpoint: plain HTTP, never signed.
    pub website: bool,
    /// Who signs.
    pub credentials: Credentials,
    /// Fields set on every request beside the signed ones: a secret that the bucket's policy asks for.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
}

/// `scheme://host[:port]`, nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `https`?
    pub tls: bool,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port, the scheme's own if none was written.
    pub port: u16,
}

/// Where the credentials for Amazon's signatures come from.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Environment, profile, container, instance metadata: Amazon's default chain.
    Default,
    /// Written in the file.
    Static {
        /// `access_key_id`.
        access_key_id: String,
        /// The content of `secret_access_key_file`, without surrounding white space.
        secret_access_key: Secret,
    },
    /// Requests are not signed.
    Anonymous,
}

/// `viewer`: what happens to a request over plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// 301 for GET and HEAD, 307 for the rest.
    RedirectToHttps,
    /// 403.
    HttpsOnly,
    /// Served.
    AllowAll,
}

/// `[keys.NAME]`.
#[derive(Debug, Clone)]
pub struct Key {
    /// The table's name, for the audit line.
    pub name: String,
    /// The public half.
    pub id: String,
    /// The content of `secret_file`.
    pub secret: Secret,
    /// What the key may do; never empty.
    pub allow: Vec<Grant>,
}

/// One entry of a key's `allow`.
#[derive(Debug, Clone)]
pub struct Grant {
    /// What may be done.
    pub actions: Vec<Action>,
    /// To which site; `None` is every site.
    pub site: Option<String>,
    /// To the targets of which origin; `None` is every origin.
    pub origin: Option<String>,
    /// To which paths; empty is every path.
    pub paths: Vec<PathPattern>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `POST /invalidate`.
    Invalidate,
    /// Every `GET` that needs a key.
    Read,
    /// Registering, deregistering and draining targets.
    Targets,
    /// `POST /certificates/{host}/renew`.
    Certificates,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Least level of the node's own log, on standard error.
    pub level: Level,
    /// Where the access log goes.
    pub access: AccessLog,
    /// How a line of it looks.
    pub format: LogFormat,
}

/// Log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Only what somebody must mend.
    Error,
    /// And what somebody should look at.
    Warn,
    /// And what happened.
    Info,
    /// And why.
    Debug,
    /// And how.
    Trace,
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard output.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
    /// Nowhere.
    Off,
}

/// How a line of the access log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For a person.
    Text,
}
