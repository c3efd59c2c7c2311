//! How the edge speaks with targets: TLS, HTTP/2, and what switches or never ends.

mod http2;
mod lasting;

use std::path::Path;
use std::time::Duration;

use http::StatusCode;

use crate::support::edge::{before, own_address};
use crate::support::secure::{Pair, Secure, Speaks, TeamCa};
use crate::support::{Edge, Nginx, Setup, WWW, run};

#[test]
fn targets_are_verified_by_the_teams_own_ca_and_name() {
    run(async {
        let ca = TeamCa::new();
        for (speaks, protocol) in [(Speaks::Http1, "http1"), (Speaks::Http2, "http2")] {
            let target = Secure::start(&ca, &["app.internal"], speaks).await;
            let tls = format!("{}\nprotocol = \"{protocol}\"", trusting(&ca, "app.internal"));
            let edge = Edge::grouping(&[target.address()], &tls).await;
            let answer = edge.get(WWW, "/a").await;
            assert_eq!(answer.status, StatusCode::OK, "{protocol}: {}", target.seen());
            let order = edge.ask("POST", WWW, "/order").body(vec![b'x'; MIB]).send().await;
            assert_eq!(order.json()["bytes"], MIB, "{protocol}");
            assert_eq!(order.json()["host"], WWW, "{protocol}");
            let seen = target.seen();
            assert!(seen.contains("handshake app.internal nobody\n"), "{protocol}: {seen}");
        }
    });
}

#[test]
fn a_target_that_is_not_to_be_trusted_sees_no_byte_of_a_request() {
    run(async {
        let (ca, other) = (TeamCa::new(), TeamCa::new());
        let ip = own_address();
        let long_ago = warmfront_proxy::now() - Duration::from_hours(365 * 24);
        let cases = [
            ("other-ca", other.issue(&["app.internal"]), "app.internal"),
            ("other-name", ca.issue(&["shop.internal"]), "app.internal"),
            ("no-address", ca.issue(&["address.internal"]), &*ip.to_string()),
            ("expired", ca.issue_at(&["app.internal"], long_ago), "app.internal"),
        ];
        for (case, pair, name) in cases {
            for (speaks, protocol) in [(Speaks::Http1, "http1"), (Speaks::Http2, "http2")] {
                let target = Secure::showing(ip, &pair, speaks).await;
                let tls = format!("{}\nprotocol = \"{protocol}\"", trusting(&ca, name));
                let edge = Edge::grouping(&[target.address()], &tls).await;
                distrusts(&edge, &target, &format!("{case} over {protocol}")).await;
            }
        }
    });
}

#[test]
fn a_target_with_a_bad_certificate_costs_nobody_an_answer() {
    run(async {
        let ca = TeamCa::new();
        let good = Secure::start(&ca, &["app.internal"], Speaks::Http1).await;
        let bad = Secure::start(&ca, &["shop.internal"], Speaks::Http1).await;
        let targets = [bad.address(), good.address()];
        let edge = Edge::grouping(&targets, &trusting(&ca, "app.internal")).await;
        for method in ["GET", "POST", "GET", "POST"] {
            let answer = edge.ask(method, WWW, "/a").send().await;
            assert_eq!(answer.status, StatusCode::OK, "{method}");
        }
        bad.sees("refused ").await;
        assert!(!bad.seen().contains("request"), "{}", bad.seen());
    });
}

#[test]
fn tls_without_a_name_verifies_the_address() {
    run(async {
        let ca = TeamCa::new();
        let ip = own_address();
        for (names, is_trusted) in [([&*ip.to_string()], true), (["app.internal"], false)] {
            let target = Secure::showing(ip, &ca.issue(&names), Speaks::Http1).await;
            let config = before(&[target.address()]).replace("\n[sites", "tls = true\n\n[sites");
            // In place of the system's roots.
            let file = ca.file().display().to_string();
            let setup = Setup::new(&config).variable("SSL_CERT_FILE", &file);
            let edge = setup.start().await;
            if is_trusted {
                let answer = edge.get(WWW, "/a").await;
                assert_eq!(answer.status, StatusCode::OK, "{}", target.seen());
            } else {
                distrusts(&edge, &target, "a certificate without the address").await;
            }
        }
    });
}

