//! Health checks.
//!
//! Goal: a target is what its checks have made of it, by its thresholds and with a reason, and a check
//! is no burden. Method: targets that answer checks as told, and remember how they were asked.

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use warmfront_demo::authority::Authority;

use crate::support::edge::{free_ports, own_address};
use crate::support::process::POLL;
use crate::support::{Edge, Gate, Origin, Reply, WWW, run};

#[test]
fn two_failed_checks_take_a_target_out_and_three_passed_ones_bring_it_back() {
    run(async {
        let (origin, other) = (well().await, well().await);
        let edge = Edge::grouping(
            &[origin.address(), other.address()],
            r#"health_check = { path = "/health", interval = "1500ms", healthy = 3, unhealthy = 2 }"#,
        )
        .await;
        let healthy = edge.target_is(origin.address(), "healthy").await;
        assert_eq!(healthy["reason"], "checks pass");
        edge.target_is(other.address(), "healthy").await;

        let fails = Reply::text("").status(500);
        let unhealthy = turns(&edge, &origin, fails, ["healthy", "unhealthy"], 2).await;
        assert_eq!(unhealthy["reason"], "the check was answered with status 500");
        assert_eq!(unhealthy["code"], "Target.ResponseCodeMismatch");
        let before = origin.seen("/page").len();
        for _ in 0..6 {
            assert_eq!(edge.get(WWW, "/page").await.status, StatusCode::OK);
        }
        assert_eq!(origin.seen("/page").len(), before, "it is unhealthy");

        let healthy = turns(&edge, &origin, Reply::text(""), ["unhealthy", "healthy"], 3).await;
        assert_eq!((&healthy["reason"], &healthy["code"]), (&"checks pass".into(), &Value::Null));
        for _ in 0..6 {
            assert_eq!(edge.get(WWW, "/page").await.status, StatusCode::OK);
        }
        assert_eq!(origin.seen("/page").len(), before + 3, "it takes its turns again");

        for check in origin.seen("/health") {
            assert_eq!(check.method, Method::GET);
            assert_eq!(check.field("connection"), "close", "it has a connection of its own");
            assert_eq!(check.field("host"), origin.to_string());
            let checker = check.field("user-agent");
            assert!(checker.starts_with("warmfront-health-check/"), "{checker}");
        }
    });
}

#[test]
fn a_target_that_is_not_known_yet_is_asked_only_if_none_is_healthy() {
    run(async {
        let (new, known) = (well().await, well().await);
        let gate = Gate::closed();
        new.answer("/health", Reply::text("").held_by(&gate));
        let edge = Edge::grouping(
            &[new.address(), known.address()],
            r#"health_check = { path = "/health", interval = "25s", timeout = "25s", healthy = 5 }"#,
        )
        .await;
        edge.target_is(known.address(), "healthy").await;
        let initial = edge.target(new.address()).await;
        assert_eq!(initial["state"], "initial");
        assert_eq!(initial["reason"], "no check has passed yet");
        assert_eq!(initial["code"], "Elb.InitialHealthChecking");
        for _ in 0..4 {
            assert_eq!(edge.get(WWW, "/page").await.status, StatusCode::OK);
        }
        assert_eq!((new.seen("/page").len(), known.seen("/page").len()), (0, 4));

        let gone = format!("/origins/app/targets/{known}");
        assert_eq!(edge.control("DELETE", &gone, "").await.status, StatusCode::OK);
        assert_eq!(edge.get(WWW, "/page").await.status, StatusCode::OK);
        assert_eq!((new.seen("/page").len(), known.seen("/page").len()), (1, 4));

        gate.open();
        edge.target_is(new.address(), "healthy").await;
        assert_eq!(new.seen("/health").len(), 1, "a new one needs one");
    });
}

#[test]
fn checks_may_go_to_another_port_and_ask_for_another_host() {
    run(async {
        let (app, checked) = (well().await, Origin::start().await);
        checked.answer("/health", Reply::text("").status(302));
        let port = checked.address().port();
        let check = format!(
            "health_check = {{ path = \"/health\", port = {port}, host = \"health.test\", \
             status = \"200,301-302\", interval = \"1s\" }}"
        );
        let edge = Edge::grouping(&[app.address()], &check).await;
        edge.target_is(app.address(), "healthy").await;
        checked.answer("/health", Reply::text("").status(200).held_by(&Gate::closed()));
        assert_eq!(edge.get(WWW, "/page").await.text(), "page");
        let unhealthy = edge.target_is(app.address(), "unhealthy").await;
        assert_eq!(unhealthy["reason"], "the check had no answer within 1s");
        assert_eq!(edge.get(WWW, "/page").await.text(), "page", "it is better than none");
        assert_eq!((app.seen("/health").len(), checked.seen("/page").len()), (0, 0));
        assert_eq!(checked.seen("/health")[0].field("host"), "health.test");
    });
}

#[test]
fn a_tcp_check_is_a_connection_and_no_more() {
    run(async {
        let [address] = free_ports(own_address());
        let (told, received) = watch::channel(Vec::new());
        let listens = listen(address, told.clone()).await;
        let edge = Edge::grouping(
            &[address],
            r#"health_check = { protocol = "tcp", interval = "1s", healthy = 2, unhealthy = 2 }"#,
        )
        .await;
        edge.target_is(address, "healthy").await;

        drop(listens);
        let unhealthy = edge.target_is(address, "unhealthy").await;
        assert_eq!(unhealthy["reason"], "no connection: connection refused");
        assert_eq!(unhealthy["code"], "Target.FailedHealthChecks");

        let _listens = listen(address, told).await;
        edge.target_is(address, "healthy").await;
        let received = received.borrow();
        assert!(received.len() >= 3 && received.iter().all(|bytes| *bytes == 0), "{received:?}");
    });
}

