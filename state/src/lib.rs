//! The control state: one redb file, opened once, for all who keep tables in it.
//!
//! A change is on disk when [`Database::write`] returns, and not there if it fails. As redb takes
//! nothing more behind a commit that failed, the file is opened anew for whoever comes next: once a full
//! disk has room again, all goes on. A commit that failed may be on disk all the same, so each leaves
//! its number there, which is looked for when the file is opened anew. Where that does not tell in time,
//! or a sync has failed, what is on disk and what its owners remember may differ: nothing is taken any
//! more before a restart, at which they learn it from the disk.

mod medium;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{ReadTransaction, ReadableDatabase, StorageBackend, TableDefinition, WriteTransaction};

use medium::Medium;

/// From when it held the ledger alone: an upgrade has to find it.
const FILE: &str = "ledger.redb";
/// The pages that are kept in memory. All that is kept in it is bounded, by a few times this.
const CACHE_BYTES: usize = 8 << 20;
/// How often a transaction is begun before its caller is told of others' failures.
const BEGINNINGS_MAX: usize = 3;

/// The number of the last write.
const LAST: TableDefinition<'_, (), u64> = TableDefinition::new("last_write");

/// The file of the control state.
///
/// Every method reads or writes the disk: not for an async thread. What is given to one must not call
/// another.
pub struct Database {
    path: PathBuf,
    backing: Backing,
    opened: RwLock<Option<redb::Database>>,
    /// Nothing is taken before it is opened anew.
    is_closed: AtomicBool,
    numbers: AtomicU64,
    commits: Mutex<HashMap<u64, Commit>>,
    is_uncertain: Arc<AtomicBool>,
}

/// What a database is opened on, each time.
type Backing = Box<dyn Fn() -> Result<Box<dyn StorageBackend>, redb::DatabaseError> + Send + Sync>;

type Opened<'d> = MappedRwLockReadGuard<'d, redb::Database>;

/// What is known of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commit {
    Begun,
    /// It failed, and the file that was opened since then has it.
    There,
    /// It failed, and that file does not have it.
    Gone,
    /// Its owner was told that it is not there, before it could be looked for.
    Denied,
}

/// Why the state could not be opened, read or written.
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
    /// A transaction failed: a full disk, a failing one, a damaged file. Nothing was changed, and the
    /// next is tried afresh.
    #[error(transparent)]
    Transaction(Box<redb::Error>),
    /// The disk failed in a way that leaves open what it has kept.
    #[error("the disk failed in the middle of a write: look after it, then restart the node")]
    Uncertain,
}

// === impl Database ===

impl Database {
    /// Opens the file in the state directory, which must be there; makes the file if it is not.
    pub fn open(directory: &Path) -> Result<Arc<Self>, DatabaseError> {
        let path = directory.join(FILE);
        let file = medium::file(&path).map_err(|error| DatabaseError::Open {
            path: path.clone(),
            source: Box::new(redb::Error::Io(error)),
        })?;
        // It is this file that is written, whatever becomes of its name.
        Self::kept(path, move || {
            let file = file.try_clone().map_err(redb::StorageError::from)?;
            Ok(Box::new(FileBackend::new(file)?))
        })
    }

    /// Kept wherever `place` says, each time that it is opened: for tests of what a disk can do.
    pub fn on<B: StorageBackend>(
        place: impl Fn() -> B + Send + Sync + 'static,
    ) -> Result<Arc<Self>, DatabaseError> {
        Self::kept(PathBuf::from(FILE), move || Ok(Box::new(place())))
    }

    /// Kept nowhere, and empty if it has to be opened anew: for tests.
    pub fn in_memory() -> Result<Arc<Self>, DatabaseError> {
        Self::on(InMemoryBackend::new)
    }

    fn kept(
        path: PathBuf,
        backing: impl Fn() -> Result<Box<dyn StorageBackend>, redb::DatabaseError>
        + Send
        + Sync
        + 'static,
    ) -> Result<Arc<Self>, DatabaseError> {
        let database = Self {
            path,
            backing: Box::new(backing),
            opened: RwLock::new(None),
            is_closed: AtomicBool::new(true),
            numbers: AtomicU64::new(0),
            commits: Mutex::default(),
            is_uncertain: Arc::default(),
        };
        database.reopen()?;
        Ok(Arc::new(database))
    }

    /// What `look` finds. It sees one moment, whatever is written meanwhile.
    pub fn read<T>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, DatabaseError> {
        let (_opened, tx) = self.begin(ReadableDatabase::begin_read)?;
        look(&tx).map_err(|error| self.failed(error))
    }

