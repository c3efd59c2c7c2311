//! What is done to the disk, one thing at a time, as values: a crash falls between two of them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// One thing that is done to the disk.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// A folder that is the owner's alone; it may be there.
    MakeFolder(PathBuf),
    /// A new file that is the owner's alone, durable but for its name.
    Write(PathBuf, &'a [u8]),
    /// A symbolic link.
    Link { target: &'a str, at: PathBuf },
    /// Over what is there.
    Rename { from: PathBuf, to: PathBuf },
    /// A file or a link, or a folder with all that is in it; it may be gone.
    Remove(PathBuf),
    /// Makes durable what stands in a folder.
    Sync(PathBuf),
}

// === impl Step ===

impl Step<'_> {
    pub(super) fn run(&self) -> io::Result<()> {
        match self {
            Self::MakeFolder(path) => DirBuilder::new().recursive(true).mode(0o700).create(path),
            Self::Write(path, content) => {
                let mut file =
                    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(content)?;
                file.sync_all()
            }
            Self::Link { target, at } => symlink(target, at),
            Self::Rename { from, to } => fs::rename(from, to),
            Self::Remove(path) => remove(path),
            Self::Sync(path) => File::open(path)?.sync_all(),
        }
    }

    /// For a sentence: cannot … the path.
    pub(super) fn action(&self) -> &'static str {
        match self {
            Self::MakeFolder(_) => "make the folder",
            Self::Write(..) => "write",
            Self::Link { .. } => "make the link",
            Self::Rename { .. } => "put in its place",
            Self::Remove(_) => "remove",
            Self::Sync(_) => "make durable what is in",
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::MakeFolder(path)
            | Self::Write(path, _)
            | Self::Remove(path)
            | Self::Link { at: path, .. }
            | Self::Rename { to: path, .. }
            | Self::Sync(path) => path,
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
