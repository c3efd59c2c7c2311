//! A real nginx as a target.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::edge::{free_ports, own_address};
use super::process::{POLL, Process, Signal};

/// A running nginx on a loopback address of its own, which it keeps. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Nginx {
    address: SocketAddr,
    dir: TempDir,
    process: Process,
}

// === impl Nginx ===

impl Nginx {
    /// `server` is what stands in its `server` block behind `listen`.
    pub(crate) async fn start(server: &str) -> Self {
        Self::listening("", server).await
    }

    /// As [`Self::start`], with parameters of `listen`: `ssl`, `http2`.
    pub(crate) async fn listening(parameters: &str, server: &str) -> Self {
        let [address] = free_ports(own_address());
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("nginx.conf"), config(address, parameters, server)).unwrap();
        let mut nginx = Self { address, process: spawn(&dir), dir };
        nginx.listens().await;
        nginx
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// SIGKILL: its connections are cut, and nobody listens when this returns.
    pub(crate) async fn kill(&mut self) {
        self.process.signal(Signal::Kill);
        self.process.exit().await;
    }

    /// Starts it again on the same address, once it is gone.
    pub(crate) async fn restart(&mut self) {
        self.process.exit().await;
        self.process = spawn(&self.dir);
        self.listens().await;
    }

    async fn listens(&mut self) {
        while TcpStream::connect(self.address).await.is_err() {
            assert!(self.process.is_running(), "nginx ended");
            tokio::time::sleep(POLL).await;
        }
    }
}

fn spawn(dir: &TempDir) -> Process {
    let mut command = Command::new("nginx");
    // `-e` is for what it says before it has read its configuration.
    command.arg("-p").arg(dir.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
    // Where Debian has it, which is not on everybody's path.
    let path = std::env::var("PATH").unwrap_or_default();
    Process::spawn(command.env("PATH", format!("{path}:/usr/sbin")))
}

/// One process, so that a signal is for the whole of it, and no root.
fn config(address: SocketAddr, parameters: &str, server: &str) -> String {
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path bodies;
    proxy_temp_path proxied;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {address} {parameters};
        {server}
    }}
}}
"
    )
}
