//! One certificate: its chain, its key, and the names it speaks for.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use warmfront_config::CertificateFiles;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A certificate that can be presented.
#[derive(Debug)]
pub struct Certificate {
    /// What rustls presents and signs with.
    pub(crate) key: Arc<CertifiedKey>,
    /// DNS names of the leaf, lower-case; some begin with `*.`.
    names: Vec<String>,
    /// Addresses of the leaf.
    addresses: Vec<IpAddr>,
    /// Seconds since the epoch at which the leaf stops being valid.
    not_after: i64,
}

/// Why a certificate cannot be presented. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read, or is not PEM.
    #[error("tls.certificates: cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// No certificate in the chain file.
    #[error("tls.certificates: {} holds no certificate", .0.display())]
    Empty(PathBuf),
    /// The leaf is not X.509 that can be read.
    #[error("tls.certificates: {} holds a certificate that cannot be parsed: {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The key cannot sign, or is another certificate's.
    #[error("tls.certificates: {} cannot be used with {}: {source}", key.display(), chain.display())]
    Key {
        /// The key's file.
        key: PathBuf,
        /// The chain's file.
        chain: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

// === impl Certificate ===

impl Certificate {
    /// Reads chain and key, and proves that they belong together.
    pub fn load(files: &CertificateFiles) -> Result<Self, CertificateError> {
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| CertificateError::Read { path, source }
        };
        let chain = CertificateDer::pem_file_iter(&files.chain).map_err(read(&files.chain))?;
        let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(read(&files.chain))?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(read(&files.key))?;
        let Some(leaf) = chain.first() else {
            return Err(CertificateError::Empty(files.chain.clone()));
        };
        let parse = |e: x509_parser::nom::Err<x509_parser::error::X509Error>| {
            CertificateError::Parse { path: files.chain.clone(), reason: e.to_string() }
        };
        let leaf = leaf.clone();
        let (_, parsed) = X509Certificate::from_der(&leaf).map_err(parse)?;
        let (names, addresses) = names_of(&parsed);
        let not_after = parsed.validity().not_after.timestamp();
        let provider = aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|source| {
            CertificateError::Key { key: files.key.clone(), chain: files.chain.clone(), source }
        })?;
        Ok(Self { key: Arc::new(key), names, addresses, not_after })
    }

    /// Whether the certificate speaks for a host, as a Host field names it: lower-case, IPv6 in
    /// brackets (RFC 9110 §4.3.4; a wildcard stands for exactly one label, RFC 9525 §6.3).
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(suffix) => parent == Some(suffix),
            None => name == host,
        })
    }

    /// DNS names it speaks for, wildcards with their `*.`.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Addresses it speaks for.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// When it stops being valid, in seconds since the epoch.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }
}

fn names_of(certificate: &X509Certificate<'_>) -> (Vec<String>, Vec<IpAddr>) {
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(name) => names.push(name.to_ascii_lowercase()),
            GeneralName::IPAddress(octets) => addresses.extend(address(octets)),
            _ => {}
        }
    }
    (names, addresses)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}
