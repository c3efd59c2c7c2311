//! A handshake for `acme-tls/1`, as an authority makes it (RFC 8737 §3).

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cause::cause;

/// The protocol that is offered, alone (RFC 8737 §4).
const PROTOCOL: &[u8] = b"acme-tls/1";

/// Whether the server at the other end shows this very certificate.
pub(super) async fn shows(
    stream: TcpStream,
    host: &str,
    certificate: &CertificateDer<'static>,
) -> Result<(), String> {
    let name = warmfront_certs::challenge_server_name(host);
    let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
    let config = client(certificate).map_err(|error| error.to_string())?;
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = shaken.map_err(|error| cause(&error))?;
    match stream.get_ref().1.alpn_protocol() {
        Some(PROTOCOL) => Ok(()),
        _ => Err("another server answered".to_owned()),
    }
}

fn client(certificate: &CertificateDer<'static>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let expected = ThisOne { certificate: certificate.clone(), provider: provider.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(expected))
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// Trusts one certificate, which the node has just made.
#[derive(Debug)]
struct ThisOne {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

// === impl ThisOne ===

impl ServerCertVerifier for ThisOne {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    // Whoever shows what was made a moment ago is this node. What verifies signatures would read the
    // certificate first, and refuse the critical extension that it was made for (RFC 8737 §3).
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
