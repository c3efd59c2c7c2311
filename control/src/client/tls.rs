//! TLS to a node that serves its control API under a site's certificate (`listen.admin_tls`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use warmfront_certs::CertificateFolder;
use warmfront_config::AdminTls;

use crate::admin_tls;

/// What a connection to the node is trusted by.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    pub(super) config: Arc<ClientConfig>,
    /// A name that the site's certificate speaks for.
    pub(super) name: ServerName<'static>,
}

/// Trusts the very certificates that lie on this machine, else what its system trusts.
#[derive(Debug)]
struct Verifier {
    /// Chains: whoever has the key to the leaf of one is the node.
    chains: Vec<PathBuf>,
    /// `None` if the system has no roots.
    system: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

// === impl Trust ===

impl Trust {
    /// For a node whose control API is served under a site's certificate, and whose state directory
    /// is `state` if it is on this machine. `None` if the name is nobody's.
    pub(super) fn of(tls: &AdminTls, state: Option<&Path>) -> Option<Self> {
        let mut chains = tls.chains.clone();
        if let Some(state) = state {
            let ordered = tls.site.as_ref().map(|site| CertificateFolder::live_chain(state, site));
            chains.extend(ordered.into_iter().chain([admin_tls::shown_leaf(state)]));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            Verifier { chains, system: system_roots(&provider), provider: provider.clone() };
        let client = ClientConfig::builder_with_provider(provider);
        let mut client = client
            .with_safe_default_protocol_versions()
            .ok()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(tls.name.clone()).ok()?;
        Some(Self { config: Arc::new(client), name })
    }
}

fn leaf(chain: &Path) -> Option<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(chain).ok()?.next()?.ok()
}

fn system_roots(provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    // What of them cannot be parsed vouches for nothing.
    let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().ok()
}

// === impl Verifier ===

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Read now, not before: what the node shows is on disk before it is shown. A file that this
        // user may not read vouches for nothing.
        if self.chains.iter().filter_map(|chain| leaf(chain)).any(|leaf| leaf == *end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.system {
            Some(system) => system.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
