//! Certificates in the form that connections take them.
//!
//! That form parses with a panic, and again for each copy. So it is made once, with the panic
//! caught, when the configuration is loaded.

use std::hash::{Hash, Hasher};
use std::panic::catch_unwind;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{CaType, CertKey, WrappedX509, parse_x509};

/// The roots that a connection trusts, and no other. Equal hashes are the same certificates.
#[derive(Debug, Clone)]
pub(crate) struct Authorities(Arc<CaType>);

/// What a connection shows of the edge: a chain, leaf first, and its key.
#[derive(Debug, Clone)]
pub(crate) struct Identity(Arc<CertKey>);

// === impl Authorities ===

impl Authorities {
    /// `None` if one of them cannot be parsed.
    pub(crate) fn new(certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let wrap = |der: CertificateDer<'_>| WrappedX509::new(der.to_vec(), parse_x509);
        catch_unwind(|| Self(certificates.into_iter().map(wrap).collect())).ok()
    }

    pub(super) fn for_peer(&self) -> Arc<CaType> {
        Arc::clone(&self.0)
    }
}

impl Hash for Authorities {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for certificate in &*self.0 {
            certificate.borrow_raw_cert().hash(hasher);
        }
    }
}

// === impl Identity ===

impl Identity {
    /// `None` if the chain is empty or cannot be parsed.
    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'static>,
    ) -> Option<Self> {
        let chain = chain.into_iter().map(|der| der.to_vec()).collect();
        let key = key.secret_der().to_vec();
        catch_unwind(|| Self(Arc::new(CertKey::new(chain, key)))).ok()
    }

    pub(super) fn for_peer(&self) -> Arc<CertKey> {
        Arc::clone(&self.0)
    }
}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.leaf().borrow_raw_cert().hash(hasher);
        for certificate in self.0.intermediates() {
            certificate.borrow_raw_cert().hash(hasher);
        }
    }
}