#[test]
fn a_target_is_not_verified_only_where_the_file_says_so_and_that_is_warned_about() {
    run(async {
        let stranger = TeamCa::new();
        for (speaks, protocol) in [(Speaks::Http1, "http1"), (Speaks::Http2, "http2")] {
            let target = Secure::start(&stranger, &["stranger.internal"], speaks).await;
            let tls = format!("tls = {{ verify = false }}\nprotocol = \"{protocol}\"");
            let edge = Edge::grouping(&[target.address()], &tls).await;
            let warned = |line: &str| line.contains("WARN") && line.contains("tls.verify is off");
            edge.process.stderr.find(warned).await;
            assert_eq!(edge.get(WWW, "/a").await.status, StatusCode::OK, "{protocol}");
            target.sees("request GET /a").await;
        }
    });
}

#[test]
fn a_target_that_asks_for_a_certificate_is_shown_the_edges_own() {
    run(async {
        let ca = TeamCa::new();
        let (pair, shown) = (ca.issue(&["app.internal"]), ca.client("edge-7").await);
        let nginx = Nginx::listening("ssl http2", &mutual(&pair, &shown.chain)).await;
        for protocol in ["http1", "http2"] {
            let tls = format!("{}\nprotocol = \"{protocol}\"", showing(&ca, &shown));
            let edge = Edge::grouping(&[nginx.address()], &tls).await;
            let answer = edge.get(WWW, "/a").await;
            assert_eq!(answer.text(), "CN=edge-7 is welcome", "{protocol}");
        }
        let node = Secure::asking(&pair, &shown.chain, Speaks::Http1).await;
        let edge = Edge::grouping(&[node.address()], &showing(&ca, &shown)).await;
        let answer = edge.ask("POST", WWW, "/order").body("one book").send().await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(node.seen().contains("handshake app.internal edge-7\n"), "{}", node.seen());
    });
}

#[test]
fn a_target_that_asks_for_a_certificate_gets_no_request_without_one() {
    run(async {
        let ca = TeamCa::new();
        let (pair, trusted) = (ca.issue(&["app.internal"]), ca.client("edge-7").await);
        let node = Secure::asking(&pair, &trusted.chain, Speaks::Http1).await;
        let edge = Edge::grouping(&[node.address()], &trusting(&ca, "app.internal")).await;
        for method in ["GET", "POST"] {
            let answer = edge.ask(method, WWW, "/a").body("one book").send().await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{method}: {}", node.seen());
        }
        assert!(!node.seen().contains("request"), "{}", node.seen());
    });
}

/// Neither a GET nor a POST gets further than the handshake.
async fn distrusts(edge: &Edge, target: &Secure, case: &str) {
    for (method, path) in [("GET", "/a"), ("POST", "/order")] {
        let answer = edge.ask(method, WWW, path).body("one book").send().await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{case}: {method}");
        let line = edge.logged(path).await;
        assert_eq!(line["fault"], "origin-tls", "{case}: {line}");
    }
    target.sees("refused ").await;
    let seen = target.seen();
    assert!(!seen.contains("handshake") && !seen.contains("request"), "{case}: {seen}");
}

fn trusting(ca: &TeamCa, name: &str) -> String {
    format!("tls = {{ ca_file = {:?}, server_name = {name:?} }}", ca.file())
}

fn showing(ca: &TeamCa, Pair { chain, key }: &Pair) -> String {
    let shown = format!("client_certificate = {chain:?}, client_key = {key:?}");
    format!("tls = {{ ca_file = {:?}, server_name = \"app.internal\", {shown} }}", ca.file())
}

/// An nginx that lets in who has a certificate, and says whose it is.
fn mutual(Pair { chain, key }: &Pair, trusted: &Path) -> String {
    let files =
        format!("ssl_certificate {};\nssl_certificate_key {};", chain.display(), key.display());
    let trusted = trusted.display();
    let asks = format!("ssl_client_certificate {trusted};\nssl_verify_client on;");
    format!("{files}\n{asks}\nreturn 200 \"$ssl_client_s_dn is welcome\";")
}

const MIB: usize = 1024 * 1024;
