//! Listeners of our own: from an accepted connection to a stream that Pingora can serve.

mod accept;
pub(crate) mod connection;
mod date;
mod deadline;
mod guard;
mod h2;
mod handshake;
pub(crate) mod own;
mod refusal;
mod sockets;
mod stream;
mod transport;

pub(crate) use accept::Acceptor;
pub(crate) use h2::PASSED_ON;
pub use sockets::{BindError, Bound, Spoken};
pub(crate) use transport::PingoraStream;
