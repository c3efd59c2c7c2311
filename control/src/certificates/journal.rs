//! What must not be forgotten over a restart: orders under way, what became of earlier ones, whom
//! not to ask yet, and when a renewal was chosen to be.

mod published;
mod record;
mod sites;
mod told;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use redb::{ReadableTable as _, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;
use warmfront_acme::{Accounts, KeepError, OpenOrder};
use warmfront_state::{Database, DatabaseError};

pub(crate) use record::{Attempt, Outcome, Renewal};
pub(crate) use told::{Reach, Told, failures_in_a_row};

/// Attempts of one site that are kept.
const ATTEMPTS_KEPT: u64 = 100;
/// For how long placed orders are counted: Let's Encrypt's window.
const ORDERS_COUNTED: Duration = Duration::from_hours(3);

/// By site, as JSON: the order that is under way.
const ORDERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("certificate_orders");
/// By site and number, as JSON.
const ATTEMPTS: TableDefinition<'_, (&str, u64), &[u8]> =
    TableDefinition::new("certificate_attempts");
/// By directory, time in milliseconds and site: every order that was placed lately.
const PLACED: TableDefinition<'_, (&str, u64, &str), ()> =
    TableDefinition::new("certificate_orders_placed");
/// By directory: until when it is left alone, in milliseconds.
const WAITS: TableDefinition<'_, &str, u64> = TableDefinition::new("certificate_authority_waits");
/// By site, as JSON: when its certificate is renewed.
const RENEWALS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("certificate_renewals");
/// By site and record, as JSON: what may be in the DNS for an order.
const PUBLISHED: TableDefinition<'_, (&str, &[u8]), ()> =
    TableDefinition::new("certificate_records_published");
/// By directory: the account's credentials, as JSON. They hold its private key.
const ACCOUNTS: TableDefinition<'_, &str, &str> = TableDefinition::new("certificate_accounts");

/// By site: something, for as long as it is tried whether anything can be written.
const TRIALS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("certificate_trials");
/// No less than what is kept of an order.
const TRIAL_BYTES: usize = 8_192;
const TRIAL: u8 = b'~';

/// The journal of orders, in the database of the control state.
///
/// Every method reads or writes the disk: not for an async thread. What was written is on disk when
/// the method returns. A record of one site that cannot be understood, because another version wrote
/// it, is gone on without: it must not keep the other sites from being served.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    /// Others keep their own tables in it.
    database: Arc<Database>,
    /// Why the last write failed, until one goes well.
    failing: Arc<Mutex<Option<String>>>,
}

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A transaction failed: a failing disk, a damaged file.
    #[error("cannot read the journal of certificates: {0}")]
    Read(#[source] DatabaseError),
    /// A transaction failed: a full disk, a failing one. Nothing was changed.
    #[error("cannot write the journal of certificates: {0}")]
    Write(#[source] DatabaseError),
    /// A record has no form that could be written.
    #[error("cannot write {what} of {of} into the journal of certificates: {source}")]
    Record {
        /// `an attempt`.
        what: &'static str,
        /// The site.
        of: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

// === impl Journal ===

impl Journal {
    /// Makes the tables where they are missing.
    pub(crate) fn open(database: Arc<Database>) -> Result<Self, JournalError> {
        let journal = Self { database, failing: Arc::default() };
        journal.write(|tx| {
            tx.open_table(ORDERS)?;
            tx.open_table(ATTEMPTS)?;
            tx.open_table(PLACED)?;
            tx.open_table(WAITS)?;
            tx.open_table(RENEWALS)?;
            tx.open_table(PUBLISHED)?;
            tx.open_table(ACCOUNTS)?;
            tx.open_table(TRIALS)?;
            Ok(())
        })?;
        Ok(journal)
    }

    /// Why nothing can be kept, as long as that is so.
    pub(crate) fn failing(&self) -> Option<String> {
        self.failing.lock().clone()
    }

    /// The order of this site that is not known to be over.
    pub(crate) fn open_order(&self, site: &str) -> Result<Option<OpenOrder>, JournalError> {
        let found = self.read(|tx| {
            Ok(tx.open_table(ORDERS)?.get(site)?.map(|record| record.value().to_owned()))
        })?;
        Ok(found.and_then(|text| decode(&text, "the open order", site)))
    }

    /// The site's order is placed; it counts against the authority's limit from now on.
    pub(crate) fn placed(&self, site: &str, order: &OpenOrder) -> Result<(), JournalError> {
        let text = encode(order, "an order", site)?;
        let directory = order.directory.as_str();
        let at = millis(order.placed);
        let forgotten = at.saturating_sub(in_millis(ORDERS_COUNTED));
        self.write(|tx| {
            tx.open_table(ORDERS)?.insert(site, text.as_slice())?;
            let mut placed = tx.open_table(PLACED)?;
            placed.retain_in((directory, 0, "")..(directory, forgotten, ""), |_, ()| false)?;
            placed.insert((directory, at, site), ())?;
            Ok(())
        })
    }

    /// Fails if nothing that happens to the site from now on could be kept.
    pub(crate) fn prove(&self, site: &str) -> Result<(), JournalError> {
        self.write(|tx| {
            tx.open_table(TRIALS)?.insert(site, [TRIAL; TRIAL_BYTES].as_slice())?;
            Ok(())
        })?;
        self.write(|tx| {
            tx.open_table(TRIALS)?.remove(site)?;
            Ok(())
        })
    }

    /// The site's order is over.
    pub(crate) fn closed(&self, site: &str) -> Result<(), JournalError> {
        self.write(|tx| {
            tx.open_table(ORDERS)?.remove(site)?;
            Ok(())
        })
    }

    /// The last attempts of this site, oldest first.
    pub(crate) fn attempts(&self, site: &str) -> Result<Vec<Attempt>, JournalError> {
        let found = self.read(|tx| {
            let table = tx.open_table(ATTEMPTS)?;
            let mut found = Vec::new();
            for row in table.range((site, 0)..=(site, u64::MAX))? {
                found.push(row?.1.value().to_owned());
            }
            Ok(found)
        })?;
        Ok(found.iter().filter_map(|text| decode(text, "an attempt", site)).collect())
    }

    /// What became of an attempt, after all earlier ones.
    pub(crate) fn record(&self, site: &str, attempt: &Attempt) -> Result<(), JournalError> {
        let text = encode(attempt, "an attempt", site)?;
        self.write(|tx| {
            let mut table = tx.open_table(ATTEMPTS)?;
            let last = table.range((site, 0)..=(site, u64::MAX))?.next_back().transpose()?;
            let number = last.map_or(0, |(key, _)| key.value().1 + 1);
            table.insert((site, number), text.as_slice())?;
            let kept = (number + 1).saturating_sub(ATTEMPTS_KEPT);
            table.retain_in((site, 0)..(site, kept), |_, _| false)?;
            Ok(())
        })
    }

    /// This authority is asked nothing before `until`; what was told before and is later holds on.
    pub(crate) fn wait(&self, directory: &str, until: SystemTime) -> Result<(), JournalError> {
        self.write(|tx| {
            let mut table = tx.open_table(WAITS)?;
            let known = table.get(directory)?.map_or(0, |until| until.value());
            table.insert(directory, known.max(millis(until)))?;
            Ok(())
        })
    }

    /// What is known of an authority.
    pub(crate) fn told(&self, directory: &str, now: SystemTime) -> Result<Told, JournalError> {
        let since = millis(now).saturating_sub(in_millis(ORDERS_COUNTED));
        self.read(|tx| {
            let until = tx.open_table(WAITS)?.get(directory)?.map(|until| moment(until.value()));
            let mut placed = Vec::new();
            let table = tx.open_table(PLACED)?;
            for row in table.range((directory, since, "")..(directory, u64::MAX, ""))? {
                placed.push(moment(row?.0.value().1));
            }
            Ok(Told { until, placed })
        })
    }

    /// When the site's certificate is renewed, and by whose word.
    pub(crate) fn renewal(&self, site: &str) -> Result<Option<Renewal>, JournalError> {
        let found = self.read(|tx| {
            Ok(tx.open_table(RENEWALS)?.get(site)?.map(|record| record.value().to_owned()))
        })?;
        Ok(found.and_then(|text| decode(&text, "the renewal", site)))
    }

    /// Takes the place of what was kept before.
    pub(crate) fn keep_renewal(&self, site: &str, renewal: &Renewal) -> Result<(), JournalError> {
        let text = encode(renewal, "a renewal", site)?;
        self.write(|tx| {
            tx.open_table(RENEWALS)?.insert(site, text.as_slice())?;
            Ok(())
        })
    }

    fn account(&self, directory: &str) -> Result<Option<String>, JournalError> {
        self.read(|tx| {
            let table = tx.open_table(ACCOUNTS)?;
            Ok(table.get(directory)?.map(|credentials| credentials.value().to_owned()))
        })
    }

    fn keep_account(&self, directory: &str, credentials: &str) -> Result<(), JournalError> {
        self.write(|tx| {
            tx.open_table(ACCOUNTS)?.insert(directory, credentials)?;
            Ok(())
        })
    }

    fn read<T>(
        &self,
        look: impl Fn(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, JournalError> {
        self.database.read(look).map_err(JournalError::Read)
    }

    fn write<T>(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, JournalError> {
        let written = self.database.write(change).map_err(JournalError::Write);
        *self.failing.lock() = written.as_ref().err().map(ToString::to_string);
        written
    }
}

impl Accounts for Journal {
    fn load(&self, directory: &str) -> Result<Option<String>, KeepError> {
        self.account(directory).map_err(KeepError::new)
    }

    fn keep(&self, directory: &str, credentials: &str) -> Result<(), KeepError> {
        self.keep_account(directory, credentials).map_err(KeepError::new)
    }
}

fn encode(record: &impl Serialize, what: &'static str, of: &str) -> Result<Vec<u8>, JournalError> {
    serde_json::to_vec(record).map_err(|source| JournalError::Record {
        what,
        of: of.to_owned(),
        source,
    })
}

fn decode<T: DeserializeOwned>(text: &[u8], what: &str, site: &str) -> Option<T> {
    let decoded = serde_json::from_slice(text);
    decoded
        .inspect_err(|error| {
            tracing::warn!(site, "certificate: {what} in the journal cannot be read: {error}");
        })
        .ok()
}

fn millis(at: SystemTime) -> u64 {
    in_millis(at.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn in_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A time that no clock has is the epoch.
fn moment(millis: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
