//! Whole answers over HTTPS, from a stranger: limited in time and size.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use warmfront_semantics::tame::tame;

/// From the first look-up to the last byte.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer. A directory has some 1 KiB, an order of 100 names 10.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Shorter than what servers keep, so that a request seldom meets a connection on its way out.
const IDLE: Duration = Duration::from_secs(15);

/// Of what else went wrong with a connection.
const REASON_BYTES_MAX: usize = 500;
/// In the words of the library that verifies certificates.
const CA_AS_LEAF: &str = "CaUsedAsEndEntity";

/// Sends requests over HTTPS. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Https {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Where the roots are from; `None` for those of the system.
    ca_file: Option<Arc<Path>>,
}

/// The roots that HTTPS is trusted by cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootsError {
    /// `ca_file` holds nothing that could be trusted.
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    /// `ca_file` cannot be used.
    #[error("cannot read {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has none.
    #[error("the system has no root certificates: install ca-certificates, or set ca_file")]
    System(#[source] io::Error),
    /// The cryptographic library refuses what it comes with.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// There was no whole answer. Its `Display` is the end of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("the connection failed: {0}")]
    Connection(String),
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Silent,
    #[error("an answer of more than 1 MiB")]
    TooLong,
    /// What is wrong with the certificate that the authority itself shows.
    #[error("its HTTPS certificate {0}")]
    Certificate(String),
}

// === impl Https ===

impl Https {
    /// Trusts the certificates in `ca_file`, or else those of the system. Reads files.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, RootsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(RootsError::Tls)?;
        let config = match ca_file {
            Some(path) => config.with_root_certificates(roots(path)?),
            None => config.with_native_roots().map_err(RootsError::System)?,
        };
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config.with_no_client_auth())
            .https_only()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { client, ca_file: ca_file.map(Arc::from) })
    }

    /// The whole answer, whatever its status.
    pub(crate) async fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ExchangeError> {
        let answered = tokio::time::timeout(TIMEOUT, self.answer(request)).await;
        answered.unwrap_or(Err(ExchangeError::Silent))
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ExchangeError> {
        let failed =
            |error: &(dyn Error + 'static)| ExchangeError::of(error, self.ca_file.as_deref());
        let answer = self.client.request(request.map(Full::new)).await;
        let (head, body) = answer.map_err(|error| failed(&error))?.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                ExchangeError::TooLong
            } else {
                failed(error.as_ref())
            }
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

// === impl ExchangeError ===

impl ExchangeError {
    /// The outer errors say only that there was one; the innermost says what it was.
    fn of(error: &(dyn Error + 'static), ca_file: Option<&Path>) -> Self {
        let mut cause = error;
        loop {
            if let Some(rustls::Error::InvalidCertificate(reason)) = tls_error(cause) {
                return Self::Certificate(distrust(reason, ca_file));
            }
            match cause.source() {
                Some(inner) => cause = inner,
                None => break,
            }
        }
        let text = cause.to_string();
        // What follows is a number, or the address of a page for programmers.
        let end =
            [" (os error", ": https://docs.rs/"].iter().filter_map(|mark| text.find(mark)).min();
        let text = end.and_then(|end| text.get(..end)).unwrap_or(&text);
        Self::Connection(tame(text, REASON_BYTES_MAX))
    }
}

/// TLS errors travel inside of I/O errors, which do not name them as their source.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inside) => tls_error(inside),
        None => error.downcast_ref(),
    }
}

/// Why an authority's own certificate is not trusted, behind `its HTTPS certificate`.
fn distrust(reason: &CertificateError, ca_file: Option<&Path>) -> String {
    let sentence = match reason {
        // A bad signature is that of another authority of the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            if let Some(ca_file) = ca_file {
                return format!(
                    "is signed by nobody whom we trust: the roots in {} do not vouch for it",
                    ca_file.display()
                );
            }
            "is signed by nobody whom this system trusts: for a private authority, set ca_file"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired, or the clock of this node is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet, or the clock of this node is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is not valid for the name by which the authority is asked"
        }
        CertificateError::Revoked => "is revoked",
        CertificateError::Other(other) if other.to_string() == CA_AS_LEAF => {
            "is one that signs others, which no server may show: for a private authority, have it \
             sign one for its server"
        }
        other => return format!("is not accepted: {}", tame(&other.to_string(), REASON_BYTES_MAX)),
    };
    sentence.to_owned()
}

fn roots(path: &Path) -> Result<RootCertStore, RootsError> {
    let unreadable = |reason: String| RootsError::File { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() { Err(RootsError::Empty(path.to_owned())) } else { Ok(roots) }
}

#[cfg(test)]
pub(crate) mod tests;
