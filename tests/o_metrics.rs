//! What is told of targets: the metrics, and what stands in `/ready`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use http::StatusCode;
use serde_json::json;

use crate::support::edge::{before, free_ports, own_address};
use crate::support::process::POLL;
use crate::support::{Edge, Gate, Origin, Reply, WWW, run};

#[test]
fn metrics_tell_what_each_target_was_asked_and_said() {
    run(async {
        let (a, b, edge) =
            team("outliers = { consecutive_errors = 5, eject_for = \"300s\" }").await;
        let [at_a, at_b] = [a.address(), b.address()];
        b.answer("/broken", Reply::text("broken").status(500));
        for (origin, status) in [(&a, 404), (&b, 301)] {
            origin.answer("/other", Reply::text("other").status(status).cache("no-store"));
        }
        // They take turns.
        for path in ["/fine", "/fine", "/fine", "/fine", "/other", "/other"] {
            edge.get(WWW, path).await;
        }
        let told = Told::of(&edge, at_a).await;
        assert_eq!(told.ended(), "2xx 2, 4xx 1", "{told:#?}");
        assert_eq!(Told::of(&edge, at_b).await.ended(), "2xx 2, 3xx 1");
        for name in ["ejections_total", "retries_total", "failed_checks_total", "in_flight"] {
            assert_eq!(told.value(name), 0, "{name}: {told:#?}");
        }

        let gate = Gate::closed();
        a.answer("/held", Reply::text("held").held_by(&gate));
        b.answer("/held", Reply::text("held").held_by(&gate));
        let look = async {
            for origin in [&a, &b] {
                origin.reached("/held", 1).await;
                assert_eq!(Told::of(&edge, origin.address()).await.value("in_flight"), 1);
            }
            gate.open();
        };
        tokio::join!(edge.get(WWW, "/held?1"), edge.get(WWW, "/held?2"), look);
        for address in [at_a, at_b] {
            while Told::of(&edge, address).await.value("in_flight") > 0 {
                tokio::time::sleep(POLL).await;
            }
        }

        let mut failures = 0;
        while failures < 5 {
            let answer = edge.ask("POST", WWW, "/broken").send().await;
            failures += usize::from(answer.status == StatusCode::INTERNAL_SERVER_ERROR);
        }
        let told = Told::of(&edge, at_b).await;
        assert_eq!(told.ended(), "2xx 3, 3xx 1, 5xx 5", "{told:#?}");
        assert_eq!((told.value("ejections_total"), told.value("healthy")), (1, 0), "{told:#?}");
        let told = Told::of(&edge, at_a).await;
        assert_eq!((told.value("ejections_total"), told.value("healthy")), (0, 1), "{told:#?}");
    });
}

