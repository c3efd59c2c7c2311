//! A control plane on a socket of its own, and requests to it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use prometheus::Registry;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use warmfront_certs::{CertificateFolder, Certificates};
use warmfront_config::{AdminAddr, Config};
use warmfront_keys::{Keyring, RootKey};
use warmfront_origin::{Ground, Origin, Registrations, Resolver, TargetGroup};
use warmfront_store::{Store, StoreLimits};

use super::plane::Plane;
use super::{admin_tls, schema};
use crate::listener::Duplex;
use crate::{AdminListener, Control, Orders, Readiness, Setup};

/// `Bearer` and the key that may invalidate `/assets/*` of www, and read about www.
pub(super) const DEPLOY: &str = "Bearer DEPLOY.secret-of-the-deploy-key";

/// `Bearer` and the key that may change the targets of app.
pub(super) const ROLLOUT: &str = "Bearer ROLLOUT.secret-of-the-rollout-key";

const CONFIG: &str = r#"
[listen]
http = ["127.0.0.1:8080"]
https = []
admin = "ADMIN"
state = "STATE"

[origins.api]
targets = ["127.0.0.1:3000"]

[sites.www]
hosts = ["www.example.com", "*.preview.example.com"]
origin = "api"
viewer = "allow-all"

[keys.deploy]
id = "DEPLOY"
secret = "secret-of-the-deploy-key"
allow = [{ action = ["invalidate", "read"], site = "www", paths = ["/assets/*"] }]
"#;

const API_SITE: &str = r#"
[sites.api]
hosts = ["api.example.com"]
origin = "api"
viewer = "allow-all"
"#;

const ORIGINS: &str = r#"
[origins.app]
targets = ["127.0.0.1:3001", { address = "[::1]:3002", weight = 5, tier = 1 }]

[origins.checked]
targets = ["127.0.0.1:1"]
health_check = { interval = "300s", unhealthy = 10 }

[origins.web]
s3 = { bucket = "web", region = "eu-central-1", credentials = "anonymous" }

[origins.main]
primary = "app"
secondary = "web"

[sites.shop]
hosts = ["shop.example.com"]
origin = "main"
viewer = "allow-all"

[keys.rollout]
id = "ROLLOUT"
secret = "secret-of-the-rollout-key"
allow = [{ action = "targets", origin = "app" }]
"#;

/// One that orders for an address, from an authority that is not there, and has a certificate of its
/// own for a name; one whose host is nowhere; one that orders nothing.
const ORDERED: &str = r#"
[tls]
certificates = [{ chain = "STATE/own.pem", key = "STATE/own.key" }]

[acme]
agree_to_terms = true
directory = "https://127.0.0.1:1/directory"

[sites.ordered]
hosts = ["127.0.0.1", "own.example.com"]
origin = "api"
viewer = "allow-all"

[sites.lost]
hosts = ["lost.invalid"]
origin = "api"
viewer = "allow-all"

[sites.plain]
hosts = ["plain.example.com"]
origin = "api"
viewer = "allow-all"
acme = false
"#;

const OWN: &str = r#"
[tls]
certificates = [{ chain = "STATE/own.pem", key = "STATE/own.key" }]
"#;

/// Which sites the configuration has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sites {
    Www,
    WwwAndApi,
    /// The second one asks a target group, then a bucket; a third group is checked.
    WwwAndShop,
    /// The second and the third one order certificates.
    WwwAndOrdered,
    /// The API is served under the certificate of the user's own that the site has.
    WwwUnderTls,
}

pub(super) struct Node {
    pub(super) config: Config,
    pub(super) address: AdminAddr,
    pub(super) origins: Vec<Origin>,
    pub(super) readiness: Readiness,
    pub(super) plane: Arc<Plane>,
    pub(super) state: TempDir,
    pub(super) shutdown: watch::Sender<bool>,
    pub(super) served: JoinHandle<std::io::Result<()>>,
    root: String,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

// === impl Node ===

impl Node {
    pub(super) fn start(sites: Sites) -> Self {
        Self::listen(sites, "127.0.0.1:0", tempfile::tempdir().unwrap())
    }

    pub(super) fn listen(sites: Sites, admin: &str, state: TempDir) -> Self {
        Self::with(config(sites, admin, state.path()), state)
    }

    pub(super) fn with(config: Config, state: TempDir) -> Self {
        let root = RootKey::open(state.path()).unwrap();
        let limits = StoreLimits { memory_bytes: 16 << 20, object_bytes: 1 << 20, workers: 1 };
        let database = warmfront_state::Database::open(state.path()).unwrap();
        let store = Store::open(&limits, database.clone(), || SystemTime::UNIX_EPOCH).unwrap();
        let keyring = Keyring::open(&root, &config.keys, database.clone(), state.path(), clock());
        let keyring = keyring.unwrap();
        let certificates = Certificates::load(&config).unwrap();
        let plane = Arc::new(Plane::default());
        let resolver = Resolver::new(&config.resolver).unwrap();
        let storage = Arc::new(CertificateFolder::open(state.path()).unwrap());
        let whole = Arc::new(config.clone());
        let orders =
            Orders::open(&whole, &certificates, storage, &database, &resolver, clock).unwrap();
        let ground = Ground {
            resolver,
            registrations: Some(Arc::new(Registrations::open(database).unwrap())),
            now: tokio::time::Instant::now().into_std(),
        };
        let origins = config.origins.values().filter_map(|one| Origin::new(one, &ground).unwrap());
        let origins: Vec<_> = origins.collect();
        let readiness = Readiness::new();
        let control = Control::new(Setup {
            config: whole,
            store: Arc::new(store),
            origins: origins.clone(),
            certificates,
            orders,
            keyring: Arc::new(keyring),
            guesses: Arc::default(),
            data_plane: plane.clone(),
            readiness: readiness.clone(),
            registry: Registry::new(),
            clock,
        });
        let listener = AdminListener::bind(&config.listen.admin).unwrap();
        let address = listener.address().clone();
        let (shutdown, stop) = watch::channel(false);
        Self {
            config,
            address,
            origins,
            readiness,
            plane,
            state,
            shutdown,
            served: tokio::spawn(control.unwrap().serve(listener, stop)),
            root: format!("Bearer {}", root.token().reveal()),
        }
    }

