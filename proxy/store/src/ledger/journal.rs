//! The ledger on disk: tables of the state's redb file, each invalidation durable before it is
//! acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::invalidation::Invalidation;
use crate::ledger::Position;

/// Invalidations that are kept for `GET /invalidations` and for repeated references.
const KEPT_MAX: u64 = 10_000;
/// Bytes of their records. A record holds as many paths as an order may.
const KEPT_BYTES_MAX: u64 = 32 * 1024 * 1024;

const INVALIDATIONS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("invalidations");
const IDS: TableDefinition<'_, &str, u64> = TableDefinition::new("ids");
const REFERENCES: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("references");
const FLOORS: TableDefinition<'_, &str, u64> = TableDefinition::new("floors");

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A transaction failed: a full disk, a failing one.
    #[error("cannot write the ledger: {}", told(.0))]
    Transaction(#[source] Box<redb::Error>),
    /// A record that this version did not write.
    #[error("the ledger holds a record that cannot be read: {0}")]
    Record(#[from] serde_json::Error),
}

/// The ledger's tables.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Others keep their own tables in it.
    database: Arc<Database>,
    /// Of all records.
    bytes: AtomicU64,
}

/// What the tables held when they were opened.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// By site: everything born before is dead.
    pub(crate) floors: Vec<(String, Position)>,
    /// Oldest first.
    pub(crate) invalidations: Vec<Invalidation>,
}

// === impl Journal ===

impl Journal {
    /// Makes the tables where they are missing.
    pub(crate) fn open(database: Arc<Database>) -> Result<Self, LedgerError> {
        let journal = Self { database, bytes: AtomicU64::new(0) };
        journal.write(|tx| {
            tx.open_table(INVALIDATIONS)?;
            tx.open_table(IDS)?;
            tx.open_table(REFERENCES)?;
            tx.open_table(FLOORS)?;
            Ok(())
        })?;
        Ok(journal)
    }

    /// Every site's floor, and every kept invalidation, oldest first.
    pub(crate) fn load(&self) -> Result<Recorded, LedgerError> {
        let (floors, records) = self.read(|tx| {
            let mut floors = Vec::new();
            for row in tx.open_table(FLOORS)?.iter()? {
                let (site, position) = row?;
                floors.push((site.value().to_owned(), Position::new(position.value())));
            }
            let mut records = Vec::new();
            for row in tx.open_table(INVALIDATIONS)?.iter()? {
                records.push(row?.1.value().to_owned());
            }
            Ok((floors, records))
        })?;
        self.bytes.store(records.iter().map(|r| r.len() as u64).sum(), Ordering::Relaxed);
        let parsed = records.iter().map(|r| serde_json::from_slice(r));
        Ok(Recorded { floors, invalidations: parsed.collect::<Result<_, _>>()? })
    }

    /// Appends one, and lets go of the oldest beyond what is kept; what those took stays dead by
    /// their site's floor. Never called twice at a time.
    pub(crate) fn append(&self, invalidation: &Invalidation) -> Result<(), LedgerError> {
        let record = serde_json::to_vec(invalidation)?;
        let position = invalidation.position.get();
        let bytes = record.len() as u64;
        let expired = self.beyond_bounds(position, bytes)?;
        self.write(|tx| {
            tx.open_table(INVALIDATIONS)?.insert(position, record.as_slice())?;
            tx.open_table(IDS)?.insert(invalidation.id.as_str(), position)?;
            if let Some(reference) = &invalidation.reference {
                let key = (invalidation.site.as_str(), reference.as_str());
                tx.open_table(REFERENCES)?.insert(key, position)?;
            }
            expired.iter().try_for_each(|(expired, _)| forget(tx, expired))
        })?;
        let freed: u64 = expired.iter().map(|(_, bytes)| bytes).sum();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes.fetch_sub(freed, Ordering::Relaxed);
        Ok(())
    }

