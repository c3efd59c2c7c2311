//! The key of an order, the request that it signs, and what comes back for it.

use std::net::IpAddr;
use std::time::SystemTime;

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData as _, SanType};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use warmfront_config::HostPattern;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::refusal::{Blame, Refusal};

/// A private key for ECDSA on P-256.
pub(crate) struct Key {
    pair: KeyPair,
    pem: String,
}

/// Why a chain is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChainError {
    #[error("it ended before it came")]
    Expired,
    #[error("it does not speak for {0}")]
    Host(String),
    #[error("it is for another key")]
    Key,
    #[error("it cannot be read ({0})")]
    Unreadable(String),
}

// === impl Key ===

impl Key {
    /// A new one. Fails if the system gives no random numbers.
    pub(crate) fn generate() -> Result<Self, Refusal> {
        let pair = KeyPair::generate()
            .map_err(|error| Refusal::new(Blame::Edge, format!("cannot make a key: {error}")))?;
        let pem = pair.serialize_pem();
        Ok(Self { pair, pem })
    }

    /// `None` where the text is no private key.
    pub(crate) fn parse(pem: &str) -> Option<Self> {
        let pair = KeyPair::from_pem(pem).ok()?;
        Some(Self { pair, pem: pem.to_owned() })
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn into_pem(self) -> String {
        self.pem
    }

    /// A certificate signing request in DER. Its subject is empty: authorities look at the names
    /// beside it alone, and an address must not be a common name.
    pub(crate) fn request(&self, hosts: &[HostPattern]) -> Result<Vec<u8>, Refusal> {
        let refused = |error: rcgen::Error| {
            Refusal::new(Blame::Edge, format!("cannot make the request for a certificate: {error}"))
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for host in hosts {
            let name = host.to_string();
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.try_into().map_err(refused)?),
            });
        }
        let request = params.serialize_request(&self.pair).map_err(refused)?;
        Ok(request.der().to_vec())
    }
}

// === what comes back ===

/// Proves that a chain in PEM is what was asked for: for this key, for every host, and not over.
pub(crate) fn prove(
    chain: &str,
    key: &Key,
    hosts: &[HostPattern],
    now: SystemTime,
) -> Result<(), ChainError> {
    let unreadable = |error: String| ChainError::Unreadable(error);
    let certificates = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(error.to_string()))?;
    let parsed = certificates
        .iter()
        .map(|der| match X509Certificate::from_der(der) {
            Ok((_, certificate)) => Ok(certificate),
            Err(error) => Err(unreadable(error.to_string())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let leaf = parsed.first().ok_or_else(|| unreadable("it is empty".to_owned()))?;
    if leaf.public_key().raw != key.pair.subject_public_key_info() {
        return Err(ChainError::Key);
    }
    let names = names(leaf)?;
    if let Some(host) = hosts.iter().map(ToString::to_string).find(|host| !names.contains(host)) {
        return Err(ChainError::Host(host));
    }
    let end = u64::try_from(leaf.validity().not_after.timestamp()).unwrap_or_default();
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if end <= now.as_secs() { Err(ChainError::Expired) } else { Ok(()) }
}

/// The names and addresses that a certificate speaks for, as hosts are written here.
fn names(leaf: &X509Certificate<'_>) -> Result<Vec<String>, ChainError> {
    let alternative = leaf
        .subject_alternative_name()
        .map_err(|error| ChainError::Unreadable(error.to_string()))?;
    let names = alternative.iter().flat_map(|extension| &extension.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
        _ => None,
    });
    Ok(names.collect())
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

#[cfg(test)]
pub(crate) mod tests;
