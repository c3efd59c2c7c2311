//! A development CA: certificates that verify, for whoever trusts `ca.pem`.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use time::OffsetDateTime;
use x509_parser::pem::parse_x509_pem;

use crate::{DemoError, files};

/// The CA's certificate, in the directory the authority was opened in.
pub const CA_FILE: &str = "ca.pem";

/// A CA with an ECDSA P-256 key.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate for servers, and its key, both PEM.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The certificate; its issuer is the root, so nothing else is in the chain.
    pub chain: String,
    /// PKCS #8.
    pub key: String,
}

impl Authority {
    /// The CA kept in `dir`, made at the first call: whoever has trusted it need not again. It is
    /// made anew when its files do not fit each other or it is about to expire.
    pub fn open(dir: &Path, now: SystemTime) -> Result<Self, DemoError> {
        let (ca_path, key_path) = (dir.join(CA_FILE), dir.join(CA_KEY_FILE));
        if let (Some(pem), Some(key)) =
            (files::read_if_there(&ca_path)?, files::read_if_there(&key_path)?)
            && let Ok(key) = KeyPair::from_pem(&key)
            && outlives_a_leaf(&pem, &key, now)
        {
            let issuer = Issuer::new(ca_params(now), key);
            return Ok(Self { pem, issuer });
        }

        let key = new_key(CA_NAME)?;
        let params = ca_params(now);
        let pem = params.self_signed(&key).map_err(|source| failed(CA_NAME, source))?.pem();
        files::write_private(&key_path, key.serialize_pem().as_bytes())?;
        files::write(&ca_path, pem.as_bytes())?;
        let issuer = Issuer::new(params, key);
        Ok(Self { pem, issuer })
    }

    /// The CA's certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `names` (DNS names, wildcards and IP addresses), valid for 90 days.
    pub fn issue(&self, names: &[&str], now: SystemTime) -> Result<Leaf, DemoError> {
        let subject = names.first().copied().unwrap_or_default();
        let failed = |source| failed(subject, source);
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name = named(subject);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(now, LEAF_LIFETIME);
        let key = new_key(subject)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Leaf { chain: certificate.pem(), key: key.serialize_pem() })
    }

    /// Issues a certificate into `dir` as `chain.pem` and `key.pem`. A new one at every start is
    /// cheap, and none is ever near its end, for other names or from an older CA.
    pub fn keep_leaf(&self, dir: &Path, names: &[&str], now: SystemTime) -> Result<(), DemoError> {
        let leaf = self.issue(names, now)?;
        files::write_private(&dir.join(LEAF_KEY_FILE), leaf.key.as_bytes())?;
        files::write(&dir.join(LEAF_FILE), leaf.chain.as_bytes())
    }
}

/// The same at every start but for the dates, so that an issuer for a kept key can be made from it.
fn ca_params(now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(CA_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = validity(now, CA_LIFETIME);
    params
}

fn outlives_a_leaf(pem: &str, key: &KeyPair, now: SystemTime) -> bool {
    let Ok((_, pem)) = parse_x509_pem(pem.as_bytes()) else {
        return false;
    };
    pem.parse_x509().is_ok_and(|ca| {
        ca.public_key().raw == key.subject_public_key_info()
            && ca.validity().not_after.to_datetime() > validity(now, LEAF_LIFETIME).1
    })
}

/// From an hour ago, for clients whose clock is behind.
fn validity(now: SystemTime, lifetime: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::from(now);
    (now - Duration::from_hours(1), now + lifetime)
}

fn new_key(subject: &str) -> Result<KeyPair, DemoError> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|source| failed(subject, source))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn failed(subject: &str, source: rcgen::Error) -> DemoError {
    DemoError::Certificate { subject: subject.to_owned(), source }
}

pub(crate) const LEAF_FILE: &str = "chain.pem";
pub(crate) const LEAF_KEY_FILE: &str = "key.pem";
const CA_KEY_FILE: &str = "ca-key.pem";
const CA_NAME: &str = "warmfront demo CA";
const DAY: Duration = Duration::from_hours(24);
const CA_LIFETIME: Duration = DAY.saturating_mul(3650);
const LEAF_LIFETIME: Duration = DAY.saturating_mul(90);

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(490_896)
    }

    #[test]
    fn the_ca_is_kept_and_signs() {
        let dir = tempfile::tempdir().unwrap();
        let first = Authority::open(dir.path(), now()).unwrap();
        let second = Authority::open(dir.path(), now() + DAY).unwrap();
        assert_eq!(first.pem(), second.pem());

        second.keep_leaf(dir.path(), &["localhost", "::1"], now()).unwrap();
        let chain = std::fs::read(dir.path().join(LEAF_FILE)).unwrap();
        let (_, leaf) = parse_x509_pem(&chain).unwrap();
        let leaf = leaf.parse_x509().unwrap();
        let (_, ca) = parse_x509_pem(first.pem().as_bytes()).unwrap();
        let ca = ca.parse_x509().unwrap();
        assert_eq!(leaf.issuer(), ca.subject());
        assert!(ca.is_ca() && !leaf.is_ca());
        let names = leaf.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names.len(), 2);
    }

    #[test]
    fn an_old_or_broken_ca_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let first = Authority::open(dir.path(), now()).unwrap();
        let near_the_end = now() + CA_LIFETIME - DAY;
        let second = Authority::open(dir.path(), near_the_end).unwrap();
        assert_ne!(first.pem(), second.pem());

        std::fs::write(dir.path().join(CA_FILE), first.pem()).unwrap();
        let third = Authority::open(dir.path(), now()).unwrap();
        assert_ne!(first.pem(), third.pem(), "its key was replaced");
    }
}
