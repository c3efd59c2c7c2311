//! The control API under a site's certificate: `listen.admin_tls`.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::client::{Answer, Ask, Place, plain};
use crate::support::edge::before;
use crate::support::own::OwnFiles;
use crate::support::process::POLL;
use crate::support::program::{Ended, output, program, warmfront};
use crate::support::sigv4::element;
use crate::support::{
    Aws, Call, Edge, Origin, Over, Reply, SDKS, Setup, Shown, WWW, run, run_within,
};

#[test]
fn aws_tools_ask_over_tls_and_need_nothing_but_the_ca() {
    run_within(LIMIT, async {
        let (_origin, edge) = sealed().await;
        edge.get(WWW, "/a").await;
        let endpoint = edge.setup().admin.to_string();
        let aws = Aws::of(&edge).over_tls(&endpoint, &edge.setup().place.ca);
        let words = ["create-invalidation", "--distribution-id", ID, "--paths", "/*"];
        let created = aws.prints(&words).await;
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Miss");
        let place = created["Location"].as_str().unwrap();
        assert!(place.starts_with(&format!("https://{endpoint}/2020-05-31/")), "{place}");
        let id = created["Invalidation"]["Id"].as_str().unwrap();
        let words = ["wait", "invalidation-completed", "--distribution-id", ID, "--id", id];
        assert_eq!(aws.prints(&words).await, Value::Null);
        for sdk in SDKS {
            let [listed] = aws.calls(sdk, [Call::ask("ListDistributions", json!({}))]).await;
            let first = &listed.succeeded()["DistributionList"]["Items"][0];
            assert_eq!(first["Id"], ID, "{sdk:?}");
        }
        let stranger = aws.without("AWS_CA_BUNDLE");
        let told = stranger.cli(&["list-distributions"]).await;
        assert!(told.code != 0 && told.stderr.contains("SSL validation failed"), "{told:?}");
    });
}

#[test]
fn curl_and_the_command_line_ask_over_tls() {
    run(async {
        let (_origin, edge) = sealed().await;
        for words in [&["status"][..], &["invalidate", "/*"], &["invalidations"], &["keys", "list"]]
        {
            let told = edge.setup().command(words).await;
            assert_eq!((told.code, &*told.stderr), (0, ""), "{words:?}: {told:?}");
        }
        let told = curl(&edge, WWW).await;
        assert_eq!((told.code, told.stdout.contains(ID)), (0, true), "{told:?}");
        let told = curl(&edge, &edge.setup().admin.ip().to_string()).await;
        assert_eq!((told.code, told.stdout.contains(ID)), (0, true), "{told:?}");

        let clear = plain(edge.setup().admin, "GET", "/live", &[], "").await;
        assert!(clear.is_err(), "nothing is told in clear: {clear:?}");
        for path in ["/live", "/ready", "/metrics", "/openapi.json"] {
            assert_eq!(ask(&edge, WWW, path).await.status, StatusCode::OK, "{path}");
        }
    });
}

#[test]
fn another_host_is_told_that_it_is_not_asked_here() {
    run(async {
        let (_origin, edge) = sealed().await;
        for (host, path, status) in [
            (WWW, "/sites", 401),
            ("evil.example.test", "/sites", 421),
            ("evil.example.test", "/live", 421),
        ] {
            let answer = ask(&edge, host, path).await;
            assert_eq!(answer.status.as_u16(), status, "{host}{path}: {}", answer.text());
        }
        let answer = ask(&edge, "evil.example.test", "/2020-05-31/distribution").await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(element(answer.text(), "Code"), "AccessDenied", "it is XML");
    });
}

#[test]
fn a_certificate_that_was_replaced_is_shown_here_too() {
    run(async {
        let (_origin, edge) = sealed().await;
        let place = admin(&edge);
        let first = Shown::to(&place, WWW).await.unwrap();
        assert_eq!(first.distrust, None);
        let second = OwnFiles::beside(edge.setup()).issue(&[WWW]);
        assert_ne!(first.leaf, second.leaf);
        let dir = edge.setup().dir();
        std::fs::write(dir.join("chain.pem"), &second.chain).unwrap();
        std::fs::write(dir.join("key.pem"), &second.key).unwrap();
        while Shown::to(&place, WWW).await.unwrap().leaf != second.leaf {
            tokio::time::sleep(POLL).await;
        }
        let told = edge.setup().command(&["status"]).await;
        assert_eq!(told.code, 0, "the command line reads it from where the node does: {told:?}");
    });
}

