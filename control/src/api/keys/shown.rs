//! Keys as the API shows them.

use std::time::SystemTime;

use serde::{Serialize, Serializer};
use warmfront_config::{Grant, PathPattern};
use warmfront_keys::{Issued, Listed, Signing, Source};

use crate::timestamp::rfc3339;

/// A key without its secret.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    id: &'a str,
    name: &'a str,
    /// `root`, `configuration` or `created`.
    source: &'static str,
    allow: Allowed<'a>,
    created: Option<String>,
    /// The id of the key that created it.
    by: Option<&'a str>,
    /// When it last opened something since the node started.
    used: Option<String>,
    old_secret_ends: Option<String>,
    /// Whether requests may be signed with it.
    signing: bool,
}

/// A key that was just created.
#[derive(Debug, Serialize)]
pub(super) struct Made<'a> {
    #[serde(flatten)]
    secret: Revealed<'a>,
    allow: Allowed<'a>,
    created: String,
}

/// A key that was just given another secret.
#[derive(Debug, Serialize)]
pub(super) struct Rotated<'a> {
    #[serde(flatten)]
    secret: Revealed<'a>,
    old_secret_ends: Option<String>,
}

/// Both halves, this once.
#[derive(Serialize)]
struct Revealed<'a> {
    id: &'a str,
    name: &'a str,
    secret: &'a str,
    /// `<id>.<secret>`: the bearer token.
    token: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Allowed<'a> {
    #[serde(serialize_with = "everything")]
    Everything,
    Granted(Vec<Granted<'a>>),
}

/// In the words of the file: what is not limited is left out.
#[derive(Debug, Serialize)]
struct Granted<'a> {
    action: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<&'a str>,
}

// === impl Shown ===

impl<'a> From<&'a Listed> for Shown<'a> {
    fn from(key: &'a Listed) -> Self {
        Self {
            id: &key.id,
            name: &key.name,
            source: match key.source {
                Source::Root => "root",
                Source::Configuration => "configuration",
                Source::Created => "created",
            },
            allow: Allowed::new(key.source == Source::Root, &key.allow),
            created: key.created.map(rfc3339),
            by: key.by.as_deref(),
            used: key.used.map(rfc3339),
            old_secret_ends: key.old_secret_ends.map(rfc3339),
            signing: key.signing == Signing::Able,
        }
    }
}

// === impl Made ===

impl<'a> From<&'a Issued> for Made<'a> {
    fn from(key: &'a Issued) -> Self {
        Self {
            secret: Revealed::from(key),
            allow: Allowed::new(false, &key.allow),
            created: rfc3339(key.created),
        }
    }
}

// === impl Rotated ===

impl<'a> From<&'a Issued> for Rotated<'a> {
    fn from(key: &'a Issued) -> Self {
        let old_secret_ends: Option<SystemTime> = key.old_secret_ends;
        Self { secret: Revealed::from(key), old_secret_ends: old_secret_ends.map(rfc3339) }
    }
}

// === impl Revealed ===

impl<'a> From<&'a Issued> for Revealed<'a> {
    fn from(key: &'a Issued) -> Self {
        let token = key.token().reveal().to_owned();
        Self { id: &key.id, name: &key.name, secret: key.secret.reveal(), token }
    }
}

impl std::fmt::Debug for Revealed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revealed").field("id", &self.id).finish_non_exhaustive()
    }
}

// === impl Allowed ===

impl<'a> Allowed<'a> {
    fn new(everything: bool, grants: &'a [Grant]) -> Self {
        if everything {
            return Self::Everything;
        }
        Self::Granted(grants.iter().map(Granted::from).collect())
    }
}

fn everything<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("everything")
}

// === impl Granted ===

impl<'a> From<&'a Grant> for Granted<'a> {
    fn from(grant: &'a Grant) -> Self {
        Self {
            action: grant.actions.iter().map(|action| action.as_str()).collect(),
            site: grant.site.as_deref(),
            origin: grant.origin.as_deref(),
            paths: grant.paths.iter().map(PathPattern::as_str).collect(),
        }
    }
}
