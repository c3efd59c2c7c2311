//! The control plane: the API on `listen.admin`, the keys that open it, and the client that the
//! command line talks to it with.
//!
//! [`AdminListener::bind`] takes the address before anything serves, [`Control::new`] assembles
//! what answers on it, [`Control::serve`] answers, and tends the target groups, until it is told to
//! stop. It changes the node only through the doors of the floor below: the store's, the groups'.

mod api;
mod cause;
mod certificates;
mod client;
mod command;
mod guesses;
mod keeper;
mod keys;
mod listener;
mod readiness;
mod root_key;
mod serve;
#[cfg(test)]
mod tests;
mod timestamp;

pub use api::{Control, Setup};
pub use certificates::{
    CertificatesOnline, JournalError, Orders, OrdersError, certificates_offline,
    certificates_online, certificates_untimely, certificates_usable,
};
pub use client::{Client, ClientError, Kind, Outcome};
pub use command::{Exit, Invalidate, Status, invalidate, status};
pub use keys::{Keyring, Permission, Principal, Refusal};
pub use listener::{AdminListener, BindError};
pub use readiness::{Phase, Readiness};
pub use root_key::{RootKey, RootKeyError};
