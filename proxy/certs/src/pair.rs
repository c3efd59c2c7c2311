//! A chain and its key as texts, and what can be wrong with them.

use std::io;
use std::path::Path;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

/// A chain and its key, as PEM, each with what it is called in a sentence.
#[derive(Hash)]
pub(crate) struct Pair {
    chain: Text,
    key: Text,
}

#[derive(Hash)]
struct Text {
    name: String,
    pem: Vec<u8>,
}

/// Why a chain and a key cannot be presented. Each says which of the two.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The file cannot be read.
    #[error("cannot read {name}: {source}")]
    Read {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The text is not PEM (RFC 7468).
    #[error("{name} is not PEM: {}", reason(source))]
    Pem {
        /// The file.
        name: String,
        /// Where the parser stopped.
        source: pem::Error,
    },
    /// No certificate where the chain should be.
    #[error("{0} holds no certificate")]
    NoCertificate(String),
    /// No private key where the key should be.
    #[error("{0} holds no private key")]
    NoKey(String),
    /// One of the chain is not X.509 that can be read.
    #[error("{name} holds a certificate that cannot be parsed: {reason}")]
    Parse {
        /// The chain's file.
        name: String,
        /// Where the parser stopped.
        reason: String,
    },
    /// The key cannot sign, or is another certificate's.
    #[error("{key} cannot be used with {chain}: {}", blame(source))]
    Key {
        /// The key's file.
        key: String,
        /// The chain's file.
        chain: String,
        /// What rustls says.
        source: rustls::Error,
    },
}

// === impl Pair ===

impl Pair {
    /// Texts that come from no file.
    pub(crate) fn given(chain: &str, key: &str) -> Self {
        let text = |name: &str, pem: &str| Text { name: name.to_owned(), pem: pem.into() };
        Self { chain: text("the chain", chain), key: text("the key", key) }
    }

    /// Reads two files.
    pub(crate) fn read(chain: &Path, key: &Path) -> Result<Self, PairError> {
        let read = |path: &Path| {
            let name = path.display().to_string();
            match std::fs::read(path) {
                Ok(pem) => Ok(Text { name, pem }),
                Err(source) => Err(PairError::Read { name, source }),
            }
        };
        Ok(Self { chain: read(chain)?, key: read(key)? })
    }

    /// Proves that every certificate parses, and that the key is the leaf's; gives what `read` makes
    /// of the leaf, too.
    pub(crate) fn prove<L>(
        &self,
        read: impl Fn(&X509Certificate<'_>) -> L,
    ) -> Result<(CertifiedKey, L), PairError> {
        let Self { chain, key } = self;
        let certificates = CertificateDer::pem_slice_iter(&chain.pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| PairError::Pem { name: chain.name.clone(), source })?;
        let parsed = certificates.iter().map(|certificate| X509Certificate::from_der(certificate));
        let parsed = parsed.collect::<Result<Vec<_>, _>>().map_err(|error| PairError::Parse {
            name: chain.name.clone(),
            reason: error.to_string(),
        })?;
        let Some((_, leaf)) = parsed.first() else {
            return Err(PairError::NoCertificate(chain.name.clone()));
        };
        let leaf = read(leaf);
        let private = PrivateKeyDer::from_pem_slice(&key.pem).map_err(|source| match source {
            pem::Error::NoItemsFound => PairError::NoKey(key.name.clone()),
            source => PairError::Pem { name: key.name.clone(), source },
        })?;
        let unusable =
            |source| PairError::Key { key: key.name.clone(), chain: chain.name.clone(), source };
        let signing = any_supported_type(&private).map_err(unusable)?;
        let certified = CertifiedKey::new(certificates, signing);
        certified.keys_match().map_err(unusable)?;
        Ok((certified, leaf))
    }
}

fn blame(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "it is another certificate's key".to_owned(),
        other => other.to_string(),
    }
}

/// The parser's own sentences show lines of the file as numbers.
fn reason(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "it ends before an END line".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is damaged".to_owned(),
        pem::Error::Base64Decode(reason) => format!("its base64 is damaged: {reason}"),
        other => other.to_string(),
    }
}
