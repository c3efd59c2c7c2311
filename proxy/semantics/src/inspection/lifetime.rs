//! How long a stored response is fresh, and by whose word.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use serde::Serialize;

use super::span::span;
use crate::control::{Control, OWN, Source};
use crate::directives::{Scope, Seconds};
use crate::freshness::{Basis, Bounds, Freshness, Times};
use crate::targeted;

/// A freshness lifetime, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lifetime {
    /// In seconds, counted from the origin's hands.
    pub seconds: u64,
    /// Whose word it is.
    pub from: Grant,
    /// What the origin says of it, such as `max-age=60`; `None` if it says nothing.
    pub said: Option<String>,
}

/// Whose word a lifetime is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// The origin's.
    Origin,
    /// The policy's least lifetime: the origin says less.
    SiteMinimum,
    /// The policy's longest lifetime: the origin says more.
    SiteMaximum,
    /// The policy's default: the origin says nothing.
    SiteDefault,
    /// The site's, for an error of this status.
    ErrorPage,
    /// Nobody's: it is told from Last-Modified (RFC 9111 §4.2.2).
    Heuristic,
    /// Nobody's, and so there is none.
    Nobody,
}

// === impl Lifetime ===

impl Lifetime {
    /// Tells where the lifetime of a stored response is from, by its fields and by what the policy
    /// has made of them.
    #[must_use]
    pub fn of(
        lifetime: Duration,
        status: StatusCode,
        fields: &HeaderMap,
        received: SystemTime,
        bounds: &Bounds,
    ) -> Self {
        let control = Control::of(fields);
        let times = Times { requested: received, received };
        let unbound = Bounds { min: Duration::ZERO, default: None, max: Duration::MAX };
        let alone = Freshness::judge(status, fields, &control, &times, &unbound);
        let bound = Freshness::judge(status, fields, &control, &times, bounds);
        let said = said(fields, &control);
        let from = match (said.is_some(), bound.basis) {
            _ if lifetime > bound.lifetime => Grant::ErrorPage,
            (true, _) if lifetime < alone.lifetime => Grant::SiteMaximum,
            (true, _) if lifetime > alone.lifetime => Grant::SiteMinimum,
            (true, _) => Grant::Origin,
            (false, Basis::Heuristic) => Grant::Heuristic,
            (false, Basis::Default) => Grant::SiteDefault,
            (false, Basis::Explicit | Basis::Nothing) => Grant::Nobody,
        };
        Self { seconds: lifetime.as_secs(), from, said }
    }

    /// As it stands behind `with` in a sentence.
    pub(super) fn words(&self) -> String {
        let time = span(Duration::from_secs(self.seconds));
        let said = self.said.as_deref().map(|said| format!(" (the origin says {said})"));
        let said = said.unwrap_or_default();
        match (self.from, &self.said) {
            (Grant::Origin, Some(said)) => format!("{said} by the origin"),
            (Grant::Origin, None) => format!("a lifetime of {time} by the origin"),
            (Grant::SiteMinimum, _) => format!("a lifetime of {time}, the policy's least{said}"),
            (Grant::SiteMaximum, _) => format!("a lifetime of {time}, the policy's longest{said}"),
            (Grant::SiteDefault, _) => format!("a lifetime of {time}, the policy's default"),
            (Grant::ErrorPage, _) => {
                format!("a lifetime of {time}, the site's for this error{said}")
            }
            (Grant::Heuristic, _) => format!("a lifetime of {time}, told from Last-Modified"),
            (Grant::Nobody, _) => "no lifetime".to_owned(),
        }
    }
}