    /// What is left of it is its state.
    pub(super) async fn stop(self) -> TempDir {
        self.shutdown.send(true).unwrap();
        self.served.await.unwrap().unwrap();
        self.state
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) async fn get(&self, path: &str, key: &str) -> Answer {
        let request = Request::get(path).header("authorization", key);
        self.send(request.body(String::new()).unwrap()).await
    }

    /// Without a key.
    pub(super) async fn look(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(String::new()).unwrap()).await
    }

    pub(super) async fn invalidate(&self, key: &str, order: impl ToString) -> Answer {
        self.order("POST", "/invalidate", key, order).await
    }

    /// Any method, with a JSON body.
    pub(super) async fn order(
        &self,
        method: &str,
        path: &str,
        key: &str,
        order: impl ToString,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", key)
            .header("content-type", "application/json");
        self.send(request.body(order.to_string()).unwrap()).await
    }

    pub(super) fn group(&self, name: &str) -> &Arc<TargetGroup> {
        let group = self.origins.iter().find_map(|origin| match origin {
            Origin::TargetGroup(group) if group.name() == name => Some(group),
            _ => None,
        });
        group.unwrap()
    }

    /// With `Host: localhost`, unless the request has one. What is answered is in the document.
    pub(super) async fn send(&self, request: Request<String>) -> Answer {
        let (method, target) = (request.method().to_string(), request.uri().to_string());
        let answer = self.exchange(request).await;
        if !crate::cloudfront::is_asked(&target) {
            schema::check(&method, &target, &answer);
        }
        answer
    }

    async fn exchange(&self, request: Request<String>) -> Answer {
        let stream: Box<dyn Duplex> = match &self.address {
            AdminAddr::Tcp(address) => Box::new(TcpStream::connect(address).await.unwrap()),
            AdminAddr::Unix(path) => Box::new(UnixStream::connect(path).await.unwrap()),
        };
        let stream = match self.config.listen.admin_tls {
            Some(_) => admin_tls::shake(self, "www.example.com", stream).await.unwrap(),
            None => stream,
        };
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        let localhost = || "localhost".parse().unwrap();
        request.headers_mut().entry("host").or_insert_with(localhost);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

// === impl Answer ===

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Without the times of its states: the wall clock stands still here, and what they are kept by
    /// goes on.
    pub(super) fn timeless(&self) -> Value {
        without_times(self.json())
    }

    /// Status and sentence of a problem, which must be one in every way.
    pub(super) fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert_eq!(json["title"], self.status.canonical_reason().unwrap());
        assert_eq!(json["type"], "about:blank");
        (self.status.as_u16(), json["detail"].as_str().unwrap().to_owned())
    }
}

pub(crate) fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

pub(crate) fn config(sites: Sites, admin: &str, state: &Path) -> Config {
    let more = match sites {
        Sites::Www | Sites::WwwUnderTls => "",
        Sites::WwwAndApi => API_SITE,
        Sites::WwwAndShop => ORIGINS,
        Sites::WwwAndOrdered => ORDERED,
    };
    let mut text = CONFIG.replace("ADMIN", admin) + more;
    if let Sites::WwwAndOrdered = sites {
        own_pair(state, &["own.example.com"]);
        text = text.replace("https = []", r#"https = ["127.0.0.1:8443"]"#);
        // A wildcard would need dns-01.
        text = text.replacen("viewer", "acme = false\nviewer", 1);
    }
    if let Sites::WwwUnderTls = sites {
        own_pair(state, &["www.example.com"]);
        text = text.replace("[listen]", "[listen]\nadmin_tls = \"www\"") + OWN;
    }
    let text = text.replace("STATE", state.to_str().unwrap());
    match warmfront_config::parse(&text, Path::new("/warmfront.toml"), &|_| None) {
        Ok(config) => config,
        Err(problems) => panic!("{problems:?}"),
    }
}

/// A certificate of the user's own, for these names.
pub(crate) fn own_pair(state: &Path, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(state.join("own.pem"), made.cert.pem()).unwrap();
    std::fs::write(state.join("own.key"), made.signing_key.serialize_pem()).unwrap();
}

fn without_times(shown: Value) -> Value {
    match shown {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, at)| {
                let is_day = at.as_str().is_some_and(|at| at.starts_with("2023-11-14T22:1"));
                !(name == "since" && is_day)
            });
            kept.map(|(name, value)| (name, without_times(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_times).collect(),
        plain => plain,
    }
}
