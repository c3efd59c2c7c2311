//! A stored response: the head as it will be sent, the body, and what invalidations can find it by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use warmfront_semantics::freshness::Staleness;

use crate::body::Body;
use crate::changes::Moment;
use crate::encoding::InVain;
use crate::key::Digest;
use crate::ledger::{Position, SiteLedger};
use crate::tenure::{Keep, Tenure};

/// What a stored response costs beside its fields, its place and its body: the entry, its key, and
/// what Moka keeps of it.
pub(crate) const ENTRY_OVERHEAD_BYTES: u64 = 700;
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
    /// When the request to the origin began.
    pub birth: Birth,
    /// Content-Length, if the origin said.
    pub length: Option<u64>,
    /// When it may be served though it is stale.
    pub staleness: Staleness,
    /// Whether it outlives the next deploys; `None` is not at all.
    pub keep: Option<Keep>,
    /// Where its primary key is that of one version of a resource: the key of the resource, by which it
    /// is changed.
    pub resource: Option<Digest>,
    /// Says when there is room for all of it.
    pub room: Room,
}

/// Whether the store has made room for all of a response: then it takes the body as fast as the origin
/// sends it, however slow the client is whose request this was.
#[derive(Debug, Default, Clone)]
pub struct Room(Arc<AtomicBool>);

/// The moment at which a request to an origin begins, in the order of everything that takes stored
/// responses out of service.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// The newest invalidation then.
    pub(crate) position: Position,
    pub(crate) change: Moment,
}

/// Status, fields and times.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    /// What Age is counted from.
    pub(crate) epoch: SystemTime,
    pub(crate) fresh_until: SystemTime,
    pub(crate) stale_while_revalidate_secs: u32,
    pub(crate) stale_if_error_secs: u32,
    pub(crate) variance: Option<Digest>,
}

/// A response in the store. What is out of its reach (eviction, invalidation) does not change it.
#[derive(Debug)]
pub struct StoredResponse {
    pub(crate) head: Head,
    pub(crate) body: Body,
    pub(crate) tenure: Tenure,
    /// While its body is being written: what stands there again if that comes to nothing.
    pub(crate) replaces: Option<Arc<Self>>,
    /// The codings that do not make its body smaller.
    pub(crate) in_vain: InVain,
    /// Until when its origin is left alone, in milliseconds since the epoch; 0 is not at all.
    back_off_until: AtomicU64,
}

// === impl Place ===

impl Place {
    pub(crate) fn weight(&self) -> u64 {
        let text = |t: &Option<Arc<str>>| t.as_ref().map_or(0, |t| t.len());
        (self.path.len() + text(&self.query) + text(&self.made_from)) as u64
    }
}

// === impl Room ===

impl Room {
    /// Whether there is.
    pub fn is_made(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn make(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

// === impl StoredResponse ===

impl StoredResponse {
    pub(crate) fn new(head: Head, body: Body, admission: Admission) -> Self {
        Self {
            head,
            body,
            tenure: Tenure::new(admission),
            replaces: None,
            in_vain: InVain::default(),
            back_off_until: AtomicU64::new(0),
        }
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.tenure.admission
    }

    /// Whether all of its body is there.
    pub fn is_whole(&self) -> bool {
        matches!(self.body, Body::Whole(_))
    }

    /// Its fields, as they are sent.
    pub fn fields(&self) -> &HeaderMap {
        &self.head.fields
    }

    /// When it may be served though it is stale.
    pub fn staleness(&self) -> Staleness {
        self.admission().staleness
    }

    /// Notes that its origin failed: until then it is not asked for this again.
    pub fn back_off(&self, until: SystemTime) {
        self.back_off_until.store(millis(until), Ordering::Relaxed);
    }

    /// Whether its origin failed so lately that it is left alone.
    pub fn is_backed_off(&self, now: SystemTime) -> bool {
        let until = self.back_off_until.load(Ordering::Relaxed);
        // Usually 0: then the clock need not be compared.
        until != 0 && millis(now) < until
    }

    /// Where it stands in the memory tier.
    pub(crate) fn digest(&self, primary: Digest) -> Digest {
        self.head.variance.unwrap_or(primary)
    }

    /// Bytes that it holds in memory, bookkeeping included.
    pub(crate) fn weight(&self) -> u64 {
        let fields = self.head.fields.iter();
        let fields: usize =
            fields.map(|(n, v)| n.as_str().len() + v.len() + FIELD_OVERHEAD_BYTES).sum();
        self.body.weight() + self.admission().place.weight() + fields as u64 + ENTRY_OVERHEAD_BYTES
    }
}

fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
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
