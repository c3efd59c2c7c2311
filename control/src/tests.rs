//! What a client of the control API sees: real sockets, a real store, a real ledger.

mod access;
mod certificates;
mod client;
mod invalidate;
mod listen;
pub(crate) mod node;
mod origins;
mod targets;
mod watch;
