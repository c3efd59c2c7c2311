//! How long a response is fresh, and how old it is already (RFC 9111 §4.2).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, StatusCode, header};

use crate::control::{Control, Source};
use crate::date;
use crate::directives::{SECONDS_MAX, Scope, Seconds};

/// When an exchange with the origin took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When the request was sent.
    pub requested: SystemTime,
    /// When the head of the response was in.
    pub received: SystemTime,
}

/// What the site makes of lifetimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// At least this long, for the statuses that need no word of the origin.
    pub min: Duration,
    /// Where the origin says nothing. `None`: what can be told from Last-Modified.
    pub default: Option<Duration>,
    /// At most this long; it wins over `min`.
    pub max: Duration,
}

/// A response's lifetime, and how much of it was used up on receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// How long it is fresh, counted from its origin's hands: RFC 9111's freshness lifetime.
    pub lifetime: Duration,
    /// How old it was on receipt: RFC 9111's corrected initial age.
    pub age: Duration,
    /// What the lifetime is from.
    pub basis: Basis,
}

/// What a lifetime is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The origin said it, be it that there is none.
    Explicit,
    /// The site's default.
    Default,
    /// The time since the last change (RFC 9111 §4.2.2).
    Heuristic,
    /// Nothing; the lifetime is none.
    Nothing,
}

/// For how long past its lifetime a response may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staleness {
    /// While it is being validated in the background (RFC 5861 §3).
    pub while_revalidate: Duration,
    /// In place of an error of the origin (RFC 5861 §4).
    pub if_error: Duration,
    /// While the origin cannot be reached, without end.
    pub unreachable: Permission,
}

/// Whether something may be done that nobody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Allowed,
    /// The origin has forbidden it.
    Forbidden,
}

/// RFC 9110 §15.1's heuristically cacheable statuses, without 206: parts are never stored.
const HEURISTIC: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

/// Those of them that a site's default is for. A refusal is not kept for a day because nobody said
/// how long.
const DEFAULTED: [u16; 6] = [200, 203, 204, 300, 301, 308];

/// Caps what Last-Modified suggests: what has not changed for years may change today, and RFC 9111
/// §4.2.2 leaves the length to the cache.
const HEURISTIC_MAX: Duration = Duration::from_hours(24);

/// RFC 9111 §1.2.2: as long as any cache need count.
const LIFETIME_MAX: Duration = Duration::from_secs(SECONDS_MAX as u64);

/// Whether a status can be stored without a word of the origin (RFC 9110 §15.1).
#[must_use]
pub fn is_heuristic(status: StatusCode) -> bool {
    HEURISTIC.contains(&status.as_u16())
}

/// Last-Modified as a date; `None` if there is none that can be read, or several that differ.
///
/// `now` tells the century of a year of two digits.
#[must_use]
pub fn last_modified(response: &HeaderMap, now: SystemTime) -> Option<SystemTime> {
    date_in(response, &header::LAST_MODIFIED, now)
}

// === impl Freshness ===

impl Freshness {
    /// Judges a response on receipt.
    #[must_use]
    pub fn judge(
        status: StatusCode,
        response: &HeaderMap,
        control: &Control,
        times: &Times,
        bounds: &Bounds,
    ) -> Self {
        // RFC 9110 §6.6.1: without a Date that can be read, the time of receipt is it.
        let date = date_in(response, &header::DATE, times.received).unwrap_or(times.received);
        let age = initial_age(response, date, times);
        let explicit = explicit(response, control, date, times.received);
        let heuristic = is_heuristic(status);
        let defaulted = DEFAULTED.contains(&status.as_u16());
        let floor = if heuristic { bounds.min } else { Duration::ZERO };
        let within = |lifetime: Duration| lifetime.max(floor).min(bounds.max).min(LIFETIME_MAX);
        let (lifetime, basis) = match explicit {
            // RFC 9111 §5.2.2.4: never used unasked, whatever else is said, but where the site sets a
            // least lifetime, as CloudFront's does; what else is said is still what lets other
            // statuses be stored.
            _ if control.directives.no_cache == Scope::Whole => {
                let said = explicit.is_some() || !floor.is_zero();
                (within(Duration::ZERO), if said { Basis::Explicit } else { Basis::Nothing })
            }
            Some(lifetime) => (within(lifetime), Basis::Explicit),
            // RFC 9111 §4.2.2: no guess for other statuses, unless the origin says `public`.
            None if !heuristic && !control.directives.public => (Duration::ZERO, Basis::Nothing),
            None => match bounds.default.filter(|_| defaulted) {
                Some(default) => (within(default), Basis::Default),
                None => match guess(response, date, times.received) {
                    Some(guess) => (within(guess), Basis::Heuristic),
                    // CloudFront's rule: the larger of the site's least and its default.
                    None if defaulted && !floor.is_zero() => (floor, Basis::Default),
                    None => (Duration::ZERO, Basis::Nothing),
                },
            },
        };
        Self { lifetime, age, basis }
    }

