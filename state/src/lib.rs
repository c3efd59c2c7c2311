//! The control state: one redb file, opened once, for all who keep tables in it.
//!
//! A change is on disk when [`Database::write`] returns, and not there if it fails. As redb takes
//! nothing more behind a commit that failed, the file is opened anew for whoever comes next: once a full
//! disk has room again, all goes on. A commit that failed may be on disk all the same, so each leaves
//! its number there, which is looked for when the file is opened anew. Where that tells too late, or a
//! sync has failed, what is on disk and what its owners remember may differ: then nothing is taken any
//! more before a restart, at which they read what there is.

mod medium;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};
use redb::backends::{FileBackend, InMemoryBackend};
use redb::{ReadTransaction, ReadableDatabase, StorageBackend, TableDefinition, WriteTransaction};

use medium::Medium;

/// From when it held the ledger alone: an upgrade has to find it.
const FILE: &str = "ledger.redb";
/// The pages that are kept in memory. All that is kept in it is bounded, by a few times this.
const CACHE_BYTES: usize = 8 << 20;
/// How often a transaction is tried before its caller is told of others' failures.
const TRIES_MAX: usize = 4;

/// The number of the last write.
const LAST: TableDefinition<'_, (), u64> = TableDefinition::new("last_write");

/// The file of the control state.
///
/// Every method reads or writes the disk: not for an async thread. What is given to one must not call
/// another.
pub struct Database {
    path: PathBuf,
    backing: Backing,
    /// `None` if the last try to open it failed.
    opened: RwLock<Option<Opened>>,
    writing: Mutex<()>,
    /// The number of the last write that succeeded.
    last: AtomicU64,
    /// The commit under way, or the one that failed and was not looked for yet: what its caller is told,
    /// that it is there or not. Whoever comes first says it.
    doubtful: Mutex<Weak<OnceLock<bool>>>,
    is_uncertain: Arc<AtomicBool>,
}

/// What the database lies on, each time that it is opened.
type Backing = Box<dyn Fn() -> Result<Box<dyn StorageBackend>, redb::DatabaseError> + Send + Sync>;

struct Opened {
    database: redb::Database,
    /// A transaction failed: it takes nothing more.
    has_failed: AtomicBool,
}