    /// Makes a change, whole or not at all. It is on disk when this returns.
    pub fn write<T>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, DatabaseError> {
        let (opened, tx) = self.begin(redb::Database::begin_write)?;
        // From here on there is one at a time.
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let numbered = || {
            let changed = change(&tx)?;
            tx.open_table(LAST)?.insert((), number)?;
            Ok(changed)
        };
        let changed = numbered().map_err(|error| self.failed(error))?;
        self.commits.lock().insert(number, Commit::Begun);
        let Err(error) = tx.commit() else {
            self.commits.lock().remove(&number);
            return Ok(changed);
        };
        self.is_closed.store(true, Ordering::Release);
        drop(opened);
        // Whether this succeeds is seen by what is known of the commit then.
        let _ = self.reopen();
        let mut commits = self.commits.lock();
        match commits.insert(number, Commit::Denied) {
            Some(Commit::There) => {
                commits.remove(&number);
                Ok(changed)
            }
            Some(Commit::Gone) => {
                commits.remove(&number);
                Err(DatabaseError::Transaction(Box::new(error.into())))
            }
            _ => Err(self.failed(error.into())),
        }
    }

    /// Opens the file anew where that has to be. The transaction ends before what it is begun on.
    fn begin<Tx>(
        &self,
        begin: impl Fn(&redb::Database) -> Result<Tx, redb::TransactionError>,
    ) -> Result<(Opened<'_>, Tx), DatabaseError> {
        let mut last = redb::Error::PreviousIo;
        // Another's failure may come between.
        for _ in 0..BEGINNINGS_MAX {
            self.certain()?;
            if self.is_closed.load(Ordering::Acquire) {
                self.reopen()?;
            }
            let Ok(opened) = RwLockReadGuard::try_map(self.opened.read(), Option::as_ref) else {
                continue;
            };
            match begin(&opened) {
                Ok(tx) => return Ok((opened, tx)),
                Err(error) => {
                    self.is_closed.store(true, Ordering::Release);
                    last = error.into();
                }
            }
        }
        Err(self.failed(last))
    }

    /// What a failure within a transaction means.
    fn failed(&self, error: redb::Error) -> DatabaseError {
        if matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo) {
            self.is_closed.store(true, Ordering::Release);
        }
        self.certain().err().unwrap_or_else(|| DatabaseError::Transaction(Box::new(error)))
    }

    fn certain(&self) -> Result<(), DatabaseError> {
        let is_uncertain = self.is_uncertain.load(Ordering::Acquire);
        if is_uncertain { Err(DatabaseError::Uncertain) } else { Ok(()) }
    }

    /// Opens the file anew, unless somebody else just has, and looks which commits it has.
    fn reopen(&self) -> Result<(), DatabaseError> {
        let mut opened = self.opened.write();
        if !self.is_closed.load(Ordering::Acquire) {
            return Ok(());
        }
        // One at a time holds the file.
        *opened = None;
        self.certain()?;
        let database = self.database().map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => DatabaseError::Held(self.path.clone()),
            error => {
                DatabaseError::Open { path: self.path.clone(), source: Box::new(error.into()) }
            }
        })?;
        let last = last(&database).map_err(|error| DatabaseError::Transaction(Box::new(error)))?;
        self.numbers.fetch_max(last, Ordering::Relaxed);
        self.settle(last);
        self.certain()?;
        *opened = Some(database);
        self.is_closed.store(false, Ordering::Release);
        Ok(())
    }

    fn settle(&self, last: u64) {
        self.commits.lock().retain(|number, commit| {
            *commit = match (*commit, *number == last) {
                (Commit::Begun, true) => Commit::There,
                (Commit::Begun, false) => Commit::Gone,
                (Commit::Denied, true) => {
                    self.is_uncertain.store(true, Ordering::Release);
                    Commit::Denied
                }
                (Commit::Denied, false) => return false,
                (known, _) => known,
            };
            true
        });
    }

    fn database(&self) -> Result<redb::Database, redb::DatabaseError> {
        let medium = Medium { inner: (self.backing)()?, is_uncertain: self.is_uncertain.clone() };
        redb::Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(medium)
    }
}

/// The number of the last write that the file has.
fn last(database: &redb::Database) -> Result<u64, redb::Error> {
    match database.begin_read()?.open_table(LAST) {
        Ok(table) => Ok(table.get(())?.map_or(0, |number| number.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("is_closed", &self.is_closed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
