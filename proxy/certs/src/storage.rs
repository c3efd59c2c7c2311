//! Where ordered certificates are kept, so that a restart orders nothing.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::pair::PairError;

/// Where ordered certificates are kept. A trait, so that a fleet can share it.
///
/// Everything blocks. The caller guarantees that nobody else writes for the same site meanwhile; the
/// implementor, that a crash at any moment leaves either what was there before or what is there now.
pub trait Storage: Send + Sync {
    /// The certificate that was kept last, `None` before the first; where that is damaged, the last
    /// one before it that is not. Fails where none can be used: go on without.
    fn current(&self, site: &str) -> Result<Option<Stored>, StorageError>;

    /// Keeps a certificate and its key, both PEM. When it returns, they are durable, have been read
    /// back and proven to belong together, and are what [`Storage::current`] gives.
    fn keep(
        &self,
        site: &str,
        chain: &str,
        key: &str,
        record: &Record,
    ) -> Result<Stored, StorageError>;

    /// The key of an order under way, as PEM. A damaged one is as good as none.
    fn pending_key(&self, site: &str) -> Result<Option<String>, StorageError>;

    /// Keeps the key of an order under way, in place of the last one. When it returns, the key is
    /// durable and has been read back.
    fn keep_pending_key(&self, site: &str, key: &str) -> Result<(), StorageError>;

    /// Forgets the key of an order that is over; there may be none.
    fn drop_pending_key(&self, site: &str) -> Result<(), StorageError>;
}

/// A certificate, as it was read from where it is kept.
#[derive(Debug)]
pub struct Stored {
    /// What is presented.
    pub certificate: Certificate,
    /// How it was come by; `None` where that can no longer be read.
    pub record: Option<Record>,
}

/// How a certificate was come by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The URL of the authority's directory.
    pub authority: String,
    /// The URL of the account there.
    pub account: String,
    /// When the order was placed.
    #[serde(with = "rfc3339")]
    pub ordered: SystemTime,
}

/// Why a certificate could not be kept, or found again. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Two processes would undo each other's work.
    #[error("{} is held by another warmfront: one at a time keeps certificates there", .0.display())]
    Held(PathBuf),
    /// The folder could not be made or locked.
    #[error("cannot open the folder of certificates {}: {source}", path.display())]
    Open {
        /// The folder, or the lock in it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file or folder of a site could not be read or written.
    #[error("sites.{site}: cannot {action} {}: {source}", path.display())]
    Disk {
        /// Whose certificate it is.
        site: String,
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Chain and key cannot be presented.
    #[error("sites.{site}: {source}")]
    Damaged {
        /// Whose certificate it is.
        site: String,
        /// Which file, and why.
        source: Box<PairError>,
    },
    /// The record beside the certificate cannot be understood.
    #[error("sites.{site}: {} is no record of an order: {source}", path.display())]
    Record {
        /// Whose certificate it is.
        site: String,
        /// The file.
        path: PathBuf,
        /// Where the parser stopped.
        source: serde_json::Error,
    },
    /// What was read back is not what was written.
    #[error("sites.{site}: {} was not kept as it was written", path.display())]
    ReadBack {
        /// Whose key it is.
        site: String,
        /// The file.
        path: PathBuf,
    },
}

/// A moment as a person reads it (RFC 3339).
mod rfc3339 {
    use std::time::SystemTime;

    use serde::{Deserialize as _, Deserializer, Serializer, de, ser};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    pub(super) fn serialize<S: Serializer>(
        moment: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = OffsetDateTime::from(*moment).format(&Rfc3339).map_err(ser::Error::custom)?;
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = OffsetDateTime::parse(&text, &Rfc3339).map_err(de::Error::custom)?;
        Ok(moment.into())
    }
}
