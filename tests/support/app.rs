//! An app server behind the edge that can be killed, stopped, started again and told to misbehave.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::client::plain;
use super::edge::{free_ports, own_address};
use super::process::{Process, Signal};
use super::program::part;

/// A running `tests/parts/target.mjs` on a loopback address of its own, which it keeps. It is killed
/// when dropped.
#[derive(Debug)]
pub(crate) struct App {
    name: String,
    address: SocketAddr,
    /// `--http2`, `--keep-alive=MS`.
    options: Vec<String>,
    /// Where it is told what to do.
    control: SocketAddr,
    dir: TempDir,
    process: Process,
}

// === impl App ===

impl App {
    /// Over HTTP/1.1, with Node's ways.
    pub(crate) async fn start(name: &str) -> Self {
        Self::start_with(name, &[]).await
    }

    /// `options` are `--http2` (in clear, with prior knowledge) and `--keep-alive=MS`.
    pub(crate) async fn start_with(name: &str, options: &[&str]) -> Self {
        let [address] = free_ports(own_address());
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let dir = tempfile::tempdir().unwrap();
        let (process, control) = spawn(name, address, &options, orders(&dir)).await;
        Self { name: name.to_owned(), address, options, control, dir, process }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// SIGKILL: its connections are cut, and nobody listens when this returns.
    pub(crate) async fn kill(&mut self) {
        self.process.signal(Signal::Kill);
        self.process.exit().await;
    }

    /// SIGTERM, as in a rolling deploy: it finishes what is under way. It is gone when this returns.
    pub(crate) async fn terminate(&mut self) {
        self.process.signal(Signal::Terminate);
        let status = self.process.exit().await;
        assert!(status.success(), "{self}: {status}");
    }

    /// SIGSTOP: the kernel accepts connections for it, and nobody answers.
    pub(crate) async fn stop(&self) {
        self.process.signal(Signal::Stop);
        self.process.stopped().await;
    }

    /// SIGCONT: it goes on where it was.
    pub(crate) fn resume(&self) {
        self.process.signal(Signal::Continue);
    }

    /// Starts it again on the same address, well behaved and with its orders, once it is gone.
    pub(crate) async fn restart(&mut self) {
        let name = self.name.clone();
        self.restart_as(&name).await;
    }

    /// As [`Self::restart`], as another version.
    pub(crate) async fn restart_as(&mut self, name: &str) {
        self.process.exit().await;
        name.clone_into(&mut self.name);
        let orders = orders(&self.dir);
        (self.process, self.control) = spawn(name, self.address, &self.options, orders).await;
    }

    /// What it does from now on, as JSON: `mode` is `ok`, `500`, `hang`, `reset-half` or `slow` (by
    /// `ms`), and `health` the status of its health page, of which 0 is no answer.
    pub(crate) async fn behave(&self, behavior: &str) {
        plain(self.control, "PUT", "/", &[], behavior).await.unwrap();
    }

    /// What it has seen since it was started: `connections`, `requests`, `orders`, `checks`.
    pub(crate) async fn seen(&self, what: &str) -> u64 {
        let told: Value = plain(self.control, "GET", "/", &[], "").await.unwrap().json();
        told[what].as_u64().unwrap_or_else(|| panic!("no {what} in {told}"))
    }

    /// The orders that it has executed, in all of its lives.
    pub(crate) fn executed(&self) -> Vec<String> {
        // There is no file before the first one.
        let orders = std::fs::read_to_string(orders(&self.dir)).unwrap_or_default();
        orders.lines().map(str::to_owned).collect()
    }
}

/// Its name and address.
impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.address)
    }
}

fn orders(dir: &TempDir) -> PathBuf {
    dir.path().join("orders")
}

async fn spawn(
    name: &str,
    address: SocketAddr,
    options: &[String],
    orders: PathBuf,
) -> (Process, SocketAddr) {
    let mut command = Command::new(part("tests/parts/node_modules/.bin/node"));
    command.arg(part("tests/parts/target.mjs")).arg(name);
    command.args([address.ip().to_string(), address.port().to_string()]).arg(orders).args(options);
    let process = Process::spawn(&mut command);
    let control = process.stdout.find(|_| true).await;
    (process, (address.ip(), control.parse::<u16>().unwrap()).into())
}
