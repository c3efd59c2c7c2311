use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use warmfront_config::AdminAddr;

use super::node::{self, Node, Sites};
use crate::listener::Duplex;

/// As a client that trusts the site's own certificate, and offers HTTP/2 first.
pub(super) async fn shake(
    node: &Node,
    name: &str,
    stream: Box<dyn Duplex>,
) -> io::Result<Box<dyn Duplex>> {
    let mut roots = RootCertStore::empty();
    let path = node.state.path().join("own.pem");
    roots.add(CertificateDer::from_pem_file(path).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    Ok(Box::new(stream))
}

async fn connect(node: &Node) -> TcpStream {
    let AdminAddr::Tcp(address) = node.address else { panic!("not TCP") };
    TcpStream::connect(address).await.unwrap()
}

#[tokio::test]
async fn the_api_is_served_under_the_sites_certificate() {
    let node = Node::start(Sites::WwwUnderTls);
    assert_eq!(node.get("/sites", node.root()).await.status, 200);
    for path in ["/live", "/metrics"] {
        assert_eq!(node.look(path).await.status, 200, "{path}");
    }
    for (host, status) in [
        ("www.example.com:9900", 200),
        ("WWW.example.com.", 200),
        ("a.preview.example.com", 200),
        ("localhost", 200),
        ("api.example.com", 421),
        ("evil.example", 421),
    ] {
        let request = Request::get("/live").header("host", host).body(String::new());
        assert_eq!(node.send(request.unwrap()).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_name_that_is_not_the_sites_is_shown_the_same() {
    let node = Node::start(Sites::WwwUnderTls);
    let refused = shake(&node, "node1.internal", Box::new(connect(&node).await)).await;
    let why = refused.err().unwrap().to_string();
    assert!(why.contains("NotValidForName") || why.contains("not valid for name"), "{why}");
}

#[tokio::test]
async fn who_speaks_no_tls_is_turned_away() {
    let node = Node::start(Sites::WwwUnderTls);
    let mut stream = connect(&node).await;
    stream.write_all(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // However it ends, nothing of the API comes out.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    assert_eq!(node.look("/live").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_cut_off() {
    let node = Node::start(Sites::WwwUnderTls);
    let mut stream = connect(&node).await;
    let start = tokio::time::Instant::now();
    let _ = stream.read_to_end(&mut Vec::new()).await;
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn without_a_certificate_nobody_is_let_in() {
    let state = tempfile::tempdir().unwrap();
    let mut config = node::config(Sites::WwwUnderTls, "127.0.0.1:0", state.path());
    config.tls.certificates.clear();
    let node = Node::with(config, state);
    let ended = shake(&node, "www.example.com", Box::new(connect(&node).await));
    let ended = tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
    assert!(ended.is_err());
}
