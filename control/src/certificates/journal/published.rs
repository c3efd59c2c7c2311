//! TXT records that may be in the DNS: a node that is stopped inside an order leaves them there.

use redb::ReadableTable as _;
use warmfront_dns::Published;

use super::{Journal, JournalError, PUBLISHED, decode, encode};

// === impl Journal ===

impl Journal {
    /// It is about to be published for an order of this site.
    pub(crate) fn publishing(&self, site: &str, record: &Published) -> Result<(), JournalError> {
        let text = encode(record, "a record", site)?;
        self.write(|tx| {
            tx.open_table(PUBLISHED)?.insert((site, text.as_slice()), ())?;
            Ok(())
        })
    }

    /// It is published no more.
    pub(crate) fn withdrawn(&self, site: &str, record: &Published) -> Result<(), JournalError> {
        let text = encode(record, "a record", site)?;
        self.write(|tx| {
            tx.open_table(PUBLISHED)?.remove((site, text.as_slice()))?;
            Ok(())
        })
    }

    /// What may be published for orders of this site.
    pub(crate) fn published(&self, site: &str) -> Result<Vec<Published>, JournalError> {
        let all = self.read(|tx| {
            let table = tx.open_table(PUBLISHED)?;
            let mut found = Vec::new();
            for row in table.range((site, [].as_slice())..)? {
                let (key, _) = row?;
                let (of, text) = key.value();
                if of != site {
                    break;
                }
                found.push(text.to_owned());
            }
            Ok(found)
        })?;
        Ok(all.iter().filter_map(|text| decode(text, "a record", site)).collect())
    }

    /// The sites that something may be published for.
    pub(crate) fn publishers(&self) -> Result<Vec<String>, JournalError> {
        self.read(|tx| {
            let mut sites: Vec<String> = Vec::new();
            for row in tx.open_table(PUBLISHED)?.iter()? {
                let site = row?.0.value().0.to_owned();
                if sites.last() != Some(&site) {
                    sites.push(site);
                }
            }
            Ok(sites)
        })
    }
}
