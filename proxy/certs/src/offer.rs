//! What a handshake offers: versions, cipher suites, protocols, tickets.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite as suites};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use warmfront_config::TlsPolicy;

use crate::certificate::Certificate;

/// A certificate, and the TLS configuration that presents it.
#[derive(Debug)]
pub struct Presented {
    /// What is presented.
    pub certificate: Certificate,
    /// Where it came from.
    pub source: Source,
    /// HTTP/2 and HTTP/1.1 by ALPN, session tickets, the versions and suites of the policy.
    pub server: Arc<ServerConfig>,
}

/// Where a certificate came from; of two for one name the earlier is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The user's files.
    Own,
    /// An authority.
    Ordered,
    /// The node signed it itself, to have something before the first one is there.
    StandIn,
}

/// What every handshake offers, whatever it presents.
///
/// All certificates share one provider, one verifier and one ticketer: beside its chain and key, a
/// certificate costs a few hundred bytes.
#[derive(Debug)]
pub(crate) struct Offer {
    /// Presents nothing.
    blank: ServerConfig,
}

/// Presents one certificate to everybody: the name was matched before.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

/// Presents nothing.
#[derive(Debug)]
struct Never;

// === impl Offer ===

impl Offer {
    /// What is offered to clients.
    ///
    /// Sessions are resumed by ticket (RFC 8446 §4.6.1, RFC 5077). The ticketer makes itself a new
    /// key every 6 hours and honours the one before: a ticket lives for 6 to 12 hours, and outlives
    /// every change of a certificate. It can be one for all, as rustls resumes a session only under
    /// the server name it began with, and nobody asks for client certificates.
    pub(crate) fn new(policy: TlsPolicy) -> Self {
        let mut blank = blank(policy);
        blank.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // It fails only where the system has no random numbers: then no handshake succeeds either.
        if let Ok(ticketer) = aws_lc_rs::Ticketer::new() {
            blank.ticketer = ticketer;
        }
        // Each ticket is a write of its own; one is what a browser uses.
        blank.send_tls13_tickets = 1;
        Self { blank }
    }

    /// What is offered to an authority that validates a name (RFC 8737 §3): `acme-tls/1`, TLS 1.2
    /// and 1.3 whatever the policy, and nothing to come back with.
    pub(crate) fn to_authorities() -> Self {
        let mut blank = blank(TlsPolicy::V1_2_2021);
        blank.alpn_protocols = vec![b"acme-tls/1".to_vec()];
        blank.send_tls13_tickets = 0;
        Self { blank }
    }

    /// What is offered to those who ask the control API: HTTP/1.1, and nothing to come back with.
    pub(crate) fn to_operators(policy: TlsPolicy) -> Self {
        let mut blank = blank(policy);
        blank.alpn_protocols = vec![b"http/1.1".to_vec()];
        blank.send_tls13_tickets = 0;
        Self { blank }
    }

    pub(crate) fn present(&self, certificate: Certificate, source: Source) -> Arc<Presented> {
        let server = self.server(&certificate.key);
        Arc::new(Presented { certificate, source, server })
    }

    pub(crate) fn server(&self, key: &Arc<CertifiedKey>) -> Arc<ServerConfig> {
        self.resolving(Arc::new(Always(key.clone())))
    }

    pub(crate) fn resolving(&self, resolver: Arc<dyn ResolvesServerCert>) -> Arc<ServerConfig> {
        let mut server = self.blank.clone();
        server.cert_resolver = resolver;
        Arc::new(server)
    }
}

fn blank(policy: TlsPolicy) -> ServerConfig {
    let mut server = ServerConfig::builder_with_provider(provider(policy))
        .with_protocol_versions(&versions(policy))
        .expect("every policy has suites for each of its versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Never));
    // The order is the policy's, as CloudFront's is.
    server.ignore_client_order = true;
    // rustls would keep 256 sessions for each certificate, beside the tickets.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server
}

fn versions(policy: TlsPolicy) -> Vec<&'static SupportedProtocolVersion> {
    match policy {
        TlsPolicy::V1_2_2021 | TlsPolicy::V1_2_2025 => vec![&TLS13, &TLS12],
        TlsPolicy::V1_3_2025 => vec![&TLS13],
    }
}

/// The suites of CloudFront's policies, in its order and by name, so that a new rustls does not change
/// them.
///
/// aws-lc-rs offers X25519MLKEM768 first: what is recorded today must not be read tomorrow.
fn provider(policy: TlsPolicy) -> Arc<CryptoProvider> {
    let mut offered = vec![
        suites::TLS13_AES_128_GCM_SHA256,
        suites::TLS13_AES_256_GCM_SHA384,
        suites::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    if matches!(policy, TlsPolicy::V1_2_2021 | TlsPolicy::V1_2_2025) {
        offered.extend([
            suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        ]);
    }
    if policy == TlsPolicy::V1_2_2021 {
        offered.extend([
            suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            suites::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]);
    }
    Arc::new(CryptoProvider { cipher_suites: offered, ..aws_lc_rs::default_provider() })
}

// === impl Always ===

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

// === impl Never ===

impl ResolvesServerCert for Never {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

#[cfg(test)]
mod tests;
