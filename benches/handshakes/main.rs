//! What a handshake costs beside one certificate and beside thousands: `make bench`.
//!
//! Client and server are in one process and speak in memory, so that nothing but TLS is measured. The
//! machine is noisy: each figure is the least of several rounds.
#![expect(clippy::print_stdout, reason = "the table is what this is for")]

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ServerConnection;
use rustls::{DigitallySignedStruct, SignatureScheme};
use warmfront_certs::Certificates;

const COUNTS: [usize; 4] = [1, 100, 1_000, 10_000];
const ROUNDS: usize = 10;
const HANDSHAKES: usize = 200;
const LOOK_UPS: usize = 200_000;

fn main() {
    println!("{:>12}  {:>14}  {:>12}", "certificates", "handshake", "look-up");
    for count in COUNTS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let certificates = load(folder.path(), count);
        let look_up = least(LOOK_UPS, |turn| {
            let found = certificates.find(Some(&name(turn % count)), local());
            assert!(found.is_some(), "every name has its certificate");
        });
        let client = client();
        let handshake = least(HANDSHAKES, |turn| shake(&certificates, &client, turn % count));
        println!("{count:>12}  {handshake:>14.1?}  {look_up:>12.1?}");
    }
}

/// The least time that one turn took on average, over all rounds.
fn least(turns: usize, mut work: impl FnMut(usize)) -> Duration {
    let rounds = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        (0..turns).for_each(&mut work);
        began.elapsed() / u32::try_from(turns).expect("a number of turns")
    });
    rounds.min().unwrap_or_default()
}

/// One whole handshake of TLS 1.3, without resumption.
fn shake(certificates: &Certificates, client: &Arc<ClientConfig>, turn: usize) {
    let host = name(turn);
    let server_name = ServerName::try_from(host.clone()).expect("a name");
    let mut client = ClientConnection::new(client.clone(), server_name).expect("a client");
    let presented = certificates.find(Some(&host), local()).expect("a certificate");
    let mut server = ServerConnection::new(presented.server.clone()).expect("a server");
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).expect("memory takes it");
        server.read_tls(&mut io::Cursor::new(wire)).expect("memory gives it");
        server.process_new_packets().expect("what the client sent is understood");
        let mut wire = Vec::new();
        server.write_tls(&mut wire).expect("memory takes it");
        client.read_tls(&mut io::Cursor::new(wire)).expect("memory gives it");
        client.process_new_packets().expect("what the server sent is understood");
    }
}

fn load(folder: &Path, count: usize) -> Arc<Certificates> {
    let mut file = "[origins.web]\ntargets = [\"127.0.0.1:1\"]\n".to_owned();
    file.push_str("[sites.www]\nhosts = [\"www.example.com\"]\norigin = \"web\"\n");
    for place in 0..count {
        let made = rcgen::generate_simple_self_signed(vec![name(place)]).expect("a certificate");
        let (chain, key) = (format!("{place}.pem"), format!("{place}.key"));
        fs::write(folder.join(&chain), made.cert.pem()).expect("a file");
        fs::write(folder.join(&key), made.signing_key.serialize_pem()).expect("a file");
        let _ = writeln!(file, "[[tls.certificates]]\nchain = \"{chain}\"\nkey = \"{key}\"");
    }
    let config = warmfront_config::parse(&file, &folder.join("warmfront.toml"), &|_| None);
    Certificates::load(&config.expect("a sound configuration")).expect("sound certificates")
}

fn client() -> Arc<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    client.resumption = Resumption::disabled();
    Arc::new(client)
}

fn name(place: usize) -> String {
    format!("site-{place}.example.com")
}

fn local() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

/// Believes any certificate: what the client does is not measured for its own sake.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
