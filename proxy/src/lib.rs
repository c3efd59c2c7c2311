//! The data plane: from an accepted connection to the last byte and its log line.
//!
//! A request walks through rooms in one direction. Each reads what earlier rooms produced and writes
//! one thing; [`service`] is the only place that branches on what they return.
//!
//! `listen` → `route` → `gate` → `key` → `lookup` → `select` → `forward` → `admit` → `shape` →
//! `observe`, and `failure` beside them all.

mod access_log;
mod admit;
mod answer;
mod clock;
mod collapse;
mod context;
mod edge;
mod effects;
mod explain;
mod failure;
mod forward;
mod gate;
mod inspect;
mod key;
mod listen;
mod lookup;
mod metrics;
mod observe;
mod pages;
mod policy;
mod prefetch;
mod request;
mod route;
mod select;
mod service;
mod shape;
mod snapshot;
mod stale;
#[cfg(test)]
mod tests;
mod validate;
mod walk;

pub use access_log::{AccessLog, AccessLogError};
pub use clock::now;
pub use edge::{Edge, Parts};
pub use listen::{BindError, Bound, Spoken};
pub use snapshot::Snapshot;
