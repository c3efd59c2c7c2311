//! Certificates that the node signs itself: stand-ins, and answers to tls-alpn-01.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use warmfront_config::HostPattern;

use crate::certificate::Certificate;
use crate::pair::PairError;

/// How long a stand-in is valid. Every start makes new ones.
const STAND_IN_LIFETIME: Duration = Duration::from_hours(90 * 24);
/// How far a client's clock may be behind.
const CLOCK_SKEW: Duration = Duration::from_hours(1);

/// Why the node cannot sign a certificate itself.
#[derive(Debug, thiserror::Error)]
pub enum SelfSignedError {
    /// A host that cannot stand in a certificate, or no random numbers for a key.
    #[error("cannot sign a certificate for {whom}: {source}")]
    Make {
        /// The site or the host it is for.
        whom: String,
        /// Why.
        source: rcgen::Error,
    },
    /// It cannot be presented.
    #[error("cannot use the certificate signed for {whom}: {source}")]
    Use {
        /// The site or the host it is for.
        whom: String,
        /// Why.
        source: Box<PairError>,
    },
    /// Its key cannot sign a handshake.
    #[error("cannot use the key made for {whom}: {source}")]
    Sign {
        /// The host it is for.
        whom: String,
        /// What rustls says.
        source: rustls::Error,
    },
}

/// A certificate for a site's hosts, on a P-256 key of its own; no authority (RFC 5280 §4.2.1.9).
pub(crate) fn stand_in(
    site: &str,
    hosts: &[HostPattern],
    now: SystemTime,
) -> Result<Certificate, SelfSignedError> {
    let whom = format!("sites.{site}");
    let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let failed = |source| SelfSignedError::Make { whom: whom.clone(), source };
    let mut params = params(names, "warmfront stand-in").map_err(failed)?;
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + STAND_IN_LIFETIME).into();
    let (signed, key) = sign(&params).map_err(failed)?;
    Certificate::from_pem(&signed.pem(), &key.serialize_pem())
        .map_err(|source| SelfSignedError::Use { whom, source: Box::new(source) })
}

/// A certificate for one host alone, with the digest of the key authorization in the critical
/// extension `acmeIdentifier` (RFC 8737 §3; for an address, RFC 8738 §6).
///
/// In DER, and as what presents it. It is no [`Certificate`]: that is proven by rustls, which knows
/// no such extension and therefore refuses it.
pub(crate) fn answer(
    host: &str,
    digest: &[u8; 32],
) -> Result<(Vec<u8>, CertifiedKey), SelfSignedError> {
    let whom = host.to_owned();
    let name = address(host).map_or_else(|| whom.clone(), |address| address.to_string());
    let failed = |source| SelfSignedError::Make { whom: whom.clone(), source };
    // Valid for two thousand years: nobody who looks at it asks when.
    let mut params = params(vec![name], "warmfront acme-tls/1").map_err(failed)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let (signed, key) = sign(&params).map_err(failed)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    match any_supported_type(&key) {
        Ok(key) => Ok((signed.der().to_vec(), CertifiedKey::new(vec![signed.into()], key))),
        Err(source) => Err(SelfSignedError::Sign { whom, source }),
    }
}

/// The address that a host is, if it is one.
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn params(names: Vec<String>, common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn sign(params: &CertificateParams) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    Ok((params.self_signed(&key)?, key))
}
