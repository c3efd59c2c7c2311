//! An invalidation as the API shows it.

use serde::Serialize;
use warmfront_semantics::tags::Tag;
use warmfront_store::{Invalidation, InvalidationPath, Kind, PrefetchState, Prefetching};

use super::Node;
use crate::prefetch::Progress;
use crate::timestamp::rfc3339;

/// An invalidation as the API shows it.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    id: &'a str,
    /// `in-progress` while something is fetched after it. It is in force all the same.
    status: &'static str,
    /// Stored responses it took out of service, or marked stale.
    matched: u64,
    /// What they held, in bytes.
    bytes: u64,
    created: String,
    site: &'a str,
    paths: &'a [InvalidationPath],
    tags: &'a [Tag],
    soft: bool,
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefetch: Option<Prefetched<'a>>,
    /// Whether it was done before, by the same reference; only whoever asks for one is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated: Option<bool>,
}

/// What is fetched after an invalidation, and how far that is.
#[derive(Debug, Serialize)]
struct Prefetched<'a> {
    state: &'static str,
    paths: &'a [String],
    sitemap: Option<&'a str>,
    fetched: u64,
    failed: u64,
    /// Requests in all; `null` as long as nobody knows.
    total: Option<u64>,
    finished: Option<String>,
    /// What went wrong, in a sentence.
    detail: Option<String>,
}

// === impl Record ===

impl<'a> Record<'a> {
    pub(super) fn new(done: &'a Invalidation, node: &Node) -> Self {
        Self {
            id: &done.id,
            status: if done.is_completed() { "completed" } else { "in-progress" },
            matched: done.counted.matched,
            bytes: done.counted.bytes,
            created: rfc3339(done.created),
            site: &done.site,
            paths: &done.paths,
            tags: &done.tags,
            soft: done.kind == Kind::Soft,
            reference: done.reference.as_deref(),
            prefetch: done.prefetch.as_ref().map(|prefetching| {
                Prefetched::new(prefetching, node.prefetcher.progress(&done.id))
            }),
            repeated: None,
        }
    }

    /// What whoever asked for it is answered.
    pub(super) fn answering(self, repeated: bool) -> Self {
        Self { repeated: Some(repeated), ..self }
    }
}

// === impl Prefetched ===

impl<'a> Prefetched<'a> {
    /// Only while it runs is there more progress than on the disk.
    fn new(prefetching: &'a Prefetching, progress: Option<Progress>) -> Self {
        let Prefetching { asked, state } = prefetching;
        let blank = Self {
            state: "running",
            paths: &asked.paths,
            sitemap: asked.sitemap.as_deref(),
            fetched: 0,
            failed: 0,
            total: None,
            finished: None,
            detail: None,
        };
        match (state, progress) {
            (PrefetchState::Running, None) => blank,
            (PrefetchState::Running, Some(progress)) => Self {
                fetched: progress.fetched,
                failed: progress.failed,
                total: progress.total,
                detail: progress.detail,
                ..blank
            },
            (PrefetchState::Done { fetched, failed, finished, detail }, _) => Self {
                state: "done",
                fetched: *fetched,
                failed: *failed,
                total: Some(fetched + failed),
                finished: Some(rfc3339(*finished)),
                detail: detail.clone(),
                ..blank
            },
        }
    }
}
