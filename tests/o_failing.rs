//! Targets that are killed, hang, fail and reset connections while the edge is under load.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::StatusCode;

use crate::support::load::{Outcome, Running, answered_by, failures};
use crate::support::process::POLL;
use crate::support::{App, Edge, Load, Nginx, Over, WWW, run, run_within};

const CHECKED: &str = r#"health_check = { path = "/health", interval = "1s", timeout = "1s", healthy = 2, unhealthy = 2 }"#;
/// As above, and a target that does not answer is soon tried again.
const IMPATIENT: &str = r#"health_check = { path = "/health", interval = "1s", timeout = "1s", healthy = 2, unhealthy = 2 }
response_timeout = "2s"
outliers = { eject_for = "3s" }"#;
const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn a_killed_node_costs_at_most_what_it_had_in_flight() {
    run_within(LIMIT, async {
        let mut node = App::start("node").await;
        let nginx = Nginx::start(SERVER).await;
        let edge = Edge::grouping(&[node.address(), nginx.address()], CHECKED).await;
        both_are_well(&edge, node.address(), nginx.address()).await;

        node.behave(r#"{"mode":"slow","ms":100}"#).await;
        let (pages, orders) = under_way(&edge);
        pages.reached(300).await;
        while edge.target(node.address()).await["in_flight"].as_u64() < Some(5) {
            tokio::time::sleep(POLL).await;
        }
        let killing = Instant::now();
        node.kill().await;
        let killed = Instant::now();
        edge.target_is(node.address(), "unhealthy").await;
        node.restart().await;
        edge.target_is(node.address(), "healthy").await;
        let (pages, orders) = (pages.finish().await, orders.finish().await);

        assert_eq!(failures(&pages), [""; 0]);
        only_in_flight_failed(&orders, killing, killed);
        let executed = node.executed();
        for order in orders.iter().filter(|it| it.by() == "node") {
            assert_eq!(times(&executed, &order.order), 1, "{order}");
        }
        takes_traffic(&edge, "node").await;
    });
}

#[test]
fn a_killed_nginx_costs_at_most_what_it_had_in_flight() {
    run_within(LIMIT, async {
        let node = App::start("node").await;
        let mut nginx = Nginx::start(SERVER).await;
        let edge = Edge::grouping(&[node.address(), nginx.address()], CHECKED).await;
        both_are_well(&edge, node.address(), nginx.address()).await;

        let (pages, orders) = under_way(&edge);
        pages.reached(300).await;
        let killing = Instant::now();
        nginx.kill().await;
        let killed = Instant::now();
        edge.target_is(nginx.address(), "unhealthy").await;
        nginx.restart().await;
        edge.target_is(nginx.address(), "healthy").await;
        let (pages, orders) = (pages.finish().await, orders.finish().await);

        assert_eq!(failures(&pages), [""; 0]);
        only_in_flight_failed(&orders, killing, killed);
        takes_traffic(&edge, "nginx").await;
    });
}

#[test]
fn one_that_returns_begins_slowly() {
    run_within(LIMIT, async {
        let (mut one, two) = (App::start("one").await, App::start("two").await);
        let keys = format!("{CHECKED}\nslow_start = \"60s\"");
        let edge = Edge::grouping(&[one.address(), two.address()], &keys).await;
        both_are_well(&edge, one.address(), two.address()).await;
        one.kill().await;
        edge.target_is(one.address(), "unhealthy").await;
        one.restart().await;
        edge.target_is(one.address(), "healthy").await;

        let outcomes = Load::get(&edge, "/").per_second(200).send(200).await;
        assert_eq!(failures(&outcomes), [""; 0]);
        let share = answered_by(&outcomes, "one");
        assert!(share < 50, "{share} of 200 went to the one that has just returned");
        takes_traffic(&edge, "one").await;
    });
}

#[test]
fn one_that_is_stopped_is_passed_over_until_it_goes_on() {
    run_within(LIMIT, async {
        let (one, two) = (App::start("one").await, App::start("two").await);
        let edge = Edge::grouping(&[one.address(), two.address()], IMPATIENT).await;
        both_are_well(&edge, one.address(), two.address()).await;

        one.stop().await;
        let outcomes = Load::get(&edge, "/").per_second(100).send(200).await;
        assert_eq!(failures(&outcomes), [""; 0]);
        assert_eq!(answered_by(&outcomes, "two"), 200);
        let shown = edge.target_is(one.address(), "unhealthy").await;
        let reason = shown["reason"].as_str().unwrap();
        let known = ["failed requests in a row", "had no answer within", "failed again"];
        assert!(known.iter().any(|known| reason.contains(known)), "{shown}");

        one.resume();
        takes_traffic(&edge, "one").await;
        edge.target_is(one.address(), "healthy").await;
    });
}

#[test]
fn one_that_hangs_is_ejected_though_its_checks_pass() {
    run_within(LIMIT, async {
        let (one, two) = (App::start("one").await, App::start("two").await);
        let edge = Edge::grouping(&[one.address(), two.address()], IMPATIENT).await;
        both_are_well(&edge, one.address(), two.address()).await;

        one.behave(r#"{"mode":"hang"}"#).await;
        let load = Load::get(&edge, "/").start(100);
        let shown = edge.target_is(one.address(), "unhealthy").await;
        assert_eq!(shown["reason"], "5 failed requests in a row", "{shown}");
        assert!(shown["ejected_until"].is_string(), "{shown}");
        let outcomes = load.finish().await;
        assert_eq!(failures(&outcomes), [""; 0]);

        one.behave("{}").await;
        takes_traffic(&edge, "one").await;
        let shown = edge.target_is(one.address(), "healthy").await;
        assert_eq!(shown["reason"], "well again after it was ejected", "{shown}");
    });
}

#[test]
fn one_that_answers_500_is_seen_five_times() {
    run(async {
        let (one, two) = (App::start("one").await, App::start("two").await);
        let edge = Edge::grouping(&[one.address(), two.address()], CHECKED).await;
        both_are_well(&edge, one.address(), two.address()).await;
        one.behave(r#"{"mode":"500"}"#).await;
        let outcomes = Load::get(&edge, "/").clients(1).send(60).await;
        let failed: Vec<_> = outcomes.iter().filter(|it| !it.succeeded()).collect();
        assert!(failed.iter().all(|it| it.status() == 500), "{failed:?}");
        assert_eq!(failed.len(), 5, "{failed:?}");
        let shown = edge.target(one.address()).await;
        assert_eq!(shown["state"], "unhealthy");
        assert_eq!(shown["reason"], "5 failed requests in a row");
    });
}

#[test]
fn one_that_resets_half_its_connections_harms_no_get_and_repeats_no_post() {
    run_within(LIMIT, async {
        let (one, two) = (App::start("one").await, App::start("two").await);
        let keys = "retry_budget = 100";
        let edge = Edge::grouping(&[one.address(), two.address()], keys).await;
        one.behave(r#"{"mode":"reset-half"}"#).await;
        let pages = Load::get(&edge, "/").start(500);
        let orders = Load::orders(&edge).over(Over::Http2).send(500).await;
        assert_eq!(failures(&pages.finish().await), [""; 0]);

        let executed = [one.executed(), two.executed()].concat();
        for order in &orders {
            let times = times(&executed, &order.order);
            assert!(times == 1 || (times == 0 && !order.succeeded()), "{times} times: {order}");
        }
        let failed = failures(&orders).len();
        assert!(failed > 0, "nothing was reset");
        assert!(failed < 500, "no order was answered");
    });
}

#[test]
fn all_unhealthy_are_asked_all_the_same() {
    run(async {
        let (one, two) = (App::start("one").await, App::start("two").await);
        let edge = Edge::grouping(&[one.address(), two.address()], CHECKED).await;
        both_are_well(&edge, one.address(), two.address()).await;
        for app in [&one, &two] {
            app.behave(r#"{"health":503}"#).await;
            let shown = edge.target_is(app.address(), "unhealthy").await;
            assert_eq!(shown["reason"], "the check was answered with status 503");
            assert_eq!(shown["code"], "Target.ResponseCodeMismatch");
        }
        let outcomes = Load::get(&edge, "/").clients(2).send(20).await;
        assert_eq!(failures(&outcomes), [""; 0]);
        assert!(answered_by(&outcomes, "one") > 0 && answered_by(&outcomes, "two") > 0);
    });
}

#[test]
fn all_down_is_what_is_stored_or_one_clear_503() {
    run_within(LIMIT, async {
        let (mut one, mut two) = (App::start("one").await, App::start("two").await);
        let edge = Edge::grouping(&[one.address(), two.address()], CHECKED).await;
        both_are_well(&edge, one.address(), two.address()).await;
        assert_eq!(edge.get(WWW, "/stored").await.status, StatusCode::OK);
        for app in [&mut one, &mut two] {
            app.kill().await;
        }
        for _ in 0..3 {
            let stored = edge.get(WWW, "/stored").await;
            assert_eq!(stored.status, StatusCode::OK, "{stored:?}");
            assert!(!stored.field("age").is_empty(), "{stored:?}");
        }
        for method in ["GET", "HEAD", "POST"] {
            let path = format!("/?{method}");
            let answer = edge.ask(method, WWW, &path).body("").send().await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{method}");
            assert_eq!(answer.field("retry-after"), "1", "{method}");
            assert_eq!(edge.logged(&path).await["fault"], "no-target", "{method}");
        }
        for app in [&mut one, &mut two] {
            edge.target_is(app.address(), "unhealthy").await;
            app.restart().await;
        }
        takes_traffic(&edge, "one").await;
        takes_traffic(&edge, "two").await;
        let answer = edge.get(WWW, "/stored").await;
        assert_eq!((answer.status, answer.field("age")), (StatusCode::OK, String::new()));
    });
}

/// 200 requests a second: pages, and orders.
fn under_way(edge: &Edge) -> (Running, Running) {
    let pages = Load::get(edge, "/").clients(30).per_second(150).start(900);
    (pages, Load::orders(edge).over(Over::Http2).per_second(50).start(300))
}

/// Who began after the target was gone went to another one.
fn only_in_flight_failed(orders: &[Outcome], killing: Instant, killed: Instant) {
    for order in orders.iter().filter(|order| !order.succeeded()) {
        assert!(order.began < killed && order.ended > killing, "{order}");
    }
}

async fn both_are_well(edge: &Edge, one: SocketAddr, two: SocketAddr) {
    edge.target_is(one, "healthy").await;
    edge.target_is(two, "healthy").await;
}

/// Waits until a target answers again.
async fn takes_traffic(edge: &Edge, name: &str) {
    while edge.get(WWW, "/").await.field("x-app") != name {
        tokio::time::sleep(POLL).await;
    }
}

fn times(executed: &[String], order: &str) -> usize {
    executed.iter().filter(|it| *it == order).count()
}

/// As nginx comes, with what the tests ask for.
const SERVER: &str = r#"
    default_type text/plain;
    add_header X-App nginx always;
    add_header Cache-Control no-store always;
    location / { return 200 "nginx"; }
    location = /order { return 201 "nginx"; }
"#;
