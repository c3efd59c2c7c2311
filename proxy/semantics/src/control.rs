//! Which field's directives hold for a response.

use http::{HeaderMap, HeaderName, header};

use crate::directives::Directives;
use crate::targeted;

/// Directives for this program alone, ahead of [`CDN`].
pub const OWN: HeaderName = HeaderName::from_static("warmfront-cdn-cache-control");

/// Directives for every CDN (RFC 9213 §3).
pub const CDN: HeaderName = HeaderName::from_static("cdn-cache-control");

/// What the origin says about storing and reusing a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The directives of the one field that counts.
    pub directives: Directives,
    /// Which kind of field that is.
    pub source: Source,
}

/// Where directives are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// There are none.
    Nothing,
    /// Cache-Control.
    CacheControl,
    /// [`OWN`] or [`CDN`]: neither Cache-Control nor Expires counts beside them.
    Targeted,
}

// === impl Control ===

impl Control {
    /// RFC 9213 §2.2: the first field of the target list that is there, parses and is not empty
    /// decides alone; without one, Cache-Control does.
    #[must_use]
    pub fn of(response: &HeaderMap) -> Self {
        if let Some(directives) = [OWN, CDN].iter().find_map(|name| targeted::parse(response, name))
        {
            return Self { directives, source: Source::Targeted };
        }
        let present = response.contains_key(header::CACHE_CONTROL);
        let source = if present { Source::CacheControl } else { Source::Nothing };
        Self { directives: Directives::of(response), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directives::Seconds;

    type Lines<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn the_nearest_valid_field_decides_alone() {
        let cases: [(Lines<'_>, Source, Option<u32>); 9] = [
            (&[], Source::Nothing, None),
            (&[("expires", "0")], Source::Nothing, None),
            (&[("cache-control", "")], Source::CacheControl, None),
            (&[("cache-control", "max-age=1")], Source::CacheControl, Some(1)),
            (
                &[("cache-control", "max-age=1"), ("cdn-cache-control", "max-age=2")],
                Source::Targeted,
                Some(2),
            ),
            (
                &[("cdn-cache-control", "max-age=2"), ("warmfront-cdn-cache-control", "max-age=3")],
                Source::Targeted,
                Some(3),
            ),
            (
                &[("cdn-cache-control", "max-age=2"), ("warmfront-cdn-cache-control", "Max-Age=3")],
                Source::Targeted,
                Some(2),
            ),
            (
                &[("cache-control", "max-age=1"), ("cdn-cache-control", "max-age=\"2\"")],
                Source::CacheControl,
                Some(1),
            ),
            (&[("cache-control", "max-age=1"), ("cdn-cache-control", "x")], Source::Targeted, None),
        ];
        for (lines, source, max_age) in cases {
            let field = |(name, value): &(&str, &str)| {
                (HeaderName::try_from(*name).unwrap(), value.parse().unwrap())
            };
            let control = Control::of(&lines.iter().map(field).collect());
            assert_eq!(control.source, source, "{lines:?}");
            assert_eq!(control.directives.max_age, max_age.map(Seconds::Of), "{lines:?}");
        }
    }
}
