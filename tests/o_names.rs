//! Targets that are known by a DNS name, and move.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::support::dnsmasq::NAME;
use crate::support::edge::{before, free_ports, own_address};
use crate::support::process::POLL;
use crate::support::{Dnsmasq, Edge, Gate, Origin, Reply, WWW, run, run_within};

#[test]
fn requests_follow_a_name_that_moves_and_those_under_way_finish() {
    run(async {
        let [old, new] = two_of_one_port().await;
        let gate = Gate::closed();
        let held = Reply::stream().send("begun, ").wait_for(&gate).send("and finished");
        old.answer("/held", held.cache("no-store"));
        let dns = Dnsmasq::start(&[old.address().ip()]).await;
        let edge = before_the_name(&dns, &old).await;
        assert_eq!(edge.get(WWW, "/who").await.text(), "old");
        let mut under_way = edge.ask("GET", WWW, "/held").open().await.unwrap();
        assert_eq!(under_way.chunk().await.unwrap().unwrap(), "begun, ");

        dns.moves(&[new.address().ip()]);
        until(&edge, "new").await;
        let asked = old.seen("/who").len();
        for _ in 0..10 {
            assert_eq!(edge.get(WWW, "/who").await.text(), "new");
        }
        assert_eq!(old.seen("/who").len(), asked);
        let left = edge.target(old.address()).await;
        assert_eq!((&left["state"], &left["in_flight"]), (&"draining".into(), &1.into()), "{left}");
        assert_eq!(left["reason"], "its name has other addresses now");

        gate.open();
        assert_eq!(under_way.rest().await.unwrap().text(), "and finished");
        are(&edge, &[&new]).await;
    });
}

#[test]
fn every_address_of_a_name_takes_its_turns_and_goes_when_it_is_told_no_more() {
    run(async {
        let [one, two] = two_of_one_port().await;
        let addresses = [one.address().ip(), two.address().ip()];
        let dns = Dnsmasq::start(&addresses).await;
        let edge = before_the_name(&dns, &one).await;
        for _ in 0..10 {
            edge.get(WWW, "/who").await;
        }
        assert_eq!((one.seen("/who").len(), two.seen("/who").len()), (5, 5));
        let place = format!("/origins/app/targets/{}", name_of(&one));
        let shown = edge.control("GET", &place, "").await.json();
        assert_eq!(shown["targets"].as_array().map(Vec::len), Some(2), "{shown}");

        dns.moves(&addresses[1..]);
        are(&edge, &[&two]).await;
        for _ in 0..4 {
            edge.get(WWW, "/who").await;
        }
        assert_eq!((one.seen("/who").len(), two.seen("/who").len()), (5, 9));

        dns.moves(&addresses);
        are(&edge, &[&one, &two]).await;
        for _ in 0..4 {
            edge.get(WWW, "/who").await;
        }
        assert_eq!((one.seen("/who").len(), two.seen("/who").len()), (7, 11));
    });
}

#[test]
fn a_name_that_is_gone_keeps_its_last_addresses_until_it_has_others() {
    run(async {
        let [old, new] = two_of_one_port().await;
        let dns = Dnsmasq::start(&[old.address().ip()]).await;
        let edge = before_the_name(&dns, &old).await;
        assert_eq!(edge.get(WWW, "/who").await.text(), "old");
        dns.moves(&[]);
        assert!(failed_look_up(&edge).await.contains(NAME));
        for _ in 0..4 {
            assert_eq!(edge.get(WWW, "/who").await.text(), "old");
        }
        assert_eq!(edge.target(old.address()).await["state"], "healthy");
        dns.moves(&[new.address().ip()]);
        until(&edge, "new").await;
    });
}

#[test]
fn a_dead_dns_server_takes_no_target_away_and_is_believed_when_it_is_back() {
    run_within(Duration::from_mins(1), async {
        let [old, new] = two_of_one_port().await;
        let mut dns = Dnsmasq::start(&[old.address().ip()]).await;
        let edge = before_the_name(&dns, &old).await;
        assert_eq!(edge.get(WWW, "/who").await.text(), "old");
        dns.kill().await;
        assert!(failed_look_up(&edge).await.contains(NAME));
        for _ in 0..4 {
            assert_eq!(edge.get(WWW, "/who").await.text(), "old");
        }
        assert_eq!(edge.target(old.address()).await["state"], "healthy");
        dns.restart(&[new.address().ip()]).await;
        until(&edge, "new").await;
        edge.process.stderr.find(|line| line.contains("the name resolves again")).await;
    });
}

/// Targets with different addresses and the same port.
async fn two_of_one_port() -> [Origin; 2] {
    let [old] = free_ports(own_address());
    let new = SocketAddr::new(own_address().into(), old.port());
    let origins = [Origin::at(old).await, Origin::at(new).await];
    for (origin, who) in origins.iter().zip(["old", "new"]) {
        origin.answer("/who", Reply::text(who).cache("no-store"));
    }
    origins
}

/// An edge that knows its target by name.
async fn before_the_name(dns: &Dnsmasq, target: &Origin) -> Edge {
    let config = before(&[target.address()]).replace(&target.to_string(), &name_of(target));
    Edge::start(&format!("{}{config}", dns.resolver())).await
}

fn name_of(target: &Origin) -> String {
    format!("{NAME}:{}", target.address().port())
}

/// Waits until a look-up has failed, and gives the line that says so.
async fn failed_look_up(edge: &Edge) -> String {
    edge.process.stderr.find(|line| line.contains("its last addresses serve on")).await
}

/// Asks until somebody else answers.
async fn until(edge: &Edge, who: &str) {
    while edge.get(WWW, "/who").await.text() != who {
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until these are the targets, and no others.
async fn are(edge: &Edge, expected: &[&Origin]) {
    let mut expected: Vec<Value> = expected.iter().map(|it| it.to_string().into()).collect();
    expected.sort_by_key(Value::to_string);
    loop {
        let shown = edge.control("GET", "/origins/app", "").await.json();
        let targets = shown["targets"].as_array().unwrap().iter();
        let mut addresses: Vec<Value> = targets.map(|it| it["address"].clone()).collect();
        addresses.sort_by_key(Value::to_string);
        if addresses == expected {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}
