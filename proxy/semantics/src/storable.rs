//! Whether a response may be kept for others (RFC 9111 §3).

use std::time::UNIX_EPOCH;

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use crate::control::{Control, Source};
use crate::directives::{RequestDirectives, Scope};
use crate::freshness::{Basis, Freshness, Staleness, is_heuristic, last_modified};
use crate::vary::Vary;

/// What is known of an exchange when its response head is in.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The client's method.
    pub method: &'a Method,
    /// The client's fields.
    pub request: &'a HeaderMap,
    /// The final status.
    pub status: StatusCode,
    /// The origin's fields.
    pub response: &'a HeaderMap,
    /// What they say about caching.
    pub control: &'a Control,
    /// What the site wants of cookies.
    pub cookies: Cookies,
}

/// What is done with a response that sets a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookies {
    /// It is stored only if the origin says that it is for many: `public`, `s-maxage` or a targeted
    /// field.
    Skip,
    /// It is stored like any other, as RFC 9111 §7.3 has it.
    Store,
    /// It is stored without the cookie.
    Strip,
}

/// May this response be stored by a cache that many share?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storable {
    /// Yes, without the fields that [`withheld`] names.
    Yes,
    /// No, and why.
    No(Why),
}

/// Why a response is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Only GET and HEAD are.
    Method,
    /// The client forbids it.
    RequestNoStore,
    /// A partial, informational or otherwise unfit status.
    Status,
    /// `no-store`, `private`, or `must-understand` with a status that is not understood.
    Forbidden,
    /// It sets a cookie and does not say that everybody may have it.
    SetCookie,
    /// The request was authenticated, and the response does not say that everybody may have it
    /// (RFC 9111 §3.5).
    Authorization,
    /// `Vary: *`.
    VaryStar,
    /// The body is longer than `cache.max_object`.
    TooLarge,
    /// No freshness and no validator to renew it by.
    NothingToReuse,
    /// The origin validated another response than the stored one (RFC 9111 §4.3.4).
    Unvalidated,
    /// Freshened, it would be for other requests than those that select it.
    VaryChanged,
    /// The origin saw what tells one client from others, and does not say how long its answer is good.
    Personal,
}

/// Never stored, whatever is said: parts (206, 416), answers to a condition (304, 412), a proxy's
/// and a network's own word (407, 511), and what RFC 6585 keeps out of caches (428, 429, 431, 511).
const NEVER: [u16; 9] = [206, 304, 407, 412, 416, 428, 429, 431, 511];

/// What RFC 9111 §5.2.2.3 calls understood: the statuses of RFC 9110 §15 that ask nothing of a
/// cache but to store and reuse them.
const UNDERSTOOD: [u16; 36] = [
    200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406,
    408, 409, 410, 411, 413, 414, 415, 417, 421, 422, 426, 500, 501, 502, 503, 504, 505,
];

/// The fields of a response that are left out of what is stored.
///
/// RFC 9111 §5.2.2.4 and §5.2.2.7: what `no-cache="…"` names is not reused unasked, and what
/// `private="…"` names is one client's own. Cookies are left out where the site strips them.
#[must_use]
pub fn withheld(control: &Control, cookies: Cookies) -> Vec<HeaderName> {
    let directives = &control.directives;
    let said = directives.no_cache.fields().iter().chain(directives.private.fields());
    let mut names: Vec<_> = said.cloned().collect();
    if cookies == Cookies::Strip {
        names.extend([header::SET_COOKIE, HeaderName::from_static("set-cookie2")]);
    }
    names
}

// === impl Storable ===

impl Storable {
    /// RFC 9111 §3, for a shared cache that understands no authentication.
    #[must_use]
    pub fn judge(exchange: &Exchange<'_>, freshness: &Freshness) -> Self {
        let refused = exchange
            .unfit(freshness.basis)
            .or_else(|| exchange.forbidden())
            .or_else(|| exchange.personal())
            .or_else(|| exchange.never_reused(freshness));
        refused.map_or(Self::Yes, Self::No)
    }
}

