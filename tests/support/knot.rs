//! A real name server that takes updates: Knot DNS, with a zone of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::edge::{free_ports, own_address};
use super::process::Process;
use super::program::{output, part, program};

/// A running knotd on a loopback address of its own. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Knot {
    address: SocketAddr,
    _dir: TempDir,
    _process: Process,
}

/// Its zone.
pub(crate) const ZONE: &str = "example.test";
/// The key that updates must be signed with (TSIG, `hmac-sha256`).
pub(crate) const KEY: &str = "warmfront";
/// The secret of [`KEY`], in base64.
pub(crate) const SECRET: &str = "d2FybWZyb250LXRlc3RzLWFuZC1ub2JvZHktZWxzZSE=";

// === impl Knot ===

impl Knot {
    /// Every name of the zone stands for `every`; `records` are more lines of its file.
    pub(crate) async fn start(every: Ipv4Addr, records: &str) -> Self {
        let [address] = free_ports(own_address());
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("zone"), zone(address, every, records)).unwrap();
        std::fs::write(dir.path().join("knot.conf"), config(address, &dir)).unwrap();
        let mut command = Command::new("knotd");
        command.arg("-c").arg(dir.path().join("knot.conf"));
        // Where Debian has it, which is not on everybody's path.
        let path = std::env::var("PATH").unwrap_or_default();
        let process = Process::spawn(command.env("PATH", format!("{path}:/usr/sbin")));
        process.stdout.find(|line| line.contains("server started")).await;
        Self { address, _dir: dir, _process: process }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `[resolver]`.
    pub(crate) fn resolver(&self) -> String {
        format!("[resolver]\nservers = [\"{}\"]\n", self.address)
    }

    /// `dns = …` of `[acme]`, with the secret in the file.
    pub(crate) fn publisher(&self) -> String {
        self.publisher_with(SECRET)
    }

    /// As [`Self::publisher`], with another secret.
    pub(crate) fn publisher_with(&self, secret: &str) -> String {
        format!(
            "dns.rfc2136 = {{ server = \"{}\", zone = \"{ZONE}\", key = \"{KEY}\", \
             secret = \"{secret}\" }}\n",
            self.address
        )
    }

    /// The program for `acme.dns.exec`, and the variables of the edge that it reads.
    pub(crate) fn hook(&self) -> (PathBuf, [(&'static str, String); 2]) {
        let server = format!("{} {}", self.address.ip(), self.address.port());
        let variables = [("KNOT", server), ("KNOT_KEY", format!("hmac-sha256:{KEY}:{SECRET}"))];
        (part("tests/parts/dns-hook.sh"), variables)
    }

    /// The TXT records of a name now.
    pub(crate) async fn texts(&self, name: &str) -> Vec<String> {
        let mut kdig = program("kdig");
        kdig.arg(format!("@{}", self.address.ip())).arg("-p").arg(self.address.port().to_string());
        let ended = output(kdig.args([name, "TXT", "+short"])).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout.lines().map(|line| line.trim_matches('"').to_owned()).collect()
    }
}

fn zone(address: SocketAddr, every: Ipv4Addr, records: &str) -> String {
    format!(
        "$ORIGIN {ZONE}.
$TTL 1
@ SOA ns ops 1 60 60 600 1
@ NS ns
ns A {}
@ A {every}
* A {every}
{records}
",
        address.ip()
    )
}

fn config(address: SocketAddr, dir: &TempDir) -> String {
    let (ip, port, dir) = (address.ip(), address.port(), dir.path().display());
    format!(
        "server:
    listen: {ip}@{port}
    rundir: {dir}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {dir}
log:
  - target: stdout
    any: info
key:
  - id: {KEY}
    algorithm: hmac-sha256
    secret: {SECRET}
acl:
  - id: updates
    key: {KEY}
    action: update
zone:
  - domain: {ZONE}
    storage: {dir}
    file: zone
    acl: updates
"
    )
}
