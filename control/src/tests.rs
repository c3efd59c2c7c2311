//! What a client of the control API sees: real sockets, a real store, a real ledger.

mod access;
mod admin_tls;
mod certificates;
mod client;
mod cloudfront;
pub(crate) mod disk;
mod inspect;
mod invalidate;
mod keys;
pub(crate) mod lines;
mod listen;
pub(crate) mod node;
mod openapi;
mod origins;
mod plane;
mod prefetch;
mod schema;
mod signed;
mod targets;
mod trail;
mod watch;
