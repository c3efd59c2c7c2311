//! The control state: one redb file, opened once, for all who keep tables in it.
//!
//! A change is on disk when [`Database::write`] returns. One that fails changed nothing, and as redb takes
//! nothing more afterwards, the file is opened anew for whoever comes next: once a full disk has room
//! again, all goes on. Only a disk that could not *sync* is not believed again: what was written may be
//! in the page cache and nowhere else, and a later sync would not tell.

mod medium;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use redb::backends::InMemoryBackend;
use redb::{ReadTransaction, ReadableDatabase as _, StorageBackend, WriteTransaction};

use medium::Medium;

/// From when it held the ledger alone: an upgrade has to find it.
const FILE: &str = "ledger.redb";
/// The pages that are kept in memory. All that is kept in it is bounded, by a few times this.
const CACHE_BYTES: usize = 8 << 20;

/// The file of the control state.
///
/// Every method reads or writes the disk: not for an async thread.
pub struct Database {
    path: PathBuf,
    place: Box<dyn Fn() -> Result<Box<dyn StorageBackend>, redb::DatabaseError> + Send + Sync>,
    /// `None` before it is opened anew.
    opened: RwLock<Option<redb::Database>>,
    /// A transaction failed, and the database takes nothing more.
    is_broken: AtomicBool,
    has_lost: Arc<AtomicBool>,
}

/// Why the state could not be opened, read or written. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file could not be opened.
    #[error("cannot open the ledger {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<redb::Error>,
    },
    /// Another process holds the file.
    #[error("the ledger {} is held by another warmfront", .0.display())]
    Held(PathBuf),
    /// A transaction failed: a full disk, a failing one, a damaged file. The next is tried afresh.
    #[error("{}", told(.0))]
    Transaction(#[source] Box<redb::Error>),
    /// The disk took what was written, and could not keep it.
    #[error("the disk could not keep what was written: look after it, then restart the node")]
    Lost,
}

// === impl Database ===

impl Database {
    /// Opens the file in the state directory, which must be there; makes the file if it is not.
    pub fn open(directory: &Path) -> Result<Arc<Self>, DatabaseError> {
        let path = directory.join(FILE);
        Self::kept(path.clone(), move || Ok(Box::new(medium::file(&path)?)))
    }

    /// Kept wherever `place` says, each time that it is opened: for tests of what a disk can do.
    pub fn on<B: StorageBackend>(
        place: impl Fn() -> B + Send + Sync + 'static,
    ) -> Result<Arc<Self>, DatabaseError> {
        Self::kept(PathBuf::from(FILE), move || Ok(Box::new(place())))
    }

    /// Kept nowhere: for tests.
    pub fn in_memory() -> Result<Arc<Self>, DatabaseError> {
        Self::on(InMemoryBackend::new)
    }

    fn kept(
        path: PathBuf,
        place: impl Fn() -> Result<Box<dyn StorageBackend>, redb::DatabaseError> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, DatabaseError> {
        let database = Self {
            path,
            place: Box::new(place),
            opened: RwLock::new(None),
            is_broken: AtomicBool::new(true),
            has_lost: Arc::default(),
        };
        database.mend()?;
        Ok(Arc::new(database))
    }

    /// What `look` finds. It sees one moment, whatever is written meanwhile, and must not ask the
    /// state itself for anything.
    pub fn read<T>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, DatabaseError> {
        self.transact(|database| look(&database.begin_read()?))
    }

    /// Makes a change, whole or not at all. It is on disk when this returns.
    pub fn write<T>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, DatabaseError> {
        self.transact(|database| {
            let tx = database.begin_write()?;
            let changed = change(&tx)?;
            tx.commit()?;
            Ok(changed)
        })
    }

    fn transact<T>(
        &self,
        transaction: impl FnOnce(&redb::Database) -> Result<T, redb::Error>,
    ) -> Result<T, DatabaseError> {
        if self.is_broken.load(Ordering::Acquire) {
            self.mend()?;
        }
        let opened = self.opened.read();
        let result = opened.as_ref().map_or(Err(redb::Error::PreviousIo), transaction);
        result.map_err(|error| {
            if matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo) {
                self.is_broken.store(true, Ordering::Release);
            }
            self.believed().err().unwrap_or_else(|| DatabaseError::Transaction(Box::new(error)))
        })
    }

    /// Opens the file anew, unless somebody else just has.
    fn mend(&self) -> Result<(), DatabaseError> {
        let mut opened = self.opened.write();
        if !self.is_broken.load(Ordering::Acquire) {
            return Ok(());
        }
        self.believed()?;
        // One at a time holds the file.
        *opened = None;
        *opened = Some(self.database().map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => DatabaseError::Held(self.path.clone()),
            error => {
                DatabaseError::Open { path: self.path.clone(), source: Box::new(error.into()) }
            }
        })?);
        self.is_broken.store(false, Ordering::Release);
        Ok(())
    }

    fn database(&self) -> Result<redb::Database, redb::DatabaseError> {
        let medium = Medium { inner: (self.place)()?, has_lost: self.has_lost.clone() };
        redb::Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(medium)
    }

    fn believed(&self) -> Result<(), DatabaseError> {
        if self.has_lost.load(Ordering::Acquire) { Err(DatabaseError::Lost) } else { Ok(()) }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("is_broken", &self.is_broken).finish_non_exhaustive()
    }
}

fn told(error: &redb::Error) -> String {
    match error {
        // Of one that came between the failure of another and the next opening.
        redb::Error::PreviousIo => "another write has failed just now: try again".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
