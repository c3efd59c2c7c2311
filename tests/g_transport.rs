//! TLS and HTTP versions, as other people's programs see them.

use std::sync::Arc;

use http::{StatusCode, Version};
use rustls::crypto::SupportedKxGroup;
use rustls::{HandshakeKind, NamedGroup, ProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::client::{raw, tls_stream};
use crate::support::edge::before;
use crate::support::process::POLL;
use crate::support::program::{output, program, told};
use crate::support::{Edge, Origin, Over, Reply, Setup, WWW, run};

#[test]
fn openssl_speaks_tls_1_3_and_1_2() {
    run(async {
        let (_origin, edge) = site().await;
        for (version, cipher) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
            let ended =
                s_client(&edge, &["-servername", WWW, "-alpn", "h2,http/1.1", version]).await;
            for part in ["Verify return code: 0 (ok)", "ALPN protocol: h2", cipher] {
                assert!(ended.contains(part), "{part} in {ended}");
            }
        }
    });
}

#[test]
fn only_tls_1_3_where_the_file_says_so() {
    run(async {
        let config = before(&["127.0.0.1:9".parse().unwrap()]) + "\n[tls]\nmin_version = \"1.3\"\n";
        let setup = Setup::new(&config);
        setup.rewrite("[[tls.certificates]]\nchain = \"chain.pem\"\nkey = \"key.pem\"\n", "");
        setup.rewrite(
            "\"1.3\"",
            "\"1.3\"\ncertificates = [{ chain = \"chain.pem\", key = \"key.pem\" }]",
        );
        let edge = setup.start().await;
        let old = s_client(&edge, &["-servername", WWW, "-tls1_2"]).await;
        assert!(old.contains("alert protocol version"), "{old}");
        let new = s_client(&edge, &["-servername", WWW, "-tls1_3"]).await;
        assert!(new.contains("Verify return code: 0 (ok)"), "{new}");
    });
}

#[test]
fn a_key_that_quantum_computers_do_not_find_is_preferred() {
    run(async {
        let (_origin, edge) = site().await;
        let stream = tls_stream(&edge.setup().place, WWW, &[b"h2"]).await;
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        let group = session.negotiated_key_exchange_group().map(SupportedKxGroup::name);
        assert_eq!(group, Some(NamedGroup::X25519MLKEM768));
    });
}

#[test]
fn sessions_are_resumed() {
    run(async {
        let (_origin, edge) = site().await;
        let place = &edge.setup().place;
        let config = crate::support::client::tls(&place.ca, &[b"http/1.1"]);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut stream = place.connect(WWW, Arc::clone(&config)).await;
            let request = format!("GET /a HTTP/1.1\r\nHost: {WWW}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // The tickets come with the answer.
            let _ = stream.read_to_end(&mut answer).await;
            assert!(answer.starts_with(b"HTTP/1.1 200"));
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
        let again = s_client(&edge, &["-servername", WWW, "-tls1_2", "-reconnect"]).await;
        assert!(again.contains("Reused, TLSv1.2"), "{again}");
    });
}

#[test]
fn an_unknown_name_is_refused_at_the_handshake() {
    run(async {
        let (_origin, edge) = site().await;
        let refused = s_client(&edge, &["-servername", "unknown.test"]).await;
        assert!(refused.contains("unrecognized name"), "{refused}");
        let failures = r#"warmfront_tls_handshake_failures_total{reason="unknown-name"} "#;
        // Counted once the client was told.
        while edge.metric(failures).await != 1 {
            tokio::time::sleep(POLL).await;
        }
    });
}

#[test]
fn without_a_name_the_address_speaks_for_itself() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/a", Reply::text("a"));
        let setup = Setup::new(&before(&[origin.address()]));
        let ip = setup.place.https.ip().to_string();
        setup.rewrite(r#"hosts = ["www.example.test"]"#, &format!("hosts = [{ip:?}]"));
        let edge = setup.start().await;
        let unnamed = s_client(&edge, &["-noservername", "-verify_ip", &ip]).await;
        assert!(unnamed.contains("Verify return code: 0 (ok)"), "{unnamed}");
        assert_eq!(edge.get(&ip, "/a").await.text(), "a");
    });
}

#[test]
fn a_host_that_the_certificate_is_not_for_is_misdirected() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/a", Reply::text("a"));
        let two = r#"hosts = ["www.example.test", "other.test"]"#;
        let config = before(&[origin.address()]).replace(r#"hosts = ["www.example.test"]"#, two);
        let edge = Edge::start(&config).await;
        for (host, status) in [("other.test", 421), (WWW, 200), ("no.example.test", 404)] {
            let mut stream = tls_stream(&edge.setup().place, WWW, &[b"http/1.1"]).await;
            let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
        }
    });
}

#[test]
fn h2load_sees_only_successes() {
    run(async {
        let (_origin, edge) = site().await;
        let mut h2load = program("h2load");
        h2load.args(["-n", "1000", "-c", "10", "-m", "10"]);
        h2load.arg(format!("--connect-to={}", edge.setup().place.https));
        h2load.arg(format!("https://{WWW}/a"));
        let ended = output(&mut h2load).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        for part in ["Application protocol: h2", "1000 succeeded, 0 failed", "1000 2xx"] {
            assert!(ended.stdout.contains(part), "{part} in {ended:?}");
        }
    });
}

#[test]
fn curl_speaks_every_version_and_is_redirected() {
    run(async {
        let (_origin, edge) = site().await;
        for (flag, over, version) in [
            ("--http1.1", Over::Http1, Version::HTTP_11),
            ("--http2", Over::Http2, Version::HTTP_2),
        ] {
            let answer = edge.ask("GET", WWW, "/a").over(over).send().await;
            assert_eq!((answer.status, answer.version), (StatusCode::OK, version));
            let https = edge.setup().place.https;
            let mut curl = program("curl");
            curl.args(["-sS", flag, "--cacert"]).arg(edge.setup().dir().join("ca.pem"));
            curl.args(["--connect-to", &format!("::{}:{}", https.ip(), https.port())]);
            let ended =
                output(curl.args(["-w", "%{http_version}", &format!("https://{WWW}/a")])).await;
            let version = if version == Version::HTTP_2 { "2" } else { "1.1" };
            assert_eq!(ended.stdout, format!("a{version}"), "{ended:?}");
        }
    });
}

#[test]
fn http_1_0_is_answered_and_closed() {
    run(async {
        let (_origin, edge) = site().await;
        let request = format!("GET /a HTTP/1.0\r\nHost: {WWW}\r\n\r\n");
        let answer = raw(edge.setup().place.http, request.as_bytes()).await;
        assert!(answer.contains(" 200 OK\r\n") && answer.ends_with("\r\n\r\na"), "{answer}");
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/a", Reply::text("a").cache("max-age=60"));
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}

/// What openssl says of a connection.
async fn s_client(edge: &Edge, options: &[&str]) -> String {
    let https = edge.setup().place.https.to_string();
    let mut openssl = program("openssl");
    openssl.args(["s_client", "-connect", &https, "-CAfile"]);
    openssl.arg(edge.setup().dir().join("ca.pem")).args(options);
    let ended = told(&mut openssl, "").await;
    ended.stdout + &ended.stderr
}
