//! Origins: where answers come from, and how to reach and to sign for them.
//!
//! An [`Origin`] is a [`Bucket`] or a [`TargetGroup`]. Both are built from the configuration and do
//! not touch the network then: names are resolved, credentials fetched and causes looked for when a
//! request needs them, and kept so that the next one does not wait. The origin's side of a
//! connection is described in `peer`, the only file here that knows the proxy library.

mod bucket;
mod credentials;
mod diagnosis;
mod names;
mod object_key;
mod peer;
mod refusal;
mod sigv4;
mod target_group;

use std::sync::Arc;
use std::time::SystemTime;

use warmfront_config::OriginKind;

pub use bucket::{Bucket, BucketError, BucketRequest, Lesson};
pub use credentials::CredentialsError;
pub use diagnosis::Diagnosis;
pub use names::NameError;
pub use object_key::KeyError;
pub use peer::{bucket_peer, target_peer};
pub use target_group::{NoTarget, Target, TargetGroup};

/// Where answers come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// An S3 bucket.
    Bucket(Arc<Bucket>),
    /// App servers that take turns.
    TargetGroup(Arc<TargetGroup>),
}

impl Origin {
    /// Nothing is connected, resolved or asked yet. `None` if it is made of two others.
    pub fn new(origin: &warmfront_config::Origin) -> Option<Self> {
        match &origin.kind {
            OriginKind::S3(s3) => Some(Self::Bucket(Arc::new(Bucket::new(&origin.name, s3)))),
            OriginKind::TargetGroup(group) => {
                Some(Self::TargetGroup(Arc::new(TargetGroup::new(&origin.name, group))))
            }
            OriginKind::Failover(_) => None,
        }
    }

    /// The origin's name in the file.
    pub fn name(&self) -> &str {
        match self {
            Self::Bucket(bucket) => bucket.name(),
            Self::TargetGroup(group) => group.name(),
        }
    }

    /// Whether the origin can be used right now, for `check --online`.
    ///
    /// Fails with one sentence that names what is wrong. Called on a tokio runtime.
    pub async fn probe(&self, now: SystemTime) -> Result<(), String> {
        match self {
            Self::Bucket(bucket) => bucket.probe(now).await,
            Self::TargetGroup(group) => group.probe().await,
        }
    }
}
