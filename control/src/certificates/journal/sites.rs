//! What the journal holds of sites that are gone from the file.

use std::collections::BTreeSet;

use redb::ReadableTable as _;

use super::{ATTEMPTS, Journal, JournalError, ORDERS, RENEWALS};

// === impl Journal ===

impl Journal {
    /// Forgets the orders, attempts and renewals of every site but these, and gives the names of
    /// those it has forgotten something of. What they have in the DNS is still known.
    pub(crate) fn forget_all_but(&self, sites: &[&str]) -> Result<Vec<String>, JournalError> {
        let gone = self.read(|tx| {
            let mut found = BTreeSet::new();
            for row in tx.open_table(ORDERS)?.iter()? {
                found.insert(row?.0.value().to_owned());
            }
            for row in tx.open_table(RENEWALS)?.iter()? {
                found.insert(row?.0.value().to_owned());
            }
            for row in tx.open_table(ATTEMPTS)?.iter()? {
                let (key, _) = row?;
                let site = key.value().0;
                if !found.contains(site) {
                    found.insert(site.to_owned());
                }
            }
            found.retain(|site| !sites.contains(&site.as_str()));
            Ok(found)
        })?;
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|tx| {
            let (mut orders, mut renewals) = (tx.open_table(ORDERS)?, tx.open_table(RENEWALS)?);
            let mut attempts = tx.open_table(ATTEMPTS)?;
            for site in gone.iter().map(String::as_str) {
                orders.remove(site)?;
                renewals.remove(site)?;
                attempts.retain_in((site, 0)..=(site, u64::MAX), |_, _| false)?;
            }
            Ok(())
        })?;
        Ok(gone.into_iter().collect())
    }
}
