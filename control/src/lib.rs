//! The control plane: the API on `listen.admin`, and the client that the command line talks to it
//! with.
//!
//! [`AdminListener::bind`] takes the address before anything serves, [`Control::new`] assembles
//! what answers on it, [`Control::serve`] answers, and tends the target groups, until it is told to
//! stop. It changes the node only through the doors of the floor below: the store's, the groups'.

mod admin_tls;
mod api;
mod cause;
mod certificates;
mod client;
mod cloudfront;
mod command;
mod data_plane;
mod entity;
mod keeper;
mod listener;
mod prefetch;
mod readiness;
mod serve;
#[cfg(test)]
mod tests;
mod timestamp;

pub use api::{Control, Setup};
pub use certificates::{
    CertificatesOnline, JournalError, Orders, OrdersError, certificates_offline,
    certificates_online, certificates_untimely, certificates_usable,
};
pub use client::{ElsewhereError, elsewhere};
pub use command::{
    Audience, Console, CreateKey, ENVIRONMENT, Entrance, Exit, Inspect, Invalidate, Invalidations,
    KeyGrant, Keys, RotateKey, Status, inspect, invalidate, invalidations, keys, status,
};
pub use data_plane::DataPlane;
pub use listener::{AdminListener, BindError};
pub use readiness::{Phase, Readiness};
