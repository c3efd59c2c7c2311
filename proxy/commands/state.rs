//! The file of the control state: opened once, for all who keep something in it.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError};

/// From when it held the ledger alone: an upgrade has to find it.
const FILE: &str = "ledger.redb";
/// It holds a key that signs.
const MODE: u32 = 0o600;

/// Why there is no state to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The file could not be opened.
    #[error("cannot open the ledger {}: {source}", path.display())]
    Open { path: PathBuf, source: Box<redb::Error> },
    /// Another process holds the file.
    #[error("the ledger {} is held by another warmfront", .0.display())]
    Held(PathBuf),
}

/// Opens the file in the state directory, which must be there; makes the file if it is not.
pub(crate) fn open(state: &Path) -> Result<Arc<Database>, StateError> {
    let path = state.join(FILE);
    let opened =
        backend(&path).and_then(|backend| Database::builder().create_with_backend(backend));
    opened.map(Arc::new).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StateError::Held(path),
        error => StateError::Open { path, source: Box::new(error.into()) },
    })
}

fn backend(path: &Path) -> Result<FileBackend, DatabaseError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(MODE);
    let file = options.open(path).and_then(|file| {
        // One that an earlier version made is open to the users that may enter the directory.
        file.set_permissions(Permissions::from_mode(MODE)).map(|()| file)
    });
    FileBackend::new(file.map_err(|error: io::Error| DatabaseError::Storage(error.into()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_holds_it_at_a_time() {
        let state = tempfile::tempdir().unwrap();
        let first = open(state.path()).unwrap();
        let second = open(state.path()).unwrap_err();
        let path = state.path().join("ledger.redb");
        let sentence = format!("the ledger {} is held by another warmfront", path.display());
        assert_eq!(second.to_string(), sentence);
        drop(first);
        open(state.path()).unwrap();
    }

    #[test]
    fn nobody_else_may_read_it() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("ledger.redb");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        drop(open(state.path()).unwrap());
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        open(state.path()).unwrap();
        assert_eq!(mode(), 0o600, "of an earlier version's file");
    }

    #[test]
    fn what_cannot_be_opened_says_where() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("ledger.redb");
        std::fs::create_dir(&path).unwrap();
        let refused = open(state.path()).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("cannot open the ledger {}: ", path.display())));
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "not a database").unwrap();
        let refused = open(state.path()).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("cannot open the ledger {}: ", path.display())));
    }
}
