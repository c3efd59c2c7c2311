//! Connections over which a request asks to switch to another protocol.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{
    Error, ErrorType, HttpPeer, L4Connect, L4Stream, PeerAddress, VirtualSockOpt, VirtualSocket,
    VirtualSocketStream,
};

/// So often a read that follows a write is put off.
const PUT_OFF: u8 = 2;

/// Makes a connection one that a WebSocket can be opened over: HTTP/1.1, and new.
///
/// Pingora takes the end of the request for the end of the socket where it reads a fast server's 101
/// before it (cloudflare/pingora#946). Over this one, what is to be sent goes first.
pub fn to_switch(peer: &mut HttpPeer) {
    // HTTP/2 knows another way to switch (RFC 8441), which few servers do.
    peer.options.set_http_version(1, 1);
    // Nobody asks for such a connection again: where the server refuses to switch, it is not kept.
    peer.group_key = rand::random();
    peer.options.idle_timeout = Some(Duration::ZERO);
    // The peer's time for connecting holds for it, too.
    peer.options.custom_l4 = Some(Arc::new(Switching));
}

#[derive(Debug)]
struct Switching;

#[async_trait]
impl L4Connect for Switching {
    async fn connect(&self, address: &PeerAddress) -> Result<L4Stream, Box<Error>> {
        let failed = |error: io::Error| Error::because(kind(&error), "connecting", error);
        let address = address.as_inet().ok_or_else(|| Error::new(ErrorType::SocketError))?;
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(VirtualSocketStream::new(Box::new(SendsFirst { stream, put_off: 0 })).into())
    }
}

fn kind(error: &io::Error) -> ErrorType {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
        io::ErrorKind::TimedOut => ErrorType::ConnectTimedout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ErrorType::ConnectNoRoute
        }
        _ => ErrorType::ConnectError,
    }
}

/// A connection that is not read right behind a write: whoever has more to send is asked first.
#[derive(Debug)]
struct SendsFirst {
    stream: TcpStream,
    put_off: u8,
}

// === impl SendsFirst ===

impl AsyncRead for SendsFirst {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.put_off > 0 {
            self.put_off -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for SendsFirst {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.put_off = PUT_OFF;
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl VirtualSocket for SendsFirst {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.stream.set_nodelay(true),
            // Keep-alive probes are for idle connections, and this one is never kept.
            _ => Ok(()),
        }
    }
}
