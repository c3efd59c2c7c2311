//! Grants for keys that are made while the node runs: the words of `keys.NAME.allow`, as JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::check::keys;
use crate::model::{Config, Grant};
use crate::problem::{Problem, Problems};
use crate::raw::{self, Reading, Section, Source};

impl Config {
    /// Reads what a key is to be allowed, by the rules of the file: only sites and target groups of
    /// this configuration are named, and what would limit nothing is refused. Fails with everything
    /// that is wrong with it; the lines of these problems mean nothing.
    pub fn grants(&self, allow: &Value) -> Result<Vec<Grant>, Problems> {
        // TOML has no word for it.
        if has_null(allow) {
            return Err(problem("`null` says nothing: leave out what is not limited".to_owned()));
        }
        // The file's own reader, so that a grant means the same wherever it is written.
        let words = BTreeMap::from([("allow", literal(allow))]);
        let text = toml::to_string(&words);
        let text = text.map_err(|error| problem(format!("cannot be read: {error}")))?;
        let mended = raw::mend(&text);
        let (tree, _) = toml::de::DeTable::parse_recoverable(&mended.text);
        let source = Source::new(&mended, Path::new(""), &|_| None, Reading::Whole);
        let grants = Section::root(&source, tree.get_ref(), |root| keys::allow(root, self));
        match source.into_problems() {
            None => Ok(grants.unwrap_or_default()),
            Some(problems) => Err(problems),
        }
    }
}

/// A duration as the file writes it: `"30s"`, `"1d"`. Fails with a sentence.
pub fn duration(text: &str) -> Result<Duration, String> {
    raw::duration(text)
}

fn problem(message: String) -> Problems {
    let (file, key) = (PathBuf::new(), "allow".to_owned());
    Problems::one(Problem { file, line: 0, key, message, suggestion: None })
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

/// With every `${` written so that it is read as itself: nobody who asks from afar is shown the
/// environment.
fn literal(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("${", "$${")),
        Value::Array(items) => Value::Array(items.iter().map(literal).collect()),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), literal(value))).collect()
        }
        plain => plain.clone(),
    }
}
