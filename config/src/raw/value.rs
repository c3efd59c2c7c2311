//! One value of the file: what it is, its key's path, and its line.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::environment::interpolate;
use super::section::Section;
use super::{Source, nearest, units};
use crate::secret::Secret;

/// A value with its place. The readers return `None` after they have reported why.
#[derive(Clone)]
pub(crate) struct Value<'r> {
    source: &'r Source<'r>,
    key: String,
    line: usize,
    word: &'r DeValue<'r>,
}

impl<'r> Value<'r> {
    /// What stands in `table`, in the order of the file.
    pub(super) fn members(
        source: &'r Source<'r>,
        parent: &str,
        table: &'r DeTable<'r>,
    ) -> Vec<(&'r str, Self)> {
        let mut members: Vec<_> = table.iter().collect();
        members.sort_by_key(|(name, _)| name.span().start);
        let place = |name: &str| match (parent, is_bare(name)) {
            ("", true) => name.to_owned(),
            ("", false) => format!("{name:?}"),
            (_, true) => format!("{parent}.{name}"),
            (_, false) => format!("{parent}.{name:?}"),
        };
        members
            .into_iter()
            .map(|(name, value)| {
                let line = source.line_at(name.span().start);
                let name: &'r str = name.get_ref();
                (name, Self { source, key: place(name), line, word: value.get_ref() })
            })
            .collect()
    }

    /// The path of the value's key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The line, from 1.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// Reports what is wrong with the value.
    pub(crate) fn problem(&self, message: impl Into<String>) {
        self.source.report(self.line, &self.key, message.into(), None);
    }

