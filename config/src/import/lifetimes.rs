//! Lifetimes, within what a configuration takes.

use super::page::{Table, seconds};
use crate::check::lifetimes::LIFETIME;

const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;

/// `ttl`, in order, whatever was left out: CloudFront's rules for what is.
pub(super) fn lifetimes(
    min: Option<u64>,
    default: Option<u64>,
    max: Option<u64>,
    table: &mut Table,
) -> [u64; 3] {
    let written = [min, default, max];
    let min = min.unwrap_or(0);
    let default = default.unwrap_or_else(|| DAY.max(min));
    let max = max.unwrap_or_else(|| YEAR.max(default));
    let ttl = [min.min(default).min(max), default.min(max), max].map(|ttl| ttl.min(longest()));
    let changed = written.iter().zip(ttl).any(|(written, ttl)| written.is_some_and(|it| it != ttl));
    if changed {
        table.remark(format!(
            "MinTTL, DefaultTTL, MaxTTL = {min}, {default}, {max}: out of order or over ten years"
        ));
    }
    ttl
}

/// A lifetime as TOML; of one that is too long it is told that it was cut.
pub(super) fn lifetime(age: u64, name: &str, table: &mut Table) -> String {
    if age > longest() {
        table.remark(format!("{name} = {age}: cut to ten years"));
    }
    seconds(age.min(longest()))
}

/// In seconds.
pub(super) fn longest() -> u64 {
    LIFETIME.end().as_secs()
}
