//! Origins: where answers come from, and how to reach and to sign for them.
//!
//! An [`Origin`] is a [`Bucket`] or a [`TargetGroup`]. Both are built from the configuration and do
//! not touch the network then: names are resolved, credentials fetched and causes looked for when a
//! request needs them, and kept so that the next one does not wait. The origin's side of a
//! connection is described in `peer`, the only file here that knows the proxy library.

mod balance;
mod bucket;
mod budget;
mod check;
mod credentials;
mod diagnosis;
mod ejection;
mod health;
mod lease;
mod load;
mod names;
mod object_key;
mod peer;
mod refusal;
mod registrations;
mod resolver;
mod slow_start;
mod stickiness;
mod target;
mod target_group;
mod tls;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use warmfront_config::OriginKind;

pub use balance::{Balancer, Candidate};
pub use bucket::{Bucket, BucketError, BucketRequest, Lesson};
pub use budget::Withdrawal;
pub use credentials::{CredentialSource, CredentialsError};
pub use diagnosis::Diagnosis;
pub use health::Health;
pub use lease::{Failure, Lease};
pub use names::NameError;
pub use object_key::KeyError;
pub use peer::{bucket_peer, target_peer, to_switch};
pub use registrations::{Changes, RegistrationError, Registrations};
pub use resolver::{Resolver, ResolverError};
pub use stickiness::{COOKIE_PREFIX, Channel};
pub use target::{Condition, Ended, LATENCY_BOUNDS, Latency, Tally, Target};
pub use target_group::{
    GroupError, NoTarget, Registered, RegisteringError, Registration, TargetGroup, TargetStatus,
    Wish,
};
pub use tls::{TargetConnection, TlsFilesError};

/// What origins need beside their settings.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Who is asked for the addresses of names.
    pub resolver: Resolver,
    /// Where what the API changes of target groups is kept; `None` where nothing is changed.
    pub registrations: Option<Arc<Registrations>>,
    /// When the node started.
    pub now: Instant,
}

/// Where answers come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// An S3 bucket.
    Bucket(Arc<Bucket>),
    /// App servers that take turns.
    TargetGroup(Arc<TargetGroup>),
}

impl Origin {
    /// Nothing is connected, resolved or asked yet. `None` if it is made of two others. Reads files.
    pub fn new(
        origin: &warmfront_config::Origin,
        ground: &Ground,
    ) -> Result<Option<Self>, GroupError> {
        let (name, resolver) = (&origin.name, &ground.resolver);
        Ok(match &origin.kind {
            OriginKind::S3(s3) => Some(Self::Bucket(Arc::new(Bucket::new(name, s3, resolver)))),
            OriginKind::TargetGroup(group) => {
                Some(Self::TargetGroup(TargetGroup::new(name, group, ground)?))
            }
            OriginKind::Failover(_) => None,
        })
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
