//! An origin that costs as little as one can: the same answer to everything.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What every response has for a body.
pub(crate) const BODY: &[u8] = b"a small stored response, of a length that is known";

pub(crate) const HEAD_END: &[u8] = b"\r\n\r\n";
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Listens on loopback for as long as the process lives.
pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection));
        }
    });
    address
}

/// Until the node hangs up.
async fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let answer = [
        b"HTTP/1.1 200 OK\r\ncache-control: max-age=86400\r\ncontent-type: text/plain\r\n".to_vec(),
        format!("content-length: {}\r\n\r\n", BODY.len()).into_bytes(),
        BODY.to_vec(),
    ]
    .concat();
    let mut head = Vec::with_capacity(HEAD_BYTES_MAX);
    while connection.read_buf(&mut head).await? > 0 {
        if head.ends_with(HEAD_END) {
            head.clear();
            connection.write_all(&answer).await?;
        }
    }
    Ok(())
}
