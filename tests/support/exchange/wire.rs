//! An origin that speaks HTTP/1.1 by itself, for what no library would send.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::says::{Says, Spoken, Then, says};
use super::terms::{self, Terms};

/// Listens on loopback until dropped; connections are cut then.
#[derive(Debug)]
pub(super) struct Wire {
    address: SocketAddr,
    scripts: Scripts,
    _accepting: JoinSet<()>,
}

/// A request that reached the origin, and what was said to it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    target: String,
    /// As received, in order.
    fields: Vec<(String, String)>,
    pub(super) said: u16,
    /// Whether the answer had an `Age`, which the edge passes on as it is.
    pub(super) aged: bool,
}

/// By path.
type Scripts = Arc<Mutex<HashMap<String, Script>>>;

#[derive(Debug)]
struct Script {
    replies: Vec<Says>,
    terms: Terms,
    asked: Vec<Asked>,
}

// === impl Wire ===

impl Wire {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scripts = Scripts::default();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, scripts.clone()));
        Self { address, scripts, _accepting: accepting }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is said to requests for `path` with any query, in turn; the last is said again.
    pub(super) fn answer(&self, path: &str, replies: &[Says], terms: &Terms) {
        let script = Script { replies: replies.to_vec(), terms: terms.clone(), asked: Vec::new() };
        self.scripts.lock().insert(path.to_owned(), script);
    }

    /// The requests for `path` so far.
    pub(super) fn asked(&self, path: &str) -> Vec<Asked> {
        let scripts = self.scripts.lock();
        scripts.get(path).map(|script| script.asked.clone()).unwrap_or_default()
    }
}

// === impl Asked ===

impl Asked {
    /// The values of a field, separated by commas; nothing without the field.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let fields = self.fields.iter().filter(|(asked, _)| asked.eq_ignore_ascii_case(name));
        let values: Vec<&str> = fields.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(super) fn is_conditional(&self) -> bool {
        self.field("if-none-match").or_else(|| self.field("if-modified-since")).is_some()
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)?;
        for (name, value) in &self.fields {
            write!(f, " | {name}: {value}")?;
        }
        write!(f, " => {}", self.said)
    }
}

async fn accept(listener: TcpListener, scripts: Scripts) {
    let mut connections = JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let scripts = scripts.clone();
        connections.spawn(async {
            // An edge that hangs up is part of many scenarios.
            let _ = converse(tcp, scripts).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(tcp: TcpStream, scripts: Scripts) -> io::Result<()> {
    let mut stream = BufReader::new(tcp);
    while let Some(asked) = read_request(&mut stream).await? {
        let spoken = answer(asked, &scripts);
        stream.write_all(&spoken.octets).await?;
        match spoken.then {
            Then::Listen => {}
            Then::Close => return stream.shutdown().await,
            Then::Silence => std::future::pending().await,
        }
    }
    Ok(())
}

/// Notes the request, and finds what is said to it.
fn answer(mut asked: Asked, scripts: &Scripts) -> Spoken {
    let path = asked.target.split('?').next().unwrap_or_default().to_owned();
    let now = warmfront_proxy::now();
    let mut scripts = scripts.lock();
    let Some(script) = scripts.get_mut(&path) else {
        let nowhere = Terms::new(path, String::new(), now);
        return says(404).cache("no-store").speak(&asked.method, &nowhere, 0, now);
    };
    let nth = script.asked.len() + 1;
    let reply = script.replies.get(nth - 1).or_else(|| script.replies.last());
    let reply = reply.expect("a scenario's origin says something");
    asked.said = reply.status_code();
    asked.aged = reply.mentions("age");
    let spoken = reply.speak(&asked.method, &script.terms, nth, now);
    script.asked.push(asked);
    spoken
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Asked>> {
    let first = read_line(stream).await?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split(' ').map(str::to_owned);
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let mut fields = Vec::new();
    loop {
        let line = read_line(stream).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    let asked = Asked { method, target, fields, said: 0, aged: false };
    pass_over_body(&asked, stream).await?;
    Ok(Some(asked))
}

async fn pass_over_body(asked: &Asked, stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    if let Some(length) = asked.field("content-length") {
        return pass_over(stream, length.parse().map_err(io::Error::other)?).await;
    }
    if asked.field("transfer-encoding").is_none() {
        return Ok(());
    }
    loop {
        let size = read_line(stream).await?;
        let size = usize::from_str_radix(&size, 16).map_err(io::Error::other)?;
        pass_over(stream, size).await?;
        // The end of the chunk, or of the trailers, of which the edge sends none.
        read_line(stream).await?;
        if size == 0 {
            return Ok(());
        }
    }
}

async fn pass_over(stream: &mut BufReader<TcpStream>, octets: usize) -> io::Result<()> {
    stream.read_exact(&mut vec![0; octets]).await.map(drop)
}

/// Without its end; empty where the connection ended too.
async fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await?;
    Ok(terms::text(line.trim_ascii_end()))
}
