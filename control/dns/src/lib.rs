//! TXT records, published where a zone is served: the proof of dns-01 (RFC 8555 §8.4).
//!
//! A [`Publisher`] adds a value beside those that are there, and takes it away alone: a name and its
//! wildcard are proven by two values of one record set at once. It says that a value is published
//! when the zone's name servers answer with it, because the authority asks them next.

mod authoritative;
mod exec;
mod lookup;
mod publisher;
mod question;
mod rfc2136;
mod route53;
mod stream;

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use warmfront_semantics::sigv4::Keys;

pub use authoritative::Unseen;
pub use exec::HookError;
pub use publisher::{DnsError, Published, Publisher, PublisherError};
pub use rfc2136::{Reason as UpdateReason, UpdateError};
pub use route53::{CallError, Route53Error};

/// What requests to Route 53 are signed with.
#[async_trait]
pub trait SigningKeys: Send + Sync {
    /// The keys to sign with at `now`; asked for before each request. Fails with one sentence.
    async fn current(&self, now: SystemTime) -> Result<Arc<Keys>, String>;
}
