//! What is shown to clients: certificates by server name, answers to the challenges of authorities,
//! and the folder in which ordered certificates are kept.
//!
//! Both planes share [`Certificates`]: the proxy asks it at every handshake, without a lock, and
//! control changes it. A change makes a new index and swaps it in; connections that are open live on
//! with what they were shown.

mod certificate;
mod certificates;
mod challenges;
mod directory;
#[cfg(test)]
mod fixtures;
mod folder;
mod offer;
mod own;
mod pair;
mod self_signed;
mod site_tls;
mod storage;

pub use certificate::Certificate;
pub use certificates::Certificates;
pub use challenges::{Challenges, challenge_server_name};
pub use folder::CertificateFolder;
pub use offer::{Presented, Source};
pub use own::{CertificateError, Own, Reload};
pub use pair::PairError;
pub use self_signed::SelfSignedError;
pub use site_tls::SiteTls;
pub use storage::{Record, Storage, StorageError, Stored};
