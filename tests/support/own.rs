//! Certificates of a user's own, in files beside the configuration of an edge.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use warmfront_demo::authority::{Authority, Leaf};

use super::edge::Setup;

/// Where an edge looks for its own certificates, and who issues them: the CA that its clients trust.
#[derive(Debug)]
pub(crate) struct OwnFiles {
    dir: PathBuf,
    ca: Authority,
}

/// A certificate and its key, PEM.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) chain: String,
    pub(crate) key: String,
    pub(crate) leaf: CertificateDer<'static>,
}

// === impl OwnFiles ===

impl OwnFiles {
    pub(crate) fn beside(setup: &Setup) -> Self {
        let dir = setup.dir().to_owned();
        let ca = Authority::open(&dir, warmfront_proxy::now()).unwrap();
        Self { dir, ca }
    }

    /// A certificate that lies nowhere yet.
    pub(crate) fn issue(&self, names: &[&str]) -> Issued {
        let Leaf { chain, key } = self.ca.issue(names, warmfront_proxy::now()).unwrap();
        let leaf = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
        Issued { chain, key, leaf }
    }

    /// A certificate in the files of this name.
    pub(crate) fn put(&self, name: &str, names: &[&str]) -> Issued {
        let issued = self.issue(names);
        std::fs::write(self.chain(name), &issued.chain).unwrap();
        std::fs::write(self.key(name), &issued.key).unwrap();
        issued
    }

    /// Where the chain of this name is.
    pub(crate) fn chain(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.pem"))
    }

    /// Where the key of this name is.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.key"))
    }
}

/// `[[tls.certificates]]` with the files of these names, in this order.
pub(crate) fn tables(names: &[&str]) -> String {
    let table = |name: &&str| {
        format!("[[tls.certificates]]\nchain = \"{name}.pem\"\nkey = \"{name}.key\"\n")
    };
    names.iter().map(table).collect()
}
