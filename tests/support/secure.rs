//! Targets behind TLS, and the authorities that vouch for them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::{Value, json};
use tempfile::TempDir;
use warmfront_demo::authority::{Authority, CA_FILE, Leaf};

use super::edge::own_address;
use super::process::Process;
use super::program::{output, part, program};

/// A CA of a team's own, and the certificates it has issued.
#[derive(Debug)]
pub(crate) struct TeamCa {
    dir: TempDir,
    authority: Authority,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// A running `tests/parts/secure.mjs`; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Secure {
    address: SocketAddr,
    process: Process,
}

/// Whoever speaks with a [`Secure`], and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
    /// Either, by ALPN.
    Both,
}

// === impl TeamCa ===

impl TeamCa {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), warmfront_proxy::now()).unwrap();
        Self { dir, authority }
    }

    /// Its own certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join(CA_FILE)
    }

    /// A certificate for these names, of which the first also names its files.
    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.issue_at(names, warmfront_proxy::now())
    }

    /// As [`Self::issue`], at another time.
    pub(crate) fn issue_at(&self, names: &[&str], now: SystemTime) -> Pair {
        let Leaf { chain, key } = self.authority.issue(names, now).unwrap();
        let pair = Pair::at(self.dir.path(), names[0]);
        std::fs::write(&pair.chain, chain).unwrap();
        std::fs::write(&pair.key, key).unwrap();
        pair
    }

    /// A certificate for a client, which vouches for itself.
    pub(crate) async fn client(&self, name: &str) -> Pair {
        let pair = Pair::at(self.dir.path(), name);
        let mut openssl = program("openssl");
        openssl.args(["req", "-x509", "-nodes", "-newkey", "ec", "-days", "2"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", &format!("/CN={name}")]);
        let ended = output(openssl.arg("-out").arg(&pair.chain).arg("-keyout").arg(&pair.key));
        let ended = ended.await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        pair
    }
}

// === impl Pair ===

impl Pair {
    fn at(dir: &Path, name: &str) -> Self {
        Self { chain: dir.join(format!("{name}.pem")), key: dir.join(format!("{name}-key.pem")) }
    }
}

// === impl Secure ===

impl Secure {
    /// On an address of its own, with a certificate that the CA issues for these names.
    pub(crate) async fn start(ca: &TeamCa, names: &[&str], speaks: Speaks) -> Self {
        Self::showing(own_address(), &ca.issue(names), speaks).await
    }

    pub(crate) async fn showing(ip: Ipv4Addr, pair: &Pair, speaks: Speaks) -> Self {
        Self::with(ip, json!({ "key": pair.key, "cert": pair.chain, "protocol": speaks.word() }))
            .await
    }

    /// For clients with a certificate from `trusted` alone.
    pub(crate) async fn asking(pair: &Pair, trusted: &Path, speaks: Speaks) -> Self {
        let options = json!({
            "key": pair.key, "cert": pair.chain, "clientCa": trusted, "protocol": speaks.word(),
        });
        Self::with(own_address(), options).await
    }

    /// HTTP/2 in clear, with prior knowledge.
    pub(crate) async fn in_clear() -> Self {
        Self::with(own_address(), json!({})).await
    }

    async fn with(ip: Ipv4Addr, options: Value) -> Self {
        let mut command = Command::new(part("tests/parts/node_modules/.bin/node"));
        command.arg(part("tests/parts/secure.mjs")).arg(ip.to_string()).arg(options.to_string());
        let process = Process::spawn(&mut command);
        let port = process.stdout.find(|_| true).await;
        Self { address: (ip, port.parse::<u16>().unwrap()).into(), process }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has seen something that begins like this.
    pub(crate) async fn sees(&self, beginning: &str) -> String {
        self.process.stdout.find(|line| line.starts_with(beginning)).await
    }

    /// What it has seen so far: a line for each handshake and each request.
    pub(crate) fn seen(&self) -> String {
        self.process.stdout.text()
    }
}

// === impl Speaks ===

impl Speaks {
    fn word(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
            Self::Both => "both",
        }
    }
}
