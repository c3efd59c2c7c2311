//! Certificates by server name: loaded from the user's files, looked up at every handshake.

mod certificate;
mod directory;

pub use certificate::{Certificate, CertificateError};
pub use directory::{Directory, Presented};
