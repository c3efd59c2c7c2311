//! An origin that no HTTP library would be: it answers with octets.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Answers whatever it is asked with the same octets, and closes.
#[derive(Debug)]
pub(crate) struct Octets {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

// === impl Octets ===

impl Octets {
    pub(crate) async fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tell(tcp, &answer).await;
            }
        });
        Self { address, _accepting: accepting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn tell(mut tcp: TcpStream, answer: &str) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if tcp.read_buf(&mut request).await.unwrap_or_default() == 0 {
            return;
        }
    }
    // An edge that goes away is told nothing.
    let _ = tcp.write_all(answer.as_bytes()).await;
    let _ = tcp.shutdown().await;
}
