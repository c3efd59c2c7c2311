//! Bounds on what one target is asked at a time.

use http::StatusCode;
use tokio::task::JoinSet;

use crate::support::client::Answer;
use crate::support::process::POLL;
use crate::support::{Edge, Gate, Origin, Reply, WWW, run};

#[test]
fn two_are_served_two_wait_and_the_fifth_is_told_at_once_to_come_again() {
    run(async {
        let origin = Origin::start().await;
        let gates = [(); 5].map(|()| Gate::closed());
        for (number, gate) in gates.iter().enumerate() {
            let path = path(number);
            origin.answer(&path, Reply::text(&path).cache("no-store").held_by(gate));
        }
        let keys = "circuit = { in_flight = 2, waiting = 2 }\nconnect_timeout = \"25s\"";
        let edge = Edge::grouping(&[origin.address()], keys).await;
        let mut clients = JoinSet::new();
        for (number, waiting) in [(0, 0), (1, 0), (2, 1), (3, 2)] {
            clients.spawn(ask(&edge, &path(number)));
            if waiting == 0 {
                origin.reached(&path(number), 1).await;
            }
            waits(&edge, waiting).await;
        }
        assert_eq!(edge.metric("warmfront_target_waiting{origin=\"app\"}").await, 2);
        assert_eq!(edge.target(origin.address()).await["in_flight"], 2);

        let fifth = edge.get(WWW, &path(4)).await;
        assert_eq!(fifth.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(fifth.field("retry-after"), "1");
        assert_eq!(edge.logged(&path(4)).await["fault"], "busy");
        let seen = [0, 1, 2, 3, 4].map(|number| origin.seen(&path(number)).len());
        assert_eq!(seen, [1, 1, 0, 0, 0], "nobody was let go meanwhile");

        for (let_go, next, waiting) in [(1, 2, 1), (0, 3, 0)] {
            gates[let_go].open();
            assert_eq!(clients.join_next().await.unwrap().unwrap().text(), path(let_go));
            origin.reached(&path(next), 1).await;
            waits(&edge, waiting).await;
        }
        for number in [3, 2] {
            gates[number].open();
            assert_eq!(clients.join_next().await.unwrap().unwrap().text(), path(number));
        }
        gates[4].open();
        assert_eq!(edge.get(WWW, &path(4)).await.text(), path(4), "there is room again");
    });
}

#[test]
fn nobody_waits_longer_than_for_a_connection() {
    run(async {
        let origin = Origin::start().await;
        let gate = Gate::closed();
        origin.answer("/held", Reply::text("held").held_by(&gate));
        origin.answer("/page", Reply::text("page").cache("no-store"));
        let keys = "circuit = { in_flight = 1, waiting = 1 }\nconnect_timeout = \"1s\"";
        let edge = Edge::grouping(&[origin.address()], keys).await;
        let mut clients = JoinSet::new();
        clients.spawn(ask(&edge, "/held"));
        origin.reached("/held", 1).await;

        let late = edge.get(WWW, "/page").await;
        assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(late.field("retry-after"), "1");
        assert_eq!(edge.logged("/page").await["fault"], "busy");
        assert_eq!(origin.seen("/page").len(), 0);
        waits(&edge, 0).await;

        gate.open();
        assert_eq!(clients.join_next().await.unwrap().unwrap().text(), "held");
        quiet(&edge, &origin).await;
        assert_eq!(edge.get(WWW, "/page").await.text(), "page");
    });
}

#[test]
fn a_full_target_leaves_its_turns_to_the_others() {
    run(async {
        let (full, other) = (Origin::start().await, Origin::start().await);
        let gate = Gate::closed();
        for origin in [&full, &other] {
            origin.answer("/held", Reply::text("held").held_by(&gate));
            origin.answer("/page", Reply::text("page").cache("no-store"));
        }
        let keys = "circuit = { in_flight = 1 }";
        let edge = Edge::grouping(&[full.address(), other.address()], keys).await;
        let mut clients = JoinSet::new();
        clients.spawn(ask(&edge, "/held"));
        full.reached("/held", 1).await;
        for _ in 0..5 {
            assert_eq!(edge.get(WWW, "/page").await.text(), "page");
            quiet(&edge, &other).await;
        }
        assert_eq!((full.seen("/page").len(), other.seen("/page").len()), (0, 5));
        clients.spawn(ask(&edge, "/held?again"));
        other.reached("/held", 1).await;
        assert_eq!(edge.get(WWW, "/page").await.status, StatusCode::SERVICE_UNAVAILABLE);
        gate.open();
        for answer in clients.join_all().await {
            assert_eq!(answer.text(), "held");
        }
    });
}

fn path(number: usize) -> String {
    format!("/{number}")
}

/// A client that asks by itself.
fn ask(edge: &Edge, path: &str) -> impl Future<Output = Answer> + use<> {
    edge.ask("GET", WWW, path).send()
}

/// Waits until so many requests wait for the group.
async fn waits(edge: &Edge, requests: usize) {
    while edge.control("GET", "/origins/app", "").await.json()["waiting"] != requests {
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until nothing is in flight: the client has its answer a moment before that.
async fn quiet(edge: &Edge, origin: &Origin) {
    while edge.target(origin.address()).await["in_flight"] != 0 {
        tokio::time::sleep(POLL).await;
    }
}
