//! One stored response, and how fresh it is.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode};
use serde::Serialize;

use super::lifetime::Lifetime;
use super::span::{since, span};
use crate::coding::Coding;
use crate::freshness::Bounds;
use crate::timestamp::rfc3339;

/// One stored response, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variant {
    /// Whether it is the one that the request would find.
    pub selected: bool,
    /// Whether it may be served.
    pub standing: Standing,
    /// Its status.
    pub status: u16,
    /// The request fields that it is selected by, in lower case.
    pub vary: Vec<String>,
    /// When its head last came from the origin (RFC 3339).
    pub received: String,
    /// Its current age in seconds (RFC 9111 §4.2.3).
    pub age: u64,
    /// How long it is fresh in all.
    pub lifetime: Lifetime,
    /// Seconds for which it is still fresh; negative once it is stale.
    pub fresh_for: i64,
    /// Seconds past its lifetime for which it is served while it is refreshed (RFC 5861 §3).
    pub stale_while_revalidate: u64,
    /// Seconds past its lifetime for which it stands in for an origin that fails.
    pub stale_if_error: u64,
    /// What it can be invalidated by, beside its path.
    pub tags: Vec<String>,
    /// Bytes of its body; `None` while that is still written.
    pub bytes: Option<u64>,
    /// The content codings that its body is held in, beside the one it came in.
    pub codings: Vec<&'static str>,
    /// The arithmetic in a sentence, without its full stop.
    pub freshness: String,
}

/// Whether what is stored may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As its lifetime says.
    Live,
    /// As stale, whatever its lifetime says: a soft invalidation has marked it.
    Stale,
    /// Only where its origin was asked and has it no more: a deploy has taken it.
    Retired,
    /// No more: an invalidation has taken it, and its memory is about to be given back.
    Dead,
}

/// What is known of a stored response.
#[derive(Debug, Clone)]
pub struct StoredFacts<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its fields, as they are stored.
    pub fields: &'a HeaderMap,
    /// The fields it is selected by; none where it is for every request.
    pub vary: &'a [HeaderName],
    /// When its head last came from the origin.
    pub received: SystemTime,
    /// What its age is counted from.
    pub epoch: SystemTime,
    /// How long it is fresh by itself, whatever was invalidated.
    pub lifetime: Duration,
    /// When a soft invalidation marked it.
    pub softened: Option<SystemTime>,
    /// Whether it may be served.
    pub standing: Standing,
    /// RFC 5861 §3.
    pub while_revalidate: Duration,
    /// RFC 5861 §4, or what the site has for an origin that cannot be reached.
    pub if_error: Duration,
    /// What it can be invalidated by.
    pub tags: Vec<String>,
    /// Bytes of its body.
    pub bytes: Option<u64>,
    /// What its body is held in, beside what it came in.
    pub codings: &'a [Coding],
}

// === impl Variant ===

impl Variant {
    /// Tells of a stored response at a time, under the bounds that its policy has for lifetimes.
    #[must_use]
    pub fn tell(stored: StoredFacts<'_>, bounds: &Bounds, now: SystemTime) -> Self {
        let lifetime = stored.whose(bounds);
        Self {
            selected: false,
            standing: stored.standing,
            status: stored.status.as_u16(),
            vary: stored.vary.iter().map(|name| name.as_str().to_owned()).collect(),
            received: rfc3339(stored.received),
            age: since(stored.epoch, now).as_secs(),
            fresh_for: stored.fresh_for(now),
            stale_while_revalidate: stored.while_revalidate.as_secs(),
            stale_if_error: stored.if_error.as_secs(),
            bytes: stored.bytes,
            codings: stored.codings.iter().map(|coding| coding.as_str()).collect(),
            freshness: stored.arithmetic(&lifetime, now),
            lifetime,
            tags: stored.tags,
        }
    }
}

// === impl StoredFacts ===

impl StoredFacts<'_> {
    /// The arithmetic in a sentence, such as `stored 12 s ago with max-age=60 by the origin: fresh for
    /// another 48 s`.
    #[must_use]
    pub fn sentence(&self, bounds: &Bounds, now: SystemTime) -> String {
        self.arithmetic(&self.whose(bounds), now)
    }

    fn whose(&self, bounds: &Bounds) -> Lifetime {
        Lifetime::of(self.lifetime, self.status, self.fields, self.received, bounds)
    }

    fn arithmetic(&self, lifetime: &Lifetime, now: SystemTime) -> String {
        let stored = span(since(self.received, now));
        let initial = since(self.epoch, self.received);
        let old = match initial.as_secs() {
            0 => String::new(),
            _ => format!(", {} old already then,", span(initial)),
        };
        let state = self.state(now);
        format!("stored {stored} ago{old} with {}: {state}", lifetime.words())
    }

    fn state(&self, now: SystemTime) -> String {
        let own = self.own(now);
        match (self.standing, self.softened, own) {
            (Standing::Dead, ..) => "taken out of service by an invalidation".to_owned(),
            (Standing::Retired, ..) => {
                "taken by a deploy, and kept for where the origin has it no more".to_owned()
            }
            (Standing::Stale, Some(marked), Ok(left)) => {
                let (ago, left) = (span(since(marked, now)), span(left));
                format!("marked stale by an invalidation {ago} ago, {left} before its time")
            }
            (_, _, Ok(left)) => format!("fresh for another {}", span(rounded_up(left))),
            (_, _, Err(past)) => format!("stale for {}{}", span(past), self.window(past)),
        }
    }

    fn window(&self, past: Duration) -> String {
        match self.while_revalidate.checked_sub(past) {
            Some(left) if !left.is_zero() => {
                format!(", and served while it is refreshed for another {}", span(left))
            }
            _ => String::new(),
        }
    }

    /// What is left of its own lifetime, or how long ago that ended.
    fn own(&self, now: SystemTime) -> Result<Duration, Duration> {
        let until = self.epoch.checked_add(self.lifetime).unwrap_or(self.epoch);
        // RFC 9111 §4.2: at the end of its lifetime it is stale.
        match until.duration_since(now) {
            Ok(left) if !left.is_zero() => Ok(left),
            Ok(_) => Err(Duration::ZERO),
            Err(past) => Err(past.duration()),
        }
    }

    fn fresh_for(&self, now: SystemTime) -> i64 {
        let whole = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        match (self.softened.filter(|_| self.standing == Standing::Stale), self.own(now)) {
            (Some(marked), Ok(_)) => -whole(since(marked, now)),
            (_, Ok(left)) => whole(rounded_up(left)),
            (_, Err(past)) => -whole(past),
        }
    }
}

/// So that a lifetime of 60 s at the age of 12 s and a moment leaves 48 s, as Cache-Status says.
fn rounded_up(left: Duration) -> Duration {
    let moment = u64::from(left.subsec_millis() > 0);
    Duration::from_secs(left.as_secs().saturating_add(moment))
}

#[cfg(test)]
mod tests;
