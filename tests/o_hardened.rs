//! What somebody who attacked the target groups has found.

use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::client::Answer;
use crate::support::edge::{before, free_ports, own_address};
use crate::support::process::POLL;
use crate::support::{Edge, Gate, Origin, Over, Reply, Setup, WWW, run};

#[test]
fn a_pool_full_of_dead_connections_costs_a_request_one_of_them() {
    run(async {
        let target = OnceEach::start().await;
        let edge = Edge::before(&[target.address]).await;
        let warming: JoinSet<_> =
            (0..POOLED).map(|n| edge.get_later(&format!("/together/{n}"))).collect();
        for answer in warming.join_all().await {
            assert_eq!(answer.status, StatusCode::OK);
        }
        // A connection is kept a moment after its answer has arrived.
        let methods = ["GET", "DELETE"].into_iter().cycle();
        let mut met = 0;
        for (number, method) in methods.enumerate() {
            let path = format!("/{number}");
            let answer = edge.ask(method, WWW, &path).send().await;
            match (answer.status, &*target.asked(&format!("{method} {path}"))) {
                (StatusCode::OK, [1]) => {}
                // On a used connection, then on a new one.
                (StatusCode::OK, [2, 1]) => met += 1,
                (status, asked) => panic!("{method} {path}: {status} for the nth {asked:?}"),
            }
            if met == 4 {
                break;
            }
        }
    });
}

#[test]
fn a_post_that_meets_a_dead_connection_is_seen_once() {
    run(async {
        let target = OnceEach::start().await;
        let edge = Edge::before(&[target.address]).await;
        let mut met = 0;
        // Connections of such requests are kept for a moment only: not each order meets one.
        for number in 0.. {
            let path = format!("/order/{number}");
            let answer = edge.ask("POST", WWW, &path).body("one book").send().await;
            let asked = target.asked(&format!("POST {path}"));
            match (answer.status, &*asked) {
                (StatusCode::OK, [1]) => {}
                (StatusCode::BAD_GATEWAY, [2]) => met += 1,
                (status, asked) => panic!("{path}: {status} for the nth {asked:?}"),
            }
            if met == 3 {
                break;
            }
        }
    });
}

#[test]
fn a_body_that_is_sent_again_is_measured_anew() {
    run(async {
        let (well, dying) = (Origin::start().await, Origin::start().await);
        well.answer("/a", Reply::text("stored"));
        dying.answer("/a", Reply::hang_up());
        let targets = before(&[dying.address(), well.address()]);
        let edge = Edge::start(&format!("{targets}\n[limits]\nbody_bytes = \"100KB\"\n")).await;
        for over in [Over::Http1, Over::Http2, Over::Plain].repeat(2) {
            let put = edge.ask("PUT", WWW, "/a").over(over).body(vec![b'x'; 60_000]);
            assert_eq!(put.send().await.status, StatusCode::OK, "over {over:?}");
        }
        let whole = well.seen("/a").iter().filter(|it| it.body.len() == 60_000).count();
        assert_eq!(whole, 6);
        assert!(dying.seen("/a").len() >= 2, "{}", dying.seen("/a").len());
        let large = edge.ask("PUT", WWW, "/a").body(vec![b'x'; 110_000]).send().await;
        assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    });
}

#[test]
fn one_broken_path_ejects_nobody_while_the_other_target_is_not_known_yet() {
    run(one_broken_path_while_the_other_target_is("initial", "25s", 5));
}

#[test]
fn one_broken_path_ejects_nobody_while_the_other_target_is_unhealthy() {
    run(one_broken_path_while_the_other_target_is("unhealthy", "1s", 2));
}

