//! What the tests of this crate are made of: certificates, configurations, handshakes in memory.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature_with_raw_key};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use rustls::{DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use warmfront_config::{CertificateFiles, Config, HostPattern, Tls, TlsPolicy, UnknownName};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::Certificate;

pub(crate) const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// A chain of one and its key, as PEM.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// Signed by itself, valid for so many days from [`epoch`].
pub(crate) fn made_for(names: &[&str], days: u64) -> Made {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Test Authority");
    params.not_before = epoch().into();
    params.not_after = (epoch() + Duration::from_hours(24 * days)).into();
    let key = rcgen::KeyPair::generate().unwrap();
    Made { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

pub(crate) fn made(names: &[&str]) -> Made {
    made_for(names, 90)
}

pub(crate) fn certificate(names: &[&str]) -> Certificate {
    let Made { chain, key } = made(names);
    Certificate::from_pem(&chain, &key).unwrap()
}

/// Some day in 2026.
pub(crate) fn epoch() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000)
}

pub(crate) fn hosts(hosts: &[&str]) -> Vec<HostPattern> {
    hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect()
}

impl Made {
    pub(crate) fn write(&self, folder: &Path, name: &str) -> CertificateFiles {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        std::fs::write(path("pem"), &self.chain).unwrap();
        std::fs::write(path("key"), &self.key).unwrap();
        CertificateFiles { chain: path("pem"), key: path("key") }
    }
}

/// Two sites, `first` and `second`, in this order.
pub(crate) fn config(own: Vec<CertificateFiles>, unknown_name: UnknownName) -> Config {
    let text = r#"
        listen = { https = [] }
        origins.app = { targets = ["192.0.2.7:80"] }
        sites.first = { hosts = ["first.example"], origin = "app", viewer = "allow-all" }
        sites.second = { hosts = ["second.example"], origin = "app", viewer = "allow-all" }
    "#;
    let mut config = warmfront_config::parse(text, Path::new("test.toml"), &|_| None).unwrap();
    config.tls = Tls { policy: TlsPolicy::default(), unknown_name, certificates: own };
    config
}

/// A client that takes any certificate; in TLS 1.3, if its key signed the handshake.
pub(crate) fn client(
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> Arc<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(client)
}

/// A whole handshake, with the tickets after it.
pub(crate) fn shake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client.clone(), name)?;
    let mut server = ServerConnection::new(server.clone())?;
    while client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        deliver(&wire, |wire| server.read_tls(wire));
        server.process_new_packets()?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        deliver(&wire, |wire| client.read_tls(wire));
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}

fn deliver(mut wire: &[u8], mut read: impl FnMut(&mut dyn io::Read) -> io::Result<usize>) {
    while !wire.is_empty() {
        read(&mut wire).unwrap();
    }
}

#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    /// By the bare key: rustls would refuse a critical extension that it does not know.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
        let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
