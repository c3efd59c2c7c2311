//! Goal: a file that connections could not use is found when it is read, and named. Method: a
//! directory of good and bad files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use warmfront_config::{
    Algorithm, CertificatePair, HostField, TargetEntry, TargetGroup, TargetName, TargetProtocol,
    TargetTls, Verification,
};

use super::TargetConnection;

/// A CA, and a directory for what it issues.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    dir: TempDir,
    pub(crate) ca_file: PathBuf,
}

/// What the targets of the authority ask of those who connect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clients {
    Anybody,
    OurOwn,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let dir = tempfile::tempdir().unwrap();
        // No two authorities have a name in common.
        params.distinguished_name.push(DnType::CommonName, dir.path().to_str().unwrap());
        let ca_file = dir.path().join("ca.pem");
        fs::write(&ca_file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), dir, ca_file }
    }

    pub(crate) fn issue(&self, name: &str) -> CertificatePair {
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        CertificatePair {
            chain: self.write(&format!("{name}.pem"), &certificate.pem()),
            key: self.write(&format!("{name}.key"), &key.serialize_pem()),
        }
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A target's side of TLS. Without `alpn` it takes no part in ALPN.
    pub(crate) fn server(&self, name: &str, alpn: &[&[u8]], clients: Clients) -> ServerConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pair = self.issue(name);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ca_file).unwrap()).unwrap();
        let known = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            Clients::Anybody => builder.with_no_client_auth(),
            Clients::OurOwn => builder.with_client_cert_verifier(known.build().unwrap()),
        };
        let chain = vec![CertificateDer::from_pem_file(&pair.chain).unwrap()];
        let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }
}

/// A group with one target, as the configuration has it by default.
pub(crate) fn group(tls: Option<TargetTls>) -> TargetGroup {
    let name = TargetName { host: "app.test".to_owned(), port: 8443 };
    TargetGroup {
        targets: vec![TargetEntry { name, weight: 1, tier: 0 }],
        tls,
        protocol: TargetProtocol::Http1,
        host: HostField::Client,
        headers: Vec::new(),
        algorithm: Algorithm::RoundRobin,
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_secs(30),
        attempts: 3,
        retry_budget: 20,
        health_check: None,
        slow_start: Duration::ZERO,
        deregistration_delay: Duration::from_mins(5),
        stickiness: None,
        outliers: None,
        circuit: None,
    }
}

pub(crate) fn system_tls() -> TargetTls {
    TargetTls {
        server_name: None,
        ca_file: None,
        client_certificate: None,
        verification: Verification::Full,
    }
}

fn told(tls: TargetTls) -> String {
    TargetConnection::load("api", &group(Some(tls))).unwrap_err().to_string()
}

const KEY_OF_NOBODY: &str = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
const NO_X509: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
const PKCS8_ENCRYPTED: &str =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
const PEM_ENCRYPTED: &str = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
    DEK-Info: AES-256-CBC,00\n\nMAA=\n-----END EC PRIVATE KEY-----\n";

#[test]
fn good_files_are_loaded() {
    let authority = Authority::new();
    let plain = TargetConnection::load("api", &group(None)).unwrap();
    assert!(plain.authorities.is_none() && plain.identity.is_none());
    let client_certificate = Some(authority.issue("edge"));
    let tls = TargetTls { ca_file: Some(authority.ca_file), client_certificate, ..system_tls() };
    let loaded = TargetConnection::load("api", &group(Some(tls))).unwrap();
    assert!(loaded.authorities.is_some() && loaded.identity.is_some());
}

#[test]
fn a_bad_ca_file_is_named() {
    let authority = Authority::new();
    let good = fs::read_to_string(&authority.ca_file).unwrap();
    for (content, fault) in [
        ("", "holds no PEM certificate"),
        ("hello", "holds no PEM certificate"),
        (KEY_OF_NOBODY, "holds no PEM certificate"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "is not PEM: "),
        ("-----BEGIN CERTIFICATE-----\nMAA=\n", "is not PEM: "),
        (NO_X509, "holds a certificate that cannot be parsed"),
        (&format!("{good}{NO_X509}"), "holds a certificate that cannot be parsed"),
    ] {
        let file = authority.write("bad.pem", content);
        let told = told(TargetTls { ca_file: Some(file.clone()), ..system_tls() });
        let expected = format!("tls.ca_file: {}: {fault}", file.display());
        assert!(told.starts_with(&expected), "{content}: {told}");
    }
    let told = told(TargetTls { ca_file: Some(PathBuf::from("/no/ca.pem")), ..system_tls() });
    assert!(told.starts_with("tls.ca_file: /no/ca.pem: cannot be read: No such file"), "{told}");
}

#[test]
fn a_bad_client_certificate_is_named() {
    let authority = Authority::new();
    let CertificatePair { chain, key } = authority.issue("edge");
    let others = authority.issue("another").key;
    let told = |chain: &Path, key: &Path| {
        let pair = CertificatePair { chain: chain.to_owned(), key: key.to_owned() };
        told(TargetTls { client_certificate: Some(pair), ..system_tls() })
    };
    let bad = |content| authority.write("bad.pem", content);
    for (told, expected) in [
        (told(&bad(""), &key), "tls.client_certificate: FILE: holds no PEM certificate"),
        (told(&bad(NO_X509), &key), "tls.client_certificate: FILE: holds a certificate that"),
        (told(&chain, &bad("")), "tls.client_key: FILE: holds no PEM private key"),
        (told(&chain, &chain), "tls.client_key: FILE: holds no PEM private key"),
        (told(&chain, &bad(PKCS8_ENCRYPTED)), "tls.client_key: FILE: holds an encrypted key"),
        (told(&chain, &bad(PEM_ENCRYPTED)), "tls.client_key: FILE: holds an encrypted key"),
        (told(&chain, &bad(KEY_OF_NOBODY)), "tls.client_key: FILE: holds a key that cannot"),
        (told(&chain, &others), "tls.client_key: FILE: is not the key of the certificate"),
    ] {
        let file = told.split(": ").nth(1).unwrap();
        assert!(told.replace(file, "FILE").starts_with(expected), "{told}");
    }
}
