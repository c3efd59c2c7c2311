//! TLS: which certificate a client is shown, and who is turned away.

use std::io;

use rustls::ProtocolVersion;
use rustls::server::{Acceptor, ClientHello};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use warmfront_certs::Certificates;

use crate::listen::connection::Tls;

/// A fatal `unrecognized_name` alert (RFC 6066 §3), in a record of its own: rustls sends
/// `access_denied` for a name it has no certificate for, which tells nobody what is wrong.
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70];

/// The one protocol that a client offers who looks for an answer to tls-alpn-01 (RFC 8737 §6.2).
const CHALLENGE: &[u8] = b"acme-tls/1";

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

/// What a handshake was for.
pub(crate) enum Shaken {
    /// A connection that carries requests.
    Agreed(Box<Agreed>),
    /// An authority has seen what it was to see. The connection is over (RFC 8737 §3).
    Proven,
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
    certificates: &Certificates,
) -> Result<Shaken, HandshakeError> {
    let local = tcp.local_addr()?.ip();
    let mut start = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
    let hello = start.client_hello();
    let name = hello.server_name().map(str::to_owned);
    let wants_proof = wants_proof(&hello);
    if let Some(name) = name.as_deref().filter(|_| wants_proof)
        && let Some(answer) = certificates.challenges().tls(name)
    {
        start.into_stream(answer).await?.shutdown().await?;
        return Ok(Shaken::Proven);
    }
    let Some(presented) = certificates.find(name.as_deref(), local) else {
        start.io.write_all(&UNRECOGNIZED_NAME).await?;
        start.io.shutdown().await?;
        return Err(HandshakeError::UnknownName(name.unwrap_or_default()));
    };
    let stream = start.into_stream(presented.server.clone()).await?;
    let session = stream.get_ref().1;
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let http2 = session.alpn_protocol() == Some(b"h2");
    let tls = Tls { presented, version, cipher: suite.unwrap_or("unknown") };
    Ok(Shaken::Agreed(Box::new(Agreed { stream, tls, http2 })))
}

fn wants_proof(hello: &ClientHello<'_>) -> bool {
    let Some(mut protocols) = hello.alpn() else { return false };
    protocols.next() == Some(CHALLENGE) && protocols.next().is_none()
}