#[test]
fn a_check_over_tls_believes_what_the_requests_believe() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), warmfront_proxy::now()).unwrap();
        let origin = well().await;
        let (address, _tls) = before_tls(&authority, "app.internal", origin.address()).await;
        let tls = |name: &str| {
            let ca = dir.path().join("ca.pem").display().to_string();
            format!("tls = {{ ca_file = \"{ca}\", server_name = \"{name}\" }}\n")
        };
        for (tls, state, reason) in [
            (tls("app.internal"), "healthy", "checks pass"),
            (tls("other.internal"), "unhealthy", "no TLS: "),
            ("tls = true\n".to_owned(), "unhealthy", "no TLS: "),
        ] {
            let before = origin.seen("/health").len();
            let check = r#"health_check = { path = "/health", interval = "1s" }"#;
            let edge = Edge::grouping(&[address], &format!("{tls}{check}")).await;
            let target = edge.target_is(address, state).await;
            assert!(target["reason"].as_str().unwrap().starts_with(reason), "{tls}: {target}");
            let heard = origin.seen("/health").len() > before;
            assert_eq!(heard, state == "healthy", "{tls}: a stranger is asked nothing");
        }
    });
}

#[test]
fn a_target_that_never_answers_is_checked_once_at_a_time() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, mut at_a_time) = watch::channel(Vec::new());
        let mut target = JoinSet::new();
        target.spawn(async move {
            let mut open: Vec<TcpStream> = Vec::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                open.retain_mut(is_open);
                open.push(tcp.into_std().unwrap());
                told.send_modify(|at_a_time| at_a_time.push(open.len()));
            }
        });
        let check = r#"health_check = { path = "/health", interval = "1s", timeout = "1s" }"#;
        let edge = Edge::grouping(&[address], check).await;
        let five = at_a_time.wait_for(|it| it.len() >= 5).await.unwrap().clone();
        assert_eq!(five, [1; 5], "checks at a time, as each began");
        let unhealthy = edge.target(address).await;
        assert_eq!(unhealthy["state"], "unhealthy");
        assert_eq!(unhealthy["reason"], "the check had no answer within 1s");
        assert_eq!(unhealthy["code"], "Target.Timeout");
    });
}

#[test]
fn checks_of_many_targets_do_not_come_all_at_once() {
    run(async {
        let addresses: [SocketAddr; 16] = free_ports(own_address());
        let (told, mut seen) = watch::channel(vec![Vec::<Instant>::new(); 16]);
        let mut targets = JoinSet::new();
        for (number, address) in addresses.into_iter().enumerate() {
            let listener = TcpListener::bind(address).await.unwrap();
            let told = told.clone();
            targets.spawn(async move {
                loop {
                    let (mut tcp, _) = listener.accept().await.unwrap();
                    told.send_modify(|seen| seen[number].push(Instant::now()));
                    let _ = tcp.read(&mut [0; 1024]).await;
                    let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                }
            });
        }
        let _edge = Edge::grouping(&addresses, r#"health_check = { interval = "1s" }"#).await;
        let rounds = 4;
        let four = |seen: &Vec<Vec<Instant>>| seen.iter().all(|times| times.len() >= rounds);
        let seen = seen.wait_for(four).await.unwrap().clone();
        let spread = |round: usize| {
            let times = seen.iter().map(|times| times[round]);
            times.clone().max().unwrap().duration_since(times.min().unwrap())
        };
        let spreads: Vec<Duration> = (0..rounds).map(spread).collect();
        assert!(spreads[1..].iter().max() > Some(&Duration::from_millis(60)), "{spreads:?}");
    });
}

/// A target that passes its checks.
async fn well() -> Origin {
    let origin = Origin::start().await;
    origin.answer("/health", Reply::text(""));
    origin.answer("/page", Reply::text("page").cache("no-store"));
    origin
}

/// Has checks answered like this from now on, and waits until that makes the target turn from one
/// state to the other, which it must do with so many checks and no others.
async fn turns(
    edge: &Edge,
    origin: &Origin,
    reply: Reply,
    [from, to]: [&str; 2],
    checks: usize,
) -> Value {
    origin.answer("/health", reply);
    let before = origin.seen("/health").len();
    loop {
        let begun = origin.seen("/health").len() - before;
        let target = edge.target(origin.address()).await;
        let answered = origin.seen("/health").len() - before;
        if answered < checks {
            assert_eq!(target["state"], from, "after {answered} checks");
        }
        // A check begins when the one before it was taken in.
        if begun > checks {
            assert_eq!(target["state"], to, "after {begun} checks");
        }
        if target["state"] == to {
            return target;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Listens until dropped, and tells how many bytes came on each connection.
async fn listen(address: SocketAddr, told: watch::Sender<Vec<usize>>) -> JoinSet<()> {
    let listener = TcpListener::bind(address).await.unwrap();
    let mut listening = JoinSet::new();
    listening.spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut received = Vec::new();
            let _ = tcp.read_to_end(&mut received).await;
            told.send_modify(|told| told.push(received.len()));
        }
    });
    listening
}

/// Speaks TLS under a name, and plainly with whoever is behind it.
async fn before_tls(
    authority: &Authority,
    name: &str,
    behind: SocketAddr,
) -> (SocketAddr, JoinSet<()>) {
    let leaf = authority.issue(&[name], warmfront_proxy::now()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(leaf.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                // An edge that does not believe the certificate hangs up.
                let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                let mut plain = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut tls, &mut plain).await;
            });
        }
    });
    (address, accepting)
}

/// Whether the other end has not closed a connection yet.
fn is_open(tcp: &mut TcpStream) -> bool {
    let mut sent = [0; 1024];
    loop {
        match tcp.read(&mut sent) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
