//! `[origins.NAME]` with `targets`: every key, right and wrong.

use std::time::Duration;

use super::{check_behind_least, read};
use crate::*;

/// The group of a file whose only origin has `targets` and `keys`.
fn group(targets: &str, keys: &str) -> TargetGroup {
    let text = format!(
        "[listen]\nhttps = []\n[origins.api]\ntargets = {targets}\n{keys}\n\
         [sites.www]\nhosts = [\"h\"]\norigin = \"api\"\nviewer = \"allow-all\"\n"
    );
    let config = read(&text).unwrap_or_else(|problems| panic!("{keys}\n{problems}"));
    match &config.origins["api"].kind {
        OriginKind::TargetGroup(group) => TargetGroup::clone(group),
        kind => panic!("{kind:?}"),
    }
}

/// As [`group`], with one target.
pub(super) fn with(keys: &str) -> TargetGroup {
    group(r#"["a:1"]"#, keys)
}

/// One origin a row, with one key: what stands there, and what is said of it, the place left out.
pub(super) fn check_each(rows: &[(&str, &str)]) {
    for (keys, expected) in rows {
        let text = format!("{}[origins.x]\ntargets = [\"a:1\"]\n{keys}\n", super::LEAST);
        let found = read(&text).err().map(|problems| problems.to_string()).unwrap_or_default();
        let found = found.replace("warmfront.toml:11: origins.x.", "");
        assert_eq!(found, *expected, "{keys}");
    }
}

#[test]
fn defaults_are_an_application_load_balancers_where_it_has_any() {
    let group = with("");
    assert_eq!(group.tls, None);
    assert_eq!(group.protocol, TargetProtocol::Http1);
    assert_eq!(group.host, HostField::Client);
    assert_eq!(group.algorithm, Algorithm::RoundRobin);
    assert_eq!((group.attempts, group.retry_budget), (3, 20));
    assert_eq!(group.health_check, None);
    assert_eq!(group.slow_start, Duration::ZERO);
    assert_eq!(group.deregistration_delay, Duration::from_mins(5));
    assert_eq!(group.stickiness, None);
    let outliers = Outliers { consecutive_errors: 5, eject_for: Duration::from_secs(30) };
    assert_eq!(group.outliers, Some(outliers));
    assert_eq!(group.circuit, None);
}

#[test]
fn targets_have_weights_and_tiers() {
    let targets = r#"["A.internal:1", { address = "[::1]:2", weight = 999, tier = 9 }, { address = "10.0.0.1:3", weight = 0 }]"#;
    let seen: Vec<_> = group(targets, "")
        .targets
        .iter()
        .map(|target| (target.name.to_string(), target.weight, target.tier))
        .collect();
    let expected = [("a.internal:1", 1, 0), ("[::1]:2", 999, 9), ("10.0.0.1:3", 0, 0)]
        .map(|(name, weight, tier)| (name.to_owned(), weight, tier));
    assert_eq!(seen, expected);
}

#[test]
fn targets_that_are_none() {
    check_behind_least(
        r#"
[origins.x]
targets = [
  "a:1",
  { address = "b:1", weight = 1000, tier = 10 },
  { address = "A:1", weight = 3 },
  { weight = 1 },
  { adress = "c:1" },
  { address = "d" },
  7,
]
[origins.y]
targets = [{ address = "a:1", weight = 0 }, { address = "b:1", weight = 0, tier = 1 }]
[origins.z]
targets = "a:1"
"#,
        r#"
12: origins.x.targets[1].weight: must be 0 to 999
12: origins.x.targets[1].tier: must be 0 to 9
13: origins.x.targets[2]: is there already: `origins.x.targets[0]` on line 11
14: origins.x.targets[3].address: missing
15: origins.x.targets[4].adress: unknown key; did you mean `address`?
16: origins.x.targets[5].address: has no port: write "d:8080" or whichever it is
17: origins.x.targets[6]: must be "host:port" or a table with `address`, not a whole number
20: origins.y.targets: no target would be asked: each has the weight 0
22: origins.z.targets: must be an array, not a string
"#,
    );
}

#[test]
fn tls_is_off_on_or_told() {
    let plain = TargetTls {
        server_name: None,
        ca_file: None,
        client_certificate: None,
        verification: Verification::Full,
    };
    let named = |name: &str| TargetTls { server_name: Some(name.to_owned()), ..plain.clone() };
    let certificate =
        CertificatePair { chain: "/etc/edge.pem".into(), key: "keys/edge.key".into() };
    for (keys, expected) in [
        ("tls = false", None),
        ("tls = true", Some(plain.clone())),
        ("tls = {}", Some(plain.clone())),
        (r#"tls = { server_name = "App.Internal" }"#, Some(named("app.internal"))),
        (r#"tls = { server_name = "10.0.0.1" }"#, Some(named("10.0.0.1"))),
        (r#"tls = { server_name = "::1", verify = true }"#, Some(named("::1"))),
        (
            "tls = { verify = false }",
            Some(TargetTls { verification: Verification::Off, ..plain.clone() }),
        ),
        (
            r#"tls = { ca_file = "ca.pem", client_certificate = "/etc/edge.pem", client_key = "keys/edge.key" }"#,
            Some(TargetTls {
                ca_file: Some("ca.pem".into()),
                client_certificate: Some(certificate),
                ..plain.clone()
            }),
        ),
    ] {
        assert_eq!(with(keys).tls, expected, "{keys}");
    }
}

#[test]
fn tls_is_never_off_by_a_slip() {
    check_each(&[
        (r#"tls = "on""#, "tls: must be true, false or a table, not a string"),
        (
            r#"tls = { server_name = "" }"#,
            "tls.server_name: is a DNS name or an IP address, without a port, not \"\"",
        ),
        (
            r#"tls = { server_name = "a:443" }"#,
            "tls.server_name: is a DNS name or an IP address, without a port, not \"a:443\"",
        ),
        (r#"tls = { ca_file = "" }"#, "tls.ca_file: names no file"),
        (
            r#"tls = { client_certificate = "a" }"#,
            "tls.client_key: missing: `client_certificate` is shown with it",
        ),
        (
            r#"tls = { client_key = "a" }"#,
            "tls.client_certificate: missing: `client_key` is its key",
        ),
        (
            r#"tls = { client_key = "a", client_certifcate = "b" }"#,
            "tls.client_certifcate: unknown key; did you mean `client_certificate`?",
        ),
        (
            r#"tls = { ca_file = "a", verify = false }"#,
            "tls.ca_file: would not be looked at: with `verify = false` anybody is believed",
        ),
        (r#"tls = { verify = "no" }"#, "tls.verify: must be true or false, not a string"),
    ]);
}

#[test]
fn algorithms_have_keys_of_their_own() {
    let hash = |on| Algorithm::ConsistentHash(on);
    for (keys, expected) in [
        (r#"algorithm = "round_robin""#, Algorithm::RoundRobin),
        (r#"algorithm = "least_outstanding_requests""#, Algorithm::LeastOutstandingRequests),
        (
            r#"algorithm = "weighted_random""#,
            Algorithm::WeightedRandom { anomaly_mitigation: false },
        ),
        (
            "algorithm = \"weighted_random\"\nanomaly_mitigation = true",
            Algorithm::WeightedRandom { anomaly_mitigation: true },
        ),
        (r#"algorithm = "consistent_hash""#, hash(HashOn::Client)),
        ("algorithm = \"consistent_hash\"\nhash_on = \"path\"", hash(HashOn::Path)),
        (
            "algorithm = \"consistent_hash\"\nhash_on = { header = \"X-User\" }",
            hash(HashOn::Header("x-user".parse().unwrap())),
        ),
        (
            "algorithm = \"consistent_hash\"\nhash_on = { cookie = \"Sid\" }",
            hash(HashOn::Cookie("Sid".to_owned())),
        ),
    ] {
        assert_eq!(with(keys).algorithm, expected, "{keys}");
    }
}

#[test]
fn algorithms_that_are_none() {
    check_behind_least(
        r#"
[origins.a]
targets = ["a:1"]
algorithm = "least_outstanding"
hash_on = "path"
[origins.b]
targets = ["a:1"]
anomaly_mitigation = false
hash_on = "client"
[origins.c]
targets = ["a:1"]
algorithm = "consistent_hash"
anomaly_mitigation = true
hash_on = "ip"
[origins.d]
targets = ["a:1"]
algorithm = "consistent_hash"
hash_on = { header = "a b", cookie = "c" }
[origins.e]
targets = ["a:1"]
algorithm = "consistent_hash"
hash_on = {}
[origins.f]
targets = ["a:1"]
algorithm = "consistent_hash"
hash_on = { cookie = "a;b" }
[origins.g]
targets = ["a:1"]
algorithm = "consistent_hash"
hash_on = ["path"]
[origins.h]
targets = ["a:1"]
algorithm = "consistent_hash"
hash_on = { header = "a b" }
"#,
        r#"
11: origins.a.algorithm: is one of "round_robin", "least_outstanding_requests", "weighted_random", "consistent_hash", not "least_outstanding"; did you mean `least_outstanding_requests`?
15: origins.b.anomaly_mitigation: stands only beside `algorithm = "weighted_random"`
16: origins.b.hash_on: stands only beside `algorithm = "consistent_hash"`
20: origins.c.anomaly_mitigation: stands only beside `algorithm = "weighted_random"`
21: origins.c.hash_on: is "client", "path", { header = "…" } or { cookie = "…" }, not "ip"
25: origins.d.hash_on.cookie: cannot stand beside `header`: a hash is made of one thing
29: origins.e.hash_on: needs `header` or `cookie`
33: origins.f.hash_on.cookie: is no name of a cookie: letters, digits and !#$%&'*+-.^_`|~
37: origins.g.hash_on: must be "client", "path", { header = "…" } or { cookie = "…" }, not an array
41: origins.h.hash_on.header: is no field name
"#,
    );
}

#[test]
fn the_rest_means_what_it_says() {
    let group = with(
        r#"
protocol = "http2"
attempts = 10
retry_budget = 0
slow_start = "30s"
deregistration_delay = "0s"
stickiness = "off"
outliers = "off"
circuit = { in_flight = 100 }
"#,
    );
    assert_eq!(group.protocol, TargetProtocol::Http2);
    assert_eq!((group.attempts, group.retry_budget), (10, 0));
    assert_eq!(group.slow_start, Duration::from_secs(30));
    assert_eq!(group.deregistration_delay, Duration::ZERO);
    assert_eq!((&group.stickiness, group.outliers), (&None, None));
    assert_eq!(group.circuit, Some(Circuit { in_flight: 100, waiting: 0 }));
    let group = with(
        r#"
outliers = { eject_for = "5m" }
circuit = { in_flight = 1, waiting = 100000 }
"#,
    );
    let outliers = Outliers { consecutive_errors: 5, eject_for: Duration::from_mins(5) };
    assert_eq!(group.outliers, Some(outliers));
    assert_eq!(group.circuit, Some(Circuit { in_flight: 1, waiting: 100_000 }));
}

#[test]
fn clients_stay_by_the_edges_cookie_or_the_apps() {
    for (keys, expected) in [
        (
            r#"stickiness = { cookie = "lb" }"#,
            Stickiness::LoadBalancer { duration: Duration::from_hours(24) },
        ),
        (
            r#"stickiness = { cookie = "lb", duration = "7d" }"#,
            Stickiness::LoadBalancer { duration: Duration::from_hours(168) },
        ),
        (
            "algorithm = \"consistent_hash\"\nstickiness = { cookie = \"app\", name = \"JSESSIONID\", duration = \"1s\" }",
            Stickiness::Application {
                name: "JSESSIONID".to_owned(),
                duration: Duration::from_secs(1),
            },
        ),
    ] {
        assert_eq!(with(keys).stickiness, Some(expected), "{keys}");
    }
}

#[test]
fn the_rest_out_of_bounds() {
    check_each(&[
        (r#"protocol = "h2""#, r#"protocol: is one of "http1", "http2", not "h2""#),
        ("retry_budget = 101", "retry_budget: must be 0 to 100"),
        (r#"slow_start = "999ms""#, "slow_start: must be 0s, which is off, or 1s to 15m"),
        (r#"slow_start = "16m""#, "slow_start: must be 0s to 15m"),
        (r#"deregistration_delay = "2h""#, "deregistration_delay: must be 0s to 1h"),
        ("stickiness = true", r#"stickiness: must be a table or "off", not true or false"#),
        (r#"stickiness = "lb""#, r#"stickiness: is one of "off", not "lb""#),
        ("stickiness = {}", "stickiness.cookie: missing"),
        (
            r#"stickiness = { cookie = "SID" }"#,
            r#"stickiness.cookie: is one of "lb", "app", not "SID""#,
        ),
        (
            r#"stickiness = { cookie = "lb", duration = "8d" }"#,
            "stickiness.duration: must be 1s to 7d",
        ),
        (
            r#"stickiness = { cookie = "lb", duration = "1500ms" }"#,
            "stickiness.duration: is counted in whole seconds",
        ),
        (
            r#"stickiness = { cookie = "lb", name = "a" }"#,
            "stickiness.name: stands only beside `cookie = \"app\"`: the edge names its own",
        ),
        (
            r#"stickiness = { cookie = "app" }"#,
            "stickiness.name: missing: which cookie of the app is followed?",
        ),
        (
            r#"stickiness = { cookie = "app", name = "WFLBX" }"#,
            "stickiness.name: names that begin with `WFLB` are the edge's own",
        ),
        (
            r#"stickiness = { cookie = "app", name = "a=b" }"#,
            "stickiness.name: is no name of a cookie: letters, digits and !#$%&'*+-.^_`|~",
        ),
        ("outliers = false", r#"outliers: must be a table or "off", not true or false"#),
        ("outliers = { consecutive_errors = 0 }", "outliers.consecutive_errors: must be 1 to 100"),
        (r#"outliers = { eject_for = "6m" }"#, "outliers.eject_for: must be 1s to 5m"),
        ("circuit = {}", "circuit.in_flight: missing"),
        ("circuit = { in_flight = 0 }", "circuit.in_flight: must be 1 to 1000000"),
        ("circuit = { in_flight = 1, waiting = 100001 }", "circuit.waiting: must be 0 to 100000"),
        (r#"circuit = "off""#, "circuit: must be a table, not a string"),
    ]);
}

/// All keys with a value each, so that a new one cannot be forgotten beside a bucket or a failover.
const EVERY_KEY: &str = r#"targets = ["a:1"]
tls = false
protocol = "http1"
host = "client"
headers = {}
algorithm = "round_robin"
anomaly_mitigation = false
hash_on = "client"
connect_timeout = "5s"
response_timeout = "30s"
attempts = 3
retry_budget = 20
health_check = {}
slow_start = "0s"
deregistration_delay = "300s"
stickiness = "off"
outliers = "off"
circuit = { in_flight = 1 }
"#;

#[test]
fn no_key_stands_beside_a_bucket_or_a_failover() {
    let every = EVERY_KEY.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key);
    for (kind, excepted) in [
        ("s3 = { bucket = \"abc\", region = \"r\" }", "headers"),
        ("primary = \"api\"\nsecondary = \"api\"", ""),
    ] {
        let text = format!("{}[origins.x]\n{kind}\n{EVERY_KEY}", super::LEAST);
        let problems = read(&text).unwrap_err().to_string();
        for key in every.clone() {
            let blamed = problems.contains(&format!("origins.x.{key}: cannot stand beside `"));
            assert_eq!(blamed, key != excepted, "{key} beside {kind}:\n{problems}");
        }
        assert!(!problems.contains("unknown key"), "{problems}");
    }
}
