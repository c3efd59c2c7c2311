//! Files that only the node's own user may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Far more than any of them holds.
const BYTES_MAX: u64 = 4_096;

/// Why one is not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is not there.
    Missing(io::Error),
    Failed(io::Error),
    /// Others may read or write it; its permission bits.
    Exposed(u32),
}

/// Reads the file. Fails if somebody else may have read it already.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Unread> {
    let opened = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing(error),
        _ => Unread::Failed(error),
    })?;
    // Of the opened file: the one at the path may be another by now.
    let metadata = opened.metadata().map_err(Unread::Failed)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Unread::Exposed(mode));
    }
    let mut text = Vec::new();
    opened.take(BYTES_MAX).read_to_end(&mut text).map_err(Unread::Failed)?;
    Ok(text)
}

/// Writes `name` in `directory`, 0600: beside its place and moved there, so that a crash leaves a
/// whole file, the old or the new, or none.
pub(crate) fn write(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    let beside = directory.join(format!("{name}.new"));
    fs::remove_file(&beside).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(&beside, directory.join(name))?;
    File::open(directory)?.sync_all()
}
