//! A chain and its key as texts, and what can be wrong with them.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::nom;
use x509_parser::prelude::{FromDer, X509Certificate, X509Error};

/// The largest file that is read. A chain has some KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// "Do not wait", on Linux, the one system this runs on: a FIFO would be waited at for ever.
const O_NONBLOCK: i32 = 0o4000;

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
    /// Nothing in it looks like PEM (RFC 7468).
    #[error(
        "{0} is not PEM: it has no BEGIN line (DER is converted by `openssl x509` and `openssl pkey`)"
    )]
    NotPem(String),
    /// A key behind a passphrase, which nobody is there to type.
    #[error("{0} is encrypted: take the passphrase off with `openssl pkey`")]
    Encrypted(String),
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
            match read_file(path) {
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
            reason: of_parser(&error),
        })?;
        let Some((_, leaf)) = parsed.first() else {
            return Err(chain.lacks(PairError::NoCertificate));
        };
        let leaf = read(leaf);
        let private = PrivateKeyDer::from_pem_slice(&key.pem).map_err(|source| match source {
            pem::Error::NoItemsFound if key.is_encrypted() => {
                PairError::Encrypted(key.name.clone())
            }
            pem::Error::NoItemsFound => key.lacks(PairError::NoKey),
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

// === impl Text ===

impl Text {
    /// Why what is looked for is not in it.
    fn lacks(&self, what: impl FnOnce(String) -> PairError) -> PairError {
        let name = self.name.clone();
        if self.pem.is_empty() || self.has(b"-----BEGIN ") {
            what(name)
        } else {
            PairError::NotPem(name)
        }
    }

    /// By PKCS#8, or in the older way of OpenSSL.
    fn is_encrypted(&self) -> bool {
        self.has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || self.has(b"Proc-Type: 4,ENCRYPTED")
    }

    fn has(&self, words: &[u8]) -> bool {
        self.pem.windows(words.len()).any(|here| here == words)
    }
}

/// A regular file of a size that certificates and keys have.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(..=FILE_BYTES_MAX) => Ok(bytes),
        _ => Err(io::Error::other("it is larger than 1 MiB")),
    }
}

fn blame(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "it is another certificate's key".to_owned(),
        other => other.to_string(),
    }
}

fn of_parser(error: &nom::Err<X509Error>) -> String {
    match error {
        nom::Err::Error(reason) | nom::Err::Failure(reason) => reason.to_string(),
        nom::Err::Incomplete(_) => "it is cut off".to_owned(),
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