/// Goal: while the certificate is missing, the node can be asked why. Method: an authority that is
/// not there, so that a stand-in is shown; the node's own user knows it, who comes by its URL does
/// not, and neither does one who finds what an earlier life of the node showed.
#[test]
fn the_command_line_knows_a_stand_in_of_its_own_node_and_no_other() {
    run(async {
        let origin = Origin::start().await;
        let setup = Setup::new(&(before(&[origin.address()]) + ACME));
        setup.rewrite("state = \"state\"\n", "state = \"state\"\nadmin_tls = \"www\"\n");
        setup.rewrite("[[tls.certificates]]\nchain = \"chain.pem\"\nkey = \"key.pem\"\n", "");
        let edge = setup.start_sealed().await;
        let told = edge.setup().command(&["status"]).await;
        assert_eq!((told.code, &*told.stderr), (0, ""), "{told:?}");
        assert!(told.stdout.contains(" self-signed "), "{told:?}");

        let url = format!("https://{}", edge.setup().admin);
        let mut stranger = warmfront();
        stranger.env_clear().env("WARMFRONT_ADMIN", url).env("WARMFRONT_KEY", edge.root_key());
        let told = output(stranger.arg("status")).await;
        let told_why = told.stderr.contains("if the node has none from an authority yet");
        assert!(told.code == 1 && told_why, "{told:?}");

        let shown = edge.setup().dir().join("state/admin.pem");
        let before = std::fs::read(&shown).unwrap();
        assert!(!String::from_utf8(before.clone()).unwrap().contains("PRIVATE"));
        let edge = edge.kill().await.start_sealed().await;
        let told = edge.setup().command(&["status"]).await;
        assert_eq!(told.code, 0, "{told:?}");
        assert_ne!(std::fs::read(&shown).unwrap(), before);
    });
}

async fn sealed() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/a", Reply::text("{n}").cache("max-age=600"));
    let setup = Setup::new(&(before(&[origin.address()]) + &format!("id = \"{ID}\"\n")));
    setup.rewrite("state = \"state\"\n", "state = \"state\"\nadmin_tls = \"www\"\n");
    (origin, setup.start_sealed().await)
}

/// The admin listener, as a place that TLS is spoken at.
fn admin(edge: &Edge) -> Arc<Place> {
    let address = edge.setup().admin;
    Arc::new(Place { http: address, https: address, ca: edge.setup().place.ca.clone() })
}

async fn ask(edge: &Edge, host: &str, path: &str) -> Answer {
    Ask::new(admin(edge), "GET", host, path).over(Over::Http1).send().await
}

/// `curl https://HOST:PORT/sites` with the root key, at the address of the edge.
async fn curl(edge: &Edge, host: &str) -> Ended {
    let address = edge.setup().admin;
    let ca = edge.setup().dir().join("trusted.pem");
    std::fs::write(&ca, &edge.setup().place.ca).unwrap();
    let mut curl = program("curl");
    curl.args(["-sS", "--fail-with-body", "--cacert"])
        .arg(ca)
        .args(["--oauth2-bearer", &edge.root_key()])
        .args(["--resolve", &format!("{host}:{}:{}", address.port(), address.ip())])
        .arg(format!("https://{host}:{}/sites", address.port()));
    output(&mut curl).await
}

const ACME: &str = r#"
[acme]
agree_to_terms = true
directory = "https://127.0.0.1:1/directory"
public_addresses = ["127.0.0.1"]
"#;
const ID: &str = "E2QWRUHAPOMQZL";
/// Each start of a client is a second of a busy machine.
const LIMIT: Duration = Duration::from_mins(2);
