//! An invalidation as the API shows it.

use crate::timestamp::rfc3339;
use serde::Serialize;
use warmfront_store::{Invalidation, InvalidationPath};

/// An invalidation as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    id: &'a str,
    /// What is recorded is in force.
    status: &'static str,
    /// Stored responses it took out of service.
    matched: u64,
    /// What they held, in bytes.
    bytes: u64,
    created: String,
    site: &'a str,
    paths: &'a [InvalidationPath],
    reference: Option<&'a str>,
}

// === impl Record ===

impl<'a> From<&'a Invalidation> for Record<'a> {
    fn from(done: &'a Invalidation) -> Self {
        Self {
            id: &done.id,
            status: "completed",
            matched: done.counted.matched,
            bytes: done.counted.bytes,
            created: rfc3339(done.created),
            site: &done.site,
            paths: &done.paths,
            reference: done.reference.as_deref(),
        }
    }
}
