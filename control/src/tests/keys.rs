use serde_json::{Value, json};

use super::node::{DEPLOY, Node, Sites};

fn ci() -> Value {
    let grant = json!({ "action": ["invalidate", "read"], "site": "www", "paths": ["/assets/*"] });
    json!({ "name": "ci", "allow": [grant] })
}

fn bearer(key: &Value) -> String {
    format!("Bearer {}", key["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_is_created_used_rotated_and_revoked() {
    let node = Node::start(Sites::WwwAndApi);
    let made = node.order("POST", "/keys", node.root(), ci()).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.headers["cache-control"], "no-store");
    let made = made.json();
    let [id, secret] = ["id", "secret"].map(|half| made[half].as_str().unwrap());
    assert_eq!(made["token"], format!("{id}.{secret}"));
    assert_eq!((&made["name"], &made["allow"]), (&json!("ci"), &ci()["allow"]));

    let assets = json!({ "site": "www", "paths": ["/assets/*"] });
    assert_eq!(node.invalidate(&bearer(&made), &assets).await.status, 201);
    let elsewhere = json!({ "site": "www", "paths": ["/*"] });
    assert_eq!(node.invalidate(&bearer(&made), &elsewhere).await.problem().0, 403);
    let tags = json!({ "site": "www", "tags": ["a"] });
    assert_eq!(node.invalidate(&bearer(&made), &tags).await.problem().0, 403);

    let path = format!("/keys/{id}/rotate");
    let rotated = node.order("POST", &path, node.root(), json!({ "overlap": "1h" })).await;
    assert_eq!(rotated.status, 200);
    let rotated = rotated.json();
    assert_eq!((&rotated["id"], &rotated["name"]), (&made["id"], &made["name"]));
    assert_eq!(rotated["old_secret_ends"], "2023-11-14T23:13:20.000Z");
    for key in [&made, &rotated] {
        assert_eq!(node.invalidate(&bearer(key), &assets).await.status, 201);
    }
    let again = node.order("POST", &path, node.root(), json!({ "overlap": "0s" })).await.json();
    assert_eq!(again["old_secret_ends"], Value::Null);
    assert_eq!(node.invalidate(&bearer(&rotated), &assets).await.status, 401);

    let path = format!("/keys/{id}");
    let revoked = node.order("DELETE", &path, node.root(), "").await;
    assert_eq!((revoked.status.as_u16(), revoked.text.as_str()), (204, ""));
    assert_eq!(node.invalidate(&bearer(&again), &assets).await.status, 401);
    assert_eq!(node.order("DELETE", &path, node.root(), "").await.problem().0, 404);
}

#[tokio::test]
async fn keys_are_listed_without_their_secrets() {
    let node = Node::start(Sites::Www);
    let made = node.order("POST", "/keys", node.root(), ci()).await.json();
    let listed = node.get("/keys", node.root()).await;
    for secret in [&made["secret"], &json!("secret-of-the-deploy-key")] {
        assert!(!listed.text.contains(secret.as_str().unwrap()), "{}", listed.text);
    }
    let listed = listed.json();
    let keys = listed["keys"].as_array().unwrap();
    let told: Vec<_> = keys.iter().map(|key| (&key["name"], &key["source"])).collect();
    let expected = [("root", "root"), ("deploy", "configuration"), ("ci", "created")];
    let expected = expected.map(|(name, source)| (json!(name), json!(source)));
    assert_eq!(told, expected.each_ref().map(|(name, source)| (name, source)));
    assert_eq!(keys[0]["allow"], "everything");
    assert_eq!(keys[2]["by"], keys[0]["id"]);

    let own = node.get("/keys", &bearer(&made)).await.json();
    assert_eq!(own["keys"].as_array().unwrap().len(), 1);
    assert_eq!(own["keys"][0]["id"], made["id"]);
}

#[tokio::test]
async fn only_the_root_key_changes_keys() {
    let node = Node::start(Sites::Www);
    for (method, path, body) in [
        ("POST", "/keys", ci()),
        ("POST", "/keys/DEPLOY/rotate", json!({})),
        ("DELETE", "/keys/DEPLOY", json!({})),
        ("DELETE", "/keys/none", json!({})),
    ] {
        let (status, detail) = node.order(method, path, DEPLOY, body).await.problem();
        assert_eq!((status, detail.contains("only the root key")), (403, true), "{path} {detail}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_said_as_of_the_file() {
    let node = Node::start(Sites::Www);
    let key = |name: &str, allow: Value| json!({ "name": name, "allow": allow });
    let read = || json!([{ "action": "read" }]);
    for (order, status, says) in [
        (key("a b", read()), 400, "a key's name is"),
        (key("", read()), 400, "a key's name is"),
        (key("deploy", read()), 409, "named `deploy` already"),
        (key("root", read()), 409, "named `root` already"),
        (key("x", json!([])), 400, "a key that may do nothing"),
        (key("x", json!([{ "action": "write" }])), 400, "`allow[0].action`: is one of"),
        (key("x", json!([{ "action": "read", "site": "ww" }])), 400, "did you mean `www`?"),
        (key("x", json!([{ "action": "targets", "site": "www" }])), 400, "limits nothing"),
        (key("x", json!([{ "action": "targets", "origin": "ap" }])), 400, "no origin `ap`"),
        (json!({ "name": "x" }), 400, "missing field `allow`"),
        (json!({ "name": "x", "allow": [], "secret": "s" }), 400, "unknown field `secret`"),
    ] {
        let (answered, detail) = node.order("POST", "/keys", node.root(), &order).await.problem();
        assert_eq!(answered, status, "{order}: {detail}");
        assert!(detail.contains(says), "{order}: {detail}");
    }
    for (id, body, status, says) in [
        ("DEPLOY", "{}", 409, "[keys.deploy]"),
        ("none", "{}", 404, "no key has this id"),
        ("%FF", "{}", 404, "no key has this id"),
        ("DEPLOY", r#"{"overlap":"1 day"}"#, 400, "`overlap`: `1 day` cannot be read"),
        ("DEPLOY", r#"{"overlap":86400}"#, 400, "invalid type"),
    ] {
        let path = format!("/keys/{id}/rotate");
        let (answered, detail) = node.order("POST", &path, node.root(), body).await.problem();
        assert_eq!((answered, detail.contains(says)), (status, true), "{id} {body}: {detail}");
    }
    let configured = node.order("DELETE", "/keys/DEPLOY", node.root(), "").await.problem();
    assert_eq!(configured.0, 409);
}

#[tokio::test]
async fn a_rotation_needs_no_body_and_keys_outlive_a_restart() {
    let node = Node::start(Sites::Www);
    let made = node.order("POST", "/keys", node.root(), ci()).await.json();
    let path = format!("/keys/{}/rotate", made["id"].as_str().unwrap());
    let request = http::Request::post(&path).header("authorization", node.root());
    let rotated = node.send(request.body(String::new()).unwrap()).await.json();
    assert_eq!(rotated["old_secret_ends"], "2023-11-15T22:13:20.000Z");
    let state = node.stop().await;

    let node = Node::listen(Sites::Www, "127.0.0.1:0", state);
    for key in [&made, &rotated] {
        let listed = node.get("/keys", &bearer(key)).await.json();
        assert_eq!(listed["keys"][0]["id"], made["id"]);
    }
}
