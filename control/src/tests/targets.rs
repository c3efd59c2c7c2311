use std::time::Duration;

use serde_json::{Value, json};

use super::node::{DEPLOY, Node, ROLLOUT, Sites};
use super::origins::lease;

const ONE: &str = "/origins/app/targets/127.0.0.1:3001";
const NEW: &str = "/origins/app/targets/127.0.0.1:3009";

fn draining() -> Value {
    json!({ "state": "draining" })
}

/// Address, state, weight and tier of a target.
fn gist(target: &Value) -> (&str, &str, u64, u64) {
    let text = |field: &str| target[field].as_str().unwrap_or("-");
    let number = |field: &str| target[field].as_u64().unwrap();
    (text("address"), text("state"), number("weight"), number("tier"))
}

#[tokio::test]
async fn a_target_is_registered_and_deregistered() {
    let node = Node::start(Sites::WwwAndShop);
    let order = json!({ "address": "127.0.0.1:3009", "weight": 3, "tier": 2 });
    let new = node.order("POST", "/origins/app/targets", ROLLOUT, &order).await;
    assert_eq!(new.status, 201);
    assert_eq!(new.headers["location"], NEW);
    assert_eq!(gist(&new.json()), ("127.0.0.1:3009", "healthy", 3, 2));
    assert_eq!(node.get(NEW, ROLLOUT).await.timeless(), new.timeless());

    let again = json!({ "address": "127.0.0.1:3009", "weight": 4 });
    let again = node.order("POST", "/origins/app/targets", ROLLOUT, &again).await;
    assert_eq!(again.status, 200);
    let kept = "what is not asked for stays";
    assert_eq!(gist(&again.json()), ("127.0.0.1:3009", "healthy", 4, 2), "{kept}");
    let shown = node.get("/origins/app", ROLLOUT).await.json();
    assert_eq!(shown["targets"].as_array().unwrap().len(), 3);

    let gone = node.order("DELETE", NEW, ROLLOUT, "").await;
    assert_eq!(gone.status, 200);
    let gone = gone.json();
    assert_eq!((&gone["state"], &gone["in_flight"]), (&json!("unused"), &json!(0)));
    let (status, detail) = node.get(NEW, ROLLOUT).await.problem();
    let unknown = "no target 127.0.0.1:3009 is registered with app, but 127.0.0.1:3001, [::1]:3002";
    assert_eq!((status, detail.as_str()), (404, unknown));
    assert_eq!(node.order("DELETE", NEW, ROLLOUT, "").await.problem().0, 404);

    let ipv6 = json!({ "address": "[0:0::1]:3010" });
    let ipv6 = node.order("POST", "/origins/app/targets", ROLLOUT, &ipv6).await;
    let place = ipv6.headers["location"].to_str().unwrap();
    assert_eq!(place, "/origins/app/targets/%5B::1%5D:3010");
    assert_eq!(gist(&ipv6.json()), ("[::1]:3010", "healthy", 1, 0));
    assert_eq!(node.get(place, ROLLOUT).await.timeless(), ipv6.timeless());
    let bare = node.get("/origins/app/targets/[::1]:3010", ROLLOUT).await;
    assert_eq!(bare.timeless(), ipv6.timeless());
}

#[tokio::test]
async fn a_script_drains_waits_and_brings_back() {
    let node = Node::start(Sites::WwwAndShop);
    let held = lease(node.group("app")).await;
    let drained = node.order("PUT", ONE, ROLLOUT, draining()).await;
    assert_eq!(drained.status, 200);
    let drained = drained.json();
    assert_eq!((&drained["state"], &drained["in_flight"]), (&json!("draining"), &json!(1)));
    assert_eq!(drained["reason"], "drained by rollout");
    assert_eq!(drained["code"], "Target.DeregistrationInProgress");

    drop(held);
    let unused = async {
        loop {
            let target = node.get(ONE, ROLLOUT).await.json();
            if target["state"] == "unused" {
                return target;
            }
        }
    };
    let unused = tokio::time::timeout(Duration::from_secs(10), unused).await.unwrap();
    assert_eq!((&unused["in_flight"], &unused["code"]), (&json!(0), &json!("Target.NotInUse")));

    let share = node.order("PUT", ONE, ROLLOUT, json!({ "weight": 2 })).await;
    let (status, detail) = share.problem();
    assert_eq!(status, 409, "a share does not bring it back");
    assert!(detail.contains("is drained: a POST puts it back"), "{detail}");
    let back = json!({ "address": "127.0.0.1:3001" });
    let back = node.order("POST", "/origins/app/targets", ROLLOUT, back).await;
    assert_eq!((back.status.as_u16(), gist(&back.json()).1), (200, "healthy"));
}

#[tokio::test]
async fn a_deregistered_target_is_shown_until_it_has_finished() {
    let node = Node::start(Sites::WwwAndShop);
    let held = lease(node.group("app")).await;
    let gone = node.order("DELETE", ONE, node.root(), "").await.json();
    assert_eq!(gone["reason"], "deregistered by root");
    let shown = node.get(ONE, node.root()).await.json();
    assert_eq!((&shown["state"], &shown["in_flight"]), (&json!("draining"), &json!(1)));
    drop(held);
    let finished = async { while node.get(ONE, node.root()).await.status != 404 {} };
    tokio::time::timeout(Duration::from_secs(10), finished).await.unwrap();
}

