//! Which certificate a client is shown, and who is turned away in the handshake.

use std::sync::Arc;

use http::StatusCode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::client::Place;
use crate::support::kept::Kept;
use crate::support::own::{OwnFiles, tables};
use crate::support::process::POLL;
use crate::support::program::{Ended, output, program};
use crate::support::world::{bare, ip_of, site};
use crate::support::{Edge, Kind, Origin, Over, Reply, Setup, Shown, WWW, World, run, trusted};

#[test]
fn an_exact_name_comes_before_a_wildcard_and_that_before_the_default() {
    run(async {
        let setup = bare();
        let files = OwnFiles::beside(&setup);
        let default = files.put("default", &["fallback.test"]).leaf;
        let wildcard = files.put("wildcard", &["*.example.test"]).leaf;
        let exact = files.put("exact", &[WWW]).leaf;
        let own = tables(&["default", "wildcard", "exact"]);
        let tls = "[tls]\nunknown_name = \"default\"\n";
        let hosts = [WWW, "api.example.test", "fallback.test"];
        let (_origin, edge) = start(setup, tls, &(site("all", &hosts, "") + &own)).await;
        for (host, expected) in [
            (WWW, &exact),
            ("WWW.Example.TEST", &exact),
            ("api.example.test", &wildcard),
            ("nobody.example.test", &wildcard),
            ("fallback.test", &default),
            // A wildcard stands for one label, and not for none.
            ("a.api.example.test", &default),
            ("example.test", &default),
            ("elsewhere.test", &default),
            // No server name.
            ("127.0.0.1", &default),
        ] {
            let shown = Shown::to(&edge.setup().place, host).await.unwrap();
            assert_eq!(shown.leaf, *expected, "{host}");
        }
    });
}

#[test]
fn without_certificates_of_ones_own_the_first_sites_is_the_default() {
    run(async {
        let (world, setup) = World::start().await;
        let sites = site("www", &[WWW], "")
            + &site("api", &["api.example.test"], "")
            + "[tls]\nunknown_name = \"default\"\n";
        let edge = world.ordering(setup, "", &sites).await.start().await;
        let place = edge.setup().place.clone();
        let api = trusted(&place, "api.example.test").await;
        let www = trusted(&place, WWW).await;
        assert_ne!(www.leaf, api.leaf);
        for host in ["elsewhere.test", "127.0.0.1"] {
            assert_eq!(Shown::to(&place, host).await.unwrap().leaf, www.leaf, "{host}");
        }
        // It is shown, and answered for no host that it does not speak for.
        let mut connection = Kept::open(&place, WWW).await;
        assert_eq!(connection.get("api.example.test").await.0, StatusCode::MISDIRECTED_REQUEST);
    });
}

