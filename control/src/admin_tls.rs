//! The control API under a site's certificate: `listen.admin_tls`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use rustls_pki_types::CertificateDer;
use tokio_rustls::TlsAcceptor;
use warmfront_certs::SiteTls;

use crate::listener::Duplex;

/// Shakes hands with whoever connects to `listen.admin`.
#[derive(Debug)]
pub(crate) struct AdminTls {
    site: String,
    tls: SiteTls,
    /// `listen.state`.
    state: PathBuf,
    /// What the command line was told to trust.
    told: Mutex<Option<CertificateDer<'static>>>,
    /// Nothing to show, and the log says so already.
    is_bare: AtomicBool,
}

/// Where the certificate lies that the control API shows, for the command line on this machine:
/// nobody else vouches for a stand-in.
pub(crate) fn shown_leaf(state: &Path) -> PathBuf {
    state.join("admin.pem")
}

// === impl AdminTls ===

impl AdminTls {
    pub(crate) fn new(site: &str, tls: SiteTls, state: &Path) -> Self {
        let (told, is_bare) = (Mutex::default(), AtomicBool::new(false));
        Self { site: site.to_owned(), tls, state: state.to_owned(), told, is_bare }
    }

    /// `None` where there is no certificate yet, or the client wanted something else.
    pub(crate) async fn accept(&self, stream: Box<dyn Duplex>) -> Option<Box<dyn Duplex>> {
        let Some(server) = self.tls.server() else {
            // Once for as long as it lasts, whoever knocks.
            if !self.is_bare.swap(true, Ordering::Relaxed) {
                let site = &self.site;
                tracing::error!(
                    "listen.admin: nobody is let in: site {site} has no certificate yet"
                );
            }
            return None;
        };
        self.is_bare.store(false, Ordering::Relaxed);
        // Without it, the command line trusts what its system trusts.
        if let Err(error) = self.tell() {
            tracing::debug!(%error, "listen.admin: its certificate could not be laid down");
        }
        match TlsAcceptor::from(server).accept(stream).await {
            Ok(stream) => Some(Box::new(stream)),
            Err(error) => {
                tracing::debug!(%error, "listen.admin: a TLS handshake failed");
                None
            }
        }
    }

    /// Lays down what is shown now, if it is another one than before.
    fn tell(&self) -> io::Result<()> {
        let mut told = self.told.lock();
        let Some(leaf) = self.tls.leaf().filter(|leaf| told.as_ref() != Some(leaf)) else {
            return Ok(());
        };
        let place = shown_leaf(&self.state);
        let beside = place.with_extension("pem.new");
        let pem = pem(&leaf);
        fs::write(&beside, pem)?;
        fs::rename(&beside, &place)?;
        *told = Some(leaf);
        Ok(())
    }
}

/// RFC 7468 §2: lines of 64 characters.
fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (at, letter) in STANDARD.encode(certificate).chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem + "\n-----END CERTIFICATE-----\n"
}
