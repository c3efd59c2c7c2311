//! Created keys on disk: a table of the state's redb file, each change durable before it returns.

use std::sync::Arc;
use std::time::SystemTime;

use redb::{ReadableTable as _, TableDefinition};
use warmfront_state::Database;

use crate::error::KeysError;
use crate::record::Record;

/// Records by key id.
const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");

/// The table.
pub(crate) struct Journal {
    database: Arc<Database>,
}

// === impl Journal ===

impl Journal {
    /// Makes the table where it is missing.
    pub(crate) fn open(database: Arc<Database>) -> Result<Self, KeysError> {
        let journal = Self { database };
        journal.write(|tx| tx.open_table(KEYS).map(drop).map_err(Into::into))?;
        Ok(journal)
    }

    /// Every key by its id. A record that cannot be read opens nothing, and is left out with a
    /// warning.
    pub(crate) fn load(&self) -> Result<Vec<(String, Record)>, KeysError> {
        let rows = self.read(|tx| {
            let table = tx.open_table(KEYS)?;
            let mut rows = Vec::new();
            for row in table.iter()? {
                let (id, text) = row?;
                rows.push((id.value().to_owned(), text.value().to_vec()));
            }
            Ok(rows)
        })?;
        let read = |(id, text): (String, Vec<u8>)| match serde_json::from_slice::<Record>(&text) {
            Ok(record) => {
                if record.allows_more() {
                    tracing::warn!(
                        key = id,
                        "another version allowed a created key more than this one knows of: that is \
                         not granted"
                    );
                }
                Some((id, record))
            }
            Err(error) => {
                tracing::warn!(key = id, %error, "a created key is in a form that cannot be read: revoke it");
                None
            }
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Takes an old secret that no longer passes off its record. It opens nothing either way, so that
    /// this is only tried.
    pub(crate) fn forget_old(&self, id: &str, record: &mut Record, now: SystemTime) {
        if record.old.take_if(|old| old.until <= now).is_some()
            && let Err(error) = self.put(id, record)
        {
            tracing::warn!(key = id, %error, "the old secret of a rotated key is still on disk");
        }
    }

    /// The record of one key; `None` if there is none.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Record>, KeysError> {
        let text = self.read(|tx| {
            let table = tx.open_table(KEYS)?;
            Ok(table.get(id)?.map(|text| text.value().to_vec()))
        })?;
        text.map(|text| serde_json::from_slice(&text)).transpose().map_err(KeysError::Record)
    }

    /// Adds a record, or puts it in the place of the one of this id.
    pub(crate) fn put(&self, id: &str, record: &Record) -> Result<(), KeysError> {
        let text = serde_json::to_vec(record).map_err(KeysError::Record)?;
        self.write(|tx| {
            tx.open_table(KEYS)?.insert(id, text.as_slice())?;
            Ok(())
        })
    }

    /// Takes a record out; whether there was one.
    pub(crate) fn remove(&self, id: &str) -> Result<bool, KeysError> {
        self.write(|tx| Ok(tx.open_table(KEYS)?.remove(id)?.is_some()))
    }

    fn read<T>(
        &self,
        look: impl Fn(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, KeysError> {
        self.database.read(look).map_err(KeysError::Read)
    }

    fn write<T>(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, KeysError> {
        self.database.write(change).map_err(KeysError::Write)
    }
}