    /// Whether it is fresh on receipt. RFC 9111 §4.2: the lifetime has to be longer than the age.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.age < self.lifetime
    }

    /// The moment at which it is stale; the past, if it was so on receipt.
    #[must_use]
    pub fn fresh_until(&self, times: &Times) -> SystemTime {
        let epoch = self.epoch(times);
        epoch.checked_add(self.lifetime).unwrap_or(epoch)
    }

    /// The moment its age is counted from: RFC 9111 §4.2.3's current age is the time since then.
    #[must_use]
    pub fn epoch(&self, times: &Times) -> SystemTime {
        times.received.checked_sub(self.age).unwrap_or(UNIX_EPOCH)
    }
}

// === impl Staleness ===

impl Staleness {
    /// RFC 9111 §4.2.4: nothing stale where the origin forbids it. `s-maxage` does, as it means
    /// `proxy-revalidate` too (§5.2.2.10). Where it does not, RFC 5861 has it say for how long, and
    /// what cannot be reached may be stood in for.
    #[must_use]
    pub fn of(control: &Control) -> Self {
        let directives = &control.directives;
        let forbidden = directives.must_revalidate
            || directives.proxy_revalidate
            || directives.s_maxage.is_some()
            || directives.no_cache == Scope::Whole;
        if forbidden {
            let none = Duration::ZERO;
            return Self {
                while_revalidate: none,
                if_error: none,
                unreachable: Permission::Forbidden,
            };
        }
        let window = |seconds: Option<Seconds>| seconds.map(Seconds::duration).unwrap_or_default();
        Self {
            while_revalidate: window(directives.stale_while_revalidate),
            if_error: window(directives.stale_if_error),
            unreachable: Permission::Allowed,
        }
    }
}

/// RFC 9111 §4.2.1, for a shared cache: the first of `s-maxage`, `max-age` and Expires that is
/// there decides, and one that cannot be read says that the response is stale (§5.3).
fn explicit(
    response: &HeaderMap,
    control: &Control,
    date: SystemTime,
    received: SystemTime,
) -> Option<Duration> {
    if let Some(seconds) = control.directives.s_maxage.or(control.directives.max_age) {
        return Some(seconds.duration());
    }
    // RFC 9213 §2.2: a targeted field overrides Expires, even one that gives no lifetime.
    if control.source == Source::Targeted || !response.contains_key(header::EXPIRES) {
        return None;
    }
    let expires = date_in(response, &header::EXPIRES, received);
    Some(expires.map_or(Duration::ZERO, |expires| between(date, expires)))
}

/// RFC 9111 §4.2.2: a tenth of the time since the last change, at most [`HEURISTIC_MAX`].
fn guess(response: &HeaderMap, date: SystemTime, received: SystemTime) -> Option<Duration> {
    let modified = last_modified(response, received)?;
    let unchanged = date.duration_since(modified).ok()?;
    Some((unchanged / 10).min(HEURISTIC_MAX))
}

/// RFC 9111 §4.2.3's `corrected_initial_age`.
///
/// A Date is the beginning of a second, so that what lies between it and receipt counts in whole
/// seconds: half a second of rounding is no age.
fn initial_age(response: &HeaderMap, date: SystemTime, times: &Times) -> Duration {
    let apparent = Duration::from_secs(between(date, times.received).as_secs());
    let delay = between(times.requested, times.received);
    apparent.max(age_value(response).saturating_add(delay))
}

/// RFC 9111 §5.1: the first member; one that cannot be read counts as none.
fn age_value(response: &HeaderMap) -> Duration {
    let lines = response.get_all(header::AGE).iter();
    let members = lines.flat_map(|line| line.as_bytes().split(|&b| b == b','));
    let first = members.map(<[u8]>::trim_ascii).find(|member| !member.is_empty());
    first.map(|member| Seconds::read(member).duration()).unwrap_or_default()
}

/// A field that is a date: every line has to be one, and the same.
fn date_in(fields: &HeaderMap, name: &HeaderName, now: SystemTime) -> Option<SystemTime> {
    let mut dates = fields.get_all(name).iter().map(|line| date::parse(line.as_bytes(), now));
    let first = dates.next()??;
    dates.all(|date| date == Some(first)).then_some(first)
}

/// The time from one to the other; none if time went backwards.
fn between(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

#[cfg(test)]
mod tests;
