//! `[origins.NAME]` with `targets`: app servers, and how they share the requests.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

/// App servers that share the requests: an Application Load Balancer's target group.
#[derive(Debug, Clone)]
pub struct TargetGroup {
    /// Never empty.
    pub targets: Vec<TargetEntry>,
    /// TLS to the targets; `None` is plain.
    pub tls: Option<TargetTls>,
    /// What is spoken with the targets.
    pub protocol: TargetProtocol,
    /// The Host field the targets see.
    pub host: HostField,
    /// Fields set on every request, over the client's own.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who is asked next.
    pub algorithm: Algorithm,
    /// To an established connection.
    pub connect_timeout: Duration,
    /// To the first byte of the answer, and between reads.
    pub response_timeout: Duration,
    /// Targets tried before the client is told; at least 1.
    pub attempts: u32,
    /// Of a hundred requests, how many may be sent once more; connect failures do not count.
    pub retry_budget: u32,
    /// Active checks; without them a target is in use until requests to it fail.
    pub health_check: Option<HealthCheck>,
    /// How long a target's share grows after it has become healthy; zero is off.
    pub slow_start: Duration,
    /// The longest that a deregistered target's requests may take to finish.
    pub deregistration_delay: Duration,
    /// Whether a client stays with its target.
    pub stickiness: Option<Stickiness>,
    /// When a target is passed over because requests to it fail; `None` is never.
    pub outliers: Option<Outliers>,
    /// How much one target is asked at a time; `None` is without bounds.
    pub circuit: Option<Circuit>,
}

/// One entry of `targets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetEntry {
    /// Its `address`.
    pub name: TargetName,
    /// Its share of the requests, 0 to 999; with 0 it gets none.
    pub weight: u16,
    /// Targets of a higher tier are in use only while none of a lower one is healthy.
    pub tier: u8,
}

/// `host:port` of a target; the host may be a DNS name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetName {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// `tls`: TLS to the targets. Nothing in it is optional silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetTls {
    /// The name that is asked for and verified; `None` is the target's own host.
    pub server_name: Option<String>,
    /// The only roots that are trusted (PEM); `None` is the system's.
    pub ca_file: Option<PathBuf>,
    /// What the edge shows of itself.
    pub client_certificate: Option<CertificatePair>,
    /// Whether the certificate is looked at; a warning is logged where it is not.
    pub verification: Verification,
}

/// A certificate that the edge shows to targets, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatePair {
    /// Leaf first, then intermediates.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `tls.verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Chain and name.
    Full,
    /// Anybody who has the address is believed.
    Off,
}

/// `protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 and nothing else; without TLS with prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// `host`: what the Host field says to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostField {
    /// What the client sent.
    Client,
    /// The target's own `host:port`.
    Target,
    /// Always this.
    Literal(HeaderValue),
}

/// `algorithm`, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Algorithm {
    /// Smooth weighted round robin.
    RoundRobin,
    /// The target with the least to do.
    LeastOutstandingRequests,
    /// At random, by weight.
    WeightedRandom {
        /// Whether targets that fail more than the others get less.
        anomaly_mitigation: bool,
    },
    /// The same target for the same key, as long as it is there and not overloaded.
    ConsistentHash(HashOn),
}

/// `hash_on`: what a consistent hash is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashOn {
    /// The client's address.
    Client,
    /// The path, without the query.
    Path,
    /// This field of the request; a request without it counts by its client.
    Header(HeaderName),
    /// This cookie of the request; a request without it counts by its client.
    Cookie(String),
}

/// `health_check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked, and which answer is a good one.
    pub probe: Probe,
    /// Another port than the one of the requests.
    pub port: Option<u16>,
    /// From one check of a target to the next; they are spread within it.
    pub interval: Duration,
    /// To the whole answer; at most the interval.
    pub timeout: Duration,
    /// Passed checks in a row that make an unhealthy target healthy. A new one needs one.
    pub healthy: u32,
    /// Failed checks in a row that make a healthy target unhealthy.
    pub unhealthy: u32,
}

/// What a check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A GET, in the group's own protocol.
    Http {
        /// Over TLS: as the group's requests, or by the system's roots where those are plain.
        tls: bool,
        /// Path and query.
        path: String,
        /// The Host field, if it is not the target's `host:port`.
        host: Option<HeaderValue>,
        /// Statuses that pass.
        statuses: Vec<RangeInclusive<u16>>,
    },
    /// A connection that is established, with TLS where the group has it.
    Tcp,
    /// A call over HTTP/2.
    Grpc(GrpcProbe),
}

/// Which call a gRPC check makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrpcProbe {
    /// `grpc.health.v1.Health/Check`, answered with SERVING.
    Health {
        /// The service that is asked about; empty is the server as a whole.
        service: String,
    },
    /// Any method, with an empty message, as an Application Load Balancer does it.
    Method {
        /// `/package.service/method`.
        path: String,
        /// gRPC statuses that pass.
        codes: Vec<RangeInclusive<u16>>,
    },
}

/// `stickiness`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stickiness {
    /// By a cookie of the edge's own, renewed with each response.
    LoadBalancer {
        /// How long it holds.
        duration: Duration,
    },
    /// As long as the app's own cookie is there.
    Application {
        /// The app's cookie.
        name: String,
        /// How long it holds.
        duration: Duration,
    },
}

/// `outliers`: when a target is passed over for what requests to it came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outliers {
    /// 5xx, timeouts and broken connections in a row.
    pub consecutive_errors: u32,
    /// For how long at first; twice as long each time it fails again.
    pub eject_for: Duration,
}

/// `circuit`: bounds for each target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circuit {
    /// Requests under way.
    pub in_flight: u32,
    /// Requests that wait for a place, for at most `connect_timeout`.
    pub waiting: u32,
}

// === impl TargetName ===

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}
