//! What the keepers of all sites work with.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use warmfront_certs::{Certificates, Storage};
use warmfront_config::{Acme, BeforeFirst, Config, Credentials, DnsPublisher};
use warmfront_dns::{Publisher, SigningKeys};
use warmfront_origin::{CredentialSource, Resolver};
use warmfront_semantics::sigv4::Keys;
use warmfront_state::Database;

use super::authorities::Authorities;
use super::counts::Counts;
use super::journal::{Journal, JournalError};
use super::pointing::Pointer;
use crate::cause::sentence_of;

/// Attempts that are made at once on this node.
const ATTEMPTS_MAX: usize = 4;
/// Sites whose hosts are looked at at once.
const LOOKS_MAX: usize = 16;
/// Sites for which an authority is asked at once when it would like to renew.
const QUESTIONS_MAX: usize = 4;

/// What the keepers of all sites share.
pub(crate) struct Ground {
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) journal: Journal,
    pub(crate) pointer: Pointer,
    pub(crate) publisher: Option<Publisher>,
    pub(crate) before_first: BeforeFirst,
    pub(crate) authorities: Authorities,
    pub(crate) counts: Counts,
    pub(crate) attempts: Semaphore,
    pub(crate) looks: Semaphore,
    pub(crate) questions: Semaphore,
    pub(crate) clock: fn() -> SystemTime,
    /// When the node started.
    pub(crate) started: SystemTime,
}

/// Why no certificates can be ordered.
#[derive(Debug, thiserror::Error)]
pub enum OrdersError {
    /// What was ordered before is not known.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An authority cannot be asked.
    #[error(transparent)]
    Authority(#[from] warmfront_acme::EndpointError),
    /// What is counted cannot be.
    #[error("metrics of certificates: {0}")]
    Counts(#[from] prometheus::Error),
    /// Nobody publishes TXT records.
    #[error("acme.dns: {}", sentence_of(.0))]
    Publisher(#[from] warmfront_dns::PublisherError),
}

// === impl Ground ===

impl Ground {
    /// Reads files, and opens the journal; no network.
    pub(crate) fn new(
        config: &Config,
        acme: &Acme,
        (certificates, storage): (&Arc<Certificates>, Arc<dyn Storage>),
        database: &Arc<Database>,
        resolver: &Resolver,
        clock: fn() -> SystemTime,
    ) -> Result<Self, OrdersError> {
        let journal = Journal::open(database.clone())?;
        let publisher = acme.dns.as_ref();
        let publisher = publisher
            .map(|dns| Publisher::new(dns, &config.resolver, signing_keys(dns)))
            .transpose()?;
        Ok(Self {
            pointer: Pointer::new(config, acme, resolver, certificates),
            certificates: certificates.clone(),
            storage,
            publisher,
            before_first: acme.before_first,
            authorities: Authorities::open(acme, &journal, clock)?,
            counts: Counts::new(&config.sites)?,
            journal,
            attempts: Semaphore::new(ATTEMPTS_MAX),
            looks: Semaphore::new(LOOKS_MAX),
            questions: Semaphore::new(QUESTIONS_MAX),
            clock,
            started: clock(),
        })
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// An order was placed with this authority.
    pub(crate) fn placed(&self, directory: &str, at: SystemTime) {
        self.authorities.placed(directory, at);
    }
}

pub(super) fn signing_keys(dns: &DnsPublisher) -> Option<Arc<dyn SigningKeys>> {
    match dns {
        DnsPublisher::Route53(route53) => {
            Some(Arc::new(Signer::new(&route53.credentials, &route53.region)))
        }
        DnsPublisher::Rfc2136(_) | DnsPublisher::Exec(_) => None,
    }
}

/// Signs for Route 53 with what signs for buckets.
struct Signer(CredentialSource);

// === impl Signer ===

impl Signer {
    fn new(credentials: &Credentials, region: &str) -> Self {
        Self(CredentialSource::new(credentials, region))
    }
}

#[async_trait]
impl SigningKeys for Signer {
    async fn current(&self, now: SystemTime) -> Result<Arc<Keys>, String> {
        let keys = self.0.current(now).await.map_err(|error| sentence_of(&error))?;
        keys.ok_or_else(|| "requests to Route 53 must be signed".to_owned())
    }
}