// === impl Exchange ===

impl Exchange<'_> {
    /// What kind of exchange it is. RFC 9111 §3: a lifetime that is said, or `public`, allows every
    /// final status; RFC 9110 §15.1 allows some without.
    fn unfit(&self, basis: Basis) -> Option<Why> {
        if !matches!(*self.method, Method::GET | Method::HEAD) {
            return Some(Why::Method);
        }
        let final_status =
            !self.status.is_informational() && !NEVER.contains(&self.status.as_u16());
        let spoken_for = basis == Basis::Explicit || self.control.directives.public;
        let fit = final_status && (spoken_for || is_heuristic(self.status));
        (!fit).then_some(Why::Status)
    }

    /// What the client and the origin say about storing.
    fn forbidden(&self) -> Option<Why> {
        let directives = &self.control.directives;
        // RFC 9111 §5.2.1.5.
        if RequestDirectives::of(self.request).no_store {
            return Some(Why::RequestNoStore);
        }
        // RFC 9111 §5.2.2.3: who understands the status does not mind `no-store` beside
        // `must-understand`; who does not, stores nothing.
        let barred = if directives.must_understand {
            !UNDERSTOOD.contains(&self.status.as_u16())
        } else {
            directives.no_store
        };
        (barred || directives.private == Scope::Whole).then_some(Why::Forbidden)
    }

    /// What is one client's own unless the origin says otherwise.
    fn personal(&self) -> Option<Why> {
        let directives = &self.control.directives;
        let shared = directives.public || directives.s_maxage.is_some();
        let authenticated = self.request.contains_key(header::AUTHORIZATION);
        // RFC 9111 §3.5.
        if authenticated && !shared && !directives.must_revalidate {
            return Some(Why::Authorization);
        }
        let for_many = shared || self.control.source == Source::Targeted;
        let cookie = self.response.contains_key(header::SET_COOKIE);
        (self.cookies == Cookies::Skip && cookie && !for_many).then_some(Why::SetCookie)
    }

    /// What no later request could be answered with.
    fn never_reused(&self, freshness: &Freshness) -> Option<Why> {
        if Vary::of(self.response) == Vary::Everything {
            return Some(Why::VaryStar);
        }
        // Which century a year of two digits is in makes no difference here.
        let tagged = self.response.get(header::ETAG).is_some_and(|tag| !tag.is_empty());
        let validator = tagged || last_modified(self.response, UNIX_EPOCH).is_some();
        // RFC 5861 lets it be used past its lifetime, so that even a stale one is of use.
        let stale = Staleness::of(self.control);
        let window = stale.while_revalidate.max(stale.if_error);
        let reusable = freshness.lifetime.saturating_add(window) > freshness.age;
        (!validator && !reusable).then_some(Why::NothingToReuse)
    }
}

impl Why {
    /// Whether the next request for the same key may fare better: what one client sent, or how the
    /// origin was at one moment, says nothing of the rest.
    #[must_use]
    pub fn is_passing(why: &str) -> bool {
        let of_the_request = [Self::Method, Self::RequestNoStore, Self::Authorization];
        let of_the_moment = [Self::Status, Self::Unvalidated, Self::VaryChanged];
        let mut passing = of_the_request.iter().chain(&of_the_moment);
        passing.any(|w| w.as_str() == why)
    }

    /// One word for logs and Cache-Status details.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestNoStore => "request-no-store",
            Self::Status => "status",
            Self::Forbidden => "forbidden",
            Self::SetCookie => "set-cookie",
            Self::Authorization => "authorization",
            Self::VaryStar => "vary-star",
            Self::TooLarge => "too-large",
            Self::NothingToReuse => "no-freshness",
            Self::Unvalidated => "unvalidated",
            Self::VaryChanged => "vary-changed",
            Self::Personal => "personal",
        }
    }
}

#[cfg(test)]
mod tests;
