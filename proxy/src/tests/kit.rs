//! An edge in this process, with an origin that answers what a test says.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderName, StatusCode};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use warmfront_certs::Certificates;
use warmfront_config::Config;
use warmfront_keys::{Guesses, Keyring, RootKey};
use warmfront_origin::{Ground, Origin, Resolver};
use warmfront_semantics::errand::{Fetch, Form, Scheme};
use warmfront_semantics::inspection::{Inspection, Question, Unroutable};
use warmfront_semantics::tags::Tag;
use warmfront_state::Database;
use warmfront_store::{InvalidationPath, Kind, Order, Receipt, Store, StoreLimits};

use crate::{AccessLog, Bound, Edge, Parts, Snapshot, Spoken};

/// The host of the one site.
pub(super) const HOST: &str = "www.test";

/// An edge that serves until it is dropped.
pub(super) struct Kit {
    pub(super) edge: Arc<Edge>,
    pub(super) store: Arc<Store>,
    /// `<id>.<secret>` of the root key.
    pub(super) root: String,
    pub(super) origin: Mock,
    pub(super) metrics: prometheus::Registry,
    address: SocketAddr,
    _state: TempDir,
    _stop: watch::Sender<bool>,
}

/// An origin that gives one answer at a time, and keeps what it was asked.
#[derive(Clone)]
pub(super) struct Mock {
    answer: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

/// A response as a client got it.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) body: String,
}

/// The head and body of an answer with these fields, each `name: value`.
pub(super) fn answer(status: &str, fields: &[&str], body: &str) -> String {
    let fields = lines(fields);
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{fields}\r\n{body}")
}

fn lines(fields: &[&str]) -> String {
    fields.iter().flat_map(|field| [*field, "\r\n"]).collect()
}

// === impl Kit ===

impl Kit {
    /// An edge whose one site says this beside its host and origin.
    pub(super) async fn start(site: &str) -> Self {
        let origin = Mock { answer: Arc::default(), asked: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(site, listener.local_addr().unwrap());
        tokio::spawn(origin.clone().serve(listener));
        let state = tempfile::tempdir().unwrap();
        let root = RootKey::open(state.path()).unwrap();
        let token = root.token().reveal().to_owned();
        let database = Database::in_memory().unwrap();
        let limits = StoreLimits { memory_bytes: 64 << 20, object_bytes: 1 << 20, workers: 1 };
        let store = Arc::new(Store::open(&limits, database.clone(), crate::now).unwrap());
        let keyring = Keyring::open(&root, &config.keys, database, state.path(), crate::now());
        let resolver = Resolver::new(&config.resolver).unwrap();
        let ground = Ground { resolver, registrations: None, now: Instant::now() };
        let origins = config.origins.values().map(|it| Origin::new(it, &ground).unwrap());
        let origins: Vec<Origin> = origins.flatten().collect();
        let metrics = prometheus::Registry::new();
        let edge = Edge::new(Parts {
            snapshot: Snapshot::new(config.clone(), &origins, &store),
            certificates: Certificates::load(&config).unwrap(),
            store: store.clone(),
            registry: metrics.clone(),
            access_log: AccessLog::open(&config.log).unwrap(),
            keyring: Arc::new(keyring.unwrap()),
            guesses: Arc::new(Guesses::default()),
        });
        let edge = edge.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stops) = watch::channel(false);
        let bound = vec![Bound { listener, spoken: Spoken::Http }];
        tokio::spawn(edge.clone().serve(bound, stops));
        let kit =
            Self { edge, store, root: token, origin, metrics, address, _state: state, _stop: stop };
        // Whoever was answered once is served by what serves all.
        kit.origin.says(&answer("404 Not Found", &["cache-control: no-store"], ""));
        kit.get("/is-it-there", &[]).await;
        kit.origin.asked.lock().clear();
        kit
    }

    /// A GET over a connection of its own, with these fields beside Host.
    pub(super) async fn get(&self, target: &str, fields: &[&str]) -> Got {
        let fields = lines(fields);
        let head =
            format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n{fields}\r\n");
        self.send(&head).await
    }

    /// Any request, and the whole of what comes back.
    pub(super) async fn send(&self, request: &str) -> Got {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        tcp.read_to_end(&mut bytes).await.unwrap();
        Got::read(&String::from_utf8_lossy(&bytes))
    }

    pub(super) fn invalidate(&self, paths: &[&str], tags: &[&str], kind: Kind) -> String {
        let order = Order {
            site: "www".to_owned(),
            paths: paths.iter().map(|path| InvalidationPath::parse(path).unwrap()).collect(),
            tags: tags.iter().map(|tag| Tag::parse(tag).unwrap()).collect(),
            kind,
            reference: None,
            by: "deploy".to_owned(),
            prefetch: None,
        };
        match self.store.invalidate(order, crate::now()).unwrap() {
            Receipt::New(done) => done.id,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn inspect(&self, target: &str, fields: &[&str]) -> Result<Inspection, Unroutable> {
        let question = Question::read(&format!("http://{HOST}{target}"), "GET", fields).unwrap();
        self.edge.inspect(&question)
    }
}

/// A prefetch of a path, in the clear and not compressed.
pub(super) fn fetch(target: &str) -> Fetch {
    let (scheme, host) = (Scheme::Http, HOST.to_owned());
    Fetch { scheme, host, target: target.to_owned(), form: Form::Identity, keep: None }
}

fn config(site: &str, origin: SocketAddr) -> Arc<Config> {
    let text = format!(
        "[listen]\nhttp = [\"127.0.0.1:80\"]\nhttps = []\nworkers = 1\nstate = \"/tmp\"\n\
         [log]\naccess = \"off\"\n\
         [origins.app]\ntargets = [\"{origin}\"]\nconnect_timeout = \"1s\"\nattempts = 1\n\
         [sites.www]\nhosts = [\"{HOST}\"]\norigin = \"app\"\nviewer = \"allow-all\"\n{site}\n"
    );
    let parsed = warmfront_config::parse(&text, Path::new("/tmp/warmfront.toml"), &|_| None);
    Arc::new(parsed.unwrap_or_else(|problems| panic!("{problems}")))
}

// === impl Mock ===

impl Mock {
    /// From now on.
    pub(super) fn says(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock());
    }

    /// The heads of all requests so far, in lower case.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }

    /// Until it was asked so often.
    pub(super) async fn was_asked(&self, times: usize) {
        while self.asked.lock().len() < times {
            tokio::task::yield_now().await;
        }
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(self.clone().answer(tcp));
        }
    }

    async fn answer(self, mut tcp: TcpStream) {
        let mut head = Vec::new();
        while let Ok(byte) = tcp.read_u8().await {
            head.push(byte);
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            self.asked.lock().push(String::from_utf8_lossy(&head).to_lowercase());
            head.clear();
            let answer = self.answer.lock().clone();
            // Nothing to say is a hang-up.
            if answer.is_empty() || tcp.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

// === impl Got ===

impl Got {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap();
        let mut fields = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            fields.append(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        Self { status: status.parse().unwrap(), fields, body: body.to_owned() }
    }
}
