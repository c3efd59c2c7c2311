//! `[keys.NAME]`: access keys for scripts, and what they may do.

use super::origins::Origins;
use super::sites::Sites;
use super::{check_name, secret};
use crate::model::{Action, Config, Grant, Key, OriginKind};
use crate::pattern::PathPattern;
use crate::raw::{Section, Value};
use crate::secret::Secret;

/// Fewer could be guessed.
const SECRET_CHARACTERS_MIN: usize = 16;

/// What a key may be limited to.
pub(super) struct Nameable<'n> {
    pub(super) sites: &'n Sites,
    pub(super) origins: &'n Origins,
}

// === impl Action ===

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Invalidate, Self::Read, Self::Targets, Self::Certificates];

    /// The word that the file has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalidate => "invalidate",
            Self::Read => "read",
            Self::Targets => "targets",
            Self::Certificates => "certificates",
        }
    }

    /// The action that a word of the file means; `None` if it means none.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }
}

/// `[keys]`.
pub(super) fn keys(root: &Section<'_>, nameable: &Nameable<'_>) -> Vec<Key> {
    let mut taken = Vec::new();
    let mut keys = Vec::new();
    for (name, value) in root.named("keys").into_iter().flatten() {
        check_name(name, &value);
        keys.extend(value.section(|section| key(section, name, nameable, &mut taken)));
    }
    keys
}

fn key<'r>(
    section: &Section<'r>,
    name: &str,
    nameable: &Nameable<'_>,
    taken: &mut Vec<(String, Value<'r>)>,
) -> Option<Key> {
    let id = section.need("id").and_then(|value| key_id(&value, taken));
    let secret = secret(section, "secret", "secret_file");
    if let (Some(secret), Some(value)) =
        (&secret, section.get("secret").or_else(|| section.get("secret_file")))
        && let Some(message) = flaw(secret, id.as_deref())
    {
        value.problem(message);
    }
    let allow = grants(section, nameable);
    Some(Key { name: name.to_owned(), id: id?, secret: secret?, allow: allow? })
}

/// `allow` of a key that is not in the file, and may name what is in it.
pub(crate) fn allow(root: &Section<'_>, config: &Config) -> Option<Vec<Grant>> {
    let (sites, origins) = (Sites::of(config), Origins::of(config));
    grants(root, &Nameable { sites: &sites, origins: &origins })
}

fn grants(section: &Section<'_>, nameable: &Nameable<'_>) -> Option<Vec<Grant>> {
    let value = section.need("allow")?;
    let grants = value.each(|item| item.section(|section| grant(section, nameable)))?;
    if grants.is_empty() {
        value.problem("a key that may do nothing is of no use: leave it out");
    }
    Some(grants)
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

/// Why nobody could, or should, come with this secret.
fn flaw(secret: &Secret, id: Option<&str>) -> Option<String> {
    let secret = secret.reveal();
    // The form in which a key is printed, and shown by those who use it.
    let is_whole_key = |id: &str| secret.strip_prefix(id).is_some_and(|it| it.starts_with('.'));
    if let Some(id) = id.filter(|id| is_whole_key(id)) {
        return Some(format!(
            "begins with `{id}.`, as a whole key does: only what is behind it is the secret"
        ));
    }
    if secret.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Some("a secret holds no white space and no control characters".to_owned());
    }
    let is_short = secret.chars().count() < SECRET_CHARACTERS_MIN;
    is_short.then(|| format!("a secret has at least {SECRET_CHARACTERS_MIN} characters"))
}

fn grant(section: &Section<'_>, nameable: &Nameable<'_>) -> Option<Grant> {
    let actions = section.need("action").and_then(|value| actions(&value));
    let written = [section.get("site"), section.get("origin"), section.get("paths")];
    if let Some(actions) = &actions {
        report_strays(actions, &written);
    }
    let [site, origin, paths] = written;
    let site = site.map(|value| nameable.sites.find(&value));
    let origin = origin.map(|value| target_group(&value, nameable.origins));
    let paths = paths.map(|value| self::paths(&value));
    Some(Grant {
        actions: actions?,
        // A site that is not there must not become every site, and neither an origin.
        site: match site {
            Some(site) => Some(site?),
            None => None,
        },
        origin: match origin {
            Some(origin) => Some(origin?),
            None => None,
        },
        paths: match paths {
            Some(paths) => paths?,
            None => Vec::new(),
        },
    })
}

fn actions(value: &Value<'_>) -> Option<Vec<Action>> {
    let words = Action::ALL.map(|action| (action.as_str(), action));
    let action = |value: &Value<'_>| value.one_of(&words);
    if value.is_text() {
        return Some(vec![action(value)?]);
    }
    let actions = value.each(action)?;
    if actions.is_empty() {
        let words = words.map(|(word, _)| format!("{word:?}")).join(", ");
        value.problem(format!("names no action: one of {words}"));
    }
    Some(actions)
}

/// A limit on what none of the actions touches would be taken for one that holds.
fn report_strays(actions: &[Action], [site, origin, paths]: &[Option<Value<'_>>; 3]) {
    let are_among = |few: &[Action]| actions.iter().all(|action| few.contains(action));
    if !actions.contains(&Action::Targets)
        && let Some(value) = origin
    {
        value.problem("limits nothing: only the action \"targets\" is about an origin");
    }
    if actions.is_empty() {
        return;
    }
    if are_among(&[Action::Targets]) {
        for value in [site, paths].into_iter().flatten() {
            value.problem("limits nothing: targets belong to an origin, so write `origin`");
        }
    } else if are_among(&[Action::Targets, Action::Certificates])
        && let Some(value) = paths
    {
        value.problem("limits nothing: a certificate is of a site and all its paths");
    }
}

/// The name of an origin that has targets.
fn target_group(value: &Value<'_>, origins: &Origins) -> Option<String> {
    let origin = origins.find(value)?;
    if !matches!(origin.kind, OriginKind::TargetGroup(_)) {
        let name = &origin.name;
        value.problem(format!("`{name}` has no targets of its own: name a target group"));
        return None;
    }
    Some(origin.name.clone())
}

/// An empty list would read as no path and mean every path.
fn paths(value: &Value<'_>) -> Option<Vec<PathPattern>> {
    let paths = value.each(|item| item.parsed(PathPattern::parse))?;
    if paths.is_empty() {
        value.problem("names no path: leave `paths` out to allow every path");
    }
    Some(paths)
}
