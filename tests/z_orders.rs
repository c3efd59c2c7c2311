//! Ten thousand orders for each protocol through restarts and resets of both targets: none is
//! executed twice.

use std::collections::HashMap;
use std::time::Duration;

use crate::support::load::Outcome;
use crate::support::{App, Edge, Load, Over, run_within};

#[test]
fn no_order_from_http1_to_http1_is_executed_twice() {
    run_within(LIMIT, five_thousand(Over::Plain, Spoken::Http1));
}

#[test]
fn no_order_from_http1_to_http2_is_executed_twice() {
    run_within(LIMIT, five_thousand(Over::Plain, Spoken::Http2));
}

#[test]
fn no_order_from_http2_to_http1_is_executed_twice() {
    run_within(LIMIT, five_thousand(Over::Http2, Spoken::Http1));
}

#[test]
fn no_order_from_http2_to_http2_is_executed_twice() {
    run_within(LIMIT, five_thousand(Over::Http2, Spoken::Http2));
}

/// With the targets.
#[derive(Debug, Clone, Copy)]
enum Spoken {
    Http1,
    Http2,
}

/// What befalls a target while orders come in.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Killed,
    Terminated,
    Resetting,
}

async fn five_thousand(over: Over, spoken: Spoken) {
    let (protocol, options): (_, &[&str]) = match spoken {
        Spoken::Http1 => ("http1", &[]),
        Spoken::Http2 => ("http2", &["--http2"]),
    };
    let one = App::start_with("one", options).await;
    let mut apps = [one, App::start_with("two", options).await];
    // One that resets connections may be ejected for it, and is soon back to reset more.
    let keys = format!("protocol = \"{protocol}\"\noutliers = {{ eject_for = \"1s\" }}");
    let edge = Edge::grouping(&[apps[0].address(), apps[1].address()], &keys).await;
    let mut outcomes = Vec::new();
    for wave in 0..WAVES {
        let load = Load::orders(&edge).over(over).start(WAVE);
        load.reached(WAVE / 5).await;
        // In twelve waves each befalls each of them twice.
        let blow = [Blow::Killed, Blow::Terminated, Blow::Resetting][wave % 3];
        strike(&mut apps[wave % 2], blow).await;
        outcomes.extend(load.finish().await);
        apps[wave % 2].behave("{}").await;
    }
    assert_eq!(outcomes.len(), 5_040);
    none_twice(&outcomes, &apps);
}

async fn strike(app: &mut App, blow: Blow) {
    match blow {
        Blow::Killed => app.kill().await,
        Blow::Terminated => app.terminate().await,
        Blow::Resetting => return app.behave(r#"{"mode":"reset-half"}"#).await,
    }
    app.restart().await;
}

/// Nobody has executed an order again, and what was answered was executed.
fn none_twice(outcomes: &[Outcome], apps: &[App]) {
    let mut executed = HashMap::<String, usize>::new();
    for order in apps.iter().flat_map(App::executed) {
        *executed.entry(order).or_default() += 1;
    }
    let twice: Vec<_> = executed.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "executed more than once: {twice:?}");
    let (answered, failed): (Vec<_>, Vec<_>) = outcomes.iter().partition(|it| it.status() == 201);
    let lost: Vec<_> = answered.iter().filter(|it| !executed.contains_key(&it.order)).collect();
    assert!(lost.is_empty(), "answered and never executed: {lost:?}");
    assert!(answered.len() > outcomes.len() / 2, "{} were answered", answered.len());
    assert!(!failed.is_empty(), "nobody felt a blow");
}

const LIMIT: Duration = Duration::from_mins(2);
const WAVES: usize = 12;
/// Orders in each wave.
const WAVE: usize = 420;
