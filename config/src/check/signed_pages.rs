//! Pages that go round a signature.

use super::paths::as_matched;
use crate::model::Behavior;
use crate::pattern::PathPattern;
use crate::raw::Section;
use crate::spelling::matched_path;

/// Reports a page of the site that its own path asks a signature for, while the site gives it out
/// for other paths to everybody. An error page is none of these: CloudFront gives out its custom
/// ones to everybody too.
pub(super) fn report_signed_pages(
    section: &Section<'_>,
    root_object: &str,
    spa: Option<&str>,
    behaviors: &[Behavior],
) {
    let asked: Vec<Asked<'_>> =
        behaviors.iter().map(|it| (&it.path, it.trusted_keys.is_some())).collect();
    let told = |pattern: &PathPattern| {
        format!(
            "is served for other paths too, which ask for no signature: give the site \
             `trusted_key_groups`, or `{pattern}` none"
        )
    };
    if let (Some(value), Some(pattern)) =
        (section.get("spa"), spa.and_then(|page| signed_alone(page, &asked)))
    {
        value.problem(told(pattern));
    }
    let Some(pattern) = signed_root(root_object, &asked) else { return };
    let key = "default_root_object";
    if let Some(value) = section.get(key) {
        value.problem(told(pattern));
    } else {
        section.miss(&[key], Some(key), &format!("`{root_object}` {}", told(pattern)));
    }
}

/// A behavior's pattern, and whether it asks for a signature. The site's own is the last.
pub(crate) type Asked<'b> = (&'b PathPattern, bool);

/// The pattern that asks a signature for the root object, while `/` asks for none.
pub(crate) fn signed_root<'b>(key: &str, behaviors: &[Asked<'b>]) -> Option<&'b PathPattern> {
    let is_open = matching("/", behaviors).is_none_or(|(_, signed)| !signed);
    (is_open && !key.is_empty()).then(|| signed_alone(&format!("/{key}"), behaviors)).flatten()
}

/// The pattern that asks a signature for `page`, while the site itself asks for none.
fn signed_alone<'b>(page: &str, behaviors: &[Asked<'b>]) -> Option<&'b PathPattern> {
    let (_, site) = behaviors.last()?;
    let (pattern, signed) = matching(&matched_path(page), behaviors)?;
    (signed && !site).then_some(pattern)
}

fn matching<'b>(path: &str, behaviors: &[Asked<'b>]) -> Option<Asked<'b>> {
    behaviors.iter().find(|(pattern, _)| as_matched(pattern).matches(path)).copied()
}
