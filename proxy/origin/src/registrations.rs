//! What the API changed of target groups, kept over restarts.
//!
//! The file's targets win after a change of the file; what the API added or removed holds otherwise.
//! So each record says against which entries of the file it was made, and goes when they are others.

use std::fmt;
use std::sync::Arc;

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use redb::{ReadableTable as _, TableDefinition};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use warmfront_config::{TargetEntry, TargetName};
use warmfront_state::{Database, DatabaseError};

/// By origin, as JSON.
const REGISTRATIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("registrations");
/// By what they sign.
const SIGNING_KEYS: TableDefinition<'_, &str, &[u8; 32]> = TableDefinition::new("signing_keys");
/// The row of the key that signs stickiness cookies.
const STICKINESS: &str = "stickiness";

/// What the API changed of every target group, in the database of the control state.
///
/// Every method reads or writes the disk: not for an async thread.
#[derive(Debug)]
pub struct Registrations {
    /// Others keep their own tables in it.
    database: Arc<Database>,
}

/// What the API changed of one target group. Its `Display` is for a log line.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Added, or given another weight or tier: each wins over the file's entry of the same name.
    pub registered: Vec<TargetEntry>,
    /// In the list, and out of use.
    pub drained: Vec<TargetName>,
    /// Entries of the file that are not in the list.
    pub removed: Vec<TargetName>,
}

