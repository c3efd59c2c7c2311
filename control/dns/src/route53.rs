//! A hosted zone of Amazon Route 53, changed over its API of 2013-04-01.
//!
//! A change replaces a record set as a whole, so what is there is read first and written back with
//! the value added or removed. Changes of one node are made one after the other; Route 53 offers
//! nothing against another node that changes the same name in the same second.

mod api;
mod documents;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hickory_proto::rr::Name;
use http::Method;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::{Instant, sleep};
use warmfront_config::Route53;
use warmfront_semantics::sigv4::push_encoded;

use crate::SigningKeys;
use crate::publisher::{PublisherError, fully_qualified, plain};
use api::Api;
use documents::{Action, Found, RecordSet, change_batch, first_text, quoted, record_set};

pub use api::CallError;

/// The most that a change may take to reach all of Route 53's servers.
const SYNC_MAX: Duration = Duration::from_mins(2);
/// From the first look at a change to the second; doubles from look to look.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// What a record set gets that was not there.
const TTL_SECONDS: u32 = 60;

/// A hosted zone.
#[derive(Debug)]
pub(crate) struct HostedZone {
    api: Api,
    id: String,
    /// Whether the API is at an endpoint of the user's own, with no DNS behind it.
    own_endpoint: bool,
    /// Asked for once.
    name: OnceCell<Name>,
    /// Between reading a record set and writing it, nobody else may write it.
    turn: Mutex<()>,
}

/// Why a record set was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Route53Error {
    /// A request had no good answer.
    #[error("{doing} the hosted zone {zone} of Route 53")]
    Call {
        /// `reading`, `changing`.
        doing: &'static str,
        /// The zone's identifier.
        zone: String,
        /// What went wrong.
        #[source]
        source: CallError,
    },
    /// It is not ours to change.
    #[error(
        "the TXT records at `{name}` are an alias or have a routing policy, and are left alone"
    )]
    Routed {
        /// The record's name.
        name: String,
    },
    /// The change is made, and not known to all of Route 53's servers.
    #[error("Route 53 did not bring the change of `{name}` to its servers within {} s", SYNC_MAX.as_secs())]
    Pending {
        /// The record's name.
        name: String,
    },
}

// === impl HostedZone ===

impl HostedZone {
    /// Nothing is connected or asked; the system's roots are read.
    pub(crate) fn new(
        settings: &Route53,
        keys: Arc<dyn SigningKeys>,
    ) -> Result<Self, PublisherError> {
        Ok(Self {
            api: Api::new(settings, keys).map_err(PublisherError::Roots)?,
            id: settings.hosted_zone_id.clone(),
            own_endpoint: settings.endpoint.is_some(),
            name: OnceCell::new(),
            turn: Mutex::default(),
        })
    }

    pub(crate) fn has_own_endpoint(&self) -> bool {
        self.own_endpoint
    }

    /// The zone's own name.
    pub(crate) async fn name(&self, now: SystemTime) -> Result<&Name, Route53Error> {
        let ask = async || {
            let path = self.path("");
            let document = self.api.call(&Method::GET, &path, "", b"", now).await?;
            let name = first_text(&document, "Name")?.ok_or(CallError::Incomplete)?;
            fully_qualified(&name).map_err(|_| CallError::Incomplete)
        };
        self.name.get_or_try_init(ask).await.map_err(self.failed("reading"))
    }

    /// Adds the value to the record set of the name, and returns when all servers know. It may be
    /// there also after an error.
    pub(crate) async fn add(
        &self,
        name: &Name,
        value: &str,
        now: SystemTime,
    ) -> Result<(), Route53Error> {
        let began = Instant::now();
        let turn = self.turn.lock().await;
        let there = self.record_set(name, now + began.elapsed()).await?;
        let mut set = there.unwrap_or(RecordSet { ttl: TTL_SECONDS, values: Vec::new() });
        let value = quoted(value);
        if !set.values.contains(&value) {
            set.values.push(value);
        }
        let batch = change_batch(Action::Upsert, &plain(name), &set);
        let change = self.change(&batch, now + began.elapsed()).await?;
        // Whoever is next reads what was written, whether all servers know it or not.
        drop(turn);
        self.wait(&change, name, now + began.elapsed()).await
    }

