//! A target that speaks HTTP/2 in clear, of which a test decides every octet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::http2::{
    DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PING, RST_STREAM, SETTINGS, frame,
};

/// Listens on loopback until dropped.
#[derive(Debug)]
pub(crate) struct FrameTarget {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

/// What is said to the next request, whichever of the targets that share this gets it; all others
/// are answered with 200.
#[derive(Debug, Default)]
pub(crate) struct Script {
    next: Mutex<Option<Says>>,
    asked: AtomicUsize,
}

/// What is said to a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Says {
    /// These octets; the request's stream is given.
    Octets(fn(u32) -> Vec<u8>),
    /// As before, and nothing else on this connection.
    Last(fn(u32) -> Vec<u8>),
}

// === impl FrameTarget ===

impl FrameTarget {
    pub(crate) async fn start(script: &Arc<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting = JoinSet::new();
        accepting.spawn(serve(listener, script.clone()));
        Self { address, _accepting: accepting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

// === impl Script ===

impl Script {
    /// To the next request.
    pub(crate) fn says(&self, says: Says) {
        *self.next.lock() = Some(says);
    }

    /// Requests so far, whole or not.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn take(&self) -> Option<Says> {
        self.next.lock().take()
    }
}

async fn serve(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let script = script.clone();
        // An edge that hangs up is part of the tests.
        connections.spawn(async move { drop(converse(tcp, &script).await) });
    }
}

async fn converse(mut tcp: TcpStream, script: &Script) -> std::io::Result<()> {
    let mut preface = [0; 24];
    tcp.read_exact(&mut preface).await?;
    tcp.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let mut read = Vec::new();
    while tcp.read_buf(&mut read).await? > 0 {
        while let Some(asked) = Frame::take(&mut read) {
            if asked.kind == HEADERS {
                script.asked.fetch_add(1, Ordering::SeqCst);
            }
            let is_whole = asked.flags & END_STREAM != 0;
            let reply = match asked.kind {
                SETTINGS if asked.flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[]),
                PING if asked.flags & ACK == 0 => frame(PING, ACK, 0, &asked.payload),
                HEADERS | DATA if is_whole => match script.take() {
                    None => ok(asked.stream),
                    Some(Says::Octets(octets)) => octets(asked.stream),
                    Some(Says::Last(octets)) => return tcp.write_all(&octets(asked.stream)).await,
                },
                _ => Vec::new(),
            };
            tcp.write_all(&reply).await?;
        }
    }
    Ok(())
}

/// A whole answer: 200 (RFC 7541, the static table's) and two octets.
fn ok(stream: u32) -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, stream, &[0x88]), frame(DATA, END_STREAM, stream, b"ok")].concat()
}

/// `RST_STREAM` with an error code.
pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

const ACK: u8 = 1;