/// Why registrations could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// A transaction failed: a failing disk, a damaged file.
    #[error("cannot read the registered targets: {0}")]
    Read(#[source] DatabaseError),
    /// A transaction failed: a full disk, a failing one. Nothing was changed.
    #[error("cannot write the registered targets: {0}")]
    Write(#[source] DatabaseError),
    /// A record that this version did not write.
    #[error("the registered targets of {origin} are in a form that cannot be read: {source}")]
    Record {
        /// The origin's name in the file.
        origin: String,
        /// What is wrong with the form.
        source: serde_json::Error,
    },
    /// The system has no random numbers.
    #[error("cannot make a key for stickiness cookies: the system gives no random numbers: {0}")]
    Random(#[source] rand::rand_core::OsError),
}

/// The form on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// Digest of the file's entries that it was made against.
    written: String,
    registered: Vec<RecordedEntry>,
    drained: Vec<RecordedName>,
    removed: Vec<RecordedName>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RecordedEntry {
    name: RecordedName,
    weight: u16,
    tier: u8,
}

#[derive(Debug, Serialize, Deserialize)]
struct RecordedName {
    host: String,
    port: u16,
}

// === impl Registrations ===

impl Registrations {
    /// Makes the tables where they are missing.
    pub fn open(database: Arc<Database>) -> Result<Self, RegistrationError> {
        let registrations = Self { database };
        registrations.write(|tx| {
            tx.open_table(REGISTRATIONS)?;
            tx.open_table(SIGNING_KEYS)?;
            Ok(())
        })?;
        Ok(registrations)
    }

    /// What was recorded of an origin, if its entries in the file are still the same, in any order.
    /// If they are not, the record is deleted, a warning says what it was, and nothing is changed
    /// of `written`.
    pub fn load(
        &self,
        origin: &str,
        written: &[TargetEntry],
    ) -> Result<Changes, RegistrationError> {
        let found = self.read(|tx| {
            let table = tx.open_table(REGISTRATIONS)?;
            Ok(table.get(origin)?.map(|record| record.value().to_owned()))
        })?;
        let Some(text) = found else { return Ok(Changes::default()) };
        let record: Record = serde_json::from_slice(&text)
            .map_err(|source| RegistrationError::Record { origin: origin.to_owned(), source })?;
        let is_current = record.written == digest(written);
        let changes = Changes::from(record);
        if is_current {
            return Ok(changes);
        }
        self.forget(origin, &text)?;
        tracing::warn!(
            origin,
            "its targets in the file have changed, so what the API changed of the former ones no \
             longer holds: {changes}"
        );
        Ok(Changes::default())
    }

    /// Takes the place of what was recorded of the origin; on disk when it returns. Changes that are
    /// empty leave no record.
    pub fn record(
        &self,
        origin: &str,
        written: &[TargetEntry],
        changes: &Changes,
    ) -> Result<(), RegistrationError> {
        if *changes == Changes::default() {
            return self.write(|tx| {
                tx.open_table(REGISTRATIONS)?.remove(origin)?;
                Ok(())
            });
        }
        let text = serde_json::to_vec(&Record::new(written, changes))
            .map_err(|source| RegistrationError::Record { origin: origin.to_owned(), source })?;
        self.write(|tx| {
            tx.open_table(REGISTRATIONS)?.insert(origin, text.as_slice())?;
            Ok(())
        })
    }

    /// Deletes what was recorded of origins that the file no longer has; `origins` are those it
    /// has. A warning names each.
    pub fn forget_all_but(&self, origins: &[&str]) -> Result<(), RegistrationError> {
        let gone = self.read(|tx| {
            let mut gone = Vec::new();
            for row in tx.open_table(REGISTRATIONS)?.iter()? {
                gone.push(row?.0.value().to_owned());
            }
            gone.retain(|origin| !origins.contains(&origin.as_str()));
            Ok(gone)
        })?;
        if gone.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            let mut table = tx.open_table(REGISTRATIONS)?;
            for origin in &gone {
                table.remove(origin.as_str())?;
            }
            Ok(())
        })?;
        for origin in gone {
            tracing::warn!(origin, "no longer in the file: what the API changed of it is deleted");
        }
        Ok(())
    }

    /// What signs stickiness cookies: made at random at first and kept, so that clients stay with
    /// their targets over a restart. A secret.
    pub fn sticky_key(&self) -> Result<[u8; 32], RegistrationError> {
        let found = self.read(|tx| {
            let table = tx.open_table(SIGNING_KEYS)?;
            Ok(table.get(STICKINESS)?.map(|key| *key.value()))
        })?;
        if let Some(key) = found {
            return Ok(key);
        }
        let mut made = [0; 32];
        OsRng.try_fill_bytes(&mut made).map_err(RegistrationError::Random)?;
        self.write(|tx| {
            let mut table = tx.open_table(SIGNING_KEYS)?;
            // Whoever else found none may have been first.
            if let Some(key) = table.get(STICKINESS)? {
                return Ok(*key.value());
            }
            table.insert(STICKINESS, &made)?;
            Ok(made)
        })
    }

    /// Deletes a record, unless another has come in its place.
    fn forget(&self, origin: &str, text: &[u8]) -> Result<(), RegistrationError> {
        self.write(|tx| {
            let mut table = tx.open_table(REGISTRATIONS)?;
            let is_there = table.get(origin)?.is_some_and(|record| record.value() == text);
            if is_there {
                table.remove(origin)?;
            }
            Ok(())
        })
    }

    fn read<T>(
        &self,
        look: impl Fn(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, RegistrationError> {
        self.database.read(look).map_err(RegistrationError::Read)
    }

    fn write<T>(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, RegistrationError> {
        self.database.write(change).map_err(RegistrationError::Write)
    }
}

/// Of the file's entries, in any order.
fn digest(written: &[TargetEntry]) -> String {
    let line = |TargetEntry { name, weight, tier }: &TargetEntry| format!("{name} {weight} {tier}");
    let mut lines: Vec<String> = written.iter().map(line).collect();
    lines.sort_unstable();
    format!("{:x}", Sha256::digest(lines.join("\n")))
}

// === impl Changes ===

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = |TargetEntry { name, weight, tier }: &TargetEntry| {
            format!("registered {name} (weight {weight}, tier {tier})")
        };
        let registered = self.registered.iter().map(entry);
        let drained = self.drained.iter().map(|name| format!("drained {name}"));
        let removed = self.removed.iter().map(|name| format!("removed {name}"));
        let all: Vec<String> = registered.chain(drained).chain(removed).collect();
        f.write_str(&all.join(", "))
    }
}

impl From<Record> for Changes {
    fn from(record: Record) -> Self {
        let Record { written: _, registered, drained, removed } = record;
        Self {
            registered: registered.into_iter().map(TargetEntry::from).collect(),
            drained: drained.into_iter().map(TargetName::from).collect(),
            removed: removed.into_iter().map(TargetName::from).collect(),
        }
    }
}

// === impl Record ===

impl Record {
    fn new(written: &[TargetEntry], changes: &Changes) -> Self {
        let Changes { registered, drained, removed } = changes;
        Self {
            written: digest(written),
            registered: registered.iter().map(RecordedEntry::from).collect(),
            drained: drained.iter().map(RecordedName::from).collect(),
            removed: removed.iter().map(RecordedName::from).collect(),
        }
    }
}

impl From<&TargetEntry> for RecordedEntry {
    fn from(entry: &TargetEntry) -> Self {
        let TargetEntry { name, weight, tier } = entry;
        Self { name: name.into(), weight: *weight, tier: *tier }
    }
}

impl From<RecordedEntry> for TargetEntry {
    fn from(entry: RecordedEntry) -> Self {
        let RecordedEntry { name, weight, tier } = entry;
        Self { name: name.into(), weight, tier }
    }
}

impl From<&TargetName> for RecordedName {
    fn from(name: &TargetName) -> Self {
        Self { host: name.host.clone(), port: name.port }
    }
}

impl From<RecordedName> for TargetName {
    fn from(name: RecordedName) -> Self {
        let RecordedName { host, port } = name;
        Self { host, port }
    }
}

#[cfg(test)]
mod tests;
