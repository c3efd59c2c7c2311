//! `[key_groups.NAME]`, and who trusts them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::check_name;
use super::keys::key_id;
use super::public_key::public_key;
use crate::model::{PublicKey, TrustedKeys};
use crate::raw::{Section, Value};

/// All key groups by name; `None` is one that is there but could not be read.
pub(super) struct KeyGroups(BTreeMap<String, Option<Vec<PublicKey>>>);

impl KeyGroups {
    /// Reads `[key_groups]`.
    pub(super) fn read(root: &Section<'_>) -> Self {
        let read = |(name, value): (&str, Value<'_>)| {
            check_name(name, &value);
            (name.to_owned(), value.section(key_group))
        };
        Self(root.named("key_groups").into_iter().flatten().map(read).collect())
    }

    /// The keys of the groups that `value` names; `None` if it names none, which lets everybody in.
    /// A group that could not be read has no keys: nobody can sign.
    pub(super) fn trusted(
        &self,
        value: &Value<'_>,
        clock_tolerance: Duration,
    ) -> Option<Arc<TrustedKeys>> {
        let mut keys: Vec<PublicKey> = Vec::new();
        let Some(named) = value.distinct(Value::text) else {
            return Some(Arc::new(TrustedKeys { keys, clock_tolerance }));
        };
        for (name, item) in named.iter().zip(value.items()?) {
            let Some(group) = self.0.get(name) else {
                let known = self.0.keys().map(String::as_str);
                item.unknown(format!("there is no key group `{name}`"), name, known);
                continue;
            };
            for key in group.iter().flatten() {
                match keys.iter().find(|known| known.id == key.id) {
                    None => keys.push(key.clone()),
                    // One key may be in several groups.
                    Some(known) if known == key => {}
                    Some(_) => item.problem(format!(
                        "`{}` is another key here than in a group before it",
                        key.id
                    )),
                }
            }
        }
        (!named.is_empty()).then(|| Arc::new(TrustedKeys { keys, clock_tolerance }))
    }
}

fn key_group(section: &Section<'_>) -> Option<Vec<PublicKey>> {
    let value = section.need("keys")?;
    let mut taken: Vec<(String, Value<'_>)> = Vec::new();
    let mut keys = Vec::new();
    for item in value.items()? {
        keys.push(item.section(|section| key(section, &mut taken)));
    }
    if keys.is_empty() {
        value.problem("a group needs at least one key: without one nobody could sign");
    }
    keys.into_iter().collect()
}

fn key<'r>(section: &Section<'r>, taken: &mut Vec<(String, Value<'r>)>) -> Option<PublicKey> {
    let id = section.need("id").and_then(|value| key_id(&value, taken));
    let written = match (section.get("public_key"), section.get("public_key_file")) {
        (Some(_), Some(value)) => {
            value.problem("cannot stand beside `public_key`: one of them is enough");
            None
        }
        (Some(value), None) => value.parsed(public_key),
        (None, Some(value)) => {
            let text = value.file("the public key")?;
            public_key(&text).map_err(|message| value.problem(message)).ok()
        }
        (None, None) => {
            let message = "missing; the key itself may stand here as `public_key`";
            let wanted = ["public_key_file", "public_key"];
            section.miss(&wanted, Some("public_key_file"), message);
            None
        }
    };
    let (kind, spki) = written?;
    Some(PublicKey { id: id?, kind, spki })
}
