//! What tests store.

use std::sync::Arc;
use std::time::Duration;

use warmfront_semantics::freshness::{Permission, Staleness};

use crate::ledger::SiteLedger;
use crate::stored::{Admission, Birth, Place, QueryInKey, Room};

const STALENESS: Staleness = Staleness {
    while_revalidate: Duration::ZERO,
    if_error: Duration::ZERO,
    unreachable: Permission::Forbidden,
};

// === impl Place ===

impl Place {
    /// A path, asked for without a query.
    pub(crate) fn plain(path: &str) -> Self {
        Self { path: path.into(), query: None, query_in_key: QueryInKey::Whole, made_from: None }
    }
}

// === impl Admission ===

impl Admission {
    /// Of what its origin said nothing about.
    pub(crate) fn plain(ledger: Arc<SiteLedger>, place: Arc<Place>, birth: Birth) -> Self {
        Self {
            ledger,
            place,
            tags: None,
            birth,
            length: None,
            staleness: STALENESS,
            keep: None,
            resource: None,
            room: Room::default(),
        }
    }
}
