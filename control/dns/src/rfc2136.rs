//! A name server that takes updates (RFC 2136), signed with a shared key (RFC 8945).

mod message;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::ProtoError;
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::{Name, TSigVerifier, TSigner};
use tokio::time::timeout;
use warmfront_config::{Rfc2136, TsigAlgorithm as Algorithm};

use crate::publisher::{PublisherError, fully_qualified, plain};
use crate::stream;
use message::{addition, deletion, verdict};

/// The most that an update may take, connecting included.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(10);
/// By how many seconds the clocks may differ (RFC 8945 §10).
const FUDGE_SECONDS: u16 = 300;

/// The primary of a zone, which takes signed updates.
pub(crate) struct Updates {
    server: SocketAddr,
    zone: Name,
    signer: TSigner,
}

/// An update that was not made, or of which nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("updating the zone `{zone}` at {server}")]
pub struct UpdateError {
    /// The name server.
    pub server: SocketAddr,
    /// The zone, without the last dot.
    pub zone: String,
    /// What went wrong.
    #[source]
    pub reason: Reason,
}

/// What went wrong with an update.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// It could not be written down.
    #[error("the update does not fit into a message")]
    Unspeakable(#[source] ProtoError),
    /// The server can not be reached, or hung up.
    #[error(transparent)]
    Connection(io::Error),
    /// The server does not answer.
    #[error("no answer within {} s", UPDATE_TIMEOUT.as_secs())]
    Silence,
    /// What came is no answer to the update.
    #[error("the answer is to no update of ours")]
    Nonsense,
    /// The answer says yes and does not prove where it comes from.
    #[error("the answer is not signed with the key `{key}`, so it may be anybody's")]
    Unproven {
        /// The key's name.
        key: String,
    },
    /// TSIG BADKEY.
    #[error("the server does not take the key `{key}` with {algorithm} for this zone")]
    UnknownKey {
        /// The key's name.
        key: String,
        /// `hmac-sha256`.
        algorithm: String,
    },
    /// TSIG BADSIG.
    #[error("the server has another secret for the key `{key}`")]
    WrongSecret {
        /// The key's name.
        key: String,
    },
    /// TSIG BADTIME.
    #[error("the server's clock and this node's differ by more than {FUDGE_SECONDS} s")]
    Clocks,
    /// REFUSED.
    #[error("the server refuses: the key `{key}` may not change `{name}`")]
    Forbidden {
        /// The key's name.
        key: String,
        /// The record's name.
        name: String,
    },
    /// NOTAUTH: another server, or none, has the zone.
    #[error("the server is not authoritative for the zone")]
    NotAuthoritative,
    /// NOTZONE.
    #[error("the server says that `{name}` does not lie in the zone")]
    NotInZone {
        /// The record's name.
        name: String,
    },
    /// NOTIMP.
    #[error("the server takes no updates")]
    NotImplemented,
    /// Any other code.
    #[error("the server answers {code}")]
    Other {
        /// As the RFCs call it.
        code: String,
    },
}

// === impl Updates ===

impl Updates {
    pub(crate) fn new(settings: &Rfc2136) -> Result<Self, PublisherError> {
        let parsed = |name: &str| {
            fully_qualified(name)
                .map_err(|source| PublisherError::Name { name: name.to_owned(), source })
        };
        let unusable = |reason: String| PublisherError::Key { key: settings.key.clone(), reason };
        let key = STANDARD.decode(settings.secret.reveal());
        let key = key.map_err(|error| unusable(error.to_string()))?;
        let algorithm = match settings.algorithm {
            Algorithm::HmacSha256 => TsigAlgorithm::HmacSha256,
            Algorithm::HmacSha384 => TsigAlgorithm::HmacSha384,
            Algorithm::HmacSha512 => TsigAlgorithm::HmacSha512,
        };
        let signer = TSigner::new(key, algorithm, parsed(&settings.key)?, FUDGE_SECONDS)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self { server: settings.server, zone: parsed(&settings.zone)?, signer })
    }

    pub(crate) fn server(&self) -> SocketAddr {
        self.server
    }

    pub(crate) fn zone(&self) -> &Name {
        &self.zone
    }

    /// Adds one TXT record beside those that are there. `name` lies in the zone.
    pub(crate) async fn add(
        &self,
        name: &Name,
        value: &str,
        now: SystemTime,
    ) -> Result<(), UpdateError> {
        self.update(addition(&self.zone, name, value), name, now).await
    }

    /// Deletes one TXT record and none beside it.
    pub(crate) async fn delete(
        &self,
        name: &Name,
        value: &str,
        now: SystemTime,
    ) -> Result<(), UpdateError> {
        self.update(deletion(&self.zone, name, value), name, now).await
    }

    async fn update(
        &self,
        update: Message,
        name: &Name,
        now: SystemTime,
    ) -> Result<(), UpdateError> {
        let exchanged = timeout(UPDATE_TIMEOUT, self.exchange(update, name, now)).await;
        exchanged.unwrap_or(Err(Reason::Silence)).map_err(|reason| UpdateError {
            server: self.server,
            zone: plain(&self.zone),
            reason,
        })
    }

    async fn exchange(
        &self,
        mut update: Message,
        name: &Name,
        now: SystemTime,
    ) -> Result<(), Reason> {
        let (bytes, verifier) = self.signed(&mut update, now).map_err(Reason::Unspeakable)?;
        let answer = stream::exchange(self.server, &bytes).await.map_err(Reason::Connection)?;
        let key = plain(self.signer.signer_name());
        let proven =
            |answer: &[u8]| verifier.is_some_and(|mut verifier| verifier.verify(answer).is_ok());
        let verdict = verdict(update.metadata.id, &answer, proven)?;
        verdict.into_result(&key, &self.signer.algorithm().to_string(), &plain(name))
    }

    /// The update as it is sent, and what proves the answer to it.
    fn signed(
        &self,
        update: &mut Message,
        now: SystemTime,
    ) -> Result<(Vec<u8>, Option<TSigVerifier>), ProtoError> {
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let verifier = update.finalize(&self.signer, seconds)?;
        Ok((update.to_vec()?, verifier))
    }
}

impl fmt::Debug for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, zone, .. } = self;
        f.debug_struct("Updates")
            .field("server", server)
            .field("zone", zone)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
