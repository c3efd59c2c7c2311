//! Words with their places: the spanned TOML tree, walked by sections that know what was asked of
//! them. Problems gather in the [`Source`]; reading never stops at the first.

mod environment;
mod section;
mod syntax;
mod units;
mod value;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

pub(crate) use section::Section;
pub(crate) use syntax::{Mended, mend};
pub(crate) use units::{duration, show_duration};
pub(crate) use value::Value;

use crate::problem::{Problem, Problems};

/// How much of a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// All of it: a key that nobody asks for is a mistake.
    Whole,
    /// What is asked for.
    Part,
}

/// One file while it is read, and what was found wrong with it so far.
pub(crate) struct Source<'r> {
    file: &'r Path,
    environment: &'r dyn Fn(&str) -> Option<String>,
    reading: Reading,
    /// Byte offset of each line's first byte.
    line_starts: Vec<usize>,
    /// Lines that are not TOML: what recovery read from them is not what was written.
    broken_lines: BTreeSet<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl<'r> Source<'r> {
    pub(crate) fn new(
        mended: &Mended,
        file: &'r Path,
        environment: &'r dyn Fn(&str) -> Option<String>,
        reading: Reading,
    ) -> Self {
        let breaks = mended.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let mut source = Self {
            file,
            environment,
            reading,
            line_starts: std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect(),
            broken_lines: BTreeSet::new(),
            problems: RefCell::default(),
        };
        for (offset, message) in &mended.faults {
            let line = source.line_at(*offset);
            source.report(line, "", format!("not TOML: {message}"), None);
            source.broken_lines.insert(line);
        }
        source
    }

    /// The line, from 1, that holds the byte at `offset`.
    fn line_at(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Notes a problem with what is there. A line that is no TOML has been blamed already.
    pub(crate) fn report(
        &self,
        line: usize,
        key: &str,
        message: String,
        suggestion: Option<String>,
    ) {
        if self.broken_lines.contains(&line) {
            return;
        }
        self.problems.borrow_mut().push(Problem {
            file: self.file.to_owned(),
            line,
            key: key.to_owned(),
            message,
            suggestion,
        });
    }

    /// Notes that something is not there. It may well be, in the part that could not be read.
    pub(crate) fn report_absence(
        &self,
        line: usize,
        key: &str,
        message: String,
        suggestion: Option<String>,
    ) {
        if self.broken_lines.is_empty() {
            self.report(line, key, message, suggestion);
        }
    }

    pub(crate) fn into_problems(self) -> Option<Problems> {
        Problems::of(self.problems.into_inner())
    }
}

/// The one of `known` that `word` probably was: one that it begins, or one with at most a third of
/// the letters wrong.
pub(crate) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    let letters = word.chars().count();
    let slips_max = (letters / 3).max(1);
    known
        .map(|candidate| match strsim::damerau_levenshtein(word, candidate) {
            slips if slips > slips_max && letters > 2 && candidate.starts_with(word) => {
                (slips_max, candidate)
            }
            slips => (slips, candidate),
        })
        .filter(|(slips, _)| *slips <= slips_max && *slips < letters)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}