#[tokio::test]
async fn a_share_is_changed_by_itself() {
    let node = Node::start(Sites::WwwAndShop);
    for (order, weight, tier) in [
        (json!({ "weight": 0 }), 0, 0),
        (json!({ "tier": 9 }), 0, 9),
        (json!({ "weight": 999.0, "tier": 1 }), 999, 1),
    ] {
        let changed = node.order("PUT", ONE, ROLLOUT, &order).await;
        assert_eq!(changed.status, 200, "{order}");
        assert_eq!(gist(&changed.json()), ("127.0.0.1:3001", "healthy", weight, tier));
    }
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_sentence() {
    let node = Node::start(Sites::WwwAndShop);
    let address = |address: &str| json!({ "address": address });
    let post = "/origins/app/targets";
    for (method, path, order, status, says) in [
        ("POST", post, address("10.0.0.1"), 400, "`10.0.0.1` is no target: has no port"),
        ("POST", post, address("http://a:80"), 400, "without a scheme"),
        ("POST", post, address("::1:80"), 400, "stands in brackets"),
        ("POST", post, json!({}), 400, "missing field `address`"),
        ("POST", post, json!({ "address": "a:80", "port": 80 }), 400, "unknown field `port`"),
        ("POST", post, json!({ "address": "a:80", "weight": 1_000 }), 400, "from 0 to 999"),
        ("POST", post, json!({ "address": "a:80", "weight": -1 }), 400, "from 0 to 999"),
        ("POST", post, json!({ "address": "a:80", "tier": 10 }), 400, "`tier` is a number"),
        ("PUT", ONE, json!({}), 400, "nothing is to be changed"),
        ("PUT", ONE, json!({ "state": "healthy" }), 400, "to `draining` only, not to `healthy`"),
        ("PUT", ONE, json!({ "state": "draining", "weight": 1 }), 400, "give `state` alone"),
        ("PUT", ONE, json!({ "weight": "1" }), 400, "not understood"),
        ("PUT", ONE, json!({ "weight": 1.5 }), 400, "1.5 is no whole number"),
        ("PUT", NEW, draining(), 404, "no target 127.0.0.1:3009 is registered with app"),
        ("PUT", NEW, json!({ "weight": 1 }), 404, "no target 127.0.0.1:3009"),
        ("DELETE", "/origins/app/targets/x", json!({}), 400, "`x` is no target"),
        ("DELETE", "/origins/app/targets/%FF", json!({}), 404, "nothing is at this path"),
        ("POST", "/origins/none/targets", address("a:80"), 404, "no such origin"),
        ("POST", "/origins/web/targets", address("a:80"), 404, "is a bucket"),
        ("POST", "/origins/main/targets", address("a:80"), 404, "is made of app and web"),
    ] {
        let (answered, detail) = node.order(method, path, node.root(), &order).await.problem();
        assert_eq!(answered, status, "{method} {path} {order}: {detail}");
        assert!(detail.contains(says), "{detail}");
    }
    let targets = node.get("/origins/app", node.root()).await.json();
    assert_eq!(targets["targets"].as_array().unwrap().len(), 2, "nothing was changed");
}

#[tokio::test]
async fn a_change_needs_the_action_and_the_origin() {
    let node = Node::start(Sites::WwwAndShop);
    for (key, method, path, status) in [
        (DEPLOY, "POST", "/origins/api/targets", 403),
        (ROLLOUT, "POST", "/origins/api/targets", 403),
        // Not 404: a key learns nothing of origins that are not its own.
        (ROLLOUT, "POST", "/origins/none/targets", 403),
        (DEPLOY, "PUT", "/origins/api/targets/127.0.0.1:3000", 403),
        (DEPLOY, "DELETE", "/origins/api/targets/127.0.0.1:3000", 403),
        ("Bearer ROLLOUT.wrong", "DELETE", ONE, 401),
        (ROLLOUT, "DELETE", ONE, 200),
    ] {
        let order = if method == "PUT" { draining() } else { json!({ "address": "127.0.0.1:9" }) };
        let answer = node.order(method, path, key, order).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    assert_eq!(node.group("api").registrations().len(), 1);
}

#[tokio::test]
async fn a_name_without_an_address_is_shown_too() {
    let node = Node::start(Sites::WwwAndShop);
    let order = json!({ "address": "App.warmfront.invalid:8080" });
    let new = node.order("POST", "/origins/app/targets", ROLLOUT, &order).await;
    assert_eq!(new.status, 201);
    let expected = json!({
        "address": null,
        "name": "app.warmfront.invalid:8080",
        "state": "initial",
        "reason": "the name has no address yet",
        "code": null,
        "in_flight": 0,
        "weight": 1,
        "tier": 0,
        "since": null,
    });
    assert_eq!(new.json(), expected);
    let shown = node.get("/origins/app", ROLLOUT).await.json();
    assert_eq!(shown["targets"][2], expected);
    let gone = "/origins/app/targets/app.warmfront.invalid:8080";
    let gone = node.order("DELETE", gone, ROLLOUT, "").await.json();
    assert_eq!(
        (&gone["state"], &gone["reason"]),
        (&json!("unused"), &json!("deregistered by rollout"))
    );
}

#[tokio::test]
async fn what_the_api_changed_holds_after_a_restart() {
    let node = Node::start(Sites::WwwAndShop);
    let order = json!({ "address": "127.0.0.1:3009", "weight": 3 });
    node.order("POST", "/origins/app/targets", ROLLOUT, order).await;
    node.order("PUT", ONE, ROLLOUT, draining()).await;
    let state = node.stop().await;

    let node = Node::listen(Sites::WwwAndShop, "127.0.0.1:0", state);
    assert_eq!(gist(&node.get(NEW, ROLLOUT).await.json()), ("127.0.0.1:3009", "healthy", 3, 0));
    let drained = node.get(ONE, ROLLOUT).await.json();
    assert_eq!((&drained["state"], &drained["in_flight"]), (&json!("unused"), &json!(0)));
}
