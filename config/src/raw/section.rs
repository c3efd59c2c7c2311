//! A table of the file that remembers which keys were asked for.

use std::cell::RefCell;

use toml::de::DeTable;

use super::value::Value;
use super::{Reading, Source, nearest};

/// A table while it is read. Whatever was in it and never asked for is an unknown key; the keys
/// that were asked for are the ones to choose from.
pub(crate) struct Section<'r> {
    source: &'r Source<'r>,
    key: String,
    line: usize,
    written: Vec<(&'r str, Value<'r>)>,
    asked: RefCell<Vec<&'static str>>,
    absent: RefCell<Vec<Absence>>,
}

/// What has to be there and is not.
struct Absence {
    key: String,
    /// Any of these would have done.
    wanted: Vec<&'static str>,
    message: String,
}

impl<'r> Section<'r> {
    /// Reads the whole file.
    pub(crate) fn root<T>(
        source: &'r Source<'r>,
        table: &'r DeTable<'r>,
        read: impl FnOnce(&Self) -> T,
    ) -> T {
        Self::over(source, String::new(), 1, Some(table)).read(read)
    }

    /// A section without a table is one that was left out.
    pub(super) fn over(
        source: &'r Source<'r>,
        key: String,
        line: usize,
        table: Option<&'r DeTable<'r>>,
    ) -> Self {
        let written = table.map(|table| Value::members(source, &key, table)).unwrap_or_default();
        Self { source, key, line, written, asked: RefCell::default(), absent: RefCell::default() }
    }

    /// Lets `read` ask for keys, then reports what it did not ask for and what it missed.
    pub(super) fn read<T>(self, read: impl FnOnce(&Self) -> T) -> T {
        let result = read(&self);
        let asked = self.asked.borrow();
        let is_unknown =
            |name: &str| self.source.reading == Reading::Whole && !asked.contains(&name);
        let mut meant = Vec::new();
        for (name, value) in self.written.iter().filter(|(name, _)| is_unknown(name)) {
            let suggestion = nearest(name, asked.iter().copied());
            meant.extend(suggestion.clone());
            let message = "unknown key".to_owned();
            self.source.report(value.line(), value.key(), message, suggestion);
        }
        // A required key that was misspelled has been reported under the name it has.
        let is_meant = |wanted: &[&str]| wanted.iter().any(|key| meant.iter().any(|m| m == key));
        for absence in self.absent.take() {
            if !is_meant(&absence.wanted) {
                self.source.report_absence(self.line, &absence.key, absence.message, None);
            }
        }
        result
    }

    /// The value of a key that may be left out.
    pub(crate) fn get(&self, key: &'static str) -> Option<Value<'r>> {
        self.asked.borrow_mut().push(key);
        self.written.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    }

    /// The value of a key that has to be there.
    pub(crate) fn need(&self, key: &'static str) -> Option<Value<'r>> {
        let value = self.get(key);
        if value.is_none() {
            self.miss(&[key], Some(key), "missing");
        }
        value
    }

    /// The value of a key as `read` understands it, or the default.
    pub(crate) fn or<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'r>) -> Option<T>,
    ) -> T {
        self.get(key).and_then(|value| read(&value)).unwrap_or(default)
    }

    /// A table that may be left out: every key of it has a default.
    pub(crate) fn table<T>(&self, key: &'static str, read: impl FnOnce(&Self) -> T) -> T {
        match self.get(key) {
            Some(value) => value.section(read),
            None => Self::over(self.source, self.child(key), self.line, None).read(read),
        }
    }

    /// A table whose keys are names of the user's own, in the order of the file; `None` if
    /// something else stands there.
    pub(crate) fn named(&self, key: &'static str) -> Option<Vec<(&'r str, Value<'r>)>> {
        match self.get(key) {
            Some(value) => value.members_of_table(),
            None => Some(Vec::new()),
        }
    }

    /// Notes that none of `wanted` is there. `key` is the one to blame, if it is a single one.
    pub(crate) fn miss(&self, wanted: &[&'static str], key: Option<&str>, message: &str) {
        self.absent.borrow_mut().push(Absence {
            key: key.map_or_else(|| self.key.clone(), |key| self.child(key)),
            wanted: wanted.to_vec(),
            message: message.to_owned(),
        });
    }

    /// The line the table begins on.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// What gathers the problems of this file.
    pub(crate) fn source(&self) -> &'r Source<'r> {
        self.source
    }

    fn child(&self, key: &str) -> String {
        if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) }
    }
}