type Guard<'d> = MappedRwLockReadGuard<'d, Opened>;

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
    #[error("{}", told(.0))]
    Transaction(Box<redb::Error>),
    /// The disk failed in a way that leaves open what it has kept: a write that failed may be found
    /// done after the restart.
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
            opened: RwLock::default(),
            writing: Mutex::default(),
            last: AtomicU64::default(),
            doubtful: Mutex::default(),
            is_uncertain: Arc::default(),
        };
        let (opened, last) = database.open_once()?;
        *database.opened.write() = Some(opened);
        database.last.store(last, Ordering::Release);
        Ok(Arc::new(database))
    }

    /// Why nothing is taken before a restart; `None` as long as that is not so.
    pub fn problem(&self) -> Option<DatabaseError> {
        self.is_uncertain.load(Ordering::Acquire).then_some(DatabaseError::Uncertain)
    }

    /// What `look` finds. It sees one moment, whatever is written meanwhile.
    pub fn read<T>(
        &self,
        look: impl Fn(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, DatabaseError> {
        let mut tries = 1;
        loop {
            let (opened, tx) = self.begin(ReadableDatabase::begin_read)?;
            match look(&tx) {
                // Of a write that failed beside it.
                Err(redb::Error::PreviousIo) if tries < TRIES_MAX => opened.fail(),
                looked => return looked.map_err(|error| self.failed(&opened, error)),
            }
            tries += 1;
        }
    }

    /// Makes a change, whole or not at all. It is on disk when this returns.
    pub fn write<T>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, DatabaseError> {
        let _one_at_a_time = self.writing.lock();
        let (opened, tx) = self.begin(redb::Database::begin_write)?;
        let number = self.last.load(Ordering::Acquire) + 1;
        let numbered = || {
            let changed = change(&tx)?;
            tx.open_table(LAST)?.insert((), number)?;
            Ok(changed)
        };
        let changed = numbered().map_err(|error| self.failed(&opened, error))?;
        let told = Arc::new(OnceLock::new());
        *self.doubtful.lock() = Arc::downgrade(&told);
        let Err(error) = tx.commit() else {
            self.last.store(number, Ordering::Release);
            return Ok(changed);
        };
        opened.fail();
        drop(opened);
        // Where this fails, nobody has said anything.
        let _ = self.reopen();
        if *told.get_or_init(|| false) {
            return Ok(changed);
        }
        Err(self.problem().unwrap_or_else(|| DatabaseError::Transaction(Box::new(error.into()))))
    }

    /// On a database that is well. Both are to be bound in this order: the transaction ends first.
    fn begin<Tx>(
        &self,
        begin: impl Fn(&redb::Database) -> Result<Tx, redb::TransactionError>,
    ) -> Result<(Guard<'_>, Tx), DatabaseError> {
        let mut failure = redb::Error::PreviousIo;
        for _ in 0..TRIES_MAX {
            self.reopen()?;
            let opened = self.opened.read();
            let well = RwLockReadGuard::try_map(opened, |it| it.as_ref().filter(|it| it.is_well()));
            let Some(opened) = well.ok() else {
                continue;
            };
            match begin(&opened.database) {
                Ok(tx) => return Ok((opened, tx)),
                Err(error) => {
                    opened.fail();
                    failure = error.into();
                }
            }
        }
        Err(DatabaseError::Transaction(Box::new(failure)))
    }

    /// What an error within a transaction means.
    fn failed(&self, opened: &Opened, error: redb::Error) -> DatabaseError {
        if matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo) {
            opened.fail();
        }
        self.problem().unwrap_or_else(|| DatabaseError::Transaction(Box::new(error)))
    }

    /// Opens the file anew where that has to be, and looks for the commit that failed.
    fn reopen(&self) -> Result<(), DatabaseError> {
        self.problem().map_or(Ok(()), Err)?;
        if self.opened.read().as_ref().is_some_and(Opened::is_well) {
            return Ok(());
        }
        let mut opened = self.opened.write();
        if opened.as_ref().is_some_and(Opened::is_well) {
            return Ok(());
        }
        // One at a time holds the file.
        *opened = None;
        let (anew, last) = self.open_once()?;
        self.settle(last);
        self.problem().map_or(Ok(()), Err)?;
        *opened = Some(anew);
        Ok(())
    }

    /// With the number of the last write that the file has.
    fn open_once(&self) -> Result<(Opened, u64), DatabaseError> {
        let open = || {
            let inner = (self.backing)()?;
            let medium = Medium { inner, is_uncertain: self.is_uncertain.clone() };
            redb::Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(medium)
        };
        let database = open().map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => DatabaseError::Held(self.path.clone()),
            error => {
                DatabaseError::Open { path: self.path.clone(), source: Box::new(error.into()) }
            }
        })?;
        let last = last(&database).map_err(|error| DatabaseError::Transaction(Box::new(error)))?;
        Ok((Opened { database, has_failed: AtomicBool::new(false) }, last))
    }

    /// Tells the caller of the commit that failed, if it still waits, whether the file has it. A caller
    /// that has gone believes that it has not.
    fn settle(&self, found: u64) {
        let last = self.last.load(Ordering::Acquire);
        let is_there = found == last + 1;
        let told = std::mem::take(&mut *self.doubtful.lock()).upgrade();
        let is_known = told.is_some_and(|told| *told.get_or_init(|| is_there));
        if found == last || (is_there && is_known) {
            self.last.store(found, Ordering::Release);
        } else {
            tracing::error!(
                "the ledger has another write than the last that succeeded: nothing is taken before \
                 a restart"
            );
            self.is_uncertain.store(true, Ordering::Release);
        }
    }
}

// === impl Opened ===

impl Opened {
    fn is_well(&self) -> bool {
        !self.has_failed.load(Ordering::Acquire)
    }

    fn fail(&self) {
        self.has_failed.store(true, Ordering::Release);
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
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

fn told(error: &redb::Error) -> String {
    match error {
        // redb has words of its own for it, which nobody can follow who only runs the node.
        redb::Error::PreviousIo => "another write has failed just now: try again".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
