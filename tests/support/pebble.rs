//! A real authority: Pebble, as Debian has it.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::client::tls;
use super::edge::{free_ports, own_address};
use super::process::{POLL, Process, Signal};
use super::secure::TeamCa;

/// A running Pebble on a loopback address of its own, which it keeps. It is killed when dropped.
///
/// What it remembers is gone when it is restarted: accounts, orders, and its very root.
#[derive(Debug)]
pub(crate) struct Pebble {
    plan: Plan,
    pub(crate) process: Process,
}

/// A Pebble about to be started.
#[derive(Debug)]
pub(crate) struct Plan {
    address: SocketAddr,
    management: SocketAddr,
    /// Its own HTTPS is behind a certificate from this.
    ca: TeamCa,
    dir: TempDir,
    dns: SocketAddr,
    http_port: u16,
    tls_port: u16,
    lifetime_s: Option<u64>,
    external_account: bool,
    /// Of its environment.
    variables: Vec<(&'static str, String)>,
}

/// To a server with HTTPS, by one who trusts it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// The account at the authority that others are bound to, if it asks for one.
pub(crate) const KID: &str = "kid-1";
/// The MAC key of [`KID`], in base64url.
pub(crate) const MAC_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

// === impl Plan ===

impl Plan {
    /// Validates on these ports of the addresses that a DNS server tells. It is fast, rejects no
    /// nonce and validates every name anew, unless it is told otherwise.
    pub(crate) fn new(dns: SocketAddr, http_port: u16, tls_port: u16) -> Self {
        let [address, management] = free_ports(own_address());
        let plan = Self {
            address,
            management,
            ca: TeamCa::new(),
            dir: tempfile::tempdir().unwrap(),
            dns,
            http_port,
            tls_port,
            lifetime_s: None,
            external_account: false,
            variables: Vec::new(),
        };
        plan.variable("PEBBLE_VA_NOSLEEP", "1").rejected_nonces(0).reused_authorizations(0)
    }

    /// Another DNS server tells it the addresses and the TXT records.
    pub(crate) fn asks(mut self, dns: SocketAddr) -> Self {
        self.dns = dns;
        self
    }

    /// It looks for files on another port, say a [`Flaky`](super::Flaky)'s.
    pub(crate) fn http_port(mut self, port: u16) -> Self {
        self.http_port = port;
        self
    }

    /// How many of a hundred nonces are refused.
    pub(crate) fn rejected_nonces(self, percent: u8) -> Self {
        self.variable("PEBBLE_WFE_NONCEREJECT", &percent.to_string())
    }

    /// How many of a hundred new orders find what an older order has proven still valid.
    pub(crate) fn reused_authorizations(self, percent: u8) -> Self {
        self.variable("PEBBLE_AUTHZREUSE", &percent.to_string())
    }

    /// How long its certificates are valid; 5 years without this.
    pub(crate) fn lifetime_s(mut self, seconds: u64) -> Self {
        self.lifetime_s = Some(seconds);
        self
    }

    /// Accounts are made only for whoever knows [`KID`] and [`MAC_KEY`].
    pub(crate) fn external_account(mut self) -> Self {
        self.external_account = true;
        self
    }

    /// Waits up to so many seconds before each validation.
    pub(crate) fn slow_s(mut self, seconds: u8) -> Self {
        self.variables.retain(|(name, _)| *name != "PEBBLE_VA_NOSLEEP");
        self.variable("PEBBLE_VA_SLEEPTIME", &seconds.to_string())
    }

    /// Sets a variable of its environment; Pebble's README says which it reads.
    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) async fn start(self) -> Pebble {
        let mut pebble = Pebble { process: self.spawn(), plan: self };
        pebble.listens().await;
        pebble
    }

    fn spawn(&self) -> Process {
        let pair = self.ca.issue(&[&self.address.ip().to_string()]);
        let mut settings = json!({
            "listenAddress": self.address, "managementListenAddress": self.management,
            "certificate": pair.chain, "privateKey": pair.key,
            "httpPort": self.http_port, "tlsPort": self.tls_port, "ocspResponderURL": "",
            "externalAccountBindingRequired": self.external_account,
            "externalAccountMACKeys": { KID: MAC_KEY },
        });
        if let Some(seconds) = self.lifetime_s {
            settings["certificateValidityPeriod"] = seconds.into();
        }
        let config = self.dir.path().join("pebble.json");
        std::fs::write(&config, json!({ "pebble": settings }).to_string()).unwrap();
        let mut command = Command::new("pebble");
        command.arg("-config").arg(config).arg("-dnsserver").arg(self.dns.to_string());
        // What is about to be refused is refused already.
        command.arg("-strict");
        Process::spawn(command.envs(self.variables.iter().map(|(name, value)| (name, value))))
    }
}

// === impl Pebble ===

impl Pebble {
    /// The root that its own HTTPS is trusted by: `acme.ca_file`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.plan.ca.file()
    }

    /// Whoever vouches for its HTTPS, to vouch for a front of it too.
    pub(crate) fn ca(&self) -> &TeamCa {
        &self.plan.ca
    }

    /// The root of the certificates that it issues, PEM; another one after each start.
    pub(crate) async fn root(&self) -> String {
        let pem = self.managed("/roots/0").await;
        String::from_utf8(pem.to_vec()).unwrap()
    }

    /// How many of the lines that it has said hold this.
    pub(crate) fn said(&self, words: &str) -> usize {
        self.process.stdout.text().lines().filter(|line| line.contains(words)).count()
    }

    /// How many orders it has taken.
    pub(crate) fn orders(&self) -> usize {
        self.said("Added order ")
    }

    /// How many certificates it has issued.
    pub(crate) fn issued(&self) -> usize {
        self.said("Issued certificate serial ")
    }

    /// SIGKILL: nobody listens when this returns.
    pub(crate) async fn kill(&mut self) {
        self.process.signal(Signal::Kill);
        self.process.exit().await;
    }

    /// Starts it again on the same address, once it is gone: a new authority without a memory.
    pub(crate) async fn restart(&mut self) {
        self.process.exit().await;
        self.process = self.plan.spawn();
        self.listens().await;
    }

    /// Who is about to speak with it.
    pub(crate) fn line(&self) -> Line {
        let ca = std::fs::read_to_string(self.ca_file()).unwrap();
        Line { address: self.plan.address, config: tls(&ca, &[b"http/1.1"]) }
    }

    async fn managed(&self, path: &str) -> Bytes {
        let request = Request::get(path).header(header::HOST, self.plan.management.to_string());
        let request = request.body(Full::default()).unwrap();
        let line = self.line().to(self.plan.management);
        let answer = line.pass(request).await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        answer.into_body()
    }

    async fn listens(&mut self) {
        for address in [self.plan.address, self.plan.management] {
            while TcpStream::connect(address).await.is_err() {
                assert!(self.process.is_running(), "pebble ended");
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

// === impl Line ===

impl Line {
    /// To another address of somebody with a certificate from the same CA.
    pub(crate) fn to(&self, address: SocketAddr) -> Self {
        Self { address, config: self.config.clone() }
    }

    /// A request on a connection of its own, and the whole answer.
    pub(crate) async fn pass(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Box<dyn Error + Send + Sync>> {
        let tcp = TcpStream::connect(self.address).await?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = TlsConnector::from(self.config.clone()).connect(name, tcp).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        // What goes wrong is told to whoever waits for the answer.
        driver.spawn(async { drop(connection.await) });
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}
