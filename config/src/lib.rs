//! The configuration file: TOML in, a proven [`Config`] out, or every problem at once.
//!
//! `raw` reads words with their places, `check` turns them into meaning. Nothing above this floor
//! ever sees a string that was not parsed: a [`Config`] in hand is a configuration that can run.

mod check;
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

use std::path::Path;

pub use check::address::target_name;
pub use import::{IMPORT_BYTES_MAX, ImportError, PolicyFile, import};
pub use model::*;
pub use pattern::{HostPattern, PathPattern, PatternError};
pub use problem::{Problem, Problems};
pub use secret::Secret;

use raw::{Section, Source};

/// Reads the file at `path`. `environment` answers for `${VAR}`; relative paths in the file start
/// at the file's own directory. Fails with everything that is wrong with it.
pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Config, Problems> {
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
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text, path, environment),
        Err(error) => {
            let before = bytes.iter().take(error.valid_up_to());
            let line = before.filter(|byte| **byte == b'\n').count() + 1;
            Err(whole(line, "not UTF-8, which TOML is written in".to_owned()))
        }
    }
}

/// Reads a configuration from `text`. `file` is for messages, and its directory is where relative
/// paths start. Fails with everything that is wrong with it.
pub fn parse(
    text: &str,
    file: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Problems> {
    let mended = raw::mend(text);
    let (tree, _) = toml::de::DeTable::parse_recoverable(&mended.text);
    let source = Source::new(&mended, file, environment);
    let config = Section::root(&source, tree.get_ref(), check::config);
    match source.into_problems() {
        None => Ok(config),
        Some(problems) => Err(problems),
    }
}
