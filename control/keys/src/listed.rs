//! Keys as people and scripts ask for them and see them.

use std::time::SystemTime;

use warmfront_config::{Grant, Secret};

/// What is asked of a new key.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// 1 to 64 letters, digits, `-` and `_`; no other key's.
    pub name: String,
    /// What it may do.
    pub allow: Vec<Grant>,
}

/// A key with its secret, which is shown this once.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The public half.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The other half.
    pub secret: Secret,
    /// What it may do; empty for the root key, which may do everything.
    pub allow: Vec<Grant>,
    /// When this secret was made.
    pub created: SystemTime,
    /// Until when the secret before it passes too; `None` if there is none, or it no longer does.
    pub old_secret_ends: Option<SystemTime>,
}

/// A key as it is listed: without its secret.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The public half.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub source: Source,
    /// What it may do; empty for the root key, which may do everything.
    pub allow: Vec<Grant>,
    /// When it was created; `None` where nobody wrote it down.
    pub created: Option<SystemTime>,
    /// The id of the key that created it.
    pub by: Option<String>,
    /// When it last opened something, to the second; `None` if it did not since the node started.
    pub used: Option<SystemTime>,
    /// Until when the secret before the present one passes too.
    pub old_secret_ends: Option<SystemTime>,
    /// Whether requests may be signed with it.
    pub signing: Signing,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// `root.key`.
    Root,
    /// `[keys.NAME]`.
    Configuration,
    /// The state's database.
    Created,
}

/// Whether requests may be signed with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// They may.
    Able,
    /// Its secret was sealed with another `seal.key`: it is good as a bearer token alone until it
    /// is rotated.
    Unsealed,
}

// === impl Issued ===

impl Issued {
    /// `<id>.<secret>`: the bearer token.
    pub fn token(&self) -> Secret {
        Secret::new(format!("{}.{}", self.id, self.secret.reveal()))
    }
}
