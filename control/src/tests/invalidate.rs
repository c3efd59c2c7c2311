use http::Request;
use serde_json::{Value, json};

use super::node::{DEPLOY, Node, Sites};

#[tokio::test]
async fn an_invalidation_is_recorded_and_listed() {
    let node = Node::start(Sites::Www);
    let first = node.invalidate(node.root(), json!({ "paths": ["/a b", "/*.js?v=*"] })).await;
    assert_eq!(first.status, 201);
    let first_json = first.json();
    let id = first_json["id"].as_str().unwrap().to_owned();
    assert_eq!((id.len(), id.starts_with('I')), (14, true), "{id}");
    let expected = json!({
        "id": id,
        "status": "completed",
        "matched": 0,
        "bytes": 0,
        "created": "2023-11-14T22:13:20.000Z",
        "site": "www",
        "paths": ["/a b", "/*.js?v=*"],
        "reference": null,
    });
    assert_eq!(first_json, expected);
    assert_eq!(first.headers["location"], format!("/invalidations/{id}"));
    let second = node.invalidate(node.root(), json!({ "site": "www", "paths": ["/*"] })).await;
    let second = second.json();

    let listed = node.get("/invalidations", node.root()).await.json();
    assert_eq!(listed, json!({ "invalidations": [second, first_json] }));
    let newest = node.get("/invalidations?limit=1", node.root()).await.json();
    assert_eq!(newest, json!({ "invalidations": [second] }));
    let shown = node.get(&format!("/invalidations/{id}"), DEPLOY).await.json();
    assert_eq!(shown, expected);
    for limit in ["0", "1001", "x", ""] {
        let refused = node.get(&format!("/invalidations?limit={limit}"), node.root()).await;
        assert_eq!(refused.problem().0, 400, "{limit}");
    }
    assert_eq!(node.get("/invalidations/INONE", node.root()).await.problem().0, 404);
    assert_eq!(node.get("/invalidations/%FF", node.root()).await.problem().0, 404);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/*"], "dry_run": true, "reference": "build-41" });
    let dry = node.invalidate(node.root(), order).await;
    assert_eq!(dry.status, 200);
    let expected = json!({
        "dry_run": true, "matched": 0, "bytes": 0, "site": "www", "paths": ["/*"],
    });
    assert_eq!(dry.json(), expected);
    let listed = node.get("/invalidations", node.root()).await.json();
    assert_eq!(listed, json!({ "invalidations": [] }));
}

#[tokio::test]
async fn the_same_reference_is_the_same_invalidation() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/a"], "reference": "build-41" });
    let first = node.invalidate(node.root(), &order).await;
    let again = node.invalidate(node.root(), &order).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(first.json(), again.json());
    assert_eq!(first.headers["location"], again.headers["location"]);

    let other = json!({ "paths": ["/b"], "reference": "build-41" });
    let (status, detail) = node.invalidate(node.root(), other).await.problem();
    assert_eq!(status, 409);
    assert!(detail.contains(first.json()["id"].as_str().unwrap()), "{detail}");
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_sentence() {
    let node = Node::start(Sites::WwwAndApi);
    let many = vec!["/a"; 3_001];
    for (order, status, says) in [
        (json!({ "paths": ["/a"] }), 400, "`site` is needed: there are www, api"),
        (json!({ "site": "web", "paths": ["/a"] }), 404, "no site `web`; there are www, api"),
        (json!({ "site": "www" }), 400, "`paths` names no path"),
        (json!({ "site": "www", "paths": [] }), 400, "`paths` names no path"),
        (json!({ "site": "www", "paths": ["a"] }), 400, "`a` must begin with `/`"),
        (json!({ "site": "www", "paths": ["/\n"] }), 400, "a control character"),
        (json!({ "site": "www", "paths": many }), 400, "3001 paths are more than 3000"),
        (json!({ "site": "www", "paths": "/a" }), 400, "expected a sequence"),
        (json!({ "site": "www", "path": ["/a"] }), 400, "unknown field `path`"),
        (json!({ "site": "www", "paths": ["/a"], "tags": ["x"] }), 400, "unknown field `tags`"),
        (json!({ "site": "www", "paths": ["/a"], "soft": true }), 400, "unknown field `soft`"),
        (json!({ "site": "www", "paths": ["/a"], "reference": "" }), 400, "`reference` is 1 to"),
        (json!([]), 400, "not understood"),
        (Value::Null, 400, "not understood"),
    ] {
        let (answered, detail) = node.invalidate(node.root(), &order).await.problem();
        assert_eq!(answered, status, "{detail}");
        assert!(detail.contains(says), "{detail}");
    }
    let empty = json!({ "site": "api", "paths": ["/a"], "tags": [], "soft": false });
    assert_eq!(node.invalidate(node.root(), empty).await.status, 201);
}

#[tokio::test]
async fn bodies_are_json_and_bounded() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/a"] }).to_string();
    for (content_type, status) in [
        (Some("application/json"), 201),
        (Some("Application/JSON; charset=utf-8"), 201),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (None, 415),
    ] {
        let mut request = Request::post("/invalidate").header("authorization", node.root());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let answer = node.send(request.body(order.clone()).unwrap()).await;
        assert_eq!(answer.status, status, "{content_type:?}");
    }
    let large = format!("{order}{}", " ".repeat(1 << 20));
    assert_eq!(node.invalidate(node.root(), large).await.problem().0, 413);
}

#[tokio::test]
async fn a_restart_remembers() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/a"], "reference": "build-41" });
    let before = node.invalidate(node.root(), &order).await.json();
    let state = node.stop().await;

    let node = Node::listen(Sites::Www, "127.0.0.1:0", state);
    let again = node.invalidate(node.root(), &order).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, before));
}
