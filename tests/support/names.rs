//! The DNS that the world has, in a test: Pebble's `pebble-challtestsrv`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::client::plain;
use super::edge::{free_ports, own_address};
use super::process::{POLL, Process};

/// A DNS server that knows every name; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Names {
    address: SocketAddr,
    management: SocketAddr,
    _process: Process,
}

// === impl Names ===

impl Names {
    /// Every name stands for this address, until it is told otherwise; none has an IPv6 address.
    pub(crate) async fn start(every: Ipv4Addr) -> Self {
        let [address, management] = free_ports(own_address());
        let mut command = Command::new("pebble-challtestsrv");
        command.arg("-dns01").arg(address.to_string());
        command.arg("-management").arg(management.to_string());
        command.arg("-defaultIPv4").arg(every.to_string()).args(["-defaultIPv6", ""]);
        command.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        let mut process = Process::spawn(&mut command);
        for place in [address, management] {
            while TcpStream::connect(place).await.is_err() {
                assert!(process.is_running(), "pebble-challtestsrv ended");
                tokio::time::sleep(POLL).await;
            }
        }
        Self { address, management, _process: process }
    }

    /// Where it is asked.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is told, over HTTP.
    pub(crate) fn management(&self) -> SocketAddr {
        self.management
    }

    /// `[resolver]`.
    pub(crate) fn resolver(&self) -> String {
        format!("[resolver]\nservers = [\"{}\"]\n", self.address)
    }

    /// A name stands for these IPv4 addresses from now on; for the one of every name, if there are none.
    pub(crate) async fn points(&self, host: &str, addresses: &[IpAddr]) {
        let host = absolute(host);
        self.tell("/clear-a", &json!({ "host": host })).await;
        if !addresses.is_empty() {
            self.tell("/add-a", &json!({ "host": host, "addresses": addresses })).await;
        }
    }

    /// Whoever asks for this name is told that the server failed.
    pub(crate) async fn fails(&self, host: &str) {
        self.tell("/set-servfail", &json!({ "host": absolute(host) })).await;
    }

    /// After [`Self::fails`].
    pub(crate) async fn recovers(&self, host: &str) {
        self.tell("/clear-servfail", &json!({ "host": absolute(host) })).await;
    }

    async fn tell(&self, path: &str, order: &Value) {
        let answer = plain(self.management, "POST", path, &[], &order.to_string()).await.unwrap();
        assert!(answer.status.is_success(), "{path} {order}: {answer:?}");
    }
}

/// With the dot behind it.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}
