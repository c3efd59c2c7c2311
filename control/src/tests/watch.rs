use serde_json::json;

use super::node::{DEPLOY, Node, Sites};

#[tokio::test]
async fn ready_follows_the_life_of_the_node() {
    let node = Node::start(Sites::Www);
    let live = node.look("/live").await;
    assert_eq!((live.status.as_u16(), live.json()), (200, json!({ "live": true })));

    let starting = node.look("/ready").await;
    assert_eq!(starting.status, 503);
    let problems = json!(["starting: no configuration is in force yet"]);
    assert_eq!(starting.json(), json!({ "ready": false, "problems": problems }));

    node.readiness.set_serving();
    let serving = node.look("/ready").await;
    let body = json!({ "ready": true, "problems": [] });
    assert_eq!((serving.status.as_u16(), serving.json()), (200, body));

    node.readiness.report("reload", "the last reload was refused".to_owned());
    let troubled = node.look("/ready").await;
    let body = json!({ "ready": true, "problems": ["the last reload was refused"] });
    assert_eq!((troubled.status.as_u16(), troubled.json()), (200, body));

    node.readiness.resolve("reload");
    node.readiness.set_draining();
    let draining = node.look("/ready").await;
    assert_eq!(draining.status, 503);
    assert_eq!(draining.json()["problems"], json!(["draining: the node is about to stop"]));
}

#[tokio::test]
async fn metrics_count_invalidations() {
    let node = Node::start(Sites::WwwAndApi);
    let order = json!({ "site": "www", "paths": ["/a"], "reference": "1" });
    node.invalidate(node.root(), &order).await;
    node.invalidate(node.root(), &order).await;
    node.invalidate(DEPLOY, &order).await;
    node.invalidate("Bearer DEPLOY.wrong", &order).await;
    node.look("/sites").await;
    let metrics = node.look("/metrics").await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4");
    for line in [
        "warmfront_invalidations_total{site=\"www\"} 1\n",
        "warmfront_invalidations_total{site=\"api\"} 0\n",
        "warmfront_invalidated_responses_total{site=\"www\"} 0\n",
        "warmfront_invalidation_failures_total{site=\"www\"} 0\n",
        "warmfront_control_refusals_total{reason=\"denied\"} 1\n",
        "warmfront_control_refusals_total{reason=\"guesser\"} 0\n",
        "warmfront_control_refusals_total{reason=\"unproven\"} 2\n",
        "warmfront_store_objects 0\n",
        "warmfront_store_bytes 0\n",
        concat!("warmfront_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"),
    ] {
        assert!(metrics.text.contains(line), "{line}{}", metrics.text);
    }
}

#[tokio::test]
async fn on_the_network_metrics_need_a_key_and_names_are_free() {
    let node = Node::listen(Sites::Www, "0.0.0.0:0", tempfile::tempdir().unwrap());
    assert_eq!(node.look("/metrics").await.problem().0, 401);
    assert_eq!(node.get("/metrics", DEPLOY).await.status, 200);
    let request = http::Request::get("/live").header("host", "node1.internal:9900");
    let live = node.send(request.body(String::new()).unwrap()).await;
    assert_eq!(live.status, 200);
}
