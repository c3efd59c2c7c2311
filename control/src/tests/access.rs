use http::Request;
use serde_json::json;

use super::node::{DEPLOY, Node, Sites};

#[tokio::test]
async fn every_door_asks_for_its_key() {
    let node = Node::start(Sites::WwwAndApi);
    let order = |site: &str, path: &str| json!({ "site": site, "paths": [path] });
    for (key, site, path, status) in [
        (node.root(), "www", "/*", 201),
        (node.root(), "api", "/*", 201),
        (DEPLOY, "www", "/assets/*", 201),
        (DEPLOY, "www", "/assets/a.js", 201),
        (DEPLOY, "www", "/*", 403),
        (DEPLOY, "www", "/index.html", 403),
        (DEPLOY, "api", "/assets/*", 403),
        // Not 404: a key learns nothing of sites that are not its own.
        (DEPLOY, "none", "/assets/*", 403),
        ("Bearer DEPLOY.wrong", "www", "/assets/*", 401),
        ("Basic x", "www", "/assets/*", 401),
    ] {
        let answer = node.invalidate(key, order(site, path)).await;
        assert_eq!(answer.status, status, "{site} {path}");
        let challenge = answer.headers.get("www-authenticate");
        assert_eq!(challenge.is_some(), status == 401);
    }
    for (path, by_root, by_deploy, by_nobody) in [
        ("/invalidations", 200, 200, 401),
        ("/invalidations/INONE", 404, 404, 401),
        ("/sites", 200, 200, 401),
        ("/origins", 200, 200, 401),
        ("/origins/api", 200, 200, 401),
        ("/origins/none", 404, 404, 401),
        ("/keys", 200, 200, 401),
        ("/openapi.json", 200, 200, 200),
        ("/metrics", 200, 200, 200),
        ("/live", 200, 200, 200),
    ] {
        assert_eq!(node.get(path, node.root()).await.status, by_root, "{path}");
        assert_eq!(node.get(path, DEPLOY).await.status, by_deploy, "{path}");
        assert_eq!(node.look(path).await.status, by_nobody, "{path}");
    }
}

#[tokio::test]
async fn a_key_sees_its_own_sites() {
    let node = Node::start(Sites::WwwAndApi);
    let order = json!({ "site": "www", "paths": ["/a"] });
    let mut www = node.invalidate(node.root(), order).await.json();
    www.as_object_mut().unwrap().remove("repeated").unwrap();
    let order = json!({ "site": "api", "paths": ["/a"] });
    let api = node.invalidate(node.root(), order).await.json();

    let listed = node.get("/invalidations?limit=1", DEPLOY).await.json();
    assert_eq!(listed, json!({ "invalidations": [www] }));
    let hidden = format!("/invalidations/{}", api["id"].as_str().unwrap());
    assert_eq!(node.get(&hidden, DEPLOY).await.status, 404);
    assert_eq!(node.get(&hidden, node.root()).await.status, 200);
    let sites = node.get("/sites", DEPLOY).await.json();
    let expected = json!({ "sites": [{
        "name": "www",
        "id": node.config.sites[0].id,
        "hosts": ["www.example.com", "*.preview.example.com"],
        "behaviors": [{ "path": "*", "origin": "api" }],
    }] });
    assert_eq!(sites, expected);
}

#[tokio::test]
async fn a_guesser_is_told_to_wait_and_a_right_key_passes() {
    let node = Node::start(Sites::Www);
    for _ in 0..10 {
        assert_eq!(node.get("/sites", "Bearer DEPLOY.guess").await.problem().0, 401);
    }
    let refused = node.get("/sites", "Bearer DEPLOY.guess").await;
    assert_eq!(refused.problem().0, 429);
    assert_eq!(refused.headers["retry-after"], "61");
    assert_eq!(node.get("/sites", DEPLOY).await.status, 200);
    assert_eq!(node.look("/sites").await.status, 401);
}

#[tokio::test]
async fn the_key_comes_before_the_body() {
    let node = Node::start(Sites::Www);
    let request = Request::post("/invalidate").header("content-type", "text/plain");
    let answer = node.send(request.body("{".to_owned()).unwrap()).await;
    assert_eq!(answer.problem().0, 401);
}

#[tokio::test]
async fn web_pages_are_kept_out() {
    let node = Node::start(Sites::Www);
    for (host, status) in [
        ("localhost:9900", 200),
        ("127.0.0.1:9900", 200),
        ("[::1]:9900", 200),
        ("evil.example", 421),
        ("evil.example:9900", 421),
        ("localhost.evil.example:9900", 421),
        ("10.0.0.1:9900", 421),
        ("", 421),
    ] {
        let request = Request::get("/metrics").header("host", host);
        let answer = node.send(request.body(String::new()).unwrap()).await;
        assert_eq!(answer.status, status, "{host}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let two = Request::get("/live").header("host", "localhost").header("host", "evil.example");
    let two = node.send(two.body(String::new()).unwrap()).await;
    assert_eq!(two.problem().0, 421);

    let body = json!({ "paths": ["/assets/*"] }).to_string();
    for (origin, status) in [("http://localhost:9900", 403), ("null", 403)] {
        let request = Request::post("/invalidate")
            .header("origin", origin)
            .header("authorization", DEPLOY)
            .header("content-type", "application/json");
        let answer = node.send(request.body(body.clone()).unwrap()).await;
        assert_eq!(answer.problem().0, status, "{origin}");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_problems() {
    let node = Node::start(Sites::Www);
    let request = Request::delete("/invalidate").body(String::new()).unwrap();
    let refused = node.send(request).await;
    assert_eq!(refused.problem().0, 405);
    assert_eq!(refused.headers["allow"], "POST");
    assert_eq!(node.look("/none").await.problem().0, 404);
    assert_eq!(node.look("/").await.problem().0, 404);
    let head = Request::head("/live").body(String::new()).unwrap();
    let head = node.send(head).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}
