//! The socket of `listen.admin`, taken before anything serves.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::net;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net as unix;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use warmfront_config::AdminAddr;
use warmfront_keys::Peer;

use crate::cause::cause;

/// A bound admin socket. Connections wait in its backlog until it is served.
#[derive(Debug)]
pub struct AdminListener {
    address: AdminAddr,
    socket: Socket,
}

/// Why `listen.admin` could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("listen.admin {}: {}", Named(.address), cause(.source))]
pub struct BindError {
    /// What the configuration says.
    address: AdminAddr,
    /// What the system says.
    source: io::Error,
}

/// The address as it is written in the configuration.
pub(crate) struct Named<'a>(pub(crate) &'a AdminAddr);

/// The listener inside the runtime.
#[derive(Debug)]
pub(crate) enum Accepting {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// One connection's bytes, whatever carries them.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

#[derive(Debug)]
enum Socket {
    Tcp(net::TcpListener),
    Unix(unix::UnixListener),
}

// === impl AdminListener ===

impl AdminListener {
    /// Binds the address. A Unix socket is made with mode 0600 and takes the place of one that
    /// nobody listens on any more; anything else that stands there is left alone. Fails if the
    /// address is taken or may not be had.
    pub fn bind(address: &AdminAddr) -> Result<Self, BindError> {
        let bound = match address {
            AdminAddr::Tcp(socket) => bind_tcp(*socket),
            AdminAddr::Unix(path) => bind_unix(path).map(Socket::Unix),
        };
        let listener = bound.and_then(|socket| {
            let address = socket.address(address)?;
            Ok(Self { address, socket })
        });
        listener.map_err(|source| BindError { address: address.clone(), source })
    }

    /// Where it listens: with the port that the system chose, if the configuration said 0.
    pub fn address(&self) -> &AdminAddr {
        &self.address
    }

    /// Hands the socket to the runtime that this is called in.
    pub(crate) fn accepting(self) -> io::Result<Accepting> {
        match self.socket {
            Socket::Tcp(socket) => tokio::net::TcpListener::from_std(socket).map(Accepting::Tcp),
            Socket::Unix(socket) => tokio::net::UnixListener::from_std(socket).map(Accepting::Unix),
        }
    }
}

// === impl Accepting ===

impl Accepting {
    /// The next connection and who is at its other end.
    pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Duplex>, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Answers are small and written at once; a socket that cannot say so still works.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Peer::tcp(address.ip())))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), Peer::Unix))
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

// === impl Socket ===

impl Socket {
    fn address(&self, configured: &AdminAddr) -> io::Result<AdminAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(AdminAddr::Tcp),
            Self::Unix(_) => Ok(configured.clone()),
        }
    }
}

// === impl Named ===

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            AdminAddr::Tcp(address) => address.fmt(f),
            AdminAddr::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn bind_tcp(address: net::SocketAddr) -> io::Result<Socket> {
    let listener = net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(Socket::Tcp(listener))
}

/// Binds beside the path and moves the socket there: it is never to be reached by others, and the
/// path never stands empty.
fn bind_unix(path: &Path) -> io::Result<unix::UnixListener> {
    make_way(path)?;
    let beside = beside(path);
    remove_if_there(&beside)?;
    let listener = unix::UnixListener::bind(&beside)?;
    let moved = fs::set_permissions(&beside, Permissions::from_mode(0o600))
        .and_then(|()| listener.set_nonblocking(true))
        .and_then(|()| fs::rename(&beside, path));
    match moved {
        Ok(()) => Ok(listener),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

/// Whether the path may be taken: nothing is there, or a socket that nobody answers on.
fn make_way(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        let what = "a file that is no socket is in the way";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    }
    match unix::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "address already in use")),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
