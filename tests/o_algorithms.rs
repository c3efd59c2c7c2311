//! Who of the targets is asked.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use tokio::task::JoinSet;

use crate::support::edge::{before, free_ports, own_address};
use crate::support::process::POLL;
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run, run_within};

#[test]
fn a_target_of_three_times_the_weight_is_asked_three_times_as_often() {
    run(async {
        let targets = targets::<3>().await;
        let edge = weighted(&targets, ["weight = 3", "weight = 1", "weight = 0"]).await;
        ask(&edge, 40).await;
        assert_eq!(asked(&targets), [30, 10, 0]);

        // The smallest share is still one: 0 alone is none.
        for (target, weight) in [(0, 0), (1, 0), (2, 1)] {
            let place = format!("/origins/app/targets/{}", targets[target]);
            let order = format!("{{\"weight\":{weight}}}");
            let changed = edge.control("PUT", &place, &order).await;
            assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
        }
        ask(&edge, 4).await;
        assert_eq!(asked(&targets), [30, 10, 4]);
    });
}

#[test]
fn the_second_tier_is_asked_only_while_the_first_is_down() {
    run(async {
        let [down] = free_ports(own_address());
        let mut first = Some(at(down).await);
        let standby = at((own_address(), 0).into()).await;
        let check =
            r#"health_check = { interval = "3s", path = "/who", healthy = 1, unhealthy = 1 }"#;
        let entries =
            format!("targets = [\"{down}\", {{ address = \"{standby}\", tier = 1 }}]\n{check}\n");
        let edge = Edge::start(&before(&[]).replace("targets = []\n", &entries)).await;
        edge.target_is(down, "healthy").await;
        edge.target_is(standby.address(), "healthy").await;
        ask(&edge, 6).await;
        assert_eq!(standby.seen("/page").len(), 0);

        first.take();
        ask(&edge, 6).await;
        assert_eq!(standby.seen("/page").len(), 6);

        let first = at(down).await;
        edge.target_is(down, "healthy").await;
        ask(&edge, 6).await;
        assert_eq!((first.seen("/page").len(), standby.seen("/page").len()), (6, 6));
    });
}

#[test]
fn a_key_keeps_to_its_target_and_moves_only_when_that_goes() {
    run_within(Duration::from_mins(1), async {
        let targets = targets::<4>().await;
        let keys = r#"algorithm = "consistent_hash"
hash_on = { header = "x-user" }"#;
        let edge = Edge::grouping(&targets.each_ref().map(Origin::address), keys).await;
        let before = whereabouts(&edge).await;
        let shares = shares(&before);
        assert_eq!(shares.len(), 4, "all have some: {shares:?}");

        let (gone, _) = shares.iter().max_by_key(|(_, users)| **users).unwrap();
        let place = format!("/origins/app/targets/{gone}");
        assert_eq!(edge.control("DELETE", &place, "").await.status, StatusCode::OK);
        let after = whereabouts(&edge).await;
        let mut heirs = HashMap::new();
        for (user, target) in &before {
            if target == gone {
                *heirs.entry(after[user].as_str()).or_insert(0) += 1;
            } else {
                assert_eq!(after[user], *target, "{user} had no reason to move");
            }
        }
        assert!(heirs.len() > 1 && !heirs.contains_key(gone), "{heirs:?} of {shares:?}");

        let order = format!("{{\"address\":\"{gone}\"}}");
        let again = edge.control("POST", "/origins/app/targets", &order).await;
        assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
        assert_eq!(whereabouts(&edge).await, before, "and all are back");
    });
}

#[test]
fn a_key_of_many_requests_does_not_overrun_its_target() {
    run(async {
        let targets = targets::<3>().await;
        let gate = Gate::closed();
        for target in &targets {
            target.answer("/page", Reply::text("page").cache("no-store").held_by(&gate));
        }
        // By default the key is the client.
        let keys = "algorithm = \"consistent_hash\"";
        let edge = Edge::grouping(&targets.each_ref().map(Origin::address), keys).await;
        let mut clients = JoinSet::new();
        for number in 0..12 {
            let ask = edge.ask("GET", WWW, &format!("/page?{number}")).over(Over::Plain);
            clients.spawn(ask.send());
            while asked(&targets).iter().sum::<usize>() <= number {
                tokio::time::sleep(POLL).await;
            }
        }
        // A quarter above its share of what is under way is the most for each.
        let asked = asked(&targets);
        assert!(asked.iter().all(|requests| (1..=5).contains(requests)), "{asked:?}");
        assert!(asked.contains(&5), "{asked:?}: it has a favorite");
        gate.open();
        for answer in clients.join_all().await {
            assert_eq!(answer.text(), "page");
        }
    });
}

