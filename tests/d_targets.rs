//! A target group behind the edge.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::edge::before;
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

#[test]
fn targets_take_turns() {
    run(async {
        let (first, second) = (Origin::start().await, Origin::start().await);
        for origin in [&first, &second] {
            origin.answer("/a", Reply::text("a").cache("no-store"));
        }
        let edge = Edge::before(&[first.address(), second.address()]).await;
        for _ in 0..10 {
            assert_eq!(edge.get(WWW, "/a").await.status, StatusCode::OK);
        }
        assert_eq!((first.seen("/a").len(), second.seen("/a").len()), (5, 5));
    });
}

#[test]
fn a_target_that_refuses_costs_nobody_an_answer() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/a", Reply::text("a").cache("no-store"));
        let edge = Edge::before(&[dead(), origin.address()]).await;
        for method in ["GET", "POST", "GET", "POST", "GET", "POST"] {
            let answer = edge.ask(method, WWW, "/a").body("x").send().await;
            assert_eq!(answer.status, StatusCode::OK, "{method}");
        }
        assert_eq!(origin.seen("/a").len(), 6);
    });
}

#[test]
fn a_target_may_have_a_name() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/a", Reply::text("a"));
        let by_name = format!("localhost:{}", origin.address().port());
        let config = before(&[origin.address()]).replace(&origin.to_string(), &by_name);
        assert_eq!(Edge::start(&config).await.get(WWW, "/a").await.text(), "a");
    });
}

#[test]
fn a_name_without_an_address_is_a_503_that_names_it() {
    run(async {
        let config = before(&[dead()]).replace("127.0.0.1:9", "no-such-name.invalid:80");
        let edge = Edge::start(&config).await;
        assert_eq!(edge.get(WWW, "/a").await.status, StatusCode::SERVICE_UNAVAILABLE);
        let line = edge.logged("/a").await;
        assert!(line["detail"].as_str().unwrap().contains("no-such-name.invalid"), "{line}");
    });
}

#[test]
fn all_targets_down_is_a_503_that_names_one() {
    run(async {
        let edge = Edge::before(&[dead(), "127.0.0.1:10".parse().unwrap()]).await;
        let answer = edge.get(WWW, "/a").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.field("retry-after"), "1");
        assert_eq!(answer.cache(), "Error");
        let line = edge.logged("/a").await;
        assert_eq!(line["fault"], "no-target");
        assert!(line.to_string().contains("127.0.0.1:"), "{line}");
    });
}

#[test]
fn an_origin_that_does_not_answer_is_a_504() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/never", Reply::text("").held_by(&Gate::closed()));
        let config =
            before(&[origin.address()]).replace("\n[sites", "response_timeout = \"300ms\"\n[sites");
        let edge = Edge::start(&config).await;
        assert_eq!(edge.get(WWW, "/never").await.status, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(edge.logged("/never").await["fault"], "timeout");
        origin.reached("/never", 1).await;
        assert_eq!(origin.seen("/never").len(), 1, "it may still be at work");
    });
}

#[test]
fn an_origin_that_does_not_accept_is_a_503() {
    run(async {
        let (address, _full) = full_listener().await;
        let config = before(&[address])
            .replace("\n[sites", "connect_timeout = \"300ms\"\nattempts = 2\n[sites");
        let edge = Edge::start(&config).await;
        assert_eq!(edge.get(WWW, "/a").await.status, StatusCode::SERVICE_UNAVAILABLE);
    });
}

#[test]
fn the_origin_learns_who_asked_and_is_not_lied_to() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/a", Reply::text("a").cache("no-store"));
        let edge = Edge::before(&[origin.address()]).await;
        let mut ids = HashMap::new();
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let mut ask = edge.ask("GET", WWW, "/a?q=1").over(over).field("x-own", "kept");
            for name in SPOOFED {
                ask = ask.field(name, "192.0.2.1");
            }
            if over != Over::Http2 {
                ask = ask.field("connection", "x-hop").field("x-hop", "1").field("te", "trailers");
            }
            let answer = ask.send().await;

            let seen = origin.seen("/a").pop().unwrap();
            assert_eq!(seen.target, "/a?q=1");
            assert_eq!(seen.field("host"), WWW);
            assert_eq!(seen.field("x-own"), "kept");
            assert_eq!(seen.field("x-forwarded-for"), "127.0.0.1");
            assert_eq!(seen.field("x-forwarded-host"), WWW);
            let (scheme, listener) = match over {
                Over::Plain => ("http", edge.setup().place.http),
                Over::Http1 | Over::Http2 => ("https", edge.setup().place.https),
            };
            assert_eq!(seen.field("x-forwarded-proto"), scheme);
            assert_eq!(seen.field("x-forwarded-port"), listener.port().to_string());
            let version = if over == Over::Http2 { "2.0" } else { "1.1" };
            assert_eq!(seen.field("via"), format!("{version} warmfront"));
            for name in ["forwarded", "x-hop", "te", "x-original-url"] {
                assert_eq!(seen.field(name), "", "{name} over {over:?}");
            }
            assert_eq!(seen.field("x-request-id"), answer.field("x-request-id"));
            assert_eq!(answer.field("via"), "2.0 warmfront");
            ids.insert(answer.field("x-request-id"), over);
        }
        assert_eq!(ids.len(), 3, "{ids:?}");
        assert!(ids.contains_key(edge.logged("/a?q=1").await["id"].as_str().unwrap()));
    });
}

#[test]
fn a_post_is_never_sent_twice() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/warm", Reply::text("warm").cache("no-store"));
        origin.answer("/order", Reply::hang_up());
        let edge = Edge::before(&[origin.address()]).await;
        // On a new connection, then on one that was used before.
        for times in 1..=2 {
            let answer = edge.ask("POST", WWW, "/order").body("one book").send().await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
            let orders = origin.seen("/order");
            assert_eq!(orders.len(), times);
            assert_eq!((&orders[0].method, &*orders[0].body), (&Method::POST, &b"one book"[..]));
            assert_eq!(edge.get(WWW, "/warm").await.text(), "warm");
        }
        assert_eq!(edge.logged("/order").await["fault"], "hung-up");
    });
}

/// Nothing listens on the discard port.
fn dead() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

/// A listener whose queue is full: the kernel lets further connections wait.
async fn full_listener() -> (SocketAddr, impl Sized) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(Ok(tcp)) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
        waiting.push(tcp);
    }
    (address, (listener, waiting))
}

const SPOOFED: [&str; 8] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-original-url",
    "x-request-id",
    "x-forwarded-server",
];
