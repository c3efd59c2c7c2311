//! The control API under a site's certificate.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use warmfront_config::{HostPattern, Site, TlsPolicy};

use crate::certificates::Certificates;
use crate::offer::{Offer, Presented};

/// What a site has now, shown to whoever connects, whatever server name it says.
#[derive(Debug, Clone)]
pub struct SiteTls {
    shown: Arc<Shown>,
    server: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Shown {
    certificates: Arc<Certificates>,
    hosts: Vec<HostPattern>,
}

// === impl SiteTls ===

impl SiteTls {
    /// With the versions and suites of `policy`, and HTTP/1.1 by ALPN. Every handshake is shown what
    /// speaks for the site at that time.
    pub fn new(certificates: Arc<Certificates>, site: &Site, policy: TlsPolicy) -> Self {
        let shown = Arc::new(Shown { certificates, hosts: site.hosts.clone() });
        let server = Offer::to_operators(policy).resolving(shown.clone());
        Self { shown, server }
    }

    /// What a handshake needs; `None` as long as nothing speaks for any host of the site.
    pub fn server(&self) -> Option<Arc<ServerConfig>> {
        self.shown.of_any()?;
        Some(self.server.clone())
    }

    /// The certificate that is shown to who asks for the site's first name; `None` as long as
    /// nothing speaks for any host of the site.
    pub fn leaf(&self) -> Option<CertificateDer<'static>> {
        let exact = self.shown.hosts.iter().find(|host| matches!(host, HostPattern::Exact(_)));
        let named = exact.and_then(|host| self.shown.certificates.speaks_for(host));
        let presented = named.or_else(|| self.shown.of_any())?;
        Some(presented.certificate.leaf().clone())
    }
}

// === impl Shown ===

impl Shown {
    /// A site may have several certificates: one that speaks for the name is what its client trusts.
    fn of_name(&self, name: &str) -> Option<Arc<Presented>> {
        let name = name.to_ascii_lowercase();
        let is_ours = self.hosts.iter().any(|host| host.matches(&name));
        is_ours.then(|| self.certificates.speaks_for(&HostPattern::Exact(name)))?
    }

    fn of_any(&self) -> Option<Arc<Presented>> {
        self.hosts.iter().find_map(|host| self.certificates.speaks_for(host))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.of_name(name));
        let presented = named.or_else(|| self.of_any())?;
        Some(presented.certificate.key.clone())
    }
}

#[cfg(test)]
mod tests;