#[test]
fn a_target_that_has_something_to_do_is_not_given_more() {
    run(async {
        let targets = targets::<2>().await;
        let gate = Gate::closed();
        let keys = "algorithm = \"least_outstanding_requests\"";
        let edge = Edge::grouping(&targets.each_ref().map(Origin::address), keys).await;
        targets[0].answer("/page", Reply::text("page").cache("no-store").held_by(&gate));
        let mut clients = JoinSet::new();
        for number in 0..40 {
            let held = asked(&targets)[0];
            clients.spawn(edge.ask("GET", WWW, &format!("/page?{number}")).send());
            // Until it is with the first, or answered by the second.
            tokio::select! {
                () = targets[0].reached("/page", held + 1) => {}
                answer = clients.join_next() => assert_eq!(answer.unwrap().unwrap().status, 200),
            }
        }
        let asked = asked(&targets);
        assert_eq!((asked[0], asked.iter().sum::<usize>()), (1, 40), "{asked:?}");
        gate.open();
        for answer in clients.join_all().await {
            assert_eq!(answer.text(), "page");
        }
    });
}

#[test]
fn every_algorithm_serves_everybody() {
    run(async {
        let targets = targets::<3>().await;
        let entries = targets.each_ref().map(|it| format!("\"{it}\"")).join(", ");
        let group = |(number, algorithm): (usize, &&str)| {
            format!(
                "[origins.app{number}]\ntargets = [{entries}]\n{algorithm}\n\
                 [sites.www{number}]\nhosts = [\"www{number}.example.test\"]\n\
                 origin = \"app{number}\"\nviewer = \"allow-all\"\n"
            )
        };
        let config: String = ALGORITHMS.iter().enumerate().map(group).collect();
        let edge = Edge::start(&config).await;
        for (number, algorithm) in ALGORITHMS.iter().enumerate() {
            let before = asked(&targets);
            let mut clients = JoinSet::new();
            for path in 0..60 {
                let (host, path) = (format!("www{number}.example.test"), format!("/page?{path}"));
                let user = format!("user={path}");
                let ask = edge.ask("GET", &host, &path).over(Over::Plain);
                clients.spawn(ask.field("cookie", &user).send());
            }
            for answer in clients.join_all().await {
                assert_eq!(answer.status, StatusCode::OK, "{algorithm}");
            }
            let after = asked(&targets);
            let each = [0, 1, 2].map(|target| after[target] - before[target]);
            assert_eq!(each.iter().sum::<usize>(), 60, "{algorithm}: {each:?}");
            assert!(each.iter().all(|requests| *requests > 0), "{algorithm}: {each:?}");
        }
    });
}

const ALGORITHMS: [&str; 6] = [
    "",
    "algorithm = \"round_robin\"",
    "algorithm = \"least_outstanding_requests\"",
    "algorithm = \"weighted_random\"",
    "algorithm = \"weighted_random\"\nanomaly_mitigation = true",
    "algorithm = \"consistent_hash\"\nhash_on = { cookie = \"user\" }",
];

async fn targets<const N: usize>() -> [Origin; N] {
    let mut targets = Vec::new();
    for _ in 0..N {
        targets.push(at((own_address(), 0).into()).await);
    }
    targets.try_into().expect("so many")
}

async fn at(address: SocketAddr) -> Origin {
    let origin = Origin::at(address).await;
    for path in ["/page", "/who"] {
        origin.answer(path, Reply::text(&origin.to_string()).cache("no-store"));
    }
    origin
}

/// An edge before targets with these keys of theirs.
async fn weighted<const N: usize>(targets: &[Origin; N], keys: [&str; N]) -> Edge {
    let entries = targets.iter().zip(keys);
    let entries: Vec<String> =
        entries.map(|(target, keys)| format!("{{ address = \"{target}\", {keys} }}")).collect();
    let entries = format!("targets = [{}]", entries.join(", "));
    Edge::start(&before(&[]).replace("targets = []", &entries)).await
}

/// How often each was asked for the page.
fn asked<const N: usize>(targets: &[Origin; N]) -> [usize; N] {
    targets.each_ref().map(|target| target.seen("/page").len())
}

async fn ask(edge: &Edge, requests: usize) {
    for _ in 0..requests {
        let ask = edge.ask("GET", WWW, "/page").over(Over::Plain);
        assert_eq!(ask.send().await.status, StatusCode::OK);
    }
}

/// Which target each of 48 users is with. Each asks when the one before is done with: a target that
/// is busy with one of few requests is over its share of them.
async fn whereabouts(edge: &Edge) -> BTreeMap<String, String> {
    let mut whereabouts = BTreeMap::new();
    for number in 0..48 {
        let user = format!("user-{number:02}");
        let ask = edge.ask("GET", WWW, "/who").over(Over::Plain).field("x-user", &user);
        whereabouts.insert(user, ask.send().await.text().to_owned());
        while is_busy(edge).await {
            tokio::time::sleep(POLL).await;
        }
    }
    whereabouts
}

async fn is_busy(edge: &Edge) -> bool {
    let shown = edge.control("GET", "/origins/app", "").await.json();
    shown["targets"].as_array().unwrap().iter().any(|target| target["in_flight"] != 0)
}

/// How many users each target has.
fn shares(whereabouts: &BTreeMap<String, String>) -> HashMap<&str, usize> {
    let mut shares = HashMap::new();
    for target in whereabouts.values() {
        *shares.entry(target.as_str()).or_default() += 1;
    }
    shares
}
