//! Why keys could not be opened or changed.

use rand::rand_core::OsError;
use warmfront_state::DatabaseError;

use crate::root_key::RootKeyError;
use crate::seal::SealError;

/// Keys that may be created beside the configuration's.
pub(crate) const CREATED_MAX: usize = 1_000;
/// Letters of a name.
pub(crate) const NAME_LETTERS_MAX: usize = 64;
/// How many days an old secret may pass beside the new one.
pub(crate) const OVERLAP_DAYS_MAX: u64 = 30;

/// Why keys could not be opened or changed. Nothing was.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Not a name.
    #[error("a key's name is 1 to {NAME_LETTERS_MAX} letters, digits, `-` and `_`")]
    Name,
    /// Another key has the name, or has it as its id.
    #[error("there is a key named `{name}` already, or with that id")]
    Taken {
        /// The name.
        name: String,
    },
    /// No more are created.
    #[error("there are {CREATED_MAX} created keys, and no more are made: revoke one first")]
    Full,
    /// No such key.
    #[error("no key has this id")]
    Unknown,
    /// The root key is not revoked.
    #[error("the root key is not revoked: rotate it, or delete root.key and restart the node")]
    Root,
    /// The key stands in the configuration, which is changed there.
    #[error("the key stands in the configuration: change or remove [keys.{name}] there")]
    Configured {
        /// Its table's name.
        name: String,
    },
    /// Over 30 days.
    #[error("an old secret passes for {OVERLAP_DAYS_MAX} days at most")]
    Overlap,
    /// The root key could not be renewed.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// Secrets could not be sealed or the seal key not be read.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The system has no random numbers.
    #[error("cannot make a key: the system gives no random numbers: {0}")]
    Random(#[source] OsError),
    /// A transaction failed: a failing disk, a damaged file.
    #[error("cannot read the created keys: {0}")]
    Read(#[source] DatabaseError),
    /// A transaction failed: a full disk, a failing one.
    #[error("cannot write the created keys: {0}")]
    Write(#[source] DatabaseError),
    /// A record that this version did not write.
    #[error("the key is recorded in a form that cannot be read ({0}): revoke it")]
    Record(#[source] serde_json::Error),
}
