//! A stored response: the head as it will be sent, the body, and what invalidations can find it by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http::{HeaderMap, StatusCode};

use crate::body::Body;
use crate::key::Digest;
use crate::ledger::{Position, SiteLedger, Standing};

/// What a stored response costs beside its fields, its place and its body: the entry, its key, and
/// what Moka keeps of it.
const ENTRY_OVERHEAD_BYTES: u64 = 700;
/// What one field costs beside its name and value.
const FIELD_OVERHEAD_BYTES: usize = 72;

/// Where a stored response stands, in the words an invalidation uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path a client asked for, spelled canonically.
    pub path: Arc<str>,
    /// The query in its primary key; `None` if there was none or it is not in the key.
    pub query: Option<Arc<str>>,
    /// The page it was made from, spelled canonically: a deep link of a single-page app holds that
    /// app's page, and goes when the page goes.
    pub made_from: Option<Arc<str>>,
}

/// What has to be known of a response to store it.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The ledger of its site.
    pub ledger: Arc<SiteLedger>,
    /// Where it will stand.
    pub place: Arc<Place>,
    /// The newest invalidation at the moment the request to the origin began.
    pub birth: Position,
    /// Content-Length, if the origin said.
    pub length: Option<u64>,
}

/// Status, fields and times.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) created: SystemTime,
    /// What Age is counted from.
    pub(crate) epoch: SystemTime,
    pub(crate) fresh_until: SystemTime,
    pub(crate) stale_while_revalidate_secs: u32,
    pub(crate) stale_if_error_secs: u32,
    pub(crate) variance: Option<Digest>,
}

#[derive(Debug)]
pub(crate) struct StoredResponse {
    pub(crate) head: Head,
    pub(crate) body: Body,
    pub(crate) admission: Admission,
    /// The newest invalidation that is known not to take it.
    checked: AtomicU64,
}

// === impl StoredResponse ===

impl StoredResponse {
    pub(crate) fn new(head: Head, body: Body, admission: Admission) -> Self {
        let checked = AtomicU64::new(admission.birth.get());
        Self { head, body, admission, checked }
    }

    /// Whether an invalidation has taken it since its birth. Usually one atomic load.
    pub(crate) fn standing(&self) -> Standing {
        let checked = Position::new(self.checked.load(Ordering::Relaxed));
        let latest = self.admission.ledger.latest();
        if latest <= checked {
            return Standing::Live;
        }
        let standing = self.admission.ledger.judge(&self.admission.place, checked);
        if standing == Standing::Live {
            self.checked.store(latest.get(), Ordering::Relaxed);
        }
        standing
    }

    /// Bytes that it holds in memory, bookkeeping included.
    pub(crate) fn weight(&self) -> u64 {
        let place = &self.admission.place;
        let text = |t: &Option<Arc<str>>| t.as_ref().map_or(0, |t| t.len());
        let place = place.path.len() + text(&place.query) + text(&place.made_from);
        let fields = self.head.fields.iter();
        let fields: usize =
            fields.map(|(n, v)| n.as_str().len() + v.len() + FIELD_OVERHEAD_BYTES).sum();
        self.body.weight() + (place + fields) as u64 + ENTRY_OVERHEAD_BYTES
    }
}

// === impl Head ===

impl Head {
    /// Says how long the body is, where the origin could not: on a hit nothing need be chunked.
    pub(crate) fn fix_length(&mut self, bytes: u64) {
        let bodiless = matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if !bodiless && !self.fields.contains_key(http::header::CONTENT_LENGTH) {
            self.fields.insert(http::header::CONTENT_LENGTH, bytes.into());
        }
    }
}
