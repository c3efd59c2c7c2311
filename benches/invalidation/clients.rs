//! Clients that ask as fast as they can and look at nothing but whether they were served from the
//! store.

use std::io::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::node::HOST;
use crate::origin::{BODY, HEAD_END};

/// How many ask at a time, each on a connection of its own.
const CLIENTS: usize = 32;
/// Requests that a client who is in a hurry sends before the first is answered.
const PIPELINED: usize = 16;
const READ_BYTES: usize = 64 << 10;

/// Who asks.
#[derive(Debug)]
pub(crate) struct Clients(SocketAddr);

/// What came of a number of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) hits: u32,
    pub(crate) misses: u32,
}

// === impl Clients ===

impl Clients {
    pub(crate) fn of(node: SocketAddr) -> Self {
        Self(node)
    }

    /// Asks for each of these once, and waits for all answers.
    pub(crate) async fn ask(&self, places: &[u32]) -> Seen {
        self.ask_by(1, places).await
    }

    /// As [`Self::ask`], with most of the cost of sending and receiving saved.
    pub(crate) async fn rush(&self, places: &[u32]) -> Seen {
        self.ask_by(PIPELINED, places).await
    }

    async fn ask_by(&self, at_once: usize, places: &[u32]) -> Seen {
        let batches: Vec<Vec<u32>> = places.chunks(at_once).map(<[u32]>::to_vec).collect();
        let batches = Arc::new(batches);
        let next = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(client(self.0, batches.clone(), next.clone()));
        }
        let mut all = Seen::default();
        while let Some(seen) = clients.join_next().await {
            let seen = seen.expect("a client does not panic").expect("whole answers");
            all.hits += seen.hits;
            all.misses += seen.misses;
        }
        all
    }
}

/// Takes the next batch that nobody has asked for, until there is none.
async fn client(
    node: SocketAddr,
    batches: Arc<Vec<Vec<u32>>>,
    next: Arc<AtomicUsize>,
) -> std::io::Result<Seen> {
    let mut connection = TcpStream::connect(node).await?;
    connection.set_nodelay(true)?;
    let mut come = Vec::with_capacity(READ_BYTES);
    let mut seen = Seen::default();
    while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
        let requests: String = batch.iter().copied().map(request).collect();
        connection.write_all(requests.as_bytes()).await?;
        for _ in batch {
            let answer = read(&mut connection, &mut come).await?;
            if is_hit(come.get(..answer).unwrap_or_default())? {
                seen.hits += 1;
            } else {
                seen.misses += 1;
            }
            come.drain(..answer);
        }
    }
    Ok(seen)
}

fn request(place: u32) -> String {
    format!("GET /stored/{place} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
}

/// Reads until the first answer is whole, and says how long it is. Each has the same body.
async fn read(connection: &mut TcpStream, come: &mut Vec<u8>) -> std::io::Result<usize> {
    loop {
        let head = come.windows(HEAD_END.len()).position(|octets| octets == HEAD_END);
        let whole = head.map(|head| head + HEAD_END.len() + BODY.len());
        if let Some(whole) = whole.filter(|whole| *whole <= come.len()) {
            return Ok(whole);
        }
        if connection.read_buf(come).await? == 0 {
            return Err(Error::other(String::from_utf8_lossy(come)));
        }
    }
}

/// Anything but a whole answer from the origin or the store is an error.
fn is_hit(answer: &[u8]) -> std::io::Result<bool> {
    let lines = answer.split(|&octet| octet == b'\n');
    let mut fields = lines.filter_map(|line| line.split_at_checked(X_CACHE.len()));
    let x_cache = fields.find(|(name, _)| name.eq_ignore_ascii_case(X_CACHE));
    match x_cache {
        Some((_, value)) if answer.ends_with(BODY) => Ok(value.starts_with(b"Hit ")),
        _ => Err(Error::other(String::from_utf8_lossy(answer))),
    }
}

const X_CACHE: &[u8] = b"x-cache: ";
