use http::Request;
use serde_json::json;

use super::lines::Lines;
use super::node::{DEPLOY, Node, ROLLOUT, Sites};

#[tokio::test]
async fn every_refusal_of_a_key_leaves_one_line() {
    let node = Node::start(Sites::WwwAndShop);
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.subscriber());
    let one = |expected: serde_json::Value| {
        let found = lines.audit();
        assert_eq!(found.len(), 1, "{found:?}");
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&found[0][name], value, "{name} of {}", found[0]);
        }
    };

    node.invalidate(DEPLOY, json!({ "site": "www", "paths": ["/*"] })).await;
    one(json!({ "action": "invalidate", "key": "DEPLOY", "site": "www", "status": 403 }));
    // However long the words of a stranger are, the line is not.
    let made_up = "\u{202e}x".repeat(100_000);
    let refused = node.invalidate(DEPLOY, json!({ "site": made_up, "paths": ["/*"] })).await;
    assert!(refused.problem().1.len() < 200, "{refused:?}");
    let line = lines.audit().pop().unwrap();
    let site = line["site"].as_str().unwrap();
    assert!(site.starts_with("xxx") && site.len() <= 256, "{site}");
    let refused = node.invalidate(node.root(), json!({ "site": made_up, "paths": ["/*"] })).await;
    assert!(refused.problem().1.len() < 200, "{refused:?}");
    lines.audit();
    node.invalidate(DEPLOY, "{").await;
    one(json!({ "action": "refuse", "key": "DEPLOY", "asked": "POST", "status": 400 }));
    node.get("/sites", ROLLOUT).await;
    one(json!({ "action": "refuse", "key": "ROLLOUT", "asked": "GET", "what": "/sites" }));
    node.order("DELETE", "/keys/x", DEPLOY, "").await;
    one(json!({ "action": "refuse", "key": "DEPLOY", "what": "/keys/x", "status": 403 }));
    let request = Request::post("/invalidate").header("authorization", DEPLOY);
    node.send(request.body("{}".to_owned()).unwrap()).await;
    one(json!({ "action": "refuse", "key": "DEPLOY", "status": 415 }));
    node.order("POST", "/certificates/www.example.com/renew", DEPLOY, "").await;
    one(json!({ "action": "certificates", "key": "DEPLOY", "status": 403 }));

    node.get("/invalidations/INONE", DEPLOY).await;
    node.get("/sites", DEPLOY).await;
    assert!(lines.audit().is_empty(), "nobody was refused");
}

#[tokio::test]
async fn a_guesser_leaves_few_lines() {
    let node = Node::start(Sites::Www);
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.subscriber());
    for _ in 0..30 {
        node.get("/sites", "Bearer DEPLOY.guess").await;
    }
    let found = lines.audit();
    assert_eq!(found.len(), 10);
    assert_eq!((&found[0]["path"], &found[0]["client"]), (&json!("/sites"), &json!("127.0.0.1")));
    for _ in 0..30 {
        node.get("/sites", "Basic nonsense").await;
    }
    assert_eq!(lines.audit().len(), 10);
    // Another's count is not spent.
    node.get("/sites", DEPLOY).await;
    assert!(lines.audit().is_empty());
}

#[tokio::test]
async fn who_shows_no_key_leaves_a_few_lines_and_may_still_come_with_one() {
    let node = Node::start(Sites::Www);
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.subscriber());
    let order = json!({ "paths": ["/*"] });
    for _ in 0..30 {
        let request = Request::post("/invalidate").header("content-type", "application/json");
        let refused = node.send(request.body(order.to_string()).unwrap()).await;
        assert_eq!(refused.problem().0, 401);
    }
    let found = lines.audit();
    assert_eq!((found.len(), &found[0]["path"]), (10, &json!("/invalidate")));
    assert_eq!(node.invalidate(node.root(), order).await.status, 201);
}
