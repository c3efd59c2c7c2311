//! The key of an order, the request that it signs, and what comes back for it.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
    SanType,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use warmfront_config::HostPattern;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::refusal::{Blame, Refusal};

/// A certificate that seems to begin later today was made for clients whose clocks are right: it is
/// this node's that runs behind.
const EARLY_MAX: Duration = Duration::from_hours(24);
/// Every client is sent all of it.
const CHAIN_MAX: usize = 10;
const CHAIN_BYTES_MAX: usize = 64 << 10;

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
    #[error("its chain has more than {CHAIN_MAX} certificates or {} KiB", CHAIN_BYTES_MAX >> 10)]
    Long,
    /// Counted from the leaf, which is 1.
    #[error("certificate {0} of its chain is not signed by the one behind it")]
    Loose(usize),
    #[error("it is not valid yet")]
    NotYet,
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

    /// `None` where the text is no private key, or one of another kind.
    pub(crate) fn parse(pem: &str) -> Option<Self> {
        let pair = KeyPair::from_pem(pem).ok()?;
        if !pair.is_compatible(&PKCS_ECDSA_P256_SHA256) {
            return None;
        }
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

/// Proves that a chain in PEM is what was asked for: for this key, for every host, valid now, and
/// one that clients take: of a sane length, each certificate with its signer's behind it.
pub(crate) fn prove(
    chain: &str,
    key: &Key,
    hosts: &[HostPattern],
    now: SystemTime,
) -> Result<(), ChainError> {
    if chain.len() > CHAIN_BYTES_MAX {
        return Err(ChainError::Long);
    }
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
    if parsed.len() > CHAIN_MAX {
        return Err(ChainError::Long);
    }
    if leaf.public_key().raw != key.pair.subject_public_key_info() {
        return Err(ChainError::Key);
    }
    let names = names(leaf)?;
    if let Some(host) = hosts.iter().map(ToString::to_string).find(|host| !names.contains(host)) {
        return Err(ChainError::Host(host));
    }
    let mut links = parsed.iter().zip(parsed.iter().skip(1));
    let loose = |(one, next): (&X509Certificate<'_>, &X509Certificate<'_>)| {
        one.issuer().as_raw() != next.subject().as_raw()
    };
    if let Some(at) = links.position(loose) {
        return Err(ChainError::Loose(at + 1));
    }
    let secs = |time: ASN1Time| u64::try_from(time.timestamp()).unwrap_or_default();
    let validity = leaf.validity();
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if secs(validity.not_before) > (now + EARLY_MAX).as_secs() {
        return Err(ChainError::NotYet);
    }
    if secs(validity.not_after) <= now.as_secs() { Err(ChainError::Expired) } else { Ok(()) }
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
