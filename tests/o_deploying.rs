//! Targets that are drained, registered and deregistered while requests go on.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

#[test]
fn a_draining_target_finishes_what_it_has_and_gets_nothing_new() {
    run(async {
        let Team { a, b, edge } = Team::start().await;
        let gate = Gate::closed();
        for origin in [&a, &b] {
            origin.answer("/slow", Reply::text("slow").cache("no-store").held_by(&gate));
        }
        let place = place(&a);
        let deploy = async {
            a.reached("/slow", 2).await;
            let shown = edge.control("PUT", &place, DRAINING).await;
            assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
            assert_eq!(gist(&shown.json()), ("draining", 2), "{}", shown.text());
            assert_eq!(shown.json()["reason"], "drained by root");

            for over in [Over::Http1, Over::Http2, Over::Plain] {
                for method in ["GET", "POST"] {
                    let answer = edge.ask(method, WWW, "/who").over(over).send().await;
                    assert_eq!(answer.text(), "b", "a new request, over {over:?}");
                }
            }
            assert_eq!(gist(&edge.target(a.address()).await), ("draining", 2));
            gate.open();
            let unused = edge.target_is(a.address(), "unused").await;
            assert_eq!(gist(&unused), ("unused", 0), "{unused}");
        };
        let slow = async |method, path| edge.ask(method, WWW, path).send().await;
        let (one, two, three, four, ()) = tokio::join!(
            slow("GET", "/slow?1"),
            slow("GET", "/slow?2"),
            slow("POST", "/slow?3"),
            slow("POST", "/slow?4"),
            deploy
        );
        for answer in [one, two, three, four] {
            assert_eq!((answer.status, answer.text()), (StatusCode::OK, "slow"));
        }
        assert_eq!(a.seen("/who").len(), 0, "a drained target is asked nothing");
        assert_eq!(who(&edge, 6).await, "b");
    });
}

#[test]
fn a_target_may_come_back_while_it_drains() {
    run(async {
        let Team { a, b, edge } = Team::start().await;
        let gate = Gate::closed();
        for origin in [&a, &b] {
            origin.answer("/slow", Reply::text("slow").cache("no-store").held_by(&gate));
        }
        let back = async {
            a.reached("/slow", 1).await;
            b.reached("/slow", 1).await;
            edge.control("PUT", &place(&a), DRAINING).await;
            assert_eq!(who(&edge, 4).await, "b");
            let back = register(&edge, a.address()).await;
            assert_eq!(back.status, StatusCode::OK, "{}", back.text());
            assert_eq!(gist(&back.json()), ("healthy", 1), "{}", back.text());
            assert_eq!(who(&edge, 4).await, "a b");
            gate.open();
        };
        let (one, two, ()) = tokio::join!(edge.get(WWW, "/slow?1"), edge.get(WWW, "/slow?2"), back);
        assert_eq!((one.text(), two.text()), ("slow", "slow"));
    });
}

#[test]
fn what_the_api_registers_takes_traffic_and_what_it_deregisters_takes_none() {
    run(async {
        let Team { a, b, edge } = Team::start().await;
        let c = app("c").await;
        let new = register(&edge, c.address()).await;
        assert_eq!(new.status, StatusCode::CREATED, "{}", new.text());
        assert_eq!(new.field("location"), place(&c));
        assert_eq!(who(&edge, 3).await, "a b c");

        let gate = Gate::closed();
        a.answer("/slow", Reply::text("slow").cache("no-store").held_by(&gate));
        for origin in [&b, &c] {
            origin.answer("/slow", Reply::text("elsewhere").cache("no-store"));
        }
        let (mut slow, mut elsewhere) = (None, 0);
        let deregister = async {
            a.reached("/slow", 1).await;
            let gone = edge.control("DELETE", &place(&a), "").await;
            assert_eq!(gone.status, StatusCode::OK, "{}", gone.text());
            assert_eq!(gist(&gone.json()), ("draining", 1), "{}", gone.text());
            assert_eq!(who(&edge, 4).await, "b c");
            gate.open();
        };
        let ask = async {
            // Of three in a row each of them gets one.
            for _ in 0..3 {
                let answer = edge.get(WWW, "/slow").await;
                match answer.text() {
                    "slow" => slow = Some(answer.status),
                    _ => elsewhere += 1,
                }
            }
        };
        tokio::join!(ask, deregister);
        assert_eq!((slow, elsewhere), (Some(StatusCode::OK), 2), "what was in flight is finished");
        while edge.control("GET", &place(&a), "").await.status != StatusCode::NOT_FOUND {}
    });
}

#[test]
fn what_the_api_changed_holds_over_a_restart_until_the_file_says_something_else() {
    run(async {
        let Team { a, b, edge } = Team::start().await;
        let (c, d) = (app("c").await, app("d").await);
        assert_eq!(register(&edge, c.address()).await.status, StatusCode::CREATED);
        edge.control("DELETE", &place(&a), "").await;
        edge.control("PUT", &place(&b), r#"{"weight":7}"#).await;

        let edge = edge.restart().await;
        assert_eq!(who(&edge, 16).await, "b c");
        assert_eq!(edge.target(b.address()).await["weight"], 7);
        edge.control("PUT", &place(&b), DRAINING).await;
        let edge = edge.restart().await;
        assert_eq!(who(&edge, 6).await, "c", "a drained one stays so");

        let written = format!("\"{a}\", \"{b}\"");
        edge.setup().rewrite(&written, &format!("{written}, \"{d}\""));
        let edge = edge.restart().await;
        assert_eq!(who(&edge, 6).await, "a b d");
        assert_eq!(edge.target(b.address()).await["weight"], 1);
        let told = edge.process.stderr.find(|line| line.contains("no longer holds")).await;
        assert!(told.contains("\"WARN\"") && told.contains("\"origin\":\"app\""), "{told}");
        for address in [a.address(), b.address(), c.address()] {
            assert!(told.contains(&address.to_string()), "{told}");
        }
        let edge = edge.restart().await;
        assert!(!edge.process.stderr.text().contains("no longer holds"), "it is told once");
    });
}

/// Two targets that say who they are.
struct Team {
    a: Origin,
    b: Origin,
    edge: Edge,
}

// === impl Team ===

impl Team {
    async fn start() -> Self {
        let (a, b) = (app("a").await, app("b").await);
        let edge = Edge::before(&[a.address(), b.address()]).await;
        Self { a, b, edge }
    }
}

async fn app(name: &str) -> Origin {
    let origin = Origin::start().await;
    origin.answer("/who", Reply::text(name).cache("no-store"));
    origin
}

fn place(origin: &Origin) -> String {
    format!("/origins/app/targets/{origin}")
}

async fn register(edge: &Edge, address: SocketAddr) -> Answer {
    let order = json!({ "address": address }).to_string();
    edge.control("POST", "/origins/app/targets", &order).await
}

/// State and requests in flight.
fn gist(target: &Value) -> (&str, u64) {
    (target["state"].as_str().unwrap(), target["in_flight"].as_u64().unwrap())
}

/// Who answers this many requests, by their names.
async fn who(edge: &Edge, requests: usize) -> String {
    let mut seen = BTreeSet::new();
    for _ in 0..requests {
        let answer = edge.get(WWW, "/who").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        seen.insert(answer.text().to_owned());
    }
    seen.into_iter().collect::<Vec<_>>().join(" ")
}

const DRAINING: &str = r#"{"state":"draining"}"#;
