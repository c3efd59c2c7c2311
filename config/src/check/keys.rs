//! `[keys.NAME]`: access keys for scripts, and what they may do.

use super::sites::Sites;
use super::{check_name, secret};
use crate::model::{Action, Grant, Key};
use crate::pattern::PathPattern;
use crate::raw::{Section, Value};
use crate::secret::Secret;

/// Fewer could be guessed.
const SECRET_CHARACTERS_MIN: usize = 16;

/// `[keys]`.
pub(super) fn keys(root: &Section<'_>, sites: &Sites) -> Vec<Key> {
    let mut taken = Vec::new();
    let mut keys = Vec::new();
    for (name, value) in root.named("keys").into_iter().flatten() {
        check_name(name, &value);
        keys.extend(value.section(|section| key(section, name, sites, &mut taken)));
    }
    keys
}

fn key<'r>(
    section: &Section<'r>,
    name: &str,
    sites: &Sites,
    taken: &mut Vec<(String, Value<'r>)>,
) -> Option<Key> {
    let id = section.need("id").and_then(|value| key_id(&value, taken));
    let secret = secret(section, "secret", "secret_file");
    if secret.as_ref().is_some_and(is_short)
        && let Some(value) = section.get("secret").or_else(|| section.get("secret_file"))
    {
        value.problem(format!("a secret has at least {SECRET_CHARACTERS_MIN} characters"));
    }
    let allow = section.need("allow").and_then(|value| {
        let grants = value.each(|item| item.section(|section| grant(section, sites)))?;
        if grants.is_empty() {
            value.problem("a key that may do nothing is of no use: leave it out");
        }
        Some(grants)
    });
    Some(Key { name: name.to_owned(), id: id?, secret: secret?, allow: allow? })
}

/// An id that none of `taken` is. It stands before a `.` in a bearer token, before a `/` in a
/// SigV4 credential, and in the query of a signed URL.
pub(super) fn key_id<'r>(
    value: &Value<'r>,
    taken: &mut Vec<(String, Value<'r>)>,
) -> Option<String> {
    let id = value.parsed(|text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=128).contains(&text.len()) || !text.bytes().all(plain) {
            return Err("an id is 1 to 128 letters, digits, `-` and `_`");
        }
        Ok(text.to_owned())
    })?;
    if let Some((_, first)) = taken.iter().find(|(known, _)| *known == id) {
        let (first, line) = (first.key(), first.line());
        value.problem(format!("`{id}` is taken by `{first}` on line {line}"));
    }
    taken.push((id.clone(), value.clone()));
    Some(id)
}

fn is_short(secret: &Secret) -> bool {
    secret.reveal().chars().count() < SECRET_CHARACTERS_MIN
}

fn grant(section: &Section<'_>, sites: &Sites) -> Option<Grant> {
    let actions = section.need("action").and_then(|value| actions(&value));
    let site = section.get("site").map(|value| sites.find(&value));
    let paths = section.get("paths").map(|value| paths(&value));
    Some(Grant {
        actions: actions?,
        // A site that is not there must not become every site.
        site: match site {
            Some(site) => Some(site?),
            None => None,
        },
        paths: match paths {
            Some(paths) => paths?,
            None => Vec::new(),
        },
    })
}

fn actions(value: &Value<'_>) -> Option<Vec<Action>> {
    let action = |value: &Value<'_>| {
        value.one_of(&[("invalidate", Action::Invalidate), ("read", Action::Read)])
    };
    if value.is_text() {
        return Some(vec![action(value)?]);
    }
    let actions = value.each(action)?;
    if actions.is_empty() {
        value.problem("names no action: \"invalidate\", \"read\" or both");
    }
    Some(actions)
}

/// An empty list would read as no path and mean every path.
fn paths(value: &Value<'_>) -> Option<Vec<PathPattern>> {
    let paths = value.each(|item| item.parsed(PathPattern::parse))?;
    if paths.is_empty() {
        value.problem("names no path: leave `paths` out to allow every path");
    }
    Some(paths)
}
