//! What a client is shown in a handshake, whether it trusts it or not.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tempfile::NamedTempFile;
use time::PrimitiveDateTime;
use time::macros::format_description;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::Place;
use super::process::POLL;
use super::program::{output, program};

/// A certificate that a client was shown.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) leaf: CertificateDer<'static>,
    /// Of the chain behind it.
    pub(crate) intermediates: usize,
    /// Why the client does not trust it, if it does not.
    pub(crate) distrust: Option<String>,
}

/// Remembers what webpki says, and lets everything pass.
#[derive(Debug)]
struct Onlooker {
    webpki: Arc<WebPkiServerVerifier>,
    shown: Mutex<Option<Shown>>,
}

/// Waits until a client of `host` is shown a certificate that it trusts.
pub(crate) async fn trusted(place: &Place, host: &str) -> Shown {
    loop {
        match Shown::to(place, host).await {
            Ok(shown) if shown.distrust.is_none() => return shown,
            _ => tokio::time::sleep(POLL).await,
        }
    }
}

// === impl Shown ===

impl Shown {
    /// What a client of `host` is shown; fails with the alert if the handshake is refused.
    pub(crate) async fn to(place: &Place, host: &str) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(place.ca.as_bytes()).unwrap()).unwrap();
        let webpki = WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap();
        let onlooker = Arc::new(Onlooker { webpki, shown: Mutex::default() });
        let config = ClientConfig::builder().dangerous();
        let config = config.with_custom_certificate_verifier(onlooker.clone());
        let config = Arc::new(config.with_no_client_auth());
        let tcp = TcpStream::connect(place.https).await?;
        let name = ServerName::try_from(host.to_owned()).unwrap();
        TlsConnector::from(config).connect(name, tcp).await?;
        Ok(onlooker.shown.lock().take().expect("a handshake shows one"))
    }

    /// In upper-case hex.
    pub(crate) async fn serial(&self) -> String {
        let said = self.openssl(&["-serial"]).await;
        said.trim().trim_start_matches("serial=").to_owned()
    }

    pub(crate) async fn not_after(&self) -> SystemTime {
        let said = self.openssl(&["-enddate", "-dateopt", "iso_8601"]).await;
        let date = said.trim().trim_start_matches("notAfter=").trim_end_matches('Z');
        let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        PrimitiveDateTime::parse(date, form).unwrap().assume_utc().into()
    }

    /// What `openssl x509` says of it.
    pub(crate) async fn openssl(&self, words: &[&str]) -> String {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(&file, &self.leaf).unwrap();
        let mut openssl = program("openssl");
        openssl.args(["x509", "-noout", "-inform", "DER", "-in"]).arg(file.path()).args(words);
        let ended = output(&mut openssl).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.stdout
    }
}

// === impl Onlooker ===

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let said = self.webpki.verify_server_cert(leaf, intermediates, name, ocsp, now);
        *self.shown.lock() = Some(Shown {
            leaf: leaf.clone().into_owned(),
            intermediates: intermediates.len(),
            distrust: said.err().map(|error| error.to_string()),
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
