//! The configuration file: TOML in, a proven [`Config`] out, or every problem at once.
//!
//! `raw` reads words with their places, `check` turns them into meaning. Nothing above this floor
//! ever sees a string that was not parsed: a [`Config`] in hand is a configuration that can run.

mod check;
mod grants;
mod import;
mod model;
mod pattern;
mod problem;
mod raw;
mod secret;
pub mod spelling;
#[cfg(test)]
mod tests;
pub mod unkeyed;
mod whereabouts;

use std::path::Path;

pub use check::address::target_name;
pub use check::distribution::coined_id;
pub use grants::duration;
pub use import::{IMPORT_BYTES_MAX, ImportError, PolicyFile, import};
pub use model::*;
pub use pattern::{HostPattern, PathPattern, PatternError};
pub use problem::{Problem, Problems};
pub use secret::Secret;
pub use whereabouts::{AdminTls, Whereabouts};

use raw::{Reading, Section, Source};

/// Reads the file at `path`. `environment` answers for `${VAR}`; relative paths in the file start
/// at the file's own directory. Fails with everything that is wrong with it.
pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Config, Problems> {
    parse(&text_of(path)?, path, environment)
}

/// Reads a configuration from `text`. `file` is for messages, and its directory is where relative
/// paths start. Fails with everything that is wrong with it.
pub fn parse(
    text: &str,
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Problems> {
    read(text, file, environment, Reading::Whole, check::config)
}

/// As [`parse`], of what `part` asks for: what it does not ask for is nobody's business.
fn read_part<T>(
    text: &str,
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    part: impl FnOnce(&Section<'_>) -> T,
) -> Result<T, Problems> {
    read(text, file, environment, Reading::Part, part)
}

fn text_of(path: &Path) -> Result<String, Problems> {
    let whole = |line, message| {
        Problems::one(Problem {
            file: path.to_owned(),
            line,
            key: String::new(),
            message,
            suggestion: None,
        })
    };
    let bytes =
        std::fs::read(path).map_err(|error| whole(0, format!("cannot read it: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        whole(line, "not UTF-8, which TOML is written in".to_owned())
    })
}

fn read<T>(
    text: &str,
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    reading: Reading,
    meaning: impl FnOnce(&Section<'_>) -> T,
) -> Result<T, Problems> {
    let mended = raw::mend(text);
    let (tree, _) = toml::de::DeTable::parse_recoverable(&mended.text);
    let source = Source::new(&mended, file, environment, reading);
    let meant = Section::root(&source, tree.get_ref(), meaning);
    match source.into_problems() {
        None => Ok(meant),
        Some(problems) => Err(problems),
    }
}
