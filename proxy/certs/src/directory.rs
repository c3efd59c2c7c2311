//! Which certificate answers to which server name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use warmfront_config::{Tls, TlsVersion};

use crate::certificate::{Certificate, CertificateError};

/// A certificate, and the TLS configuration that presents it.
#[derive(Debug)]
pub struct Presented {
    /// What is presented.
    pub certificate: Certificate,
    /// HTTP/2 and HTTP/1.1 by ALPN, session tickets, the versions the file allows.
    pub server: Arc<ServerConfig>,
}

/// All certificates, by the names they speak for.
#[derive(Debug, Default)]
pub struct Directory {
    exact: HashMap<String, Arc<Presented>>,
    /// By what stands behind `*.`.
    wildcards: HashMap<String, Arc<Presented>>,
    addresses: HashMap<IpAddr, Arc<Presented>>,
}

/// Presents one certificate to everybody: the name was matched before.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

// === impl Directory ===

impl Directory {
    /// Loads every certificate of the configuration; where several speak for a name, the first does.
    pub fn load(tls: &Tls) -> Result<Self, Vec<CertificateError>> {
        // One ticketer for all: rustls resumes a session only under the name it began with.
        let ticketer = aws_lc_rs::Ticketer::new().ok();
        let mut directory = Self::default();
        let mut errors = Vec::new();
        for files in &tls.certificates {
            match Certificate::load(files) {
                Ok(certificate) => {
                    directory.add(present(certificate, tls.min_version, ticketer.as_ref()));
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(directory) } else { Err(errors) }
    }

    /// The certificate for a server name (RFC 6066 §3): exact, then wildcard.
    #[must_use]
    pub fn find(&self, server_name: &str) -> Option<&Arc<Presented>> {
        let name = server_name.to_ascii_lowercase();
        self.exact.get(&name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.wildcards.get(parent)
        })
    }

    /// The certificate for a handshake without a name, by the address the client connected to.
    #[must_use]
    pub fn find_address(&self, local: IpAddr) -> Option<&Arc<Presented>> {
        self.addresses.get(&local.to_canonical())
    }

    /// Whether any certificate speaks for this host.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let mut all = self.exact.values().chain(self.wildcards.values());
        all.any(|p| p.certificate.covers(host))
            || self.addresses.values().any(|p| p.certificate.covers(host))
    }

    fn add(&mut self, presented: Presented) {
        let presented = Arc::new(presented);
        for name in presented.certificate.names() {
            let (names, name) = match name.strip_prefix("*.") {
                Some(suffix) => (&mut self.wildcards, suffix),
                None => (&mut self.exact, name.as_str()),
            };
            names.entry(name.to_owned()).or_insert_with(|| presented.clone());
        }
        for address in presented.certificate.addresses() {
            self.addresses.entry(address.to_canonical()).or_insert_with(|| presented.clone());
        }
    }
}

fn present(
    certificate: Certificate,
    min_version: TlsVersion,
    ticketer: Option<&Arc<dyn ProducesTickets>>,
) -> Presented {
    let versions: &[_] = match min_version {
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    // aws-lc-rs offers X25519MLKEM768 first: what is recorded today must not be read tomorrow.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("aws-lc-rs has suites for TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(certificate.key.clone())));
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if let Some(ticketer) = ticketer {
        server.ticketer = ticketer.clone();
    }
    // Each ticket is a write of its own; one is what a browser uses.
    server.send_tls13_tickets = 1;
    Presented { certificate, server: Arc::new(server) }
}

// === impl Always ===

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use warmfront_config::CertificateFiles;

    fn files(dir: &std::path::Path, name: &str, names: &[&str]) -> CertificateFiles {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let path = |ending: &str| -> PathBuf { dir.join(format!("{name}.{ending}")) };
        std::fs::write(path("pem"), made.cert.pem()).unwrap();
        std::fs::write(path("key"), made.signing_key.serialize_pem()).unwrap();
        CertificateFiles { chain: path("pem"), key: path("key") }
    }

    fn tls(certificates: Vec<CertificateFiles>) -> Tls {
        Tls { min_version: TlsVersion::V1_2, certificates }
    }

    #[test]
    fn exact_then_wildcard_then_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::load(&tls(vec![
            files(dir.path(), "wild", &["*.example.com", "127.0.0.1", "::1"]),
            files(dir.path(), "www", &["www.example.com"]),
        ]));
        let directory = directory.unwrap();
        let names = |n: &str| directory.find(n).map(|p| p.certificate.names().to_vec());
        assert_eq!(names("WWW.example.com"), Some(vec!["www.example.com".to_owned()]));
        assert_eq!(names("api.example.com"), Some(vec!["*.example.com".to_owned()]));
        assert_eq!(names("a.b.example.com"), None);
        assert_eq!(names("example.com"), None);
        assert!(directory.find_address("127.0.0.1".parse().unwrap()).is_some());
        assert!(directory.find_address("::ffff:127.0.0.1".parse().unwrap()).is_some());
        assert!(directory.find_address("10.0.0.1".parse().unwrap()).is_none());
        let wild = &directory.find("api.example.com").unwrap().certificate;
        for (host, covered) in [
            ("api.example.com", true),
            ("a.b.example.com", false),
            ("example.com", false),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("10.0.0.1", false),
        ] {
            assert_eq!(wild.covers(host), covered, "{host}");
        }
    }

    #[test]
    fn every_bad_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let good = files(dir.path(), "a", &["a.example"]);
        let other = files(dir.path(), "b", &["b.example"]);
        let missing =
            CertificateFiles { chain: dir.path().join("none.pem"), key: good.key.clone() };
        let mixed = CertificateFiles { chain: good.chain.clone(), key: other.key };
        let keyless = CertificateFiles { chain: good.key.clone(), key: good.key };
        let errors = Directory::load(&tls(vec![missing, mixed, keyless])).unwrap_err();
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(lines[0].contains("none.pem"), "{lines:?}");
        assert!(lines[1].contains("b.key cannot be used with"), "{lines:?}");
        assert!(lines[2].contains("a.key holds no certificate"), "{lines:?}");
    }
}
