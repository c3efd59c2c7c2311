//! The ledger on disk: tables of the state's redb file, each invalidation durable before it is
//! acknowledged.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::{ReadableTable, TableDefinition};
use warmfront_state::{Database, DatabaseError};

use crate::invalidation::Invalidation;
use crate::ledger::Position;
use crate::ledger::shares::{Shares, Stage};

const INVALIDATIONS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("invalidations");
const IDS: TableDefinition<'_, &str, u64> = TableDefinition::new("ids");
const REFERENCES: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("references");
const FLOORS: TableDefinition<'_, &str, u64> = TableDefinition::new("floors");

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It could not be read.
    #[error("cannot read the ledger: {0}")]
    Read(#[source] DatabaseError),
    /// It could not be written: nothing was changed, if the database is not uncertain of that itself.
    #[error("cannot write the ledger: {0}")]
    Write(#[source] DatabaseError),
    /// No thread could be started that gives memory back.
    #[error("cannot start the sweeper")]
    Sweeper(#[source] io::Error),
    /// A record that this version did not write.
    #[error("the ledger holds a record that cannot be read: {0}")]
    Record(#[from] serde_json::Error),
}

/// The ledger's tables.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Others keep their own tables in it.
    database: Arc<Database>,
    /// What is kept of whom.
    shares: Mutex<Shares>,
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
        let journal = Self { database, shares: Mutex::default() };
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
        let parsed = records.iter().map(|r| serde_json::from_slice(r));
        let invalidations: Vec<Invalidation> = parsed.collect::<Result<_, _>>()?;
        let mut shares = self.shares.lock();
        for (done, record) in invalidations.iter().zip(&records) {
            shares.note(&done.site, done.position.get(), (record.len() as u64, Stage::of(done)));
        }
        drop(shares);
        Ok(Recorded { floors, invalidations })
    }

    /// Appends one, and lets go of what is beyond the bounds; what that took stays dead by its site's
    /// floor. Never called twice at a time.
    pub(crate) fn append(&self, invalidation: &Invalidation) -> Result<(), LedgerError> {
        let record = serde_json::to_vec(invalidation)?;
        let position = invalidation.position.get();
        let bytes = record.len() as u64;
        let beyond = self.shares.lock().beyond(&invalidation.site, bytes);
        let expired: Vec<_> =
            beyond.iter().map(|at| self.at(Position::new(*at))).collect::<Result<_, _>>()?;
        let expired: Vec<Invalidation> = expired.into_iter().flatten().collect();
        self.write(|tx| {
            tx.open_table(INVALIDATIONS)?.insert(position, record.as_slice())?;
            tx.open_table(IDS)?.insert(invalidation.id.as_str(), position)?;
            if let Some(reference) = &invalidation.reference {
                let key = (invalidation.site.as_str(), reference.as_str());
                tx.open_table(REFERENCES)?.insert(key, position)?;
            }
            expired.iter().try_for_each(|expired| forget(tx, expired))
        })?;
        let mut shares = self.shares.lock();
        for gone in &expired {
            shares.forget(&gone.site, gone.position.get());
        }
        shares.note(&invalidation.site, position, (bytes, Stage::of(invalidation)));
        Ok(())
    }

    /// Changes a record, if it is still kept.
    pub(crate) fn revise(
        &self,
        position: Position,
        change: impl FnOnce(&mut Invalidation),
    ) -> Result<(), LedgerError> {
        let mut noted = None;
        self.write(|tx| {
            let mut table = tx.open_table(INVALIDATIONS)?;
            let Some(record) = table.get(position.get())?.map(|r| r.value().to_owned()) else {
                return Ok(());
            };
            let mut invalidation: Invalidation =
                serde_json::from_slice(&record).map_err(|e| corrupt(&e))?;
            change(&mut invalidation);
            let revised = serde_json::to_vec(&invalidation).map_err(|e| corrupt(&e))?;
            table.insert(position.get(), revised.as_slice())?;
            let kept = (revised.len() as u64, Stage::of(&invalidation));
            noted = Some((invalidation.site, kept));
            Ok(())
        })?;
        if let Some((site, kept)) = noted {
            self.shares.lock().note(&site, position.get(), kept);
        }
        Ok(())
    }

    /// The invalidation with this id.
    pub(crate) fn by_id(&self, id: &str) -> Result<Option<Invalidation>, LedgerError> {
        let position = self.read(|tx| Ok(tx.open_table(IDS)?.get(id)?.map(|p| p.value())))?;
        position.map_or(Ok(None), |position| self.at(Position::new(position)))
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
        position.map_or(Ok(None), |position| self.at(Position::new(position)))
    }

    /// The newest of the sites that are `shown` first, older than `before`, at most `most`.
    pub(crate) fn newest(
        &self,
        shown: &dyn Fn(&str) -> bool,
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Invalidation>, LedgerError> {
        let before = before.map_or(u64::MAX, Position::get);
        let positions = self.shares.lock().newest(shown, before, most);
        self.each(&positions)
    }

    /// Those for which something is still to be done, oldest first.
    pub(crate) fn underway(&self) -> Result<Vec<Invalidation>, LedgerError> {
        let positions = self.shares.lock().underway();
        self.each(&positions)
    }

    /// Those at these positions that are still kept.
    fn each(&self, positions: &[u64]) -> Result<Vec<Invalidation>, LedgerError> {
        self.read(|tx| {
            let table = tx.open_table(INVALIDATIONS)?;
            let mut kept = Vec::with_capacity(positions.len());
            for position in positions {
                if let Some(record) = table.get(position)? {
                    kept.push(serde_json::from_slice(record.value()).map_err(|e| corrupt(&e))?);
                }
            }
            Ok(kept)
        })
    }

    /// The invalidation at a position.
    pub(crate) fn at(&self, position: Position) -> Result<Option<Invalidation>, LedgerError> {
        let record = self.read(|tx| {
            Ok(tx.open_table(INVALIDATIONS)?.get(position.get())?.map(|r| r.value().to_owned()))
        })?;
        Ok(record.map(|r| serde_json::from_slice(&r)).transpose()?)
    }

    /// Why nothing is recorded before a restart; `None` as long as that is not so.
    pub(crate) fn problem(&self) -> Option<LedgerError> {
        self.database.problem().map(LedgerError::Write)
    }

    fn read<T>(
        &self,
        look: impl Fn(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, LedgerError> {
        self.database.read(look).map_err(LedgerError::Read)
    }

    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), LedgerError> {
        self.database.write(change).map_err(LedgerError::Write)
    }
}

/// A record within a transaction that this version did not write.
fn corrupt(error: &serde_json::Error) -> redb::Error {
    redb::Error::Corrupted(format!("a record cannot be read: {error}"))
}

fn forget(tx: &redb::WriteTransaction, expired: &Invalidation) -> Result<(), redb::Error> {
    let position = expired.position.get();
    tx.open_table(INVALIDATIONS)?.remove(position)?;
    tx.open_table(IDS)?.remove(expired.id.as_str())?;
    if let Some(reference) = &expired.reference {
        let key = (expired.site.as_str(), reference.as_str());
        tx.open_table(REFERENCES)?.remove(key)?;
    }
    let mut floors = tx.open_table(FLOORS)?;
    // What was under way longer goes behind what came after it.
    let before = floors.get(expired.site.as_str())?.map_or(0, |floor| floor.value());
    floors.insert(expired.site.as_str(), position.max(before))?;
    Ok(())
}
