//! The app server that teams really run: Express on Node 20, from `tests/parts`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use super::process::Process;
use super::program::part;

/// A running app server; it is killed when dropped.
#[derive(Debug)]
pub(crate) struct Express {
    address: SocketAddr,
    _process: Process,
}

// === impl Express ===

impl Express {
    pub(crate) async fn start() -> Self {
        let node = part("tests/parts/node_modules/.bin/node");
        let process = Process::spawn(Command::new(node).arg(part("tests/parts/express.js")));
        let port = process.stdout.find(|_| true).await;
        Self {
            address: (Ipv4Addr::LOCALHOST, port.parse::<u16>().unwrap()).into(),
            _process: process,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