/// What the origin says of the lifetime: the one field and directive that counts.
fn said(fields: &HeaderMap, control: &Control) -> Option<String> {
    let directives = &control.directives;
    let directive = match (&directives.no_cache, directives.s_maxage, directives.max_age) {
        (Scope::Whole, ..) => Some("no-cache".to_owned()),
        (_, Some(seconds), _) => Some(written("s-maxage", seconds)),
        (_, None, Some(seconds)) => Some(written("max-age", seconds)),
        (_, None, None) => None,
    };
    match (control.source, directive) {
        (Source::Targeted, Some(directive)) => {
            // The first that parses is the one that counts.
            let own = targeted::parse(fields, &OWN).is_some();
            let field = if own { "Warmfront-CDN-Cache-Control" } else { "CDN-Cache-Control" };
            Some(format!("{field}: {directive}"))
        }
        // RFC 9213 §2.2: beside a targeted field Expires does not count.
        (Source::Targeted, None) => None,
        (_, Some(directive)) => Some(directive),
        (_, None) => {
            let expires = fields.get(header::EXPIRES)?;
            let length = expires.len();
            // A date is 29 octets; nothing else is worth repeating.
            let date = expires.to_str().ok().filter(|_| length <= 40);
            Some(date.map_or_else(|| "Expires".to_owned(), |date| format!("Expires: {date}")))
        }
    }
}

fn written(name: &str, seconds: Seconds) -> String {
    match seconds {
        Seconds::Of(seconds) => format!("{name}={seconds}"),
        Seconds::Invalid => format!("{name} without a number"),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    const RECEIVED: SystemTime = SystemTime::UNIX_EPOCH;
    const OPEN: Bounds = Bounds { min: Duration::ZERO, default: None, max: Duration::MAX };

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn words(
        lifetime: u64,
        status: u16,
        lines: &[(&'static str, &str)],
        bounds: &Bounds,
    ) -> String {
        let line = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        let fields: HeaderMap = lines.iter().map(line).collect();
        let status = StatusCode::from_u16(status).unwrap();
        Lifetime::of(secs(lifetime), status, &fields, RECEIVED, bounds).words()
    }

    #[test]
    fn the_word_that_counts_is_told() {
        let bounds = |min, default, max| Bounds {
            min: secs(min),
            default: Some(secs(default)),
            max: secs(max),
        };
        let cache_control = "cache-control";
        for (lifetime, status, lines, bounds, expected) in [
            (60, 200, &[(cache_control, "max-age=60")][..], OPEN, "max-age=60 by the origin"),
            (
                9,
                200,
                &[(cache_control, "max-age=60, s-maxage=9")],
                OPEN,
                "s-maxage=9 by the origin",
            ),
            (
                9,
                200,
                &[(cache_control, "max-age=60"), ("cdn-cache-control", "max-age=9")],
                OPEN,
                "CDN-Cache-Control: max-age=9 by the origin",
            ),
            (
                60,
                200,
                &[("expires", "Thu, 01 Jan 1970 00:01:00 GMT")],
                OPEN,
                "Expires: Thu, 01 Jan 1970 00:01:00 GMT by the origin",
            ),
            (
                60,
                200,
                &[(cache_control, "max-age=5")],
                bounds(60, 90, 99),
                "a lifetime of 1 min, the policy's least (the origin says max-age=5)",
            ),
            (
                60,
                200,
                &[(cache_control, "no-cache")],
                bounds(60, 90, 99),
                "a lifetime of 1 min, the policy's least (the origin says no-cache)",
            ),
            (
                99,
                200,
                &[(cache_control, "max-age=1000")],
                bounds(0, 90, 99),
                "a lifetime of 1 min 39 s, the policy's longest (the origin says max-age=1000)",
            ),
            (90, 200, &[], bounds(0, 90, 99), "a lifetime of 1 min 30 s, the policy's default"),
            (10, 404, &[], OPEN, "a lifetime of 10 s, the site's for this error"),
            (0, 200, &[("etag", "\"a\"")], OPEN, "no lifetime"),
            (0, 200, &[(cache_control, "no-cache")], OPEN, "no-cache by the origin"),
        ] {
            assert_eq!(words(lifetime, status, lines, &bounds), expected, "{lines:?}");
        }
        let guessed = [
            ("date", "Fri, 02 Jan 1970 00:00:00 GMT"),
            ("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ];
        let day = "a lifetime of 2 h 24 min, told from Last-Modified";
        assert_eq!(words(8_640, 200, &guessed, &OPEN), day);
    }
}
