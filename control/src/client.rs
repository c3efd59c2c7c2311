//! What the command line talks to a running node with.

mod exchange;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use warmfront_config::{AdminAddr, Config, Secret};

use crate::listener::Named;
use crate::root_key::{RootKey, RootKeyError};
use exchange::Answer;

/// A client of one node's control API.
#[derive(Debug, Clone)]
pub struct Client {
    address: AdminAddr,
    token: Secret,
}

/// What an invalidation came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whether it was done.
    pub kind: Kind,
    /// The site it was for.
    pub site: String,
    /// Stored responses it took, or would take, out of service.
    pub matched: u64,
    /// What they hold, in bytes.
    pub bytes: u64,
    /// The node's answer as it came.
    pub json: Value,
}

/// Whether an invalidation was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Now, under this id.
    Done(String),
    /// Before, by the same reference, under this id.
    Repeated(String),
    /// It was only asked what it would take.
    DryRun,
}

/// Why the node did not do what was asked. Each is a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no root key to be had.
    #[error("{0}; run as the user warmfront runs as, or set WARMFRONT_KEY")]
    Key(#[source] RootKeyError),
    /// A key of another shape was given.
    #[error("WARMFRONT_KEY is not `<id>.<secret>`")]
    BadKey,
    /// Nobody listens there.
    #[error("no warmfront answers at {address} ({cause}): is it running?")]
    Unreachable {
        /// The admin address.
        address: String,
        /// What the system says.
        cause: String,
    },
    /// The connection ended before the answer did.
    #[error("the connection to {address} broke before the answer came: {cause}")]
    Broken {
        /// The admin address.
        address: String,
        /// What was seen.
        cause: String,
    },
    /// It took too long. It may still be done.
    #[error("{address} did not answer within {} s", after.as_secs())]
    Silent {
        /// The admin address.
        address: String,
        /// How long was waited.
        after: Duration,
    },
    /// Whatever answered does not speak this API.
    #[error("what answers at {address} with status {status} is no warmfront of this version")]
    Foreign {
        /// The admin address.
        address: String,
        /// Its status.
        status: StatusCode,
    },
    /// The node said no.
    #[error("{detail}")]
    Refused {
        /// The node's sentence.
        detail: String,
        /// The whole problem (RFC 9457).
        problem: Value,
    },
}

/// What is read of the node's answer to an invalidation.
#[derive(Debug, Deserialize)]
struct Answered {
    id: Option<String>,
    site: String,
    matched: u64,
    bytes: u64,
}

// === impl Client ===

impl Client {
    /// A client of the node that runs with this configuration: with `key` if there is one, else
    /// with the root key from the state directory. Fails if that cannot be read.
    pub fn from_config(config: &Config, key: Option<&str>) -> Result<Self, ClientError> {
        let token = match key {
            Some(key) => given(key).ok_or(ClientError::BadKey)?,
            None => RootKey::read(&config.listen.state).map_err(ClientError::Key)?.token(),
        };
        Ok(Self::new(config.listen.admin.clone(), token))
    }

    /// A client of the node at this admin address, with this `<id>.<secret>`.
    pub fn new(address: AdminAddr, token: Secret) -> Self {
        Self { address: reachable(address), token }
    }

    /// Takes stored responses of a site out of service; the site may be left out if the node has
    /// only one. When this returns, no request is served one of them again.
    pub async fn invalidate(
        &self,
        site: Option<&str>,
        paths: &[String],
        dry_run: bool,
        reference: Option<&str>,
    ) -> Result<Outcome, ClientError> {
        let order = json!({
            "site": site,
            "paths": paths,
            "dry_run": dry_run,
            "reference": reference,
        });
        let body = Some(order.to_string());
        let path = "/invalidate";
        let answer = exchange::send(&self.address, &self.token, Method::POST, path, body).await?;
        let json = self.read(&answer)?;
        let foreign = || self.foreign(answer.status);
        let answered = Answered::deserialize(&json).map_err(|_| foreign())?;
        let kind = match (answered.id, answer.status) {
            (None, _) => Kind::DryRun,
            (Some(id), StatusCode::CREATED) => Kind::Done(id),
            (Some(id), _) => Kind::Repeated(id),
        };
        Ok(Outcome {
            kind,
            site: answered.site,
            matched: answered.matched,
            bytes: answered.bytes,
            json,
        })
    }

    /// What the node answers to a GET: a JSON object. A node that is not ready says so in one, too.
    pub async fn look(&self, path: &str) -> Result<Map<String, Value>, ClientError> {
        let answer = exchange::send(&self.address, &self.token, Method::GET, path, None).await?;
        match self.read(&answer)? {
            Value::Object(fields) => Ok(fields),
            _ => Err(self.foreign(answer.status)),
        }
    }

    /// The JSON of an answer that is no refusal.
    fn read(&self, answer: &Answer) -> Result<Value, ClientError> {
        let foreign = || self.foreign(answer.status);
        let json: Value = serde_json::from_slice(&answer.body).map_err(|_| foreign())?;
        if answer.status.is_success() || json.get("ready").is_some() {
            return Ok(json);
        }
        let detail = json.get("detail").and_then(Value::as_str).map(str::to_owned);
        Err(match detail {
            Some(detail) => ClientError::Refused { detail, problem: json },
            None => foreign(),
        })
    }

    fn foreign(&self, status: StatusCode) -> ClientError {
        ClientError::Foreign { address: Named(&self.address).to_string(), status }
    }
}

fn given(key: &str) -> Option<Secret> {
    let key = key.trim();
    let (id, secret) = key.split_once('.')?;
    let is_whole = !id.is_empty() && !secret.is_empty();
    (is_whole && !key.chars().any(char::is_control)).then(|| Secret::new(key))
}

/// A node that listens on every address of the machine is asked on its loopback address.
fn reachable(address: AdminAddr) -> AdminAddr {
    match address {
        AdminAddr::Tcp(socket) if socket.ip().is_unspecified() => {
            let loopback = match socket.ip() {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            };
            AdminAddr::Tcp(SocketAddr::new(loopback, socket.port()))
        }
        address => address,
    }
}