#[test]
fn the_histogram_counts_every_answer_by_how_long_it_took() {
    run(async {
        let (a, b, edge) = team("").await;
        let gate = Gate::closed();
        for origin in [&a, &b] {
            origin.answer("/held", Reply::text("held").held_by(&gate));
        }
        for path in ["/fine", "/fine", "/none", "/none"] {
            edge.get(WWW, path).await;
        }
        // As long at least as somebody needs to look at the metrics.
        let hold = async {
            a.reached("/held", 1).await;
            b.reached("/held", 1).await;
            let began = Instant::now();
            assert_eq!(Told::of(&edge, a.address()).await.value("in_flight"), 1);
            let held = began.elapsed().as_secs_f64();
            gate.open();
            held
        };
        let (_, _, taken) = tokio::join!(edge.get(WWW, "/held?1"), edge.get(WWW, "/held?2"), hold);
        for address in [a.address(), b.address()] {
            let told = Told::of(&edge, address).await;
            let buckets = told.buckets();
            let counts: Vec<u64> = buckets.iter().map(|(_, count)| *count).collect();
            assert!(counts.is_sorted() && counts.len() > 5, "{told:#?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, 3)), "{told:#?}");
            let shorter = buckets.iter().filter(|(bound, _)| *bound < taken);
            let most = shorter.map(|(_, count)| *count).max().unwrap_or_default();
            assert!(most <= 2, "one took {taken} s: {told:#?}");
            assert_eq!(told.value("duration_seconds_count"), 3, "{told:#?}");
            assert!(
                told.text("duration_seconds_sum").parse::<f64>().unwrap() >= taken,
                "{taken} s: {told:#?}"
            );
        }
    });
}

#[test]
fn a_dead_target_is_not_healthy_and_costs_retries_not_answers() {
    run(async {
        let (a, _b, edge) = team("").await;
        let [dead] = free_ports(own_address());
        let order = json!({ "address": dead }).to_string();
        let new = edge.control("POST", "/origins/app/targets", &order).await;
        assert_eq!(new.status, StatusCode::CREATED, "{}", new.text());
        assert_eq!(Told::of(&edge, dead).await.value("healthy"), 1, "nothing is known of it");
        // One of three in a row meets it.
        for _ in 0..3 {
            assert_eq!(edge.get(WWW, "/fine").await.status, StatusCode::OK);
        }
        let told = Told::of(&edge, dead).await;
        let unreachable = told.value("requests_total unreachable");
        assert!(unreachable > 0, "{told:#?}");
        assert_eq!(told.ended(), format!("unreachable {unreachable}"));
        assert_eq!(told.value("retries_total"), unreachable, "{told:#?}");
        assert_eq!(told.value("healthy"), 0, "{told:#?}");
        assert!(told.value("ejections_total") > 0, "{told:#?}");
        assert_eq!(Told::of(&edge, a.address()).await.value("retries_total"), 0);
    });
}

#[test]
fn what_is_told_of_a_target_goes_with_it() {
    run(async {
        let (a, b, edge) = team("").await;
        let gate = Gate::closed();
        a.answer("/held", Reply::text("held").held_by(&gate));
        b.answer("/held", Reply::text("held"));
        edge.get(WWW, "/fine").await;
        edge.get(WWW, "/fine").await;
        let place = format!("/origins/app/targets/{a}");
        let deregister = async {
            a.reached("/held", 1).await;
            edge.control("DELETE", &place, "").await;
            assert_eq!(Told::of(&edge, a.address()).await.value("in_flight"), 1, "it finishes");
            gate.open();
        };
        tokio::join!(edge.get(WWW, "/held?1"), edge.get(WWW, "/held?2"), deregister);
        let address = a.to_string();
        while edge.admin("/metrics").await.text().contains(&address) {
            tokio::time::sleep(POLL).await;
        }
        let told = Told::of(&edge, b.address()).await;
        assert_eq!(told.ended(), "2xx 2", "{told:#?}");
        assert_eq!(edge.metric(r#"warmfront_target_waiting{origin="app"} "#).await, 0);
    });
}

#[test]
fn ready_names_a_group_without_a_healthy_target_and_stays_ready() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/health", Reply::text("starting").status(503));
        let check = r#"health_check = { path = "/health", interval = "1s", unhealthy = 2 }"#;
        let [dead] = free_ports(own_address());
        let config = before(&[origin.address()]) + &other(dead);
        let edge = Edge::start(&config.replacen("\n[sites", &format!("{check}\n[sites"), 1)).await;

        let is_told = async |problems: serde_json::Value| {
            loop {
                let ready = edge.admin("/ready").await;
                assert_eq!(ready.status, StatusCode::OK, "{}", ready.text());
                assert_eq!(ready.json()["ready"], true);
                if ready.json()["problems"] == problems {
                    return;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let (app, api) = ("origin app: no target is healthy", "origin api: no target is healthy");
        is_told(json!([app])).await;
        assert_eq!(Told::of(&edge, origin.address()).await.value("healthy"), 0);
        origin.answer("/health", Reply::text("well"));
        is_told(json!([])).await;
        assert_eq!(Told::of(&edge, origin.address()).await.value("healthy"), 1);
        // The other group has no checks, and its only target is never given up: it is taken out.
        let place = format!("/origins/api/targets/{dead}");
        edge.control("PUT", &place, r#"{"state":"draining"}"#).await;
        assert_eq!(edge.get(WWW, "/api/x").await.status, StatusCode::SERVICE_UNAVAILABLE);
        is_told(json!([api])).await;
        origin.answer("/health", Reply::text("ill").status(503));
        is_told(json!([api, app])).await;
        let told = Told::of(&edge, origin.address()).await;
        assert!(told.value("failed_checks_total") >= 2, "{told:#?}");
    });
}

/// What the metrics tell of one target: by the rest of the name and the label that there is beside.
#[derive(Debug)]
struct Told(BTreeMap<String, String>);

// === impl Told ===

impl Told {
    async fn of(edge: &Edge, address: SocketAddr) -> Self {
        let metrics = edge.admin("/metrics").await;
        let target = format!("target=\"{address}\"");
        let lines = metrics.text().lines().filter(|line| line.contains(&target));
        let told: BTreeMap<_, _> = lines.map(read).collect();
        assert!(!told.is_empty(), "nothing of {address} in {}", metrics.text());
        Self(told)
    }

    /// A count.
    fn value(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap()
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("no {name} in {self:#?}"))
    }

    /// How its requests ended, where any did.
    fn ended(&self) -> String {
        let outcomes = self.0.iter().filter(|(_, count)| *count != "0");
        let outcomes = outcomes.filter_map(|(name, count)| {
            name.strip_prefix("requests_total ").map(|outcome| format!("{outcome} {count}"))
        });
        outcomes.collect::<Vec<_>>().join(", ")
    }

    /// The histogram's bounds and what is within them, the least first.
    fn buckets(&self) -> Vec<(f64, u64)> {
        let buckets = self.0.iter().filter_map(|(name, count)| {
            let bound = name.strip_prefix("duration_seconds_bucket ")?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
            Some((bound, count.parse().unwrap()))
        });
        let mut buckets: Vec<_> = buckets.collect();
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        buckets
    }
}

/// `warmfront_target_NAME{origin="app",outcome="2xx",target="…"} 3` as `NAME 2xx` and `3`.
fn read(line: &str) -> (String, String) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap();
    let mut name = name.strip_prefix("warmfront_target_").unwrap().to_owned();
    for label in labels.trim_end_matches('}').split(',') {
        let (label, value) = label.split_once('=').unwrap();
        if !["origin", "target"].contains(&label) {
            name = format!("{name} {}", value.trim_matches('"'));
        }
    }
    (name, value.to_owned())
}

/// Two targets whose `/fine` is, and more keys of the group.
async fn team(keys: &str) -> (Origin, Origin, Edge) {
    let (a, b) = (Origin::start().await, Origin::start().await);
    for origin in [&a, &b] {
        for path in ["/fine", "/broken"] {
            origin.answer(path, Reply::text("fine").cache("no-store"));
        }
    }
    let edge = Edge::grouping(&[a.address(), b.address()], keys).await;
    (a, b, edge)
}

/// A second group, for `/api/*`.
fn other(target: SocketAddr) -> String {
    format!(
        r#"
[origins.api]
targets = ["{target}"]

[[sites.www.behaviors]]
path = "/api/*"
origin = "api"
"#
    )
}
