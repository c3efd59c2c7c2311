//! What Cache-Control says, on a response and on a request (RFC 9111 §5.2).
//!
//! Nothing here fails: a directive that cannot be read has the meaning that keeps least.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};

use crate::fields::list_has;

mod member;

use member::{Member, Trust, members};

/// The directives of a response that mean something to a shared cache (RFC 9111 §5.2.2).
///
/// Neither the order of the members, their letter case and spacing, nor how they are split over
/// field lines makes a difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word that is there or is not")]
pub struct Directives {
    /// §5.2.2.5.
    pub no_store: bool,
    /// §5.2.2.3.
    pub must_understand: bool,
    /// §5.2.2.2.
    pub must_revalidate: bool,
    /// §5.2.2.8.
    pub proxy_revalidate: bool,
    /// §5.2.2.9.
    pub public: bool,
    /// §5.2.2.4: what is not reused without asking the origin.
    pub no_cache: Scope,
    /// §5.2.2.7: what is not kept for others.
    pub private: Scope,
    /// §5.2.2.1.
    pub max_age: Option<Seconds>,
    /// §5.2.2.10.
    pub s_maxage: Option<Seconds>,
    /// RFC 5861 §3.
    pub stale_while_revalidate: Option<Seconds>,
    /// RFC 5861 §4.
    pub stale_if_error: Option<Seconds>,
}

/// How much of a response `no-cache` or `private` is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// The directive is absent.
    #[default]
    Nothing,
    /// The response as a whole.
    Whole,
    /// These fields, sorted and without repetition.
    Fields(Vec<HeaderName>),
}

/// A number of seconds as a field gives it (RFC 9111 §1.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seconds {
    /// This many, at most [`SECONDS_MAX`].
    Of(u32),
    /// Something that is no number, or two that contradict each other.
    Invalid,
}

/// RFC 9111 §1.2.2: a number that is larger counts as this one.
pub const SECONDS_MAX: u32 = 1 << 31;

/// The directives of a request (RFC 9111 §5.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// §5.2.1.4, or `Pragma: no-cache` where there is no Cache-Control (§5.4).
    pub no_cache: bool,
    /// §5.2.1.5.
    pub no_store: bool,
    /// §5.2.1.7.
    pub only_if_cached: bool,
    /// §5.2.1.1.
    pub max_age: Option<Seconds>,
    /// §5.2.1.3.
    pub min_fresh: Option<Seconds>,
    /// §5.2.1.2; one that cannot be read is none, as the client then gets something fresh.
    pub max_stale: Option<MaxStale>,
}

/// How stale a response the client will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxStale {
    /// However stale.
    Any,
    /// By this many seconds.
    Of(u32),
}

/// Fields that say how the rest is to be read: a response without them is another response, so that
/// it cannot be kept "without these fields".
const INSEPARABLE: [HeaderName; 2] = [header::CONTENT_ENCODING, header::VARY];

// === impl Directives ===

impl Directives {
    /// Reads the Cache-Control of a response.
    #[must_use]
    pub fn of(response: &HeaderMap) -> Self {
        Self::parse(cache_control(response))
    }

    /// Reads the lines of one field in Cache-Control's syntax.
    ///
    /// RFC 9111 §5.2: an argument may be a token or a quoted string whatever the directive, and one
    /// that the directive does not take is ignored. §4.2.1: lifetimes that contradict each other
    /// are invalid, which is to say stale.
    #[must_use]
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut directives = Self::default();
        for member in lines.into_iter().flat_map(members) {
            directives.take(&member);
        }
        directives
    }

    fn take(&mut self, member: &Member) {
        match member.name.as_slice() {
            b"no-store" => self.no_store = true,
            b"must-understand" => self.must_understand = true,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"public" => self.public = true,
            b"no-cache" => self.no_cache.widen(member.scope()),
            b"private" => self.private.widen(member.scope()),
            b"max-age" => agree(&mut self.max_age, member.seconds()),
            b"s-maxage" => agree(&mut self.s_maxage, member.seconds()),
            b"stale-while-revalidate" => {
                agree(&mut self.stale_while_revalidate, member.seconds());
            }
            b"stale-if-error" => agree(&mut self.stale_if_error, member.seconds()),
            // §5.2.3: a cache ignores what it does not know.
            _ => {}
        }
    }
}

