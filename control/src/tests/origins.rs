use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use warmfront_origin::{Failure, Lease, TargetGroup, Wish};

use super::node::{DEPLOY, Node, ROLLOUT, Sites};

/// A request's hold on one of the group's targets.
pub(super) async fn lease(group: &Arc<TargetGroup>) -> Lease {
    let wish = Wish {
        tried: &[],
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        path: "/",
        fields: &HeaderMap::new(),
        at: SystemTime::UNIX_EPOCH,
    };
    group.lease(&wish, now()).await.unwrap()
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn names(list: &Value) -> Vec<&str> {
    let origins = list["origins"].as_array().unwrap();
    origins.iter().map(|origin| origin["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn origins_are_shown_with_their_targets() {
    let node = Node::start(Sites::WwwAndShop);
    let target = |address: &str, weight: u16, tier: u8| {
        json!({
            "address": address,
            "name": address,
            "state": "healthy",
            "reason": "health checks are not configured",
            "code": "Target.HealthCheckDisabled",
            "in_flight": 0,
            "weight": weight,
            "tier": tier,
        })
    };
    let listed = node.get("/origins", node.root()).await.timeless();
    assert_eq!(names(&listed), ["api", "app", "checked", "main", "web"]);
    let app = json!({
        "name": "app",
        "kind": "target-group",
        "targets": [target("127.0.0.1:3001", 1, 0), target("[::1]:3002", 5, 1)],
        "waiting": 0,
    });
    assert_eq!(listed["origins"][1], app);
    let main = json!({ "name": "main", "kind": "failover", "primary": "app", "secondary": "web" });
    assert_eq!(listed["origins"][3], main);
    assert_eq!(listed["origins"][4], json!({ "name": "web", "kind": "s3" }));

    assert_eq!(node.get("/origins/main", node.root()).await.json(), main);
    let shown = node.get("/origins/app", node.root()).await.json();
    assert_eq!(shown["targets"][1]["address"], "[::1]:3002");
    assert_eq!(node.get("/origins/none", node.root()).await.problem().0, 404);
    assert_eq!(node.get("/origins/%FF", node.root()).await.problem().0, 404);
}

#[tokio::test]
async fn a_key_sees_the_origins_of_its_sites_and_those_it_may_change() {
    let node = Node::start(Sites::WwwAndShop);
    assert_eq!(names(&node.get("/origins", DEPLOY).await.json()), ["api"]);
    assert_eq!(names(&node.get("/origins", ROLLOUT).await.json()), ["app"]);
    for (path, by_deploy, by_rollout) in [
        ("/origins/api", 200, 404),
        ("/origins/app", 404, 200),
        ("/origins/api/targets/127.0.0.1:3000", 200, 404),
        ("/origins/app/targets/127.0.0.1:3001", 404, 200),
        ("/origins/web", 404, 404),
    ] {
        assert_eq!(node.get(path, DEPLOY).await.status, by_deploy, "{path}");
        assert_eq!(node.get(path, ROLLOUT).await.status, by_rollout, "{path}");
    }
}

#[tokio::test]
async fn ready_tells_of_an_origin_without_a_healthy_target() {
    let node = Node::start(Sites::WwwAndShop);
    node.readiness.set_serving();
    let ready = node.look("/ready").await;
    let body = json!({ "ready": true, "problems": ["origin checked: no target is healthy"] });
    assert_eq!((ready.status.as_u16(), ready.json()), (200, body));

    let drain = json!({ "state": "draining" });
    node.order("PUT", "/origins/api/targets/127.0.0.1:3000", node.root(), drain).await;
    let problems = node.look("/ready").await.json();
    let api = "origin api: no target is healthy";
    assert_eq!(problems["problems"], json!([api, "origin checked: no target is healthy"]));
}

#[tokio::test]
async fn metrics_tell_of_each_target_and_forget_it_with_it() {
    let node = Node::start(Sites::WwwAndShop);
    let group = node.group("api");
    let began = now();
    let mut answered = lease(group).await;
    answered.answered(StatusCode::OK, &HeaderMap::new(), began);
    let mut failed = lease(group).await;
    failed.failed(Failure::Broken, began);
    failed.retried();
    drop(failed);

    let text = node.look("/metrics").await.text;
    let target = r#"origin="api",target="127.0.0.1:3000""#;
    let ended = |how: &str| {
        let labels = format!(r#"origin="api",outcome="{how}",target="127.0.0.1:3000""#);
        format!("warmfront_target_requests_total{{{labels}}} 1\n")
    };
    for line in [
        format!("warmfront_target_healthy{{{target}}} 1\n"),
        format!("warmfront_target_in_flight{{{target}}} 1\n"),
        ended("2xx"),
        ended("broken"),
        format!("warmfront_target_retries_total{{{target}}} 1\n"),
        format!("warmfront_target_ejections_total{{{target}}} 0\n"),
        format!("warmfront_target_failed_checks_total{{{target}}} 0\n"),
        format!("warmfront_target_duration_seconds_bucket{{{target},le=\"0.001\"}} 1\n"),
        format!("warmfront_target_duration_seconds_bucket{{{target},le=\"30\"}} 1\n"),
        format!("warmfront_target_duration_seconds_bucket{{{target},le=\"+Inf\"}} 1\n"),
        format!("warmfront_target_duration_seconds_count{{{target}}} 1\n"),
        r#"warmfront_target_healthy{origin="checked",target="127.0.0.1:1"} 0"#.to_owned() + "\n",
        r#"warmfront_target_healthy{origin="app",target="[::1]:3002"} 1"#.to_owned() + "\n",
        r#"warmfront_target_waiting{origin="api"} 0"#.to_owned() + "\n",
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    let types = text.lines().filter(|line| line.starts_with("# TYPE warmfront_target_"));
    assert_eq!(types.count(), 8, "{text}");

    drop(answered);
    node.order("DELETE", "/origins/api/targets/127.0.0.1:3000", node.root(), "").await;
    let text = node.look("/metrics").await.text;
    assert!(!text.contains(r#"target="127.0.0.1:3000""#), "{text}");
    assert!(text.contains("warmfront_target_waiting{origin=\"api\"} 0\n"), "{text}");
}
