//! The demo's directory: what is secret in it is for its owner alone.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::DemoError;

/// Makes `path` and its parents, readable by the owner alone, and returns it in full.
pub(crate) fn private_dir(path: &Path) -> Result<PathBuf, DemoError> {
    let failed = |source| failed("create the directory", path, source);
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    // It may have been there already, and wider.
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed)?;
    path.canonicalize().map_err(failed)
}

/// The content of `path`; `None` when there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, DemoError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path, source)),
    }
}

/// Replaces `path`, readable by everyone who gets into its directory.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), DemoError> {
    write_as(path, content, 0o644)
}

/// Replaces `path`, readable by the owner alone.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), DemoError> {
    write_as(path, content, 0o600)
}

/// Through a new file, because the mode given to an open holds only for a file it creates.
fn write_as(path: &Path, content: &[u8], mode: u32) -> Result<(), DemoError> {
    let new = path.with_extension("new");
    let write = || {
        match fs::remove_file(&new) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(source),
            _ => {}
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&new)?
            .write_all(content)?;
        fs::rename(&new, path)
    };
    write().map_err(|source| failed("write", path, source))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> DemoError {
    DemoError::File { action, path: path.to_path_buf(), source }
}
