//! TLS: which certificate a client is shown, and who is turned away.

use std::io;
use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use warmfront_certs::Directory;

use crate::listen::connection::Tls;

/// A fatal `unrecognized_name` alert (RFC 6066 §3), in a record of its own: rustls sends
/// `access_denied` for a name it has no certificate for, which tells nobody what is wrong.
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70];

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// No certificate speaks for the name.
    #[error("no certificate for {0:?}")]
    UnknownName(String),
    /// The client went away, spoke something else, or wanted what is not offered.
    #[error("TLS handshake: {0}")]
    Failed(#[from] io::Error),
}

/// What was agreed on.
pub(crate) struct Agreed {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) tls: Tls,
    pub(crate) http2: bool,
}

/// Reads the `ClientHello`, picks the certificate by its server name, or by the address the client
/// connected to if it named none, and finishes the handshake.
pub(crate) async fn accept(
    tcp: TcpStream,
    certificates: &Directory,
) -> Result<Agreed, HandshakeError> {
    let local = tcp.local_addr()?.ip();
    let mut start = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
    let name = start.client_hello().server_name().map(str::to_owned);
    let found = match &name {
        Some(name) => certificates.find(name),
        None => certificates.find_address(local),
    };
    let Some(presented) = found else {
        start.io.write_all(&UNRECOGNIZED_NAME).await?;
        start.io.shutdown().await?;
        return Err(HandshakeError::UnknownName(name.unwrap_or_default()));
    };
    let presented = Arc::clone(presented);
    let stream = start.into_stream(presented.server.clone()).await?;
    let session = stream.get_ref().1;
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let http2 = session.alpn_protocol() == Some(b"h2");
    let tls = Tls { presented, version, cipher: suite.unwrap_or("unknown") };
    Ok(Agreed { stream, tls, http2 })
}
