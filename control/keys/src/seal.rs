//! Secrets at rest: sealed, so that a copy of the database alone opens nothing.

use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::TryRngCore as _;
use rand::rand_core::OsError;
use rand::rngs::OsRng;
use warmfront_config::Secret;

use crate::cause::cause;
use crate::private_file::{self, Unread};

const FILE: &str = "seal.key";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// The key in `seal.key` that seals secrets: AES-256-GCM, each with a random nonce and bound to its
/// key's id.
pub(crate) struct SealKey([u8; KEY_BYTES]);

/// Why there is no seal key to be had.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file could not be read.
    #[error("cannot read the seal key {}: {}", path.display(), cause(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("cannot write the seal key {}: {}", path.display(), cause(.source))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else may have read it already.
    #[error(
        "the seal key {} is open to other users (mode {mode:04o}): make it 0600, and rotate every \
         created key if it may have been read", path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not one line of 32 bytes in base64.
    #[error(
        "the seal key {} is damaged: put it back, or delete it, and created keys are good as \
         bearer tokens alone until they are rotated",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error("cannot make a seal key: the system gives no random numbers: {source}")]
    Random {
        /// What the system says.
        source: OsError,
    },
    /// The cipher refused.
    #[error("cannot seal a secret: the cipher refused")]
    Cipher,
}

// === impl SealKey ===

impl SealKey {
    /// Reads `seal.key` in the state directory; `None` if it is not there. Fails on a file that
    /// others may read or that holds no key.
    pub(crate) fn read(state: &Path) -> Result<Option<Self>, SealError> {
        let path = state.join(FILE);
        let text = match private_file::read(&path) {
            Ok(text) => text,
            Err(Unread::Missing(_)) => return Ok(None),
            Err(Unread::Failed(source)) => return Err(SealError::Read { path, source }),
            Err(Unread::Exposed(mode)) => return Err(SealError::Exposed { path, mode }),
        };
        let key = STANDARD.decode(text.trim_ascii()).ok();
        let key = key.and_then(|key| <[u8; KEY_BYTES]>::try_from(key).ok());
        key.map(|key| Some(Self(key))).ok_or(SealError::Malformed { path })
    }

    /// Makes `seal.key`, 0600.
    pub(crate) fn make(state: &Path) -> Result<Self, SealError> {
        let mut key = [0; KEY_BYTES];
        OsRng.try_fill_bytes(&mut key).map_err(|source| SealError::Random { source })?;
        let line = format!("{}\n", STANDARD.encode(key));
        private_file::write(state, FILE, &line)
            .map_err(|source| SealError::Write { path: state.join(FILE), source })?;
        Ok(Self(key))
    }

    /// Nonce, ciphertext and tag in base64. Only under the same `id` does it open again.
    pub(crate) fn seal(&self, id: &str, secret: &Secret) -> Result<String, SealError> {
        let mut text = secret.reveal().as_bytes().to_vec();
        let key = self.cipher().ok_or(SealError::Cipher)?;
        let nonce = key.seal_in_place_append_tag(Aad::from(id), &mut text);
        let nonce = nonce.map_err(|_| SealError::Cipher)?;
        Ok(STANDARD.encode([nonce.as_ref().as_slice(), text.as_slice()].concat()))
    }

    /// The secret; `None` if it was sealed with another key, for another id, or damaged.
    pub(crate) fn unseal(&self, id: &str, sealed: &str) -> Option<Secret> {
        let mut bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.cipher()?.open_in_place(nonce, Aad::from(id), text).ok()?;
        std::str::from_utf8(text).ok().map(Secret::new)
    }

    fn cipher(&self) -> Option<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_opens_under_its_own_id_and_key_alone() {
        let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(SealKey::read(state.path()).unwrap().is_none());
        let made = SealKey::make(state.path()).unwrap();
        let secret = Secret::new("wJalrXUtnFEMI");
        let sealed = made.seal("WF1", &secret).unwrap();
        assert_ne!(sealed, made.seal("WF1", &secret).unwrap(), "a nonce was used twice");

        let read = SealKey::read(state.path()).unwrap().unwrap();
        assert_eq!(read.unseal("WF1", &sealed), Some(secret));
        assert_eq!(read.unseal("WF2", &sealed), None);
        assert_eq!(SealKey::make(other.path()).unwrap().unseal("WF1", &sealed), None);
        for damaged in ["", "!", "AAAA", sealed.trim_end_matches('='), &sealed.to_lowercase()] {
            assert_eq!(read.unseal("WF1", damaged), None, "{damaged}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_or_that_is_damaged_is_refused() {
        let state = tempfile::tempdir().unwrap();
        SealKey::make(state.path()).unwrap();
        let path = state.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let refused = SealKey::read(state.path()).err().unwrap().to_string();
        assert!(refused.contains("(mode 0640)"), "{refused}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "c2hvcnQ=\n").unwrap();
        assert!(matches!(SealKey::read(state.path()), Err(SealError::Malformed { .. })));
    }
}