    /// Removes the value from the record set of the name, and the record set with its last one.
    pub(crate) async fn remove(
        &self,
        name: &Name,
        value: &str,
        now: SystemTime,
    ) -> Result<(), Route53Error> {
        let began = Instant::now();
        let _turn = self.turn.lock().await;
        match self.remove_once(name, value, now + began.elapsed()).await {
            // A deletion whose answer was lost, or somebody else's change in between: read again.
            Err(error) if error.is_outdated() => {
                self.remove_once(name, value, now + began.elapsed()).await
            }
            outcome => outcome,
        }
    }

    /// Only for the holder of the turn.
    async fn remove_once(
        &self,
        name: &Name,
        value: &str,
        now: SystemTime,
    ) -> Result<(), Route53Error> {
        let began = Instant::now();
        let Some(mut set) = self.record_set(name, now + began.elapsed()).await? else {
            return Ok(());
        };
        let value = quoted(value);
        let action = match set.values.as_slice() {
            values if !values.contains(&value) => return Ok(()),
            // What is deleted has to be named as it is.
            [_] => Action::Delete,
            _ => {
                set.values.retain(|other| *other != value);
                Action::Upsert
            }
        };
        let batch = change_batch(action, &plain(name), &set);
        self.change(&batch, now + began.elapsed()).await.map(drop)
    }

    /// The TXT records that are there.
    async fn record_set(
        &self,
        name: &Name,
        now: SystemTime,
    ) -> Result<Option<RecordSet>, Route53Error> {
        let (path, plain_name) = (self.path("/rrset"), plain(name));
        // It is a list from there on: the next name's records may be all there is.
        let mut query = String::from("maxitems=1&name=");
        plain_name.bytes().for_each(|byte| push_encoded(&mut query, byte));
        query.push_str("&type=TXT");
        let document = self.api.call(&Method::GET, &path, &query, b"", now).await;
        match document.and_then(|document| record_set(&document, name)) {
            Ok(Some(Found::Plain(set))) => Ok(Some(set)),
            Ok(Some(Found::Routed)) => Err(Route53Error::Routed { name: plain_name }),
            Ok(None) => Ok(None),
            Err(error) => Err(self.failed("reading")(error)),
        }
    }

    /// The path at which the change can be looked at.
    async fn change(&self, batch: &str, now: SystemTime) -> Result<String, Route53Error> {
        let path = self.path("/rrset");
        let change = async {
            let document = self.api.call(&Method::POST, &path, "", batch.as_bytes(), now).await?;
            let id = first_text(&document, "Id")?.ok_or(CallError::Incomplete)?;
            let id = id.rsplit('/').next().unwrap_or_default();
            let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let path = is_id.then(|| format!("{}/change/{id}", api::ROOT));
            path.ok_or(CallError::Incomplete)
        };
        change.await.map_err(self.failed("changing"))
    }

    async fn wait(&self, change: &str, name: &Name, now: SystemTime) -> Result<(), Route53Error> {
        let began = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let now = now + began.elapsed();
            let document = self.api.call(&Method::GET, change, "", b"", now).await;
            let status = document.and_then(|document| first_text(&document, "Status"));
            if status.map_err(self.failed("reading"))?.as_deref() == Some("INSYNC") {
                return Ok(());
            }
            if began.elapsed() + pause > SYNC_MAX {
                return Err(Route53Error::Pending { name: plain(name) });
            }
            sleep(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    fn path(&self, below: &str) -> String {
        format!("{}/hostedzone/{}{below}", api::ROOT, self.id)
    }

    fn failed(&self, doing: &'static str) -> impl Fn(CallError) -> Route53Error {
        move |source| Route53Error::Call { doing, zone: self.id.clone(), source }
    }
}

// === impl Route53Error ===

impl Route53Error {
    /// What was to be changed is not what is there.
    fn is_outdated(&self) -> bool {
        match self {
            Self::Call { source: CallError::Refused { code, .. }, .. } => {
                code == "InvalidChangeBatch"
            }
            Self::Call { .. } | Self::Routed { .. } | Self::Pending { .. } => false,
        }
    }
}
