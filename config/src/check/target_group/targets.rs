//! `targets`: who they are, and their shares.

use crate::check::address::target_name;
use crate::model::TargetEntry;
use crate::raw::{Section, Value};

/// The targets; never empty.
pub(super) fn targets(value: &Value<'_>) -> Option<Vec<TargetEntry>> {
    let targets = value.distinct_by(target, |one, other| one.name == other.name)?;
    if targets.is_empty() {
        value.problem("a target group needs at least one target");
        return None;
    }
    if targets.iter().all(|target| target.weight == 0) {
        value.problem("no target would be asked: each has the weight 0");
    }
    Some(targets)
}

fn target(value: &Value<'_>) -> Option<TargetEntry> {
    if value.is_text() {
        let name = value.parsed(target_name)?;
        return Some(TargetEntry { name, weight: 1, tier: 0 });
    }
    if !value.is_table() {
        return value.is_not("\"host:port\" or a table with `address`");
    }
    value.section(entry)
}

fn entry(section: &Section<'_>) -> Option<TargetEntry> {
    let name = section.need("address").and_then(|value| value.parsed(target_name));
    let weight = section.or("weight", 1, |value| value.whole(0..=999));
    let tier = section.or("tier", 0, |value| value.whole(0..=9));
    Some(TargetEntry { name: name?, weight, tier })
}
