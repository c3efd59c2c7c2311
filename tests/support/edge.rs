//! The program under test, with a directory, an address and a certificate of its own.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;
use tempfile::TempDir;
use warmfront_demo::authority::{Authority, Leaf};

use super::client::{self, Answer, Ask, Place};
use super::process::{POLL, Process, Signal};
use super::program::{Ended, WARMFRONT, output, warmfront};

/// A running edge; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) process: Process,
    setup: Setup,
}

/// An edge about to be started.
#[derive(Debug)]
pub(crate) struct Setup {
    dir: TempDir,
    pub(crate) place: Arc<Place>,
    pub(crate) admin: SocketAddr,
    environment: Vec<(String, String)>,
    program: PathBuf,
}

// === impl Setup ===

impl Setup {
    /// `rest` is the configuration behind `[listen]` and the certificate.
    pub(crate) fn new(rest: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ip = own_address();
        let [http, https, admin] = free_ports(ip);
        let authority = Authority::open(dir.path(), warmfront_proxy::now()).unwrap();
        let names = ["www.example.test", "*.example.test", &ip.to_string()];
        let Leaf { chain, key } = authority.issue(&names, warmfront_proxy::now()).unwrap();
        std::fs::write(dir.path().join("chain.pem"), chain).unwrap();
        std::fs::write(dir.path().join("key.pem"), key).unwrap();
        let listen = format!(
            r#"
[listen]
http = ["{http}"]
https = ["{https}"]
admin = "{admin}"
state = "state"
workers = 2

[[tls.certificates]]
chain = "chain.pem"
key = "key.pem"
"#
        );
        std::fs::write(dir.path().join("warmfront.toml"), listen + rest).unwrap();
        let ca = authority.pem().to_owned();
        let place = Arc::new(Place { http, https, ca });
        Self { place, admin, environment: Vec::new(), program: WARMFRONT.into(), dir }
    }

    /// Runs it by another program, which must become it.
    pub(crate) fn by(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// Sets a variable of the edge's environment, which holds nothing but `PATH` and `HOME`.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where configuration, certificate and state are.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir().join("warmfront.toml")
    }

