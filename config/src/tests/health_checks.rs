//! `health_check` of a target group.

use std::time::Duration;

use super::target_groups::{check_each, with};
use crate::*;

fn health_check(written: &str) -> HealthCheck {
    with(&format!("health_check = {{ {written} }}")).health_check.unwrap()
}

fn http(tls: bool) -> Probe {
    Probe::Http { tls, path: "/".to_owned(), host: None, statuses: vec![200..=200] }
}

#[test]
fn an_empty_table_is_an_application_load_balancers_check() {
    let expected = HealthCheck {
        probe: http(false),
        port: None,
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        healthy: 5,
        unhealthy: 2,
    };
    assert_eq!(health_check(""), expected);
}

#[test]
fn checks_ask_what_is_written() {
    let method =
        |path: &str, codes| Probe::Grpc(GrpcProbe::Method { path: path.to_owned(), codes });
    let health = |service: &str| Probe::Grpc(GrpcProbe::Health { service: service.to_owned() });
    for (written, probe) in [
        (
            r#"path = "/up?deep=1&x=%20", host = "app.internal:8080", status = "200-299, 404""#,
            Probe::Http {
                tls: false,
                path: "/up?deep=1&x=%20".to_owned(),
                host: Some("app.internal:8080".parse().unwrap()),
                statuses: vec![200..=299, 404..=404],
            },
        ),
        (
            "status = 204",
            Probe::Http { tls: false, path: "/".to_owned(), host: None, statuses: vec![204..=204] },
        ),
        (r#"protocol = "http""#, http(false)),
        (r#"protocol = "https", port = 8443"#, http(true)),
        (r#"protocol = "tcp", port = "traffic""#, Probe::Tcp),
        (r#"protocol = "grpc""#, health("")),
        (r#"protocol = "grpc", service = "shop.Cart""#, health("shop.Cart")),
        (
            r#"protocol = "grpc", path = "/shop.Cart/Ping""#,
            method("/shop.Cart/Ping", vec![12..=12]),
        ),
        (
            r#"protocol = "grpc", path = "/AWS.ALB/healthcheck", status = "0-99""#,
            method("/AWS.ALB/healthcheck", vec![0..=99]),
        ),
        (r#"protocol = "grpc", path = "/a/b", status = 0"#, method("/a/b", vec![0..=0])),
    ] {
        assert_eq!(health_check(written).probe, probe, "{written}");
    }
}

#[test]
fn checks_go_as_the_requests_go_unless_they_have_a_port() {
    let probe = |keys: &str| with(keys).health_check.unwrap().probe;
    assert_eq!(probe("tls = true\nhealth_check = {}"), http(true));
    assert_eq!(probe("tls = false\nhealth_check = {}"), http(false));
    let beside = "tls = true\nhealth_check = { protocol = \"http\", port = 8081 }";
    assert_eq!(probe(beside), http(false));
    assert_eq!(with(beside).health_check.unwrap().port, Some(8081));
    let wrong = |keys: &str| {
        let text = format!("{}[origins.x]\ntargets = [\"a:1\"]\n{keys}\n", super::LEAST);
        super::read(&text).unwrap_err().to_string()
    };
    let plain = wrong("tls = true\nhealth_check = { protocol = \"http\" }");
    assert!(plain.ends_with(
        "health_check.protocol: would never pass: the targets speak TLS; write \"https\", or a \
         `port` of its own"
    ));
    // Of a `tls` that cannot be read nobody knows.
    let unknown = wrong("tls = 1\nhealth_check = { protocol = \"https\" }");
    assert!(unknown.ends_with("tls: must be true, false or a table, not a whole number"));
}

#[test]
fn a_check_ends_before_the_next_begins() {
    for (written, interval, timeout) in [
        (r#"interval = "10s""#, 10_000, 5_000),
        (r#"interval = "2s""#, 2_000, 2_000),
        (r#"interval = "1s", timeout = "100ms""#, 1_000, 100),
        (r#"interval = "300s", timeout = "120s""#, 300_000, 120_000),
        (r#"timeout = "30s""#, 30_000, 30_000),
    ] {
        let check = health_check(written);
        let found = (check.interval.as_millis(), check.timeout.as_millis());
        assert_eq!(found, (interval, timeout), "{written}");
    }
}

#[test]
fn checks_that_are_none() {
    check_each(&[
        ("health_check = true", "health_check: must be a table, not true or false"),
        (
            r#"health_check = { protocol = "udp" , path = 1, service = "x" }"#,
            r#"health_check.protocol: is one of "http", "https", "tcp", "grpc", not "udp""#,
        ),
        (
            r#"health_check = { protocol = "https" }"#,
            "health_check.protocol: would never pass: the targets speak no TLS; write \"http\", \
             or a `port` of its own",
        ),
        (r#"health_check = { interval = "500ms" }"#, "health_check.interval: must be 1s to 5m"),
        (r#"health_check = { timeout = "50ms" }"#, "health_check.timeout: must be 100ms to 2m"),
        (
            r#"health_check = { interval = "2s", timeout = "3s" }"#,
            "health_check.timeout: is more than `interval` (2s): one check at a time",
        ),
        (
            r#"health_check = { timeout = "31s" }"#,
            "health_check.timeout: is more than `interval` (30s): one check at a time",
        ),
        (
            r#"health_check = { interval = 1, timeout = "60s" }"#,
            "health_check.interval: a duration is a string with a unit: write \"1s\"",
        ),
        ("health_check = { healthy = 0 }", "health_check.healthy: must be 1 to 10"),
        ("health_check = { unhealthy = 11 }", "health_check.unhealthy: must be 1 to 10"),
        ("health_check = { port = 0 }", "health_check.port: must be 1 to 65535"),
        (
            r#"health_check = { port = "8080" }"#,
            "health_check.port: is \"traffic\" or a number without quotes, not \"8080\"",
        ),
        (
            r#"health_check = { status = "600" }"#,
            "health_check.status: `600` is none of 200 to 599: write \"200\" or \"200-599\"",
        ),
        ("health_check = { status = 100 }", "health_check.status: must be 200 to 599"),
        (
            "health_check = { status = [200] }",
            "health_check.status: must be a string such as \"200,302\" or \"200-399\", not an array",
        ),
        (r#"health_check = { host = "a b" }"#, "health_check.host: is no host: \"a b\""),
        (
            r#"health_check = { service = "a" }"#,
            "health_check.service: stands only beside `protocol = \"grpc\"`",
        ),
    ]);
}

#[test]
fn paths_that_are_never_asked_for() {
    for path in ["/a b", "/a#b", "/ü", "/a\\tb", "/a<b>"] {
        check_each(&[(
            &format!(r#"health_check = {{ path = "{path}" }}"#),
            "health_check.path: is a path and perhaps a query: no fragment, and white space, \
             control characters and what is not ASCII are escaped, as in `%20`",
        )]);
    }
    check_each(&[(
        r#"health_check = { path = "up" }"#,
        "health_check.path: is a path, so it starts with a slash: write \"/up\"",
    )]);
    for path in ["/", "/a", "/a/", "//a", "/a/b/c", "a/b", "/a/b?c"] {
        check_each(&[(
            &format!(r#"health_check = {{ protocol = "grpc", path = "{path}" }}"#),
            &format!("health_check.path: is `/package.service/method`, not {path:?}"),
        )]);
    }
}

#[test]
fn keys_that_a_protocol_does_not_have() {
    let connects = "would do nothing: a TCP check only connects";
    for key in [r#"path = "/""#, r#"status = "200""#, r#"host = "a""#, r#"service = "a""#] {
        let (name, _) = key.split_once(' ').unwrap();
        check_each(&[(
            &format!(r#"health_check = {{ protocol = "tcp", {key} }}"#),
            &format!("health_check.{name}: {connects}"),
        )]);
    }
    check_each(&[
        (
            r#"health_check = { protocol = "grpc", host = "a" }"#,
            "health_check.host: would do nothing: a gRPC check names the target itself",
        ),
        (
            r#"health_check = { protocol = "grpc", status = "0" }"#,
            "health_check.status: would do nothing: without `path` the answer SERVING passes",
        ),
        (
            r#"health_check = { protocol = "grpc", service = "a b" }"#,
            "health_check.service: is the name of a service: no white space, no control characters",
        ),
        (
            r#"health_check = { protocol = "grpc", path = "/a/b", service = "a" }"#,
            "health_check.service: cannot stand beside `path`: only the health service is asked for one",
        ),
        (
            r#"health_check = { protocol = "grpc", path = "/a/b", status = "100" }"#,
            "health_check.status: `100` is none of 0 to 99: write \"0\" or \"0-99\"",
        ),
    ]);
}
