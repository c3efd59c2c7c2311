//! `[tls]`, `[acme]`, and what a site says of its certificate.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::{Credentials, Endpoint};
use crate::secret::Secret;

/// `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `policy` or `min_version`: the versions and cipher suites that are offered.
    pub policy: TlsPolicy,
    /// What becomes of a handshake for a name that no certificate speaks for.
    pub unknown_name: UnknownName,
    /// `[[tls.certificates]]`.
    pub certificates: Vec<CertificateFiles>,
}

/// A security policy, by CloudFront's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsPolicy {
    /// `TLSv1.2_2021`: TLS 1.3, and TLS 1.2 with AES-GCM or `ChaCha20` and forward secrecy.
    #[default]
    V1_2_2021,
    /// `TLSv1.2_2025`: as before, without `ChaCha20` for TLS 1.2.
    V1_2_2025,
    /// `TLSv1.3_2025`: TLS 1.3 alone.
    V1_3_2025,
}

/// What becomes of a handshake for a name that no certificate speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownName {
    /// It is refused with the alert `unrecognized_name` (RFC 6066 §3).
    #[default]
    Reject,
    /// It is shown the first own certificate, or else the first site's.
    Default,
}

/// A certificate of the user's own, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Leaf first, then intermediates.
    pub chain: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// `[acme]`: whom certificates are ordered from (RFC 8555).
#[derive(Debug, Clone)]
pub struct Acme {
    /// Where the authorities write to; without `mailto:`.
    pub email: Option<String>,
    /// `directory`, then `fallback` in its order; never empty.
    pub authorities: Vec<Authority>,
    /// Addresses by which the world reaches this node, beside those it listens on.
    pub public_addresses: Vec<IpAddr>,
    /// What a name is shown before its first certificate is there.
    pub before_first: BeforeFirst,
    /// Who publishes the TXT records of dns-01; there if any site proves its names so.
    pub dns: Option<DnsPublisher>,
}

/// A certificate authority that speaks ACME.
#[derive(Debug, Clone)]
pub struct Authority {
    /// `letsencrypt`, `letsencrypt-staging`, `zerossl`, or the directory's host and port: for people.
    pub name: String,
    /// The URL of its directory (RFC 8555 §7.1.1); `https`, always.
    pub directory: String,
    /// PEM with the roots that its own HTTPS is trusted by; those of the system where it is left out.
    pub ca_file: Option<PathBuf>,
    /// The account at the authority that ours is bound to (RFC 8555 §7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// One of the public ones by name: it validates on the ports 80 and 443.
    pub public: bool,
}

/// `external_account`.
#[derive(Debug, Clone)]
pub struct ExternalAccount {
    /// The key identifier that the authority gave out.
    pub kid: String,
    /// Its MAC key, in base64url without padding; proven to be that.
    pub hmac_key: Secret,
}

/// What a name is shown before its first certificate is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BeforeFirst {
    /// A certificate that the node signed itself.
    #[default]
    SelfSigned,
    /// Nothing: the handshake is refused.
    Refuse,
}

/// How control over a name is proven (RFC 8555 §8, RFC 8737).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ChallengeKind {
    /// A file below `/.well-known/acme-challenge/`, over plain HTTP.
    #[default]
    Http01,
    /// A certificate for the protocol `acme-tls/1`, in a handshake.
    TlsAlpn01,
    /// A TXT record at `_acme-challenge`.
    Dns01,
}

/// How a site's certificate is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuance {
    /// How control over its names is proven.
    pub challenge: ChallengeKind,
    /// The profile that is asked for; the authority's own choice where it is left out.
    pub profile: Option<String>,
}

/// Who publishes TXT records.
#[derive(Debug, Clone)]
pub enum DnsPublisher {
    /// A name server that takes updates (RFC 2136).
    Rfc2136(Rfc2136),
    /// Amazon Route 53.
    Route53(Route53),
    /// A program of the user's: `present|cleanup FQDN VALUE`.
    Exec(PathBuf),
}

/// `acme.dns.rfc2136`.
#[derive(Debug, Clone)]
pub struct Rfc2136 {
    /// The primary name server.
    pub server: SocketAddr,
    /// The zone that is updated: lower-case, without the last dot. A host outside of it needs a CNAME
    /// at `_acme-challenge` that leads into it.
    pub zone: String,
    /// The name of the TSIG key (RFC 8945): lower-case, without the last dot.
    pub key: String,
    /// What the key signs with.
    pub algorithm: TsigAlgorithm,
    /// The key, in base64; proven to be that.
    pub secret: Secret,
}

/// What a TSIG key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TsigAlgorithm {
    /// `hmac-sha256`.
    #[default]
    HmacSha256,
    /// `hmac-sha384`.
    HmacSha384,
    /// `hmac-sha512`.
    HmacSha512,
}

/// `acme.dns.route53`.
#[derive(Debug, Clone)]
pub struct Route53 {
    /// The zone's identifier: `Z0123456789ABC`, without `/hostedzone/`.
    pub hosted_zone_id: String,
    /// A server that speaks its API, instead of Amazon's.
    pub endpoint: Option<Endpoint>,
    /// Part of every signature.
    pub region: String,
    /// Who signs; never anonymous.
    pub credentials: Credentials,
}
