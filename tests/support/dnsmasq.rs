//! A real DNS server, dnsmasq, that knows one name.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use tempfile::TempDir;

use super::edge::{free_ports, own_address};
use super::process::{Process, Signal};

/// A running dnsmasq on a loopback address of its own, which it keeps. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Dnsmasq {
    address: SocketAddr,
    dir: TempDir,
    process: Process,
}

/// The name that it knows, with a TTL of one second.
pub(crate) const NAME: &str = "app.test";

// === impl Dnsmasq ===

impl Dnsmasq {
    pub(crate) async fn start(addresses: &[IpAddr]) -> Self {
        let [address] = free_ports(own_address());
        let dir = tempfile::tempdir().unwrap();
        write(&dir, addresses);
        let process = spawn(&dir, address).await;
        Self { address, dir, process }
    }

    /// `[resolver]`.
    pub(crate) fn resolver(&self) -> String {
        format!("[resolver]\nservers = [\"{}\"]\n", self.address)
    }

    /// The name stands for other addresses from now on, or for none.
    pub(crate) fn moves(&self, addresses: &[IpAddr]) {
        write(&self.dir, addresses);
        let hang_up = format!("kill -HUP {}", self.process.id());
        let status = Command::new("bash").args(["-c", &hang_up]).status();
        assert!(status.unwrap().success(), "{hang_up}");
    }

    /// SIGKILL: nobody answers any more when this returns.
    pub(crate) async fn kill(&mut self) {
        self.process.signal(Signal::Kill);
        self.process.exit().await;
    }

    /// Starts it again on the same address, once it is gone.
    pub(crate) async fn restart(&mut self, addresses: &[IpAddr]) {
        self.process.exit().await;
        write(&self.dir, addresses);
        self.process = spawn(&self.dir, self.address).await;
    }
}

fn write(dir: &TempDir, addresses: &[IpAddr]) {
    let mut hosts = String::new();
    for address in addresses {
        writeln!(hosts, "{address} {NAME}").unwrap();
    }
    std::fs::write(dir.path().join("hosts"), hosts).unwrap();
}

async fn spawn(dir: &TempDir, address: SocketAddr) -> Process {
    let mut command = Command::new("dnsmasq");
    // In the foreground, and as whoever runs the test.
    command.args(["--no-daemon", "--log-facility=-", "--log-queries", "--conf-file=/dev/null"]);
    command.args(["--no-resolv", "--no-hosts", "--local=/test/", "--local-ttl=1"]);
    command.arg(format!("--addn-hosts={}", dir.path().join("hosts").display()));
    command.args(["--bind-interfaces", &format!("--listen-address={}", address.ip())]);
    command.arg(format!("--port={}", address.port()));
    // Where Debian has it, which is not on everybody's path.
    let path = std::env::var("PATH").unwrap_or_default();
    let process = Process::spawn(command.env("PATH", format!("{path}:/usr/sbin")));
    process.stderr.find(|line| line.contains("hosts - ")).await;
    process
}