    /// The oldest records that must go for one of `bytes` to come, and their sizes.
    fn beyond_bounds(
        &self,
        position: u64,
        bytes: u64,
    ) -> Result<Vec<(Invalidation, u64)>, LedgerError> {
        let oldest_kept = position.saturating_sub(KEPT_MAX - 1);
        let mut excess =
            (self.bytes.load(Ordering::Relaxed) + bytes).saturating_sub(KEPT_BYTES_MAX);
        let records = self.read(|tx| {
            let table = tx.open_table(INVALIDATIONS)?;
            let mut records = Vec::new();
            for row in table.iter()? {
                let (at, record) = row?;
                if at.value() >= oldest_kept && excess == 0 {
                    break;
                }
                excess = excess.saturating_sub(record.value().len() as u64);
                records.push(record.value().to_owned());
            }
            Ok(records)
        })?;
        let parsed = records.iter().map(|r| Ok((serde_json::from_slice(r)?, r.len() as u64)));
        parsed.collect()
    }

    /// Rewrites a record: what it counted is known only after it is in force.
    pub(crate) fn update(&self, invalidation: &Invalidation) -> Result<(), LedgerError> {
        let record = serde_json::to_vec(invalidation)?;
        self.write(|tx| {
            let position = invalidation.position.get();
            tx.open_table(INVALIDATIONS)?.insert(position, record.as_slice())?;
            Ok(())
        })
    }

    /// The invalidation with this id.
    pub(crate) fn by_id(&self, id: &str) -> Result<Option<Invalidation>, LedgerError> {
        let position = self.read(|tx| Ok(tx.open_table(IDS)?.get(id)?.map(|p| p.value())))?;
        position.map(|p| self.record(p)).transpose().map(Option::flatten)
    }

    /// The invalidation of this site with this reference.
    pub(crate) fn by_reference(
        &self,
        site: &str,
        reference: &str,
    ) -> Result<Option<Invalidation>, LedgerError> {
        let position = self.read(|tx| {
            let table = tx.open_table(REFERENCES)?;
            Ok(table.get((site, reference))?.map(|p| p.value()))
        })?;
        position.map(|p| self.record(p)).transpose().map(Option::flatten)
    }

    /// The newest ones first, at most `most`.
    pub(crate) fn newest(&self, most: usize) -> Result<Vec<Invalidation>, LedgerError> {
        let records = self.read(|tx| {
            let table = tx.open_table(INVALIDATIONS)?;
            let rows = table.iter()?.rev().take(most);
            rows.map(|row| Ok(row?.1.value().to_owned())).collect::<Result<Vec<_>, redb::Error>>()
        })?;
        let parsed = records.iter().map(|r| serde_json::from_slice(r));
        Ok(parsed.collect::<Result<_, _>>()?)
    }

    fn record(&self, position: u64) -> Result<Option<Invalidation>, LedgerError> {
        let record = self.read(|tx| {
            Ok(tx.open_table(INVALIDATIONS)?.get(position)?.map(|r| r.value().to_owned()))
        })?;
        Ok(record.map(|r| serde_json::from_slice(&r)).transpose()?)
    }

    fn read<T>(
        &self,
        look: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, LedgerError> {
        let tx = self.database.begin_read().map_err(redb::Error::from);
        tx.and_then(|tx| look(&tx)).map_err(|e| LedgerError::Transaction(Box::new(e)))
    }

    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), LedgerError> {
        let commit = || {
            let tx = self.database.begin_write()?;
            change(&tx)?;
            tx.commit()?;
            Ok(())
        };
        commit().map_err(|e| LedgerError::Transaction(Box::new(e)))
    }
}

/// After a write that failed the database takes nothing more before it is opened anew.
fn told(error: &redb::Error) -> String {
    match error {
        redb::Error::PreviousIo => {
            "an earlier write failed (a full disk?): restart the node once there is room".to_owned()
        }
        error => error.to_string(),
    }
}

fn forget(tx: &redb::WriteTransaction, expired: &Invalidation) -> Result<(), redb::Error> {
    let position = expired.position.get();
    tx.open_table(INVALIDATIONS)?.remove(position)?;
    tx.open_table(IDS)?.remove(expired.id.as_str())?;
    if let Some(reference) = &expired.reference {
        let key = (expired.site.as_str(), reference.as_str());
        tx.open_table(REFERENCES)?.remove(key)?;
    }
    tx.open_table(FLOORS)?.insert(expired.site.as_str(), position)?;
    Ok(())
}
