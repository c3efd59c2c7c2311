//! `warmfront import`: a CloudFront distribution in, a configuration out.
//!
//! Nothing is dropped in silence, by construction: settings are read through [`setting::Setting`],
//! which knows which were used. What no key came of is a comment at the table it belongs to, and
//! what no table asked for is found at the end.

mod behaviors;
mod bucket;
mod certificates;
mod distribution;
mod errors;
mod json;
mod lifetimes;
mod managed;
mod origins;
mod page;
mod policy;
mod request;
mod response;
mod setting;
#[cfg(test)]
mod tests;

use json::{Kind, Node};
use setting::Setting;

/// Longest file that [`import`] reads, in bytes: many times the largest distribution there can be.
pub const IMPORT_BYTES_MAX: usize = 16 << 20;

/// Turns the output of `aws cloudfront get-distribution-config` or `get-distribution`, or a bare
/// `DistributionConfig`, into a configuration. `policies` are looked up by the ids that the
/// distribution names; Amazon's managed ones are known. Fails on what is not a distribution, naming
/// the setting.
pub fn import(distribution: &str, policies: &[PolicyFile]) -> Result<String, ImportError> {
    let root = parse(distribution)?;
    distribution::page(&root, policies).map(|page| page.text())
}

/// A policy that a distribution names by its id, as `aws cloudfront get-cache-policy`,
/// `get-origin-request-policy` and `get-response-headers-policy` print it.
#[derive(Debug)]
pub struct PolicyFile {
    kind: PolicyKind,
    id: String,
    root: Node,
}

/// Why a distribution cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// More than 16 MiB.
    #[error("is larger than any distribution: 16 MiB are read at most")]
    TooLarge,
    /// Not JSON, or a name twice in one object, or too deep.
    #[error("is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but of something else.
    #[error(
        "is not a distribution: give it the output of `aws cloudfront get-distribution-config`"
    )]
    NotADistribution,
    /// JSON, but not of a policy that a distribution names.
    #[error(
        "is not a policy: give it the output of `aws cloudfront get-cache-policy`, \
         `get-origin-request-policy` or `get-response-headers-policy`, with its Id"
    )]
    NotAPolicy,
    /// A setting that has to be there.
    #[error("{path} is missing")]
    Missing {
        /// Where it would stand.
        path: String,
    },
    /// A setting of another kind than CloudFront's.
    #[error("{path} is not {wanted}")]
    Kind {
        /// Where it stands.
        path: String,
        /// What it would have to be.
        wanted: &'static str,
    },
}

/// What a policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PolicyKind {
    Cache,
    OriginRequest,
    ResponseHeaders,
}

// === impl PolicyFile ===

impl PolicyFile {
    /// Reads a policy. Fails on what is none.
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        let root = parse(text)?;
        let kinds = [PolicyKind::Cache, PolicyKind::OriginRequest, PolicyKind::ResponseHeaders];
        let is_one = |kind: &PolicyKind| root.member(kind.name()).is_some();
        let kind = kinds.into_iter().find(is_one).ok_or(ImportError::NotAPolicy)?;
        let policy = root.member(kind.name()).ok_or(ImportError::NotAPolicy)?;
        let id = policy.member("Id").filter(|_| policy.member(kind.config()).is_some());
        let Some(Node { kind: Kind::Text(id), used }) = id else {
            return Err(ImportError::NotAPolicy);
        };
        used.set(true);
        let id = id.clone();
        Ok(Self { kind, id, root })
    }

    fn root(&self) -> Setting<'_> {
        Setting::new(&self.root, "")
    }

    fn config(&self) -> Result<Setting<'_>, ImportError> {
        self.root().need(self.kind.name())?.need(self.kind.config())
    }
}

// === impl PolicyKind ===

impl PolicyKind {
    fn name(self) -> &'static str {
        match self {
            Self::Cache => "CachePolicy",
            Self::OriginRequest => "OriginRequestPolicy",
            Self::ResponseHeaders => "ResponseHeadersPolicy",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Cache => "CachePolicyConfig",
            Self::OriginRequest => "OriginRequestPolicyConfig",
            Self::ResponseHeaders => "ResponseHeadersPolicyConfig",
        }
    }
}

fn parse(text: &str) -> Result<Node, ImportError> {
    if text.len() > IMPORT_BYTES_MAX {
        return Err(ImportError::TooLarge);
    }
    // Some shells put a byte order mark before what they redirect.
    Ok(serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text))?)
}