async fn one_broken_path_while_the_other_target_is(state: &str, interval: &str, unhealthy: u32) {
    let (well, other) = (Origin::start().await, Origin::start().await);
    for (origin, status) in [(&well, 200), (&other, 503)] {
        origin.answer("/health", Reply::text("").status(status));
        origin.answer("/ok", Reply::text("ok").status(status).cache("no-store"));
        origin.answer("/broken", Reply::text("").status(500).cache("no-store"));
    }
    let check = format!(r#"path = "/health", interval = "{interval}", unhealthy = {unhealthy}"#);
    let check = format!("health_check = {{ {check} }}");
    let edge = Edge::grouping(&[well.address(), other.address()], &check).await;
    edge.target_is(well.address(), "healthy").await;
    while edge.target(other.address()).await["reason"] != REFUSED {
        tokio::time::sleep(POLL).await;
    }
    edge.target_is(other.address(), state).await;

    for path in ["/broken", "/ok"].map(|path| [path; 10]).concat() {
        let status = if path == "/ok" { 200 } else { 500 };
        assert_eq!(edge.get(WWW, path).await.status, status, "{path}");
    }
    assert_eq!((well.seen("/broken").len(), well.seen("/ok").len()), (10, 10));
    let shown = edge.target(well.address()).await;
    assert_eq!(shown["state"], "healthy", "{shown}");
}

#[test]
fn a_check_from_before_a_drain_says_nothing_of_what_was_registered_again() {
    run(async {
        let origin = Origin::start().await;
        let gate = Gate::closed();
        origin.answer("/health", Reply::text("").held_by(&gate));
        let check = r#"health_check = { path = "/health", interval = "5s", unhealthy = 2 }"#;
        let edge = Edge::grouping(&[origin.address()], check).await;
        origin.reached("/health", 1).await;

        let place = format!("/origins/app/targets/{origin}");
        let drained = edge.control("PUT", &place, r#"{"state":"draining"}"#).await;
        assert_eq!(drained.status, StatusCode::OK, "{}", drained.text());
        edge.target_is(origin.address(), "unused").await;
        origin.answer("/health", Reply::text("").status(503));
        let again = format!(r#"{{"address":"{origin}"}}"#);
        let again = edge.control("POST", "/origins/app/targets", &again).await;
        assert_eq!(again.status, StatusCode::OK, "{}", again.text());

        gate.open();
        // Two checks of the new one: by then the old one's answer was taken in for sure.
        loop {
            let shown = edge.target(origin.address()).await;
            assert_ne!(shown["state"], "healthy", "{shown}");
            if shown["state"] == "unhealthy" {
                assert_eq!(shown["reason"], REFUSED);
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        let checks = origin.seen("/health").len();
        assert!(checks >= 3, "{checks} checks: the old one and two new ones");
    });
}

#[test]
fn who_waits_is_served_before_whoever_comes_later() {
    run(async {
        let origin = Origin::start().await;
        let path = |number: usize| format!("/{number}");
        let gates = [(); 7].map(|()| Gate::closed());
        for (number, gate) in gates.iter().enumerate() {
            origin.answer(&path(number), Reply::text("held").cache("no-store").held_by(gate));
        }
        origin.answer("/late", Reply::text("late").cache("no-store"));
        let keys = "circuit = { in_flight = 1, waiting = 200 }\nconnect_timeout = \"25s\"";
        let edge = Edge::grouping(&[origin.address()], keys).await;
        let mut waiting = JoinSet::new();
        for number in 0..gates.len() {
            waiting.spawn(edge.get_later(&path(number)));
            origin.reached("/0", 1).await;
            while edge.metric(WAITING).await != number {
                tokio::time::sleep(POLL).await;
            }
        }

        let mut late = JoinSet::new();
        for next in 1..gates.len() {
            for number in 0..20 {
                late.spawn(edge.get_later(&format!("/late?{next}-{number}")));
            }
            // What happens to a target wakes all who wait.
            let another = format!(r#"{{"address":"127.0.0.1:{next}","weight":0}}"#);
            let another = edge.control("POST", "/origins/app/targets", &another).await;
            assert_eq!(another.status, StatusCode::CREATED, "{}", another.text());
            gates[next - 1].open();
            let at_target = async || loop {
                let held = (next..gates.len()).map(&path).filter(|it| !origin.seen(it).is_empty());
                let late = origin.seen("/late").into_iter().map(|seen| seen.target);
                let let_in: Vec<_> = held.chain(late).collect();
                if !let_in.is_empty() {
                    return let_in;
                }
                tokio::time::sleep(POLL).await;
            };
            assert_eq!(at_target().await, [path(next)], "let in behind {}", path(next - 1));
        }
        gates[6].open();
        for (clients, text) in [(waiting, "held"), (late, "late")] {
            for answer in clients.join_all().await {
                assert_eq!((answer.status, answer.text()), (StatusCode::OK, text));
            }
        }
    });
}

#[test]
fn who_waits_is_served_by_a_target_that_is_back() {
    run(async {
        let busy = Origin::start().await;
        let gate = Gate::closed();
        busy.answer("/held", Reply::text("held").held_by(&gate));
        let [away] = free_ports(own_address());
        let keys = "circuit = { in_flight = 1, waiting = 5 }\nconnect_timeout = \"20s\"";
        let edge = Edge::grouping(&[away, busy.address()], keys).await;
        let mut held = JoinSet::new();
        held.spawn(edge.get_later("/held"));
        busy.reached("/held", 1).await;
        let ejected = edge.target(away).await;
        assert_eq!(ejected["state"], "unhealthy", "{ejected}");

        let back = Origin::at(away).await;
        back.answer("/page", Reply::text("page"));
        let answer = edge.get(WWW, "/page").await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "page"));
        assert_eq!(edge.target(busy.address()).await["in_flight"], 1, "it had no room");
        assert_eq!(back.seen("/page").len(), 1);
        gate.open();
        assert_eq!(held.join_next().await.unwrap().unwrap().text(), "held");
    });
}

#[test]
fn a_target_that_is_the_edge_itself_is_a_508_at_once() {
    run(async {
        let [one, first, second] = [(); 3].map(|()| Setup::new(&before(&[nowhere()])));
        for (setup, target) in [(&one, &one), (&first, &second), (&second, &first)] {
            setup.rewrite(&nowhere().to_string(), &target.place.http.to_string());
        }
        // Alone, and by way of another one.
        let (one, first, _second) = (one.start().await, first.start().await, second.start().await);
        for edge in [&one, &first] {
            for (method, path) in [("GET", "/got"), ("POST", "/posted")] {
                let answer = edge.ask(method, WWW, path).body("x").send().await;
                assert_eq!(answer.status, StatusCode::LOOP_DETECTED, "{method}");
                let of_it = format!(r#""path":"{path}""#);
                for is_found in [true, false] {
                    let found = |line: &str| line.contains(r#""fault":"loop""#) == is_found;
                    edge.process.stdout.find(|line| line.contains(&of_it) && found(line)).await;
                }
                let text = edge.process.stdout.text();
                let lines = text.lines().filter(|line| line.contains(&of_it)).count();
                assert_eq!(lines, 2, "the client's, and the one that came back: {text}");
            }
        }
    });
}

#[test]
fn an_edge_before_another_one_is_no_loop() {
    run(async {
        let app = Origin::start().await;
        app.answer("/a", Reply::text("a").cache("no-store"));
        let inner = Edge::before(&[app.address()]).await;
        let outer = Edge::before(&[inner.setup().place.http]).await;
        for method in ["GET", "POST"] {
            let answer = outer.ask(method, WWW, "/a").field("cdn-loop", "else; a=1").send().await;
            assert_eq!((answer.status, answer.text()), (StatusCode::OK, "a"), "{method}");
        }
        for seen in app.seen("/a") {
            let nodes = seen.fields.get_all("cdn-loop").iter();
            let nodes: Vec<_> = nodes.map(|node| node.to_str().unwrap()).collect();
            let nodes = nodes.join(", ");
            let named: Vec<_> = nodes.split(", ").collect();
            assert!(named.len() == 3 && named[0] == "else; a=1", "{nodes}");
            assert_ne!(named[1], named[2], "each node has a name of its own");
        }
    });
}

/// A target that answers the first request on each connection, and resets it at the next one.
struct OnceEach {
    address: SocketAddr,
    asked: Asked,
    _accepting: JoinSet<()>,
}

/// Method and path of each request, and which one it was on its connection.
type Asked = Arc<Mutex<Vec<(String, usize)>>>;

// === impl OnceEach ===

impl OnceEach {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Asked::default();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, asked.clone()));
        Self { address, asked, _accepting: accepting }
    }

    fn asked(&self, line: &str) -> Vec<usize> {
        let asked = self.asked.lock();
        asked.iter().filter(|(of, _)| of == line).map(|(_, nth)| *nth).collect()
    }
}

async fn accept(listener: TcpListener, asked: Asked) {
    let together = Arc::new(Barrier::new(POOLED));
    let mut connections = JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let (asked, together) = (asked.clone(), together.clone());
        // An edge that hangs up is part of the tests.
        connections.spawn(async move { drop(converse(tcp, &asked, &together).await) });
    }
}

async fn converse(mut tcp: TcpStream, asked: &Asked, together: &Barrier) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    for nth in 1.. {
        let mut read = Vec::new();
        while !is_whole(&read) {
            if tcp.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&read).into_owned();
        let line = head.split(" HTTP/").next().unwrap_or_default();
        asked.lock().push((line.to_owned(), nth));
        if nth > 1 {
            return tcp.set_zero_linger();
        }
        if line.starts_with("GET /together/") {
            together.wait().await;
        }
        tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await?;
    }
    Ok(())
}

/// Whether that is a head, and the one body that the tests send if there is one.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    text.split_once("\r\n\r\n")
        .is_some_and(|(head, body)| !head.starts_with("POST ") || body.ends_with("one book"))
}

// === impl Edge ===

impl Edge {
    /// A client that asks by itself, over HTTP/1.1 in clear.
    fn get_later(&self, path: &str) -> impl Future<Output = Answer> + use<> {
        self.ask("GET", WWW, path).over(Over::Plain).send()
    }
}

/// Nothing listens on the discard port.
fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

/// Idle connections that are kept for whoever comes next: more than there are retries.
const POOLED: usize = 20;
const REFUSED: &str = "the check was answered with status 503";
const WAITING: &str = "warmfront_target_waiting{origin=\"app\"}";
