//! A created key in the form it has on disk. What it does not know, it keeps and does not grant.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use warmfront_config::{Action, Grant, PathPattern, Secret};

use crate::listed::NewKey;
use crate::ring::{Digest, digest};
use crate::seal::{SealError, SealKey};

/// One created key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    allow: Vec<RecordedGrant>,
    pub(crate) created: SystemTime,
    /// The id of the key that asked for it.
    pub(crate) by: Option<String>,
    pub(crate) secret: RecordedSecret,
    #[serde(default)]
    pub(crate) old: Option<OldSecret>,
    /// What another version wrote.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A secret, never as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RecordedSecret {
    /// SHA-256 in base64: what a bearer token is compared with.
    digest: String,
    /// What a signature is verified with.
    sealed: String,
}

/// The secret before a rotation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OldSecret {
    pub(crate) secret: RecordedSecret,
    pub(crate) until: SystemTime,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum RecordedGrant {
    Known(KnownGrant),
    /// Of another version: it grants nothing, since a word that is not known could be a limit.
    Other(Value),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownGrant {
    actions: Vec<String>,
    site: Option<String>,
    origin: Option<String>,
    paths: Vec<String>,
}

// === impl Record ===

impl Record {
    /// Of a key that `by` asked for.
    pub(crate) fn new(asked: &NewKey, by: &str, secret: RecordedSecret, now: SystemTime) -> Self {
        let allow = asked.allow.iter().map(|grant| RecordedGrant::Known(grant.into())).collect();
        Self {
            name: asked.name.clone(),
            allow,
            created: now,
            by: Some(by.to_owned()),
            secret,
            old: None,
            rest: Map::new(),
        }
    }

    /// What the key may do, of what this version understands.
    pub(crate) fn grants(&self) -> Vec<Grant> {
        let granted = self.allow.iter().filter_map(|grant| match grant {
            RecordedGrant::Known(grant) => grant.understood(),
            RecordedGrant::Other(_) => None,
        });
        granted.collect()
    }

    /// Whether another version allowed the key something that this one does not know.
    pub(crate) fn allows_more(&self) -> bool {
        self.allow.iter().any(|grant| match grant {
            RecordedGrant::Known(grant) => {
                grant.actions.iter().any(|word| Action::parse(word).is_none())
            }
            RecordedGrant::Other(_) => true,
        })
    }
}

// === impl RecordedSecret ===

impl RecordedSecret {
    pub(crate) fn new(id: &str, secret: &Secret, seal: &SealKey) -> Result<Self, SealError> {
        Ok(Self {
            digest: STANDARD.encode(digest(secret.reveal().as_bytes())),
            sealed: seal.seal(id, secret)?,
        })
    }

    /// `None` if it is not one.
    pub(crate) fn digest(&self) -> Option<Digest> {
        STANDARD.decode(&self.digest).ok()?.try_into().ok()
    }

    /// `None` if it does not open.
    pub(crate) fn unseal(&self, id: &str, seal: Option<&SealKey>) -> Option<Secret> {
        seal?.unseal(id, &self.sealed)
    }
}

// === impl KnownGrant ===

impl KnownGrant {
    /// `None` if nothing is granted, or less might have been meant.
    fn understood(&self) -> Option<Grant> {
        let actions = self.actions.iter().filter_map(|word| Action::parse(word));
        let actions: Vec<Action> = actions.collect();
        let paths = self.paths.iter().map(|path| PathPattern::parse(path));
        let paths = paths.collect::<Result<_, _>>().ok()?;
        let (site, origin) = (self.site.clone(), self.origin.clone());
        (!actions.is_empty()).then_some(Grant { actions, site, origin, paths })
    }
}

impl From<&Grant> for KnownGrant {
    fn from(grant: &Grant) -> Self {
        Self {
            actions: grant.actions.iter().map(|action| action.as_str().to_owned()).collect(),
            site: grant.site.clone(),
            origin: grant.origin.clone(),
            paths: grant.paths.iter().map(|path| path.as_str().to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_another_version_allowed_is_seen() {
        let known = json!({ "actions": ["read"], "site": null, "origin": null, "paths": [] });
        let mut more = known.clone();
        more["actions"] = json!(["read", "write"]);
        let mut limited = known.clone();
        limited["weekday"] = json!("monday");
        for (grant, allows_more, reads) in
            [(known, false, true), (more, true, true), (limited, true, false)]
        {
            let record = json!({
                "name": "ci", "allow": [grant], "created": SystemTime::UNIX_EPOCH, "by": null,
                "secret": { "digest": "", "sealed": "" },
            });
            let record: Record = serde_json::from_value(record).unwrap();
            assert_eq!(record.allows_more(), allows_more, "{record:?}");
            let actions: Vec<_> = record.grants().into_iter().flat_map(|it| it.actions).collect();
            assert_eq!(actions == [Action::Read], reads, "{record:?}");
        }
    }
}
