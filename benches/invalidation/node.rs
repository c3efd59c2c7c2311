//! The program, started as users start it, and what the kernel tells of it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// What its one site answers to.
pub(crate) const HOST: &str = "www.example.test";

const POLL: Duration = Duration::from_millis(5);
/// What must come within it comes in a moment.
const PATIENCE: Duration = Duration::from_mins(1);
/// How the kernel counts processor time for whoever reads it: `USER_HZ`.
const TICK: Duration = Duration::from_millis(10);

/// A running node. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    dir: TempDir,
    http: SocketAddr,
    admin: SocketAddr,
}

/// Somebody with the root key, on a connection of their own for as long as the node keeps it.
#[derive(Debug)]
pub(crate) struct Admin {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    authorization: String,
}

// === impl Node ===

impl Node {
    /// Starts it before an origin, and waits until it is ready.
    pub(crate) async fn start(origin: SocketAddr) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let [http, admin] = free_ports();
        let file = dir.path().join("warmfront.toml");
        let config = format!(
            r#"
[listen]
http = ["{http}"]
https = []
admin = "{admin}"
state = "state"

[cache]
memory = "8GiB"

[limits]
requests_per_connection = 100000000

[origins.app]
targets = ["{origin}"]

[sites.www]
hosts = ["{HOST}"]
origin = "app"
viewer = "allow-all"
access_log = false
"#
        );
        fs::write(&file, config).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_warmfront"));
        command.arg("run").arg("--config").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("it is built");
        let node = Self { child, dir, http, admin };
        let began = Instant::now();
        while !node.is_ready().await {
            assert!(began.elapsed() < PATIENCE, "it is not ready");
            tokio::time::sleep(POLL).await;
        }
        node
    }

    /// Where clients are served.
    pub(crate) fn address(&self) -> SocketAddr {
        self.http
    }

    pub(crate) async fn admin(&self) -> Admin {
        let key = fs::read_to_string(self.dir.path().join("state/root.key")).expect("a root key");
        let sender = connect(self.admin).await.expect("it listens");
        let authorization = format!("Bearer {}", key.trim());
        Admin { address: self.admin, sender, authorization }
    }

    /// What of its memory is in the machine's.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let status = self.told("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: u64 = kib.and_then(|kib| kib.parse().ok()).expect("a number");
        kib << 10
    }

    /// Waits until its memory is no larger, and says how large it is then.
    pub(crate) async fn shrinks_to(&self, bytes: u64) -> u64 {
        let began = Instant::now();
        loop {
            let now = self.memory_bytes();
            if now <= bytes {
                return now;
            }
            assert!(began.elapsed() < PATIENCE, "memory does not return: it is {now} bytes");
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the processors have worked for it so far, in steps of [`TICK`].
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = self.told("stat");
        // Behind the name, which may have anything in it: `utime` and `stime` are 14th and 15th.
        let (_, rest) = stat.rsplit_once(") ").expect("a name");
        let ticks = rest.split(' ').skip(11).take(2).filter_map(|it| it.parse::<u32>().ok());
        TICK * ticks.sum()
    }

    fn told(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("it runs")
    }

    async fn is_ready(&self) -> bool {
        let Some(mut sender) = connect(self.admin).await else { return false };
        let request = Request::get("/ready").header(header::HOST, self.admin.to_string());
        let request = request.body(Full::default()).expect("a request");
        sender.send_request(request).await.is_ok_and(|answer| answer.status().is_success())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Either fails only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Admin ===

impl Admin {
    /// `POST /invalidate`; what it was answered.
    pub(crate) async fn invalidate(&mut self, order: &Value) -> Value {
        let told = self.ask("POST", "/invalidate", order.to_string()).await;
        let told: Value = serde_json::from_slice(&told).expect("JSON");
        assert_eq!(told["status"], "completed", "{told}");
        told
    }

    /// The value of the one metric whose line begins like this.
    pub(crate) async fn metric(&mut self, line: &str) -> u64 {
        let told = self.ask("GET", "/metrics", String::new()).await;
        let told = String::from_utf8_lossy(&told);
        let value = told.lines().find_map(|it| it.strip_prefix(line));
        value.and_then(|value| value.trim().parse().ok()).expect("such a metric")
    }

    async fn ask(&mut self, method: &str, path: &str, body: String) -> Bytes {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(body.into())).expect("a request");
        if self.sender.ready().await.is_err() {
            self.sender = connect(self.address).await.expect("it listens");
        }
        let answer = self.sender.send_request(request).await.expect("an answer");
        answer.into_body().collect().await.expect("the whole of it").to_bytes()
    }
}

async fn connect(admin: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let tcp = TcpStream::connect(admin).await.ok()?;
    tcp.set_nodelay(true).ok()?;
    let (sender, connection) = handshake(TokioIo::new(tcp)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

fn free_ports<const N: usize>() -> [SocketAddr; N] {
    let bind = |()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let held = [(); N].map(bind);
    held.map(|listener| listener.local_addr().expect("it is bound"))
}
