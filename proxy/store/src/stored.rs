//! A stored response: the head as it will be sent, the body, and what invalidations can find it by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use warmfront_semantics::freshness::Staleness;
use warmfront_semantics::tags::Tags;

use crate::body::Body;
use crate::changes::Moment;
use crate::encoding::InVain;
use crate::key::Digest;
use crate::ledger::{Position, SiteLedger};
use crate::tenure::{Keep, Tenure};

/// What a stored response costs beside its fields, its place and its body: the entry, its key, what
/// Moka keeps of it and its line in the catalog. Measured over 1,000,000 small ones.
pub(crate) const ENTRY_OVERHEAD_BYTES: u64 = 1_700;
/// What each tag, and the page it was made from, costs in the catalog.
const NAME_OVERHEAD_BYTES: u64 = 80;
/// What one field costs beside its name and value.
const FIELD_OVERHEAD_BYTES: usize = 72;

/// Where a stored response stands, in the words an invalidation uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path a client asked for, spelled canonically.
    pub path: Arc<str>,
    /// The query in its primary key; `None` if there was none or it is not in the key.
    pub query: Option<Arc<str>>,
    /// How much of a query that is.
    pub query_in_key: QueryInKey,
    /// The page it was made from, spelled canonically: a deep link of a single-page app holds that
    /// app's page, and goes when the page goes.
    pub made_from: Option<Arc<str>>,
}

/// What of a query its policy has in the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryInKey {
    /// All of it.
    Whole,
    /// Nothing.
    None,
    /// The pairs with these names.
    Only(Arc<[String]>),
    /// All pairs but those with these names.
    Except(Arc<[String]>),
}

/// What has to be known of a response to store it.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The ledger of its site.
    pub ledger: Arc<SiteLedger>,
    /// Where it will stand.
    pub place: Arc<Place>,
    /// Its tags, if its origin said any. A 304 that says none leaves them as they were.
    pub tags: Option<Tags>,
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
    /// When it came from its origin.
    pub(crate) received: SystemTime,
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
    /// Bytes that it holds in memory, bookkeeping included.
    pub(crate) weight: u64,
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

// === impl QueryInKey ===

impl QueryInKey {
    /// Whether pairs with this name are in the key.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        let is_among = |names: &[String]| names.iter().any(|known| known.as_bytes() == name);
        match self {
            Self::Whole => true,
            Self::None => false,
            Self::Only(names) => is_among(names),
            Self::Except(names) => !is_among(names),
        }
    }
}

// === impl Admission ===

impl Admission {
    /// What the catalog and the place of something stored cost in memory.
    pub(crate) fn weight(&self) -> u64 {
        let tags = self.tags.as_ref();
        let names = usize::from(self.place.made_from.is_some())
            + tags.map_or(0, |tags| tags.iter().count());
        self.place.weight()
            + tags.map_or(0, Tags::bytes) as u64
            + names as u64 * NAME_OVERHEAD_BYTES
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
        let field = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() + FIELD_OVERHEAD_BYTES
        };
        let fields: usize = head.fields.iter().map(field).sum();
        let weight = body.weight() + admission.weight() + fields as u64 + ENTRY_OVERHEAD_BYTES;
        Self {
            head,
            body,
            tenure: Tenure::new(admission),
            replaces: None,
            in_vain: InVain::default(),
            weight,
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

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Its fields, as they are sent.
    pub fn fields(&self) -> &HeaderMap {
        &self.head.fields
    }

    /// What its age is counted from.
    pub fn epoch(&self) -> SystemTime {
        self.head.epoch
    }

    /// When its head came from its origin last.
    pub fn received(&self) -> SystemTime {
        self.head.received
    }

    /// The end of its lifetime, whatever an invalidation makes of it.
    pub fn fresh_until(&self) -> SystemTime {
        self.head.fresh_until
    }

    /// For how long behind its lifetime it is served while it is refreshed.
    pub fn stale_while_revalidate(&self) -> Duration {
        Duration::from_secs(self.head.stale_while_revalidate_secs.into())
    }

    /// For how long behind its lifetime it is served where its origin fails.
    pub fn stale_if_error(&self) -> Duration {
        Duration::from_secs(self.head.stale_if_error_secs.into())
    }

    /// Its tags.
    pub fn tags(&self) -> &Tags {
        static NONE: Tags = Tags::NONE;
        self.admission().tags.as_ref().unwrap_or(&NONE)
    }

    /// Where it stands, in an invalidation's words.
    pub fn place(&self) -> &Place {
        &self.admission().place
    }

    /// The newest invalidation when it was asked for: only later ones can take it.
    pub fn position(&self) -> Position {
        self.admission().birth.position
    }

    /// Bytes of its content; `None` while they are still coming.
    pub fn content_bytes(&self) -> Option<u64> {
        self.is_whole().then(|| self.body.content_bytes())
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
}

pub(crate) fn millis(at: SystemTime) -> u64 {
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