#[test]
fn a_certificate_may_have_a_key_of_any_kind() {
    run(async {
        let setup = bare();
        let keys = [
            ("rsa", &["rsa:2048"][..], "ECDHE-RSA-AES128-GCM-SHA256"),
            (
                "p384",
                &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
                "ECDHE-ECDSA-AES128-GCM-SHA256",
            ),
            ("ed25519", &["ed25519"], "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ];
        let host = |name: &str| format!("{name}.example.test");
        for (name, kind, _) in keys {
            let files = [".key", ".pem"].map(|ending| setup.dir().join(format!("{name}{ending}")));
            let mut openssl = program("openssl");
            openssl.args(["req", "-x509", "-nodes", "-days", "2", "-newkey"]).args(kind);
            openssl.args([
                "-subj",
                "/CN=any",
                "-addext",
                &format!("subjectAltName=DNS:{}", host(name)),
            ]);
            let ended =
                output(openssl.arg("-keyout").arg(&files[0]).arg("-out").arg(&files[1])).await;
            assert_eq!(ended.code, 0, "{ended:?}");
        }
        let names = keys.map(|(name, ..)| name);
        let hosts = names.map(host);
        let sites = site("all", &hosts.each_ref().map(String::as_str), "") + &tables(&names);
        let (_origin, edge) = start(setup, "", &sites).await;
        for (name, _, suite) in keys {
            for version in [&["-tls1_3"][..], &["-tls1_2", "-cipher", suite]] {
                let host = host(name);
                let words = [&["-servername", &*host], version].concat();
                let ended = s_client(&edge.setup().place, &words).await;
                assert_eq!(ended.code, 0, "{name} {version:?}: {ended:?}");
            }
        }
    });
}

#[test]
fn a_name_that_nobody_speaks_for_is_refused_with_the_alert_that_says_so() {
    run(async {
        let setup = bare();
        OwnFiles::beside(&setup).put("www", &[WWW]);
        let sites = site("www", &[WWW], "") + &tables(&["www"]);
        let (_origin, edge) = start(setup, "", &sites).await;
        let place = edge.setup().place.clone();
        for words in [&["-servername", "elsewhere.test"][..], &["-noservername"]] {
            for version in ["-tls1_2", "-tls1_3"] {
                let ended = s_client(&place, &[words, &[version]].concat()).await;
                assert!(ended.stderr.contains("SSL alert number 112"), "{words:?}: {ended:?}");
            }
        }
        assert_eq!(edge.get(WWW, "/").await.text(), "here");
    });
}

#[test]
fn who_asks_for_an_address_is_shown_the_certificate_of_the_address_they_reached() {
    run(async {
        let setup = bare();
        let ip = ip_of(&setup).to_string();
        let files = OwnFiles::beside(&setup);
        files.put("www", &[WWW]);
        let of_address = files.put("address", &[&ip]).leaf;
        let sites = site("www", &[WWW, &ip], "") + &tables(&["www", "address"]);
        let (_origin, edge) = start(setup, "", &sites).await;
        let shown = Shown::to(&edge.setup().place, &ip).await.unwrap();
        assert_eq!((shown.leaf, shown.distrust), (of_address, None));
        assert_eq!(edge.ask("GET", &ip, "/").over(Over::Http1).send().await.text(), "here");
    });
}

#[test]
fn a_connection_carries_the_hosts_that_its_certificate_speaks_for_and_no_others() {
    run(async {
        let setup = bare();
        let files = OwnFiles::beside(&setup);
        files.put("two", &[WWW, "cdn.example.test"]);
        files.put("api", &["api.example.test"]);
        let sites = site("www", &[WWW], "")
            + &site("cdn", &["cdn.example.test"], "")
            + &site("api", &["api.example.test"], "")
            + &tables(&["two", "api"]);
        let (_origin, edge) = start(setup, "", &sites).await;
        let mut connection = Kept::open(&edge.setup().place, WWW).await;
        for (host, status) in [
            (WWW, StatusCode::OK),
            ("cdn.example.test", StatusCode::OK),
            ("api.example.test", StatusCode::MISDIRECTED_REQUEST),
            (WWW, StatusCode::OK),
        ] {
            assert_eq!(connection.get(host).await.0, status, "{host}");
        }
        assert_eq!(edge.get("api.example.test", "/").await.text(), "here");
    });
}

#[test]
fn a_policy_lets_in_what_the_one_of_that_name_at_cloudfront_does() {
    run(async {
        for (policy, lets_in) in [
            ("TLSv1.2_2021", &[GCM_128, GCM_256, CHACHA, TLS13_GCM, TLS13_CHACHA][..]),
            ("TLSv1.2_2025", &[GCM_128, GCM_256, TLS13_GCM, TLS13_CHACHA]),
            ("TLSv1.3_2025", &[TLS13_GCM, TLS13_CHACHA]),
        ] {
            let setup = bare();
            OwnFiles::beside(&setup).put("www", &[WWW]);
            let sites = site("www", &[WWW], "") + &tables(&["www"]);
            let tls = format!("[tls]\npolicy = \"{policy}\"\n");
            let (_origin, edge) = start(setup, &tls, &sites).await;
            for offer in OFFERS {
                let words: Vec<&str> = offer.split(' ').collect();
                let ended = s_client(&edge.setup().place, &words).await;
                let expected = lets_in.contains(&offer);
                let agreed = format!("Ciphersuite: {}\n", words.last().unwrap());
                let agreed = ended.stderr.contains(&agreed);
                assert_eq!((ended.code == 0, agreed), (expected, expected), "{policy} {ended:?}");
            }
        }
    });
}

#[test]
fn sessions_are_resumed_after_their_certificate_was_replaced() {
    run(async {
        let setup = bare();
        let files = OwnFiles::beside(&setup);
        files.put("www", &[WWW]);
        let sites = site("www", &[WWW], "") + &tables(&["www"]);
        let (_origin, edge) = start(setup, "", &sites).await;
        let place = edge.setup().place.clone();
        let clients = [&rustls::version::TLS12, &rustls::version::TLS13]
            .map(|version| remembering(&place, version));
        for client in &clients {
            assert_eq!(visit(&place, client).await, HandshakeKind::Full);
        }
        let second = files.put("www", &[WWW]).leaf;
        while Shown::to(&place, WWW).await.unwrap().leaf != second {
            tokio::time::sleep(POLL).await;
        }
        for client in &clients {
            assert_eq!(visit(&place, client).await, HandshakeKind::Resumed);
        }
    });
}

#[test]
fn a_handshake_for_a_proof_that_nobody_waits_for_is_refused() {
    run(async {
        let (world, setup) = World::start().await;
        let keys = "challenge = \"tls-alpn-01\"";
        let edge = world.ordering(setup, keys, &site("www", &[WWW], "")).await.start().await;
        let place = edge.setup().place.clone();
        trusted(&place, WWW).await;
        for host in [WWW, "nobody.example.test"] {
            for _ in 0..20 {
                let ended = s_client(&place, &["-servername", host, "-alpn", "acme-tls/1"]).await;
                // no_application_protocol (RFC 7301 §3.2), or unrecognized_name.
                let alert = if host == WWW { 120 } else { 112 };
                assert!(ended.stderr.contains(&format!("alert number {alert}")), "{ended:?}");
                assert!(!ended.stdout.contains("BEGIN CERTIFICATE"), "{ended:?}");
            }
        }
        edge.connected(0).await;
        // A client that offers more than that is a client.
        let words = ["-servername", WWW, "-alpn", "acme-tls/1,http/1.1"];
        let ended = s_client(&place, &words).await;
        assert!(ended.code == 0 && !ended.stdout.contains("acme"), "{ended:?}");
        assert_eq!(world.authority.count(Kind::NewOrder), 1);
    });
}

#[test]
fn a_proof_is_found_over_http_before_any_redirect_and_nothing_else_is() {
    run(async {
        let (world, setup) = World::start().await;
        let redirecting = site("www", &[WWW], "").replace("allow-all", "redirect-to-https");
        let mut told = world.authority.holds(Kind::Challenge);
        let edge = world.ordering(setup, "", &redirecting).await.start().await;
        told.arrived().await;
        // The proof stays until the authority has said what it saw.
        let _seen = world.authority.holds(Kind::Authorization);
        told.pass();
        let found = |line: &str| line.contains(CHALLENGES);
        let line = edge.process.stdout.find(found).await;
        let logged: serde_json::Value = serde_json::from_str(&line).unwrap();
        let path = logged["path"].as_str().unwrap();
        let token = path.strip_prefix(CHALLENGES).unwrap();

        // The name is the authority's to choose: it may be told a CNAME's.
        for host in [WWW, "nobody.example.test"] {
            let get = edge.ask("GET", host, path).over(Over::Plain).send().await;
            assert_eq!((get.status, &*get.field("cache-control")), (StatusCode::OK, "no-store"));
            let (first, thumbprint) = get.text().split_once('.').unwrap();
            assert_eq!((first, thumbprint.len()), (token, 43), "{get:?}");
            let head = edge.ask("HEAD", host, path).over(Over::Plain).send().await;
            assert_eq!((head.status, head.text()), (StatusCode::OK, ""));
            assert_eq!(head.field("content-length"), get.body.len().to_string());
        }
        let redirected = [
            ("POST", path.to_owned()),
            ("GET", format!("{path}x")),
            ("GET", format!("{CHALLENGES}never-heard-of")),
            ("GET", CHALLENGES.to_owned()),
        ];
        for (method, path) in redirected {
            let answer = edge.ask(method, WWW, &path).over(Over::Plain).send().await;
            assert!(answer.status.is_redirection(), "{method} {path}: {answer:?}");
            assert!(answer.field("location").starts_with("https://www.example.test"));
        }
    });
}

/// An edge with these tables, before an origin that answers.
async fn start(setup: Setup, tls: &str, sites: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/", Reply::text("here").cache("no-store"));
    let config = std::fs::read_to_string(setup.config()).unwrap();
    let app = format!("[origins.app]\ntargets = [\"{origin}\"]\n");
    std::fs::write(setup.config(), [&*config, tls, &app, sites].join("\n")).unwrap();
    (origin, setup.start().await)
}

/// A handshake by OpenSSL: its code is 0 if it went well.
async fn s_client(place: &Place, words: &[&str]) -> Ended {
    let mut openssl = program("openssl");
    openssl.args(["s_client", "-brief", "-connect", &place.https.to_string()]);
    if !words.iter().any(|word| word.ends_with("servername")) {
        openssl.args(["-servername", WWW]);
    }
    output(openssl.args(words)).await
}

/// A client that keeps its tickets.
fn remembering(place: &Place, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(place.ca.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_protocol_versions(&[version]);
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// How a client's handshake went.
async fn visit(place: &Place, client: &Arc<ClientConfig>) -> HandshakeKind {
    let mut stream = place.connect(WWW, client.clone()).await;
    let request = format!("GET / HTTP/1.1\r\nHost: {WWW}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    stream.get_ref().1.handshake_kind().unwrap()
}

const CHALLENGES: &str = "/.well-known/acme-challenge/";
const GCM_128: &str = "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256";
const GCM_256: &str = "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384";
const CHACHA: &str = "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305";
const CBC: &str = "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256";
const CCM: &str = "-tls1_2 -cipher ECDHE-ECDSA-AES128-CCM";
const RSA_KEYS: &str = "-tls1_2 -cipher AES128-GCM-SHA256";
const TLS13_GCM: &str = "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256";
const TLS13_CHACHA: &str = "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256";
/// OpenSSL speaks them at security level 0 alone.
const TLS11: &str = "-tls1_1 -cipher DEFAULT@SECLEVEL=0";
const TLS10: &str = "-tls1 -cipher DEFAULT@SECLEVEL=0";
const OFFERS: [&str; 10] =
    [GCM_128, GCM_256, CHACHA, TLS13_GCM, TLS13_CHACHA, CBC, CCM, RSA_KEYS, TLS11, TLS10];
