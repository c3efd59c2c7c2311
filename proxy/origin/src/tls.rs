//! What is the same for all connections of a target group, read from its files once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use warmfront_config::{CertificatePair, TargetGroup, Verification};

#[cfg(test)]
pub(crate) use self::tests::{Authority, Clients, group, system_tls};
use crate::peer::{Authorities, Identity};

const CA_FILE: &str = "tls.ca_file";
const CLIENT_CERTIFICATE: &str = "tls.client_certificate";
const CLIENT_KEY: &str = "tls.client_key";
/// In the PEM label of PKCS #8 (RFC 7468 §11), and in the head of the older form.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

/// How the edge connects to the targets of a group: whom it trusts and what it shows of itself.
/// Loaded again with the configuration; connections of before are then not used any more where the
/// files have changed.
#[derive(Debug, Clone)]
pub struct TargetConnection {
    /// The only roots that are trusted; `None` is the system's.
    pub(crate) authorities: Option<Authorities>,
    pub(crate) identity: Option<Identity>,
    /// Differs where two connections must not be used for each other.
    pub(crate) fingerprint: u64,
}

/// Why a group's TLS files cannot be used. `Display` names the key and the file.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {}: {fault}", file.display())]
pub struct TlsFilesError {
    /// Under `origins.NAME`.
    key: &'static str,
    file: PathBuf,
    #[source]
    fault: Fault,
}

/// What is wrong with one file.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// Not there, or not to be read by the edge.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// Broken between its `BEGIN` and its `END`.
    #[error("is not PEM: {0}")]
    NotPem(pem::Error),
    /// No `BEGIN CERTIFICATE`.
    #[error("holds no PEM certificate")]
    NoCertificate,
    /// A certificate in PEM that is not X.509.
    #[error("holds a certificate that cannot be parsed")]
    BadCertificate,
    /// No `BEGIN PRIVATE KEY`, or the like.
    #[error("holds no PEM private key")]
    NoKey,
    /// A key that asks for a pass phrase, which the edge has none of.
    #[error("holds an encrypted key; the edge needs it without a pass phrase")]
    EncryptedKey,
    /// A key of a kind that cannot sign.
    #[error("holds a key that cannot be used: {0}")]
    UnusableKey(rustls::Error),
    /// The key is another certificate's.
    #[error("is not the key of the certificate in `tls.client_certificate`")]
    OtherKey,
}

// === impl TargetConnection ===

impl TargetConnection {
    /// Reads the files that the group's `tls` names, and proves that they can be used. A group
    /// without TLS reads nothing.
    ///
    /// Fails with the first file that cannot be used.
    pub fn load(origin: &str, settings: &TargetGroup) -> Result<Self, TlsFilesError> {
        let Some(tls) = &settings.tls else { return Ok(Self::system()) };
        if tls.verification == Verification::Off {
            tracing::warn!(origin, "tls.verify is off: any certificate is believed");
        }
        let authorities = tls.ca_file.as_deref().map(read_authorities).transpose()?;
        let identity = tls.client_certificate.as_ref().map(read_identity).transpose()?;
        let mut hasher = DefaultHasher::new();
        let unverified = tls.verification == Verification::Off;
        (&tls.server_name, unverified, &authorities, &identity).hash(&mut hasher);
        Ok(Self { authorities, identity, fingerprint: hasher.finish() })
    }

    /// The system's roots, and nothing shown of the edge.
    pub(crate) fn system() -> Self {
        Self { authorities: None, identity: None, fingerprint: 0 }
    }
}

fn read_authorities(file: &Path) -> Result<Authorities, TlsFilesError> {
    let fail = |fault| TlsFilesError { key: CA_FILE, file: file.to_owned(), fault };
    let certificates = read_certificates(file).map_err(fail)?;
    // Each is tried, because each connection fails by one that is not accepted.
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|_| fail(Fault::BadCertificate))?;
    }
    Authorities::new(certificates).ok_or_else(|| fail(Fault::BadCertificate))
}

fn read_identity(pair: &CertificatePair) -> Result<Identity, TlsFilesError> {
    let chain_fault =
        |fault| TlsFilesError { key: CLIENT_CERTIFICATE, file: pair.chain.clone(), fault };
    let key_fault = |fault| TlsFilesError { key: CLIENT_KEY, file: pair.key.clone(), fault };
    let chain = read_certificates(&pair.chain).map_err(chain_fault)?;
    let key = read_key(&pair.key).map_err(key_fault)?;
    match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider()) {
        Ok(_) => {}
        Err(rustls::Error::InvalidCertificate(_)) => {
            return Err(chain_fault(Fault::BadCertificate));
        }
        Err(rustls::Error::InconsistentKeys(_)) => return Err(key_fault(Fault::OtherKey)),
        Err(error) => return Err(key_fault(Fault::UnusableKey(error))),
    }
    Identity::new(chain, &key).ok_or_else(|| chain_fault(Fault::BadCertificate))
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let text = std::fs::read(file).map_err(Fault::Unreadable)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(Fault::NotPem)?;
    if certificates.is_empty() { Err(Fault::NoCertificate) } else { Ok(certificates) }
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let text = std::fs::read(file).map_err(Fault::Unreadable)?;
    let encrypted = text.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED);
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        _ if encrypted => Fault::EncryptedKey,
        pem::Error::NoItemsFound => Fault::NoKey,
        error => Fault::NotPem(error),
    })?;
    // A connection is given bare DER and tells the kind of the key from it, whatever the PEM said.
    PrivateKeyDer::try_from(key.secret_der().to_vec())
        .map_err(|reason| Fault::UnusableKey(rustls::Error::General(reason.to_owned())))
}

/// What will sign: the process's own choice, as connections have it.
fn provider() -> Arc<CryptoProvider> {
    let chosen = CryptoProvider::get_default().map(Arc::clone);
    chosen.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()))
}

#[cfg(test)]
mod tests;
