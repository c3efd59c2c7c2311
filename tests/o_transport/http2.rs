//! HTTP/2 with targets: what is shared, what is passed on, and what is never sent twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use h2::client::Builder;
use http::StatusCode;

use super::MIB;
use crate::support::frame_target::{FrameTarget, Says, Script, reset};
use crate::support::http2::{DATA, END_HEADERS, GO_AWAY, HEADERS, Streams, frame};
use crate::support::load::failures;
use crate::support::secure::Secure;
use crate::support::{Edge, Gate, Load, Origin, Over, Reply, WWW, run, run_within};

#[test]
fn requests_arrive_whole_over_http2_in_clear() {
    run(async {
        let target = Secure::in_clear().await;
        let edge = Edge::grouping(&[target.address()], HTTP2).await;
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let answer = edge.ask("GET", WWW, "/a").over(over).send().await;
            assert_eq!(answer.json()["http"], "2.0", "{over:?}");
            assert_eq!(answer.json()["host"], WWW, "{over:?}");
            let order = edge.ask("POST", WWW, "/order").over(over).body(vec![b'x'; MIB]);
            assert_eq!(order.send().await.json()["bytes"], MIB, "{over:?}");
        }
    });
}

#[test]
fn trailers_reach_who_can_take_them() {
    run(async {
        let origin = Origin::start_http2(STREAMS).await;
        let reply = Reply::stream().cache("no-store").send("a whole body");
        origin.answer("/a", reply.trailer("x-checksum", "1234"));
        let edge = Edge::grouping(&[origin.address()], HTTP2).await;
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let answer = edge.ask("GET", WWW, "/a").over(over).send().await;
            assert_eq!((answer.text(), &*answer.field("x-checksum")), ("a whole body", ""));
        }
        let streams = Streams::open(&edge, &Builder::new()).await;
        let mut body = streams.get("/a").await.unwrap().await.unwrap().into_body();
        while body.data().await.is_some() {}
        let trailers = body.trailers().await.unwrap().expect("trailers");
        assert_eq!(trailers["x-checksum"], "1234");
    });
}

#[test]
fn requests_share_a_connection_as_far_as_the_target_lets_them() {
    run(async {
        for (streams, most) in [(STREAMS, 3), (4, 15)] {
            let (origin, gate) = (Origin::start_http2(streams).await, Gate::closed());
            origin.answer("/order", Reply::text("done").held_by(&gate));
            let edge = Edge::grouping(&[origin.address()], HTTP2).await;
            let client = Streams::open(&edge, &Builder::new()).await;
            let mut answers = Vec::new();
            for under_way in 1..=40 {
                let (answer, mut body) = client.post("/order").await.unwrap();
                body.send_data("one book".into(), true).unwrap();
                answers.push(answer);
                origin.reached("/order", under_way).await;
            }
            gate.open();
            for answer in answers {
                assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
            }
            let connections = origin.connections();
            assert!(connections <= most, "{connections} for {streams} at a time on each");
            assert_eq!(origin.seen("/order").len(), 40, "none is sent twice");
        }
    });
}

#[test]
fn targets_that_send_their_connections_away_cost_no_get_and_see_no_post_twice() {
    run_within(Duration::from_mins(1), async {
        let origins = [Origin::start_http2(STREAMS).await, Origin::start_http2(STREAMS).await];
        for origin in &origins {
            origin.answer("/", Reply::text("a").cache("no-store"));
            origin.answer("/order", Reply::text("done").status(201));
        }
        let targets = [origins[0].address(), origins[1].address()];
        let edge = Edge::grouping(&targets, HTTP2).await;
        let (gets, orders) = (Load::get(&edge, "/").start(800), Load::orders(&edge).start(800));
        for part in 1..=16 {
            gets.reached(part * 50).await;
            origins[part % 2].leave();
        }
        let (gets, orders) = (gets.finish().await, orders.finish().await);
        assert_eq!(failures(&gets), [""; 0]);
        let mut times = HashMap::new();
        for order in origins.iter().flat_map(|origin| origin.seen("/order")) {
            *times.entry(order.body).or_insert(0) += 1;
        }
        for order in &orders {
            let times = times.get(order.order.as_bytes()).copied().unwrap_or_default();
            // Whoever closes while the edge still writes may have begun with what it has read.
            let fits = if order.succeeded() { times == 1 } else { times <= 1 };
            assert!(fits, "{order}, executed {times} times");
        }
        let answered = orders.iter().filter(|order| order.succeeded()).count();
        assert!(answered >= 600, "{answered} of 800: {:?}", failures(&orders));
        let connections: usize = origins.iter().map(Origin::connections).sum();
        assert!(connections >= 8, "{connections} connections: were they sent away?");
    });
}