    /// Changes the configuration file.
    pub(crate) fn rewrite(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        std::fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    /// Runs a command of the program with this configuration to its end.
    pub(crate) async fn command(&self, words: &[&str]) -> Ended {
        let mut command = warmfront();
        command.env_clear().envs(self.variables());
        output(command.args(words).arg("--config").arg(self.config())).await
    }

    /// Starts it, and waits until it is ready.
    pub(crate) async fn start(self) -> Edge {
        let mut process = self.spawn();
        while !is_ready(self.admin).await {
            assert!(process.is_running(), "the edge ended");
            tokio::time::sleep(POLL).await;
        }
        Edge { process, setup: self }
    }

    /// As [`Self::start`], of one whose control API is served under TLS.
    pub(crate) async fn start_sealed(self) -> Edge {
        let process = self.spawn();
        process.stderr.find(|line| line.contains(r#""message":"serving""#)).await;
        Edge { process, setup: self }
    }

    fn spawn(&self) -> Process {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.variables());
        Process::spawn(command.arg("run").arg("--config").arg(self.config()))
    }

    fn variables(&self) -> Vec<(String, String)> {
        let own = [
            ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
            ("HOME".to_owned(), self.dir().display().to_string()),
            // There is none, and looking for it takes seconds.
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ];
        own.into_iter().chain(self.environment.clone()).collect()
    }
}

// === impl Edge ===

impl Edge {
    pub(crate) async fn start(rest: &str) -> Self {
        Setup::new(rest).start().await
    }

    /// One site, `www`, whose answers come from the targets; clients may use HTTP too.
    pub(crate) async fn before(targets: &[SocketAddr]) -> Self {
        Self::start(&before(targets)).await
    }

    /// As [`Self::before`], with these keys of the target group.
    pub(crate) async fn grouping(targets: &[SocketAddr], keys: &str) -> Self {
        Self::start(&before(targets).replace("\n[sites", &format!("{keys}\n\n[sites"))).await
    }

    /// Stops it and starts it again on what it left on disk.
    pub(crate) async fn restart(mut self) -> Self {
        self.process.terminate();
        let status = self.process.exit().await;
        assert!(status.success(), "{status}");
        drop(self.process);
        self.setup.start().await
    }

    /// SIGKILL: it is gone when this returns, and what it left on disk can be started again.
    pub(crate) async fn kill(mut self) -> Setup {
        self.process.signal(Signal::Kill);
        self.process.exit().await;
        self.setup
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// A GET over HTTP/2.
    pub(crate) async fn get(&self, host: &str, path: &str) -> Answer {
        self.ask("GET", host, path).send().await
    }

    /// A request over HTTP/2, unless it says otherwise.
    pub(crate) fn ask(&self, method: &str, host: &str, path: &str) -> Ask {
        Ask::new(self.setup.place.clone(), method, host, path)
    }

    /// A GET of the control API, without a key.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        client::plain(self.setup.admin, "GET", path, &[], "").await.unwrap()
    }

    /// Waits until this many clients are connected.
    pub(crate) async fn connected(&self, clients: usize) {
        while self.metric("warmfront_connections ").await != clients {
            tokio::time::sleep(POLL).await;
        }
    }

    /// The value of the one metric whose line begins like this; 0 without one.
    pub(crate) async fn metric(&self, line: &str) -> usize {
        let metrics = self.admin("/metrics").await;
        let mut lines = metrics.text().lines();
        let value = lines.find_map(|it| it.strip_prefix(line));
        value.map_or(0, |value| value.trim().parse().unwrap())
    }

    /// `POST /invalidate` with the root key.
    pub(crate) async fn invalidate(&self, order: &str) -> Answer {
        self.invalidate_as(&self.root_key(), order).await
    }

    /// `POST /invalidate` with any key.
    pub(crate) async fn invalidate_as(&self, key: &str, order: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        let fields = [("authorization", &*bearer), ("content-type", "application/json")];
        client::plain(self.setup.admin, "POST", "/invalidate", &fields, order).await.unwrap()
    }

    /// A request of the control API with the root key; a body is JSON.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.root_key());
        let fields = [("authorization", &*bearer), ("content-type", "application/json")];
        client::plain(self.setup.admin, method, path, &fields, body).await.unwrap()
    }

    /// A target of `app`, as the API shows it.
    pub(crate) async fn target(&self, address: SocketAddr) -> Value {
        let place = format!("/origins/app/targets/{address}");
        self.control("GET", &place, "").await.json()
    }

    /// Waits until a target of `app` is in a state, and says how it is then.
    pub(crate) async fn target_is(&self, address: SocketAddr, state: &str) -> Value {
        loop {
            let shown = self.target(address).await;
            if shown["state"] == state {
                return shown;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The certificate of a site, as the API shows it.
    pub(crate) async fn certificate(&self, site: &str) -> Value {
        let shown = self.control("GET", "/certificates", "").await.json();
        let all = shown["certificates"].as_array().unwrap_or_else(|| panic!("{shown}"));
        let of_site = all.iter().find(|it| it["site"] == site);
        of_site.unwrap_or_else(|| panic!("{site} in {shown}")).clone()
    }

    /// Waits until the certificate of a site is in a state, and says how it is then.
    pub(crate) async fn certificate_is(&self, site: &str, state: &str) -> Value {
        loop {
            let shown = self.certificate(site).await;
            if shown["state"] == state {
                return shown;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the log has told of a site's certificate so far, in order.
    pub(crate) fn certificate_log(&self, site: &str) -> Vec<String> {
        let lines = self.process.stderr.text();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of_site = lines.filter(|line| line["site"] == site);
        let told = of_site.filter_map(|line| {
            let told = line["message"].as_str()?.strip_prefix("certificate: ")?;
            Some(told.to_owned())
        });
        told.collect()
    }

    pub(crate) fn root_key(&self) -> String {
        let key = std::fs::read_to_string(self.setup.dir().join("state/root.key")).unwrap();
        key.trim().to_owned()
    }

    /// The access log's line for a path.
    pub(crate) async fn logged(&self, path: &str) -> Value {
        let wanted = format!(r#""path":"{path}""#);
        let line = self.process.stdout.find(|line| line.contains(&wanted));
        serde_json::from_str(&line.await).unwrap()
    }
}

/// The configuration of [`Edge::before`].
pub(crate) fn before(targets: &[SocketAddr]) -> String {
    let targets: Vec<String> = targets.iter().map(|it| format!("\"{it}\"")).collect();
    format!(
        r#"
[origins.app]
targets = [{}]

[sites.www]
hosts = ["www.example.test"]
origin = "app"
viewer = "allow-all"
"#,
        targets.join(", ")
    )
}

async fn is_ready(admin: SocketAddr) -> bool {
    let answer = client::plain(admin, "GET", "/ready", &[], "").await;
    answer.is_ok_and(|answer| answer.status == StatusCode::OK)
}

/// An address of the loopback network that nobody else is on, so that ports found free stay free.
pub(crate) fn own_address() -> Ipv4Addr {
    let [_, b, c, d] = rand::random::<u32>().to_be_bytes();
    Ipv4Addr::new(127, b.max(1), c, d.clamp(1, 254))
}

/// Ports that are free on an address of one's own.
pub(crate) fn free_ports<const N: usize>(ip: Ipv4Addr) -> [SocketAddr; N] {
    let held = [(); N].map(|()| TcpListener::bind(SocketAddrV4::new(ip, 0)).unwrap());
    held.map(|listener| listener.local_addr().unwrap())
}
