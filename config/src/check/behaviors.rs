//! `[[sites.NAME.behaviors]]`, and what a behavior is made of: a pattern, an origin, a lifetime.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::origins::Origins;
use crate::model::{Behavior, Methods, Origin, OriginKind, QueryKey, Ttl};
use crate::pattern::PathPattern;
use crate::raw::{Section, Value};

/// The behaviors of a site in the order of the file, the site itself behind them. `None` if one of
/// them could not be read.
pub(super) fn behaviors(
    section: &Section<'_>,
    origin: Option<Arc<Origin>>,
    origins: &Origins,
) -> Option<Vec<Behavior>> {
    let ttl = WrittenTtl::default().overridden(section.get("ttl").as_ref());
    let site = Inherited { origin, ttl, origins };
    let mut earlier = Vec::new();
    let mut behaviors = Vec::new();
    if let Some(value) = section.get("behaviors") {
        for item in value.items()? {
            behaviors.push(item.section(|section| site.behavior(section, &mut earlier)));
        }
    }
    behaviors.push(site.origin.map(|origin| made_of(PathPattern::any(), origin, ttl)));
    behaviors.into_iter().collect()
}

/// What a behavior has from its site unless it says otherwise.
struct Inherited<'s> {
    /// `None` if the site's could not be read.
    origin: Option<Arc<Origin>>,
    ttl: WrittenTtl,
    origins: &'s Origins,
}

impl Inherited<'_> {
    fn behavior<'r>(
        &self,
        section: &Section<'r>,
        earlier: &mut Vec<(PathPattern, Value<'r>)>,
    ) -> Option<Behavior> {
        let path = section.need("path").and_then(|value| {
            let path = value.parsed(PathPattern::parse)?;
            report_shadow(&path, &value, earlier);
            earlier.push((path.clone(), value));
            Some(path)
        });
        let origin = match section.get("origin") {
            Some(value) => self.origins.find(&value),
            None => self.origin.clone(),
        };
        let ttl = self.ttl.overridden(section.get("ttl").as_ref());
        Some(made_of(path?, origin?, ttl))
    }
}

/// The first match wins: behind a pattern that takes as much or more, one is never asked.
fn report_shadow(path: &PathPattern, value: &Value<'_>, earlier: &[(PathPattern, Value<'_>)]) {
    if let Some((first, place)) = earlier.iter().find(|(first, _)| first.covers(path)) {
        value.problem(format!(
            "never matches: `{first}` on line {} comes first and takes every path of `{path}`",
            place.line()
        ));
    }
}

/// Amazon's buckets say nothing of freshness unless told to and know nothing of queries; an app
/// server is believed in what it says, and its queries matter.
fn made_of(path: PathPattern, origin: Arc<Origin>, ttl: WrittenTtl) -> Behavior {
    let (default, query, methods) = match origin.kind {
        OriginKind::S3(_) => (Some(DAY), QueryKey::None, Methods::Safe),
        OriginKind::TargetGroup(_) => (None, QueryKey::All, Methods::All),
    };
    Behavior { path, origin, ttl: ttl.completed(default), query, methods }
}

// === freshness lifetimes ===

const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(24 * 365);
/// Longer than anything is kept, and far within the 2^31 seconds of RFC 9111 §1.2.2.
const LIFETIME: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 3650);

/// A `ttl` table: only what it names.
#[derive(Debug, Clone, Copy, Default)]
struct WrittenTtl {
    min: Option<Duration>,
    default: Option<Duration>,
    max: Option<Duration>,
}

impl WrittenTtl {
    /// This one, but for what `value` names. Names that contradict each other are reported.
    fn overridden(self, value: Option<&Value<'_>>) -> Self {
        let Some(value) = value else { return self };
        let written = value.section(|section| {
            let lifetime = |key| section.get(key).and_then(|value| value.duration(LIFETIME));
            let (min, default, max) = (lifetime("min"), lifetime("default"), lifetime("max"));
            Self { min: min.or(self.min), default: default.or(self.default), max: max.or(self.max) }
        });
        let exceeds = |low: Option<Duration>, high| low.zip(high).is_some_and(|(l, h)| l > h);
        if exceeds(written.min, written.max) {
            value.problem("`min` is more than `max`");
        } else if exceeds(written.min, written.default) {
            value.problem("`min` is more than `default`");
        } else if exceeds(written.default, written.max) {
            value.problem("`default` is more than `max`");
        }
        written
    }

    /// What was not written keeps within what was.
    fn completed(self, default: Option<Duration>) -> Ttl {
        let min = self.min.unwrap_or(Duration::ZERO);
        let max = self.max.unwrap_or_else(|| YEAR.max(self.default.unwrap_or(min)));
        let default = self.default.or_else(|| default.map(|default| default.max(min).min(max)));
        Ttl { min, default, max }
    }
}