    /// Reports that the value names something that is not in the file.
    pub(crate) fn unknown<'k>(
        &self,
        message: String,
        word: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        self.source.report_absence(self.line, &self.key, message, nearest(word, known));
    }

    /// A string, with `${VAR}` filled in.
    pub(crate) fn text(&self) -> Option<String> {
        let DeValue::String(text) = self.word else {
            return self.is_not("a string");
        };
        self.accept(interpolate(text, self.source.environment))
    }

    /// A string as `parse` understands it.
    pub(crate) fn parsed<T, E: ToString>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text()?;
        self.accept(parse(&text).map_err(|error| error.to_string()))
    }

    /// One of a few words.
    pub(crate) fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let message = format!("is one of {}, not {text:?}", words.join(", "));
        let like = nearest(&text, choices.iter().map(|(word, _)| *word));
        self.source.report(self.line, &self.key, message, like);
        None
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.word {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.is_not("true or false"),
        }
    }

    /// A whole number in `range`.
    pub(crate) fn whole<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Option<T> {
        let DeValue::Integer(number) = self.word else {
            return self.is_not("a whole number");
        };
        let read = u64::from_str_radix(number.as_str(), number.radix());
        let read = read.ok().filter(|number| range.contains(number));
        self.accept(
            read.and_then(|number| T::try_from(number).ok())
                .ok_or_else(|| format!("must be {} to {}", range.start(), range.end())),
        )
    }

    /// A size in bytes, within `range`.
    pub(crate) fn size<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Option<T> {
        if let DeValue::Integer(number) = self.word {
            self.problem(format!("a size is a string with a unit: write \"{}B\"", number.as_str()));
            return None;
        }
        let bytes = self.parsed(units::size)?;
        let read = range.contains(&bytes).then_some(bytes);
        self.accept(read.and_then(|bytes| T::try_from(bytes).ok()).ok_or_else(|| {
            let [least, most] = [range.start(), range.end()].map(|bytes| units::show_size(*bytes));
            format!("must be {least} to {most}")
        }))
    }

    /// A duration within `range`.
    pub(crate) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        if let DeValue::Integer(number) = self.word {
            let number = number.as_str();
            self.problem(format!("a duration is a string with a unit: write \"{number}s\""));
            return None;
        }
        let duration = self.parsed(units::duration)?;
        self.accept(if range.contains(&duration) {
            Ok(duration)
        } else {
            let [least, most] = [range.start(), range.end()].map(|end| units::show_duration(*end));
            Err(format!("must be {least} to {most}"))
        })
    }

    /// A duration within `range`, as the fields that count in seconds say it.
    pub(crate) fn seconds(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = self.duration(range)?;
        self.accept(if duration.subsec_nanos() == 0 {
            Ok(duration)
        } else {
            Err("is counted in whole seconds".to_owned())
        })
    }

    /// A path; a relative one starts at the file's own directory.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.path_behind("")
    }

    /// A path that is written behind `scheme`, as in `unix:/path`.
    pub(crate) fn path_behind(&self, scheme: &str) -> Option<PathBuf> {
        let base = self.source.file.parent().unwrap_or_else(|| Path::new(""));
        self.parsed(|text| match text.strip_prefix(scheme) {
            Some(path) if !path.is_empty() && !path.contains('\0') => Ok(base.join(path)),
            _ => Err("names no file"),
        })
    }

    /// The secret that the file named here holds, without surrounding white space.
    pub(crate) fn secret_file(&self) -> Option<Secret> {
        self.file("the secret").map(|secret| Secret::new(secret.trim()))
    }

    /// The text of the file named here. `what` is in it, for the message if it cannot be read.
    pub(crate) fn file(&self, what: &str) -> Option<String> {
        let path = self.path()?;
        let read = std::fs::read_to_string(&path);
        self.accept(
            read.map_err(|error| format!("cannot read {what} in {}: {error}", path.display())),
        )
    }

    /// The items of an array.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        let DeValue::Array(items) = self.word else {
            return self.is_not("an array");
        };
        let item = |(index, item): (usize, &'r toml::Spanned<DeValue<'r>>)| Self {
            source: self.source,
            key: format!("{}[{index}]", self.key),
            line: self.source.line_at(item.span().start),
            word: item.get_ref(),
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The items of an array as `read` understands them; `None` unless it understood all.
    pub(crate) fn each<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Vec<T>> {
        // Every item is read before the first failure counts: each has its own problem to report.
        let read: Vec<_> = self.items()?.iter().map(read).collect();
        read.into_iter().collect()
    }

    /// As [`Self::each`]; what stands there twice is reported.
    pub(crate) fn distinct<T: PartialEq>(
        &self,
        read_one: impl Fn(&Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.distinct_by(read_one, T::eq)
    }

    /// As [`Self::distinct`], where `same` says which two are one thing.
    pub(crate) fn distinct_by<T>(
        &self,
        read_one: impl Fn(&Self) -> Option<T>,
        same: impl Fn(&T, &T) -> bool,
    ) -> Option<Vec<T>> {
        let mut read: Vec<(Option<T>, Self)> = Vec::new();
        for item in self.items()? {
            let meant = read_one(&item);
            let first = read.iter().find(|(known, _)| match (known, &meant) {
                (Some(known), Some(meant)) => same(known, meant),
                _ => false,
            });
            if let Some((_, first)) = first {
                let (key, line) = (first.key(), first.line());
                item.problem(format!("is there already: `{key}` on line {line}"));
            }
            read.push((meant, item));
        }
        read.into_iter().map(|(meant, _)| meant).collect()
    }

    /// Whether a string stands here: some keys take a word or something larger.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.word, DeValue::String(_))
    }

    /// Whether `""` stands here: some keys take it for what is left out.
    pub(crate) fn is_empty_text(&self) -> bool {
        matches!(self.word, DeValue::String(text) if text.is_empty())
    }

    /// Whether `true` or `false` stands here: some keys take these or something larger.
    pub(crate) fn is_flag(&self) -> bool {
        matches!(self.word, DeValue::Boolean(_))
    }

    /// Whether an array stands here: some keys take one thing or a list.
    pub(crate) fn is_array(&self) -> bool {
        matches!(self.word, DeValue::Array(_))
    }

    /// Whether a table stands here.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.word, DeValue::Table(_))
    }

    /// Whether a table stands here that has `key`, read or not.
    pub(crate) fn has(&self, key: &str) -> bool {
        matches!(self.word, DeValue::Table(table) if table.contains_key(key))
    }

    /// What stands in a table whose keys are the user's own, in the order of the file.
    pub(crate) fn members_of_table(&self) -> Option<Vec<(&'r str, Self)>> {
        match self.word {
            DeValue::Table(table) => Some(Self::members(self.source, &self.key, table)),
            _ => self.is_not("a table"),
        }
    }

    /// A table, read by its keys. What is no table is reported and read as an empty one.
    pub(crate) fn section<T>(&self, read: impl FnOnce(&Section<'r>) -> T) -> T {
        let over = |table| Section::over(self.source, self.key.clone(), self.line, table);
        if let DeValue::Table(table) = self.word {
            return over(Some(table)).read(read);
        }
        self.is_not::<()>("a table");
        read(&over(None))
    }

    /// Reports that something else than what was `wanted` stands here.
    pub(crate) fn is_not<T>(&self, wanted: &str) -> Option<T> {
        let found = match self.word {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.problem(format!("must be {wanted}, not {found}"));
        None
    }

    fn accept<T>(&self, read: Result<T, String>) -> Option<T> {
        read.map_err(|message| self.problem(message)).ok()
    }
}

/// A key that TOML takes without quotes.
fn is_bare(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
