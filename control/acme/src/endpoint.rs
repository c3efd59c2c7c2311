//! One configured authority.

use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderValue;
use http::header::USER_AGENT;
use serde_json::Value;
use tokio::sync::Mutex;
use warmfront_config as config;

use crate::authority::Authority;
use crate::https::{Https, RootsError};
use crate::instant;
use crate::journal::Accounts;
use crate::refusal::{Blame, Refusal};
use crate::renewal::Window;

/// What this program is called in requests.
pub(crate) const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("warmfront/", env!("CARGO_PKG_VERSION")));

/// One configured authority, and how it is reached. Shared by all attempts.
pub struct Endpoint {
    pub(crate) settings: config::Authority,
    pub(crate) email: Option<String>,
    pub(crate) https: Https,
    pub(crate) clock: fn() -> SystemTime,
    /// Held by whoever makes an account: authorities count them.
    pub(crate) registering: Mutex<()>,
}

/// An account of ours at an authority, for one attempt.
pub struct LoggedIn(pub(crate) Box<dyn Authority>);

/// An authority cannot be reached by what the configuration says.
#[derive(Debug, thiserror::Error)]
#[error("acme: {name} cannot be asked: {source}")]
pub struct EndpointError {
    name: String,
    source: RootsError,
}

// === impl Endpoint ===

impl Endpoint {
    /// Reads `ca_file`, or the roots of the system; asks nobody yet. `clock` tells how far off a
    /// `Retry-After` is.
    pub fn new(
        settings: &config::Authority,
        email: Option<&str>,
        clock: fn() -> SystemTime,
    ) -> Result<Self, EndpointError> {
        let https = Https::new(settings.ca_file.as_deref())
            .map_err(|source| EndpointError { name: settings.name.clone(), source })?;
        Ok(Self {
            settings: settings.clone(),
            email: email.map(str::to_owned),
            https,
            clock,
            registering: Mutex::default(),
        })
    }

    /// For people: `letsencrypt`.
    pub(crate) fn name(&self) -> &str {
        &self.settings.name
    }

    /// The URL of its directory: what its account and its certificates are filed under.
    pub(crate) fn directory(&self) -> &str {
        &self.settings.directory
    }

    /// Whether its directory is there (RFC 8555 §7.1.1). Needs no account.
    pub async fn probe(&self) -> Result<(), Refusal> {
        let url = self.directory();
        let refused =
            |did: &str| Refusal::new(Blame::Authority, format!("{} ({url}) {did}", self.name()));
        let request = http::Request::get(url).header(USER_AGENT, AGENT).body(Bytes::new());
        let request = request.map_err(|error| refused(&format!("cannot be asked: {error}")))?;
        let answer = self.https.exchange(request).await;
        let answer = answer.map_err(|error| refused(&format!("did not answer: {error}")))?;
        let directory: Option<Value> = serde_json::from_slice(answer.body()).ok();
        let takes_orders = directory.is_some_and(|it| it["newOrder"].is_string());
        if answer.status().is_success() && takes_orders {
            return Ok(());
        }
        let status = answer.status();
        if let Some(said) = instant::said(&answer) {
            return Err(refused(&format!("answered {status}: {said}")));
        }
        Err(refused(&format!("answered {status} with something that is no ACME directory")))
    }

    /// When the authority would like this certificate, in DER, to be renewed (RFC 9773); `None`
    /// where it has no opinion on this one or on any. Needs no account.
    pub async fn renewal_window(&self, leaf: &[u8]) -> Result<Option<Window>, Refusal> {
        instant::renewal_window(self, leaf).await
    }

    /// Speaks with the authority for one attempt. The account is the one that is kept, if the
    /// authority still knows it; else it is made, and kept before it is used.
    pub async fn log_in(&self, accounts: &dyn Accounts) -> Result<LoggedIn, Refusal> {
        instant::log_in(self, accounts).await.map(LoggedIn)
    }
}

// === impl LoggedIn ===

impl LoggedIn {
    /// The URL of the authority's directory.
    pub fn directory(&self) -> &str {
        self.0.directory()
    }

    /// The URL of the account.
    pub fn account(&self) -> &str {
        self.0.account()
    }
}
