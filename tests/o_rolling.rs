//! A rolling deploy, as a team's script does it, while clients ask on.
//!
//! Goal: a deploy is nobody's failed request. Method: the script replaces one app after the other, again
//! and again for as long as the clients ask; the test is what stops and starts the apps.

use std::cell::Cell;
use std::collections::HashSet;
use std::time::Duration;

use crate::support::load::{Outcome, answered_by, failures};
use crate::support::process::POLL;
use crate::support::program::{Ended, output, part, program};
use crate::support::{App, Edge, Gate, Load, Origin, Over, Reply, run_within};

#[test]
fn no_request_of_20_000_fails_while_the_apps_are_replaced() {
    run_within(LIMIT, async {
        let mut apps = [App::start("a-0").await, App::start("b-0").await];
        let addresses = apps.each_ref().map(App::address);
        let edge =
            Edge::grouping(&addresses, r#"health_check = { path = "/health", interval = "1s" }"#)
                .await;
        for address in addresses {
            edge.target_is(address, "healthy").await;
        }
        let progress = Progress { begun: Cell::new(0), deploys: Cell::new(0) };
        let (pages, orders) = (Load::get(&edge, "/").clients(6), Load::orders(&edge).clients(6));
        let over_http2 = |load: &Load| load.clone().over(Over::Http2).clients(2);
        let (pages, orders, more_pages, more_orders, ()) = tokio::join!(
            ask(pages.clone(), &progress),
            ask(orders.clone(), &progress),
            ask(over_http2(&pages), &progress),
            ask(over_http2(&orders), &progress),
            deploy(&mut apps, &edge, &progress),
        );

        let ordered = orders.len() + more_orders.len();
        let all = [pages, orders, more_pages, more_orders].concat();
        let failed = failures(&all);
        let (many, some) = (failed.len(), failed.iter().take(5).collect::<Vec<_>>());
        let (deploys, log) = (progress.deploys.get(), edge.process.stdout.text());
        let faults: Vec<&str> = log.lines().filter(|it| it.contains("\"fault\"")).take(5).collect();
        let sent = all.len();
        assert!(failed.is_empty(), "{many} of {sent} in {deploys} deploys: {some:#?} {faults:#?}");
        assert!(all.len() >= REQUESTS);
        let executed: Vec<String> = apps.iter().flat_map(App::executed).collect();
        let distinct: HashSet<&String> = executed.iter().collect();
        assert_eq!((executed.len(), distinct.len()), (ordered, ordered), "each order once");
        // While the second app was replaced, the first had its new version.
        for app in ["a-0", "b-0", "a-1"] {
            assert!(answered_by(&all, app) > 0, "{app} of {deploys} deploys has answered nobody");
        }
    });
}

/// How far both sides are.
struct Progress {
    /// Requests that were sent or are about to be.
    begun: Cell<usize>,
    /// Deploys that are done.
    deploys: Cell<usize>,
}

/// Asks until all clients together have asked enough, and until something was deployed meanwhile.
async fn ask(load: Load, progress: &Progress) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    while progress.begun.get() < REQUESTS || progress.deploys.get() == 0 {
        progress.begun.set(progress.begun.get() + ROUND);
        outcomes.extend(load.send(ROUND).await);
    }
    outcomes
}

/// Deploys version after version for as long as the clients ask.
async fn deploy(apps: &mut [App; 2], edge: &Edge, progress: &Progress) {
    let supervisor = Origin::start().await;
    for app in apps.iter() {
        // The checks ask for another path.
        while app.seen("requests").await == 0 {
            tokio::time::sleep(POLL).await;
        }
    }
    while progress.begun.get() < REQUESTS || progress.deploys.get() == 0 {
        let version = progress.deploys.get() + 1;
        let mut script = program("bash");
        script.arg(part("tests/parts/rolling-deploy.sh")).arg("app");
        script.arg(part("tests/parts/restart.sh"));
        script.args(apps.each_ref().map(|app| app.address().to_string()));
        script.env("KEY", edge.root_key()).env("ADMIN", format!("http://{}", edge.setup().admin));
        script.env("SUPERVISOR", format!("http://{supervisor}"));
        let ended = tokio::select! {
            ended = output(&mut script) => ended,
            never = replace(apps, &supervisor, version) => never,
        };
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(ended.stdout.matches(": healthy\n").count(), 2, "{ended:?}");
        progress.deploys.set(version);
    }
}

/// Puts a new version in each app's place when the script asks for it.
async fn replace(apps: &mut [App; 2], supervisor: &Origin, version: usize) -> Ended {
    let gates = apps.each_ref().map(|app| {
        let gate = Gate::closed();
        supervisor.answer(&place(app), Reply::text("").held_by(&gate));
        gate
    });
    for (app, gate) in apps.iter_mut().zip(gates) {
        supervisor.reached(&place(app), version).await;
        app.terminate().await;
        let (name, _) = app.name().split_once('-').expect("it has a version");
        let name = format!("{name}-{version}");
        app.restart_as(&name).await;
        gate.open();
    }
    std::future::pending().await
}

/// Where the supervisor is asked for an app.
fn place(app: &App) -> String {
    format!("/{}", app.address())
}

const REQUESTS: usize = 20_000;
/// Requests of one kind, on connections that end with them.
const ROUND: usize = 250;
const LIMIT: Duration = Duration::from_mins(5);