// === impl Scope ===

impl Scope {
    /// The argument of `no-cache` or `private`: a list of field names (RFC 9111 §5.2.2.4).
    ///
    /// A list that names nothing, or something that is no field name, is about the whole response;
    /// so is one with Vary or Content-Encoding in it.
    #[must_use]
    pub fn named(list: &[u8]) -> Self {
        let members = list.split(|&b| b == b',').map(<[u8]>::trim_ascii);
        let names = members.filter(|m| !m.is_empty()).map(HeaderName::from_bytes);
        let Ok(mut names) = names.collect::<Result<Vec<_>, _>>() else {
            return Self::Whole;
        };
        if names.is_empty() || names.iter().any(|name| INSEPARABLE.contains(name)) {
            return Self::Whole;
        }
        sort(&mut names);
        Self::Fields(names)
    }

    /// The fields that are named, if not the whole is meant.
    #[must_use]
    pub fn fields(&self) -> &[HeaderName] {
        match self {
            Self::Fields(names) => names,
            Self::Nothing | Self::Whole => &[],
        }
    }

    fn widen(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Whole, _) | (_, Self::Nothing) => {}
            (Self::Fields(names), Self::Fields(more)) => {
                names.extend(more);
                sort(names);
            }
            (_, other) => *self = other,
        }
    }
}

// === impl Seconds ===

impl Seconds {
    /// Reads delta-seconds (RFC 9111 §1.2.2): digits and nothing else.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
            return Self::Invalid;
        }
        let add = |sum: u32, digit: &u8| {
            sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')).min(SECONDS_MAX)
        };
        Self::Of(text.iter().fold(0, add))
    }

    /// The time it allows; none if it is invalid (RFC 9111 §4.2.1: stale).
    #[must_use]
    pub fn duration(self) -> Duration {
        match self {
            Self::Of(seconds) => Duration::from_secs(seconds.into()),
            Self::Invalid => Duration::ZERO,
        }
    }
}

// === impl RequestDirectives ===

impl RequestDirectives {
    /// Reads the Cache-Control of a request, or its Pragma (RFC 9111 §5.4).
    #[must_use]
    pub fn of(request: &HeaderMap) -> Self {
        let mut directives = Self::default();
        if !request.contains_key(header::CACHE_CONTROL) {
            directives.no_cache = list_has(request, &header::PRAGMA, "no-cache");
            return directives;
        }
        let mut stale = Vec::new();
        for member in cache_control(request).flat_map(members) {
            match member.name.as_slice() {
                b"no-cache" => directives.no_cache = true,
                b"no-store" => directives.no_store = true,
                b"only-if-cached" => directives.only_if_cached = true,
                b"max-age" => agree(&mut directives.max_age, member.seconds()),
                b"min-fresh" => agree(&mut directives.min_fresh, member.seconds()),
                b"max-stale" => stale.push(member.max_stale()),
                _ => {}
            }
        }
        directives.max_stale = match stale.as_slice() {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
            _ => None,
        };
        directives
    }
}

// === impl Member ===

impl Member {
    fn scope(&self) -> Scope {
        self.argument.as_deref().map_or(Scope::Whole, Scope::named)
    }

    fn seconds(&self) -> Seconds {
        match (&self.argument, self.trust) {
            (Some(argument), Trust::Full) => Seconds::read(argument),
            _ => Seconds::Invalid,
        }
    }

    fn max_stale(&self) -> Option<MaxStale> {
        if self.argument.is_none() && self.trust == Trust::Full {
            return Some(MaxStale::Any);
        }
        match self.seconds() {
            Seconds::Of(seconds) => Some(MaxStale::Of(seconds)),
            Seconds::Invalid => None,
        }
    }
}

fn cache_control(fields: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    fields.get_all(header::CACHE_CONTROL).iter().map(http::HeaderValue::as_bytes)
}

/// RFC 9111 §4.2.1: the same value twice is that value; two values are none.
fn agree(slot: &mut Option<Seconds>, value: Seconds) {
    *slot = match *slot {
        Some(other) if other != value => Some(Seconds::Invalid),
        _ => Some(value),
    };
}

fn sort(names: &mut Vec<HeaderName>) {
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
}

#[cfg(test)]
mod tests;
