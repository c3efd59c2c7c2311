//! `ttl`: bounds on freshness lifetimes, before and after what was not written is filled in.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::model::Ttl;
use crate::raw::{Value, show_duration};

/// CloudFront's default.
pub(super) const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(24 * 365);
/// Longer than anything is kept, and far within the 2^31 seconds of RFC 9111 §1.2.2.
pub(crate) const LIFETIME: RangeInclusive<Duration> =
    Duration::ZERO..=Duration::from_hours(24 * 3650);

/// A `ttl` table: only what it names.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WrittenTtl {
    pub(super) min: Option<Duration>,
    pub(super) default: Option<Duration>,
    pub(super) max: Option<Duration>,
}

impl WrittenTtl {
    /// This one, but for what `value` names. Names that contradict each other are reported.
    pub(super) fn overridden(self, value: Option<&Value<'_>>) -> Self {
        let Some(value) = value else { return self };
        let written = value.section(|section| {
            let lifetime = |key| section.get(key).and_then(|value| value.duration(LIFETIME));
            let (min, default, max) = (lifetime("min"), lifetime("default"), lifetime("max"));
            Self { min: min.or(self.min), default: default.or(self.default), max: max.or(self.max) }
        });
        let bounds = [("min", written.min), ("default", written.default), ("max", written.max)];
        // The outer two first: where they contradict each other, the one between cannot be right.
        for (low, high) in [(0, 2), (0, 1), (1, 2)] {
            let (low, low_is) = bounds[low];
            let (high, high_is) = bounds[high];
            if let Some((least, most)) = low_is.zip(high_is).filter(|(least, most)| least > most) {
                let [least, most] = [least, most].map(show_duration);
                value.problem(format!("`{low}` ({least}) is more than `{high}` ({most})"));
                break;
            }
        }
        written
    }

    /// What was not written keeps within what was.
    pub(super) fn completed(self, default: Option<Duration>) -> Ttl {
        let min = self.min.unwrap_or(Duration::ZERO);
        let max = self.max.unwrap_or_else(|| YEAR.max(self.default.unwrap_or(min)));
        let default = self.default.or_else(|| default.map(|default| default.max(min).min(max)));
        Ttl { min, default, max }
    }
}
