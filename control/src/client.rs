//! What the command line talks to a running node with.

mod elsewhere;
mod exchange;
mod tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Map, Value};
use warmfront_config::{AdminAddr, AdminTls, Secret, Whereabouts};
use warmfront_keys::{RootKey, RootKeyError};

pub use elsewhere::{ElsewhereError, elsewhere};

use crate::listener::Named;
use exchange::Answer;
use tls::Trust;

/// A client of one node's control API.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: AdminAddr,
    token: Secret,
    /// `None` is without TLS.
    trust: Option<Trust>,
}

/// An answer that is no refusal.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// `null` if it has no body.
    pub(crate) json: Value,
}

/// Why the node did not do what was asked. Each is a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// There is no root key to be had.
    #[error("{0}; run as the user warmfront runs as, or set WARMFRONT_KEY")]
    Key(#[source] RootKeyError),
    /// A node on another machine is asked, and its root key is there.
    #[error("WARMFRONT_ADMIN needs WARMFRONT_KEY, an `<id>.<secret>` that the node there knows")]
    Keyless,
    /// What was to be a secret of somebody's is not there, and the root key is not meant.
    #[error(
        "WARMFRONT_KEY is empty: unset it to use this machine's root key, or give `<id>.<secret>`"
    )]
    EmptyKey,
    /// A key of another shape was given.
    #[error("WARMFRONT_KEY is not `<id>.<secret>`")]
    BadKey,
    /// Who listens on the way could read the key, and whoever has that address would get it.
    #[error(
        "listen.admin: {0} is no address of this machine, and without TLS the key would cross the \
         network in clear: on the node give it listen.admin_tls, and here WARMFRONT_ADMIN=https://…"
    )]
    Clear(SocketAddr),
    /// Nobody's certificate could be for this name.
    #[error("listen.admin_tls: no certificate could be for {0}")]
    Nameless(String),
    /// Several keys have the name that was given in the place of an id.
    #[error("`{name}` is the name or the id of more than one key: {ids}")]
    Ambiguous {
        /// The name.
        name: String,
        /// Theirs, with commas between.
        ids: String,
    },
    /// What was to be asked is no request.
    #[error("this cannot be asked for: {0}")]
    Unaskable(String),
    /// Nobody listens there.
    #[error("no warmfront answers at {address} ({cause}): is it running?")]
    Unreachable {
        /// The admin address.
        address: String,
        /// What the system says.
        cause: String,
    },
    /// There is no TLS to be had with whatever listens, or its certificate is not to be trusted.
    #[error("no TLS with {address} as {name} (listen.admin_tls): {cause}{hint}")]
    Insecure {
        /// The admin address.
        address: String,
        /// A host of the site that `admin_tls` names.
        name: String,
        /// What was seen.
        cause: String,
        /// What may be behind it.
        hint: &'static str,
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

// === impl ClientError ===

impl ClientError {
    /// Whether the key has not the right to it.
    pub(crate) fn is_forbidden(&self) -> bool {
        let status = StatusCode::FORBIDDEN.as_u16();
        matches!(self, Self::Refused { problem, .. } if problem["status"] == status)
    }
}

// === impl Client ===

impl Client {
    /// A client of the node that runs there: with `key` if there is one, else with the root key
    /// from the state directory. Fails if that cannot be read.
    pub(crate) fn from_config(node: &Whereabouts, key: Option<&str>) -> Result<Self, ClientError> {
        let token = match (key, &node.state) {
            (Some(key), _) if key.trim().is_empty() => return Err(ClientError::EmptyKey),
            (Some(key), _) => given(key).ok_or(ClientError::BadKey)?,
            (None, Some(state)) => RootKey::read(state).map_err(ClientError::Key)?.token(),
            (None, None) => return Err(ClientError::Keyless),
        };
        let trust = match &node.tls {
            None => None,
            Some(tls) => {
                let trust = Trust::of(tls, node.state.as_deref());
                Some(trust.ok_or_else(|| ClientError::Nameless(tls.name.clone()))?)
            }
        };
        let address = reachable(node.admin.clone());
        match address {
            AdminAddr::Tcp(socket) if trust.is_none() && !is_own(socket) => {
                Err(ClientError::Clear(socket))
            }
            address => Ok(Self { address, token, trust }),
        }
    }

    /// Sends a request, with a body or with none. Fails if it is refused.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, ClientError> {
        let body = body.map(Value::to_string);
        let Answer { status, body } = exchange::send(self, method, path, body).await?;
        let foreign = || self.foreign(status);
        if status == StatusCode::NO_CONTENT {
            return Ok(Reply { status, json: Value::Null });
        }
        let json: Value = serde_json::from_slice(&body).map_err(|_| foreign())?;
        // A node that is not ready says so with a status of its own.
        if status.is_success() || json.get("ready").is_some() {
            return Ok(Reply { status, json });
        }
        let detail = json.get("detail").and_then(Value::as_str).map(str::to_owned);
        Err(match detail {
            Some(detail) => ClientError::Refused { detail, problem: json },
            None => foreign(),
        })
    }

    /// What the node answers to a GET: a JSON object. A node that is not ready says so in one, too.
    pub(crate) async fn look(&self, path: &str) -> Result<Map<String, Value>, ClientError> {
        let reply = self.send(Method::GET, path, None).await?;
        match reply.json {
            Value::Object(fields) => Ok(fields),
            _ => Err(self.foreign(reply.status)),
        }
    }

    /// Whatever answers with this status does not speak this API.
    pub(crate) fn foreign(&self, status: StatusCode) -> ClientError {
        ClientError::Foreign { address: Named(&self.address).to_string(), status }
    }
}

/// The URL of a node's control API, as it is given to those who speak HTTP; `None` for a Unix
/// socket.
pub(crate) fn endpoint(node: &Whereabouts) -> Option<String> {
    let AdminAddr::Tcp(socket) = reachable(node.admin.clone()) else { return None };
    Some(match &node.tls {
        Some(AdminTls { name, .. }) => format!("https://{}", authority(name, socket.port())),
        None => format!("http://{socket}"),
    })
}

/// RFC 3986 §3.2.2: an IPv6 address stands in brackets.
fn authority(name: &str, port: u16) -> String {
    if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
}

fn given(key: &str) -> Option<Secret> {
    let key = key.trim();
    let (id, secret) = key.split_once('.')?;
    let is_whole = !id.is_empty() && !secret.is_empty();
    (is_whole && !key.chars().any(char::is_control)).then(|| Secret::new(key))
}

/// Whether it is an address of this machine: what is sent there would come from there. Nothing is sent.
fn is_own(address: SocketAddr) -> bool {
    let nobody: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let from = UdpSocket::bind(nobody).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    let is_same = from.is_ok_and(|from| from.ip() == address.ip());
    is_same || address.ip().to_canonical().is_loopback()
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
