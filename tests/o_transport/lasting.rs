//! What switches protocols or goes on for long, through groups of every kind.

use crate::support::process::POLL;
use crate::support::secure::{Secure, Speaks, TeamCa};
use crate::support::{Edge, Express, Gate, Origin, Over, Reply, WWW, run, websocket};

use super::trusting;

#[test]
fn a_web_socket_goes_through_least_outstanding() {
    run(async {
        let (one, two) = (Express::start().await, Express::start().await);
        let edge = Edge::grouping(&[one.address(), two.address()], LEAST).await;
        for _ in 0..4 {
            websocket::converse(&edge, "/api/ws").await;
        }
    });
}

/// The 101 of a fast target comes before anything else has happened.
#[test]
fn no_web_socket_ends_at_its_birth() {
    run(async {
        let target = Express::start().await;
        let edge = Edge::grouping(&[target.address()], "").await;
        for _ in 0..150 {
            websocket::converse(&edge, "/api/ws").await;
        }
        while edge.target(target.address()).await["in_flight"] != 0 {
            tokio::time::sleep(POLL).await;
        }
    });
}

/// They would be of no use to anybody, and push out others that are.
#[test]
fn connections_that_were_to_switch_are_not_kept() {
    run(async {
        let target = Origin::start().await;
        target.answer("/ws", Reply::text("no").status(400));
        let edge = Edge::grouping(&[target.address()], "").await;
        for _ in 0..20 {
            let ask = edge.ask("GET", WWW, "/ws").over(Over::Http1);
            let ask = ask.field("connection", "upgrade").field("upgrade", "websocket");
            assert_eq!(ask.send().await.status.as_u16(), 400);
        }
        assert_eq!(target.seen("/ws").len(), 20);
        while target.open_connections() > 0 {
            tokio::time::sleep(POLL).await;
        }
    });
}

#[test]
fn a_web_socket_goes_over_http1_where_the_targets_are_asked_over_http2() {
    run(async {
        let ca = TeamCa::new();
        let target = Secure::start(&ca, &["app.internal"], Speaks::Both).await;
        let tls = format!("{}\nprotocol = \"http2\"", trusting(&ca, "app.internal"));
        let edge = Edge::grouping(&[target.address()], &tls).await;
        assert_eq!(edge.get(WWW, "/a").await.json()["http"], "2.0");
        websocket::converse(&edge, "/ws").await;
        target.sees("upgrade /ws HTTP/1.1").await;
        // What came in between changes nothing for the others.
        assert_eq!(edge.get(WWW, "/b").await.json()["http"], "2.0");
    });
}

#[test]
fn events_arrive_one_by_one_over_http2() {
    run(async {
        let target = Secure::in_clear().await;
        let edge = Edge::grouping(&[target.address()], "protocol = \"http2\"").await;
        let mut events = edge.ask("GET", WWW, "/events").open().await.unwrap();
        for id in 1..=3 {
            // The server waits with the next one until it is asked for.
            let event = events.chunk().await.unwrap().unwrap();
            assert_eq!(event, format!("id: {id}\ndata: event {id}\n\n"));
            edge.get(WWW, "/next").await;
        }
        assert!(events.chunk().await.unwrap().is_none());
    });
}

#[test]
fn a_stream_of_events_is_something_to_do_until_it_ends() {
    run(async {
        let (one, two) = (Origin::start().await, Origin::start().await);
        let gate = Gate::closed();
        for origin in [&one, &two] {
            let events = Reply::stream().field("content-type", "text/event-stream");
            origin
                .answer("/events", events.send("data: 1\n\n").wait_for(&gate).send("data: 2\n\n"));
            origin.answer("/a", Reply::text("a").cache("no-store"));
        }
        let edge = Edge::grouping(&[one.address(), two.address()], LEAST).await;
        let mut events = edge.ask("GET", WWW, "/events").open().await.unwrap();
        assert_eq!(events.chunk().await.unwrap().unwrap(), "data: 1\n\n");
        let busy = if one.seen("/events").is_empty() { two } else { one };
        for _ in 0..6 {
            assert_eq!(edge.get(WWW, "/a").await.text(), "a");
        }
        // The client has its answer before the edge has counted it as done.
        let in_flight = async || edge.target(busy.address()).await["in_flight"].as_u64().unwrap();
        while in_flight().await > 1 {
            tokio::time::sleep(POLL).await;
        }
        assert_eq!(in_flight().await, 1, "the stream goes on");
        gate.open();
        assert_eq!(events.chunk().await.unwrap().unwrap(), "data: 2\n\n");
        assert!(events.chunk().await.unwrap().is_none());
        while in_flight().await > 0 {
            tokio::time::sleep(POLL).await;
        }
    });
}

const LEAST: &str = "algorithm = \"least_outstanding_requests\"";
