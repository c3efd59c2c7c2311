//! Stored responses: the memory tier, collapse, and the ledger of invalidations.
//!
//! What a hit costs here: one keyed hash of the primary key, one look-up in a shard, three atomic loads
//! to know that no invalidation came since and that none before has marked it, and one copy of the
//! header map, which the response that is sent owns. No lock, no copy of a body, nothing serialized. A
//! body in a content coding is one keyed hash and one look-up more.
//!
//! [`Store`] is the one door. `pingora` is named in [`storage`] alone.

mod body;
mod catalog;
mod changes;
mod encoding;
mod fields;
#[cfg(test)]
mod fixtures;
mod invalidation;
mod key;
mod ledger;
mod memory;
pub mod storage;
mod store;
mod stored;
mod sweeper;
mod tenure;
mod variants;

pub use body::{BodyError, BodyReader};
pub use encoding::{EncodeError, Encoded, Encoder};
pub use invalidation::{
    BadPath, Counted, Invalidation, InvalidationPath, Kind, Order, Prefetch, PrefetchState,
    Prefetching, Receipt,
};
pub use key::{Digest, Digester};
pub use ledger::{LedgerError, Position, SiteLedger};
pub use store::{Held, Stats, Store, StoreLimits};
pub use stored::{Admission, Birth, Place, QueryInKey, Room, StoredResponse};
pub use tenure::{Clock, Keep, Kept, Softened, Standing};
pub use variants::Variants;
