//! Binding: every socket is open before the first request is served.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use warmfront_semantics::errand::Scheme;

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// What the kernel holds for a client before it lets more be written.
const UNSENT_BYTES: u32 = 128 * 1024;

/// "Address family not supported", on Linux, the one system this runs on.
const EAFNOSUPPORT: i32 = 97;

/// What is spoken on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// HTTP/1 in clear.
    Http,
    /// HTTP/2 and HTTP/1 over TLS.
    Https,
}

/// A socket that listens.
#[derive(Debug)]
pub struct Bound {
    pub(crate) listener: TcpListener,
    pub(crate) spoken: Spoken,
}

/// A socket that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{key} {address}: {source}")]
pub struct BindError {
    key: &'static str,
    address: SocketAddr,
    source: io::Error,
}

// === impl Spoken ===

impl Spoken {
    pub(crate) fn scheme(self) -> Scheme {
        match self {
            Self::Http => Scheme::Http,
            Self::Https => Scheme::Https,
        }
    }
}

// === impl Bound ===

impl Bound {
    /// Opens every HTTP and HTTPS socket of the configuration, or says which one cannot be.
    pub fn all(listen: &warmfront_config::Listen) -> Result<Vec<Self>, Vec<BindError>> {
        let http = listen.http.iter().map(|a| (*a, Spoken::Http, "listen.http"));
        let https = listen.https.iter().map(|a| (*a, Spoken::Https, "listen.https"));
        let (mut bound, mut errors) = (Vec::new(), Vec::new());
        let every: Vec<SocketAddr> = listen.http.iter().chain(&listen.https).copied().collect();
        for (address, spoken, key) in http.chain(https) {
            match open(address, &every) {
                Ok(listener) => bound.push(Self { listener, spoken }),
                Err(source) => errors.push(BindError { key, address, source }),
            }
        }
        if errors.is_empty() { Ok(bound) } else { Err(errors) }
    }

    /// The address it listens on.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What is spoken on it.
    pub fn spoken(&self) -> Spoken {
        self.spoken
    }
}

fn open(address: SocketAddr, every: &[SocketAddr]) -> io::Result<TcpListener> {
    match listen(address, every) {
        // A machine without IPv6 still has the IPv4 half of what `[::]` stands for.
        Err(error)
            if error.raw_os_error() == Some(EAFNOSUPPORT)
                && address.ip() == Ipv6Addr::UNSPECIFIED =>
        {
            listen((Ipv4Addr::UNSPECIFIED, address.port()).into(), every)
        }
        bound => bound,
    }
}

fn listen(address: SocketAddr, every: &[SocketAddr]) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 too, unless the file gives that half to another socket.
        let beside = every.iter().any(|other| other.is_ipv4() && other.port() == address.port());
        socket.set_only_v6(beside)?;
    }
    // Inherited by every connection: a slow client is seen to read long before megabytes that the
    // kernel took for it are gone.
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