#[test]
fn what_a_target_has_not_begun_with_is_sent_again() {
    let refusals: [(&str, Says); 3] = [
        ("REFUSED_STREAM", Says::Octets(|stream| reset(stream, REFUSED_STREAM))),
        ("GOAWAY before it", Says::Octets(|stream| go_away(stream - 2, NO_ERROR))),
        ("GOAWAY before it, and the end", Says::Last(|stream| go_away(stream - 2, NO_ERROR))),
    ];
    run(async {
        for targets in [1, 2] {
            let (script, edge, _targets) = scripted(targets).await;
            for (case, says) in refusals {
                for method in ["GET", "POST"] {
                    let case = format!("{method}, {case}, {targets} targets");
                    let (status, times) = scene(&script, &edge, method, says).await;
                    assert_eq!((status, times), (StatusCode::OK, 2), "{case}");
                }
            }
        }
    });
}

#[test]
fn what_a_target_may_have_begun_with_is_not_sent_again() {
    let violations: [(&str, Says); 10] = [
        ("INTERNAL_ERROR", Says::Octets(|stream| reset(stream, 2))),
        ("CANCEL", Says::Octets(|stream| reset(stream, 8))),
        ("NO_ERROR", Says::Octets(|stream| reset(stream, NO_ERROR))),
        ("ENHANCE_YOUR_CALM", Says::Octets(|stream| reset(stream, 11))),
        ("GOAWAY after it, and the end", Says::Last(|stream| go_away(stream, NO_ERROR))),
        ("GOAWAY for an error", Says::Last(|stream| go_away(stream, 2))),
        ("the end", Says::Last(|_| Vec::new())),
        ("DATA on no stream", Says::Octets(|_| frame(DATA, 0, 0, b"x"))),
        (
            "a head that is none",
            Says::Octets(|stream| frame(HEADERS, END_HEADERS, stream, &[0xff])),
        ),
        (
            "HTTP/1.1",
            Says::Last(|_| b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec()),
        ),
    ];
    run(async {
        let (script, edge, _targets) = scripted(2).await;
        for (case, says) in violations {
            let (status, times) = scene(&script, &edge, "POST", says).await;
            assert_eq!((status, times), (StatusCode::BAD_GATEWAY, 1), "POST, {case}");
            // Which is what the other target is for.
            let (status, times) = scene(&script, &edge, "GET", says).await;
            assert_eq!((status, times), (StatusCode::OK, 2), "GET, {case}");
        }
    });
}

/// Targets that share a script, and an edge that makes nothing of what they do wrong.
async fn scripted(targets: usize) -> (Arc<Script>, Edge, Vec<FrameTarget>) {
    let script = Arc::new(Script::default());
    let mut all = Vec::new();
    for _ in 0..targets {
        all.push(FrameTarget::start(&script).await);
    }
    let addresses: Vec<_> = all.iter().map(FrameTarget::address).collect();
    let keys = format!("{HTTP2}\noutliers = \"off\"\nretry_budget = 100");
    let edge = Edge::grouping(&addresses, &keys).await;
    (script, edge, all)
}

/// What comes of a request on a connection that was used before, and how often it was asked.
async fn scene(script: &Script, edge: &Edge, method: &str, says: Says) -> (StatusCode, usize) {
    for _ in 0..2 {
        let warm = edge.ask("DELETE", WWW, "/warm").send().await;
        assert_eq!(warm.status, StatusCode::OK, "before a {method}");
    }
    let before = script.asked();
    script.says(says);
    let status = edge.ask(method, WWW, "/order").body("one book").send().await.status;
    (status, script.asked() - before)
}

/// GOAWAY: nothing behind this stream was begun with.
fn go_away(last: u32, code: u32) -> Vec<u8> {
    frame(GO_AWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

const HTTP2: &str = "protocol = \"http2\"";
const STREAMS: u32 = 100;
const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;
