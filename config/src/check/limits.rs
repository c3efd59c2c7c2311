//! `[limits]` and `[cache]`.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::model::{Cache, Limits};
use crate::raw::Section;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// Any deadline: longer than nothing, and not longer than a day.
pub(crate) const DEADLINE: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_hours(24);

/// `[limits]`.
pub(super) fn limits(section: &Section<'_>) -> Limits {
    let header_bytes: usize = section.or("header_bytes", 32 << 10, |value| value.size(KIB..=MIB));
    let url_bytes = section.or("url_bytes", header_bytes.min(8 << 10), |value| {
        let bytes: usize = value.size(64..=64 * KIB)?;
        if bytes > header_bytes {
            value.problem("cannot be more than `header_bytes`: the URL is part of the head");
        }
        Some(bytes)
    });
    Limits {
        header_bytes,
        header_fields: section.or("header_fields", 128, |value| value.whole(1..=256)),
        url_bytes,
        header_timeout: section
            .or("header_timeout", Duration::from_secs(10), |value| value.duration(DEADLINE)),
        body_bytes: section.or("body_bytes", GIB, |value| value.size(0..=TIB)),
        idle_timeout: section
            .or("idle_timeout", Duration::from_mins(1), |value| value.duration(DEADLINE)),
        requests_per_connection: section
            .or("requests_per_connection", 10_000, |value| value.whole(1..=1_000_000_000)),
        connections: section.or("connections", 20_000, |value| value.whole(1..=10_000_000)),
        connections_per_client: section
            .or("connections_per_client", 1_000, |value| value.whole(1..=10_000_000)),
        h2_streams: section.or("h2_streams", 128, |value| value.whole(1..=10_000)),
    }
}

/// `[cache]`.
pub(super) fn cache(section: &Section<'_>) -> Cache {
    let memory = section.or("memory", 512 * MIB, |value| value.size(MIB..=1024 * TIB));
    let max_object = section.or("max_object", (64 * MIB).min(memory / 4), |value| {
        // The store weighs a stored response in 32 bits.
        let bytes = value.size(0..=4 * GIB - 1)?;
        if bytes > memory / 4 {
            value.problem(
                "cannot be more than a quarter of `memory`: one object would empty the store",
            );
        }
        Some(bytes)
    });
    let collapse_timeout =
        section.or("collapse_timeout", Duration::from_secs(30), |value| value.duration(DEADLINE));
    let prefetch_rate =
        section.get("prefetch_rate").and_then(|value| value.whole(1..=10_000)).unwrap_or(50);
    let prefetch_rate = NonZeroU32::new(prefetch_rate).unwrap_or(NonZeroU32::MIN);
    Cache { memory, max_object, collapse_timeout, prefetch_rate }
}
