//! What is wrong with a file: one line each, all of them at once.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// Everything that is wrong with a configuration file, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problems(Vec<Problem>);

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was named to us.
    pub file: PathBuf,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// The path of the key (`sites.www.origin`); empty where no key could be made out.
    pub key: String,
    /// A sentence without a full stop.
    pub message: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
}

// === impl Problems ===

impl Problems {
    /// All of them by line; `None` if there are none. What one line says twice is said once.
    pub(crate) fn of(mut found: Vec<Problem>) -> Option<Self> {
        found.sort_by_key(|problem| problem.line);
        found.dedup();
        (!found.is_empty()).then_some(Self(found))
    }

    /// A single problem.
    pub(crate) fn one(problem: Problem) -> Self {
        Self(vec![problem])
    }

    /// The problems in the order of their lines.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)?;
        match &self.suggestion {
            Some(word) => write!(f, "; did you mean `{word}`?"),
            None => Ok(()),
        }
    }
}
