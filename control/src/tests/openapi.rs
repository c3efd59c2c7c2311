use std::collections::BTreeMap;

use http::Request;
use serde_json::{Value, json};

use super::node::{Node, Sites};
use super::schema;
use crate::api::routes;

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];

#[tokio::test]
async fn the_document_and_the_router_name_the_same_paths_and_methods() {
    let node = Node::start(Sites::Www);
    let documented: BTreeMap<String, Vec<String>> = schema::operations().into_iter().collect();
    let routed: Vec<&str> = routes().into_iter().map(|(path, _)| path).collect();
    let mut sorted: Vec<&str> = routed.clone();
    sorted.sort_unstable();
    assert_eq!(documented.keys().collect::<Vec<_>>(), sorted);

    for path in routed {
        let target = path.replace(['{', '}'], "");
        for method in METHODS {
            let request = Request::builder().method(method).uri(&target);
            let answer = node.send(request.body(String::new()).unwrap()).await;
            let taken = answer.status != 405;
            let known = documented[path].iter().any(|known| known == method);
            assert_eq!(taken, known, "{method} {path}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn it_is_served_without_a_key_and_whole() {
    let node = Node::start(Sites::Www);
    let document = node.look("/openapi.json").await;
    assert_eq!(document.status, 200);
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    for reference in schema::references() {
        assert!(schema::named(&reference).is_some(), "{reference}");
    }
}

#[test]
fn it_lets_in_what_the_api_does() {
    for (order, is_let_in) in [
        (json!({ "paths": ["/*"] }), true),
        (json!({ "tags": ["a"], "soft": true, "site": null }), true),
        (json!({ "paths": [], "tags": [] }), false),
        (json!({}), false),
        (json!({ "paths": ["/a"], "path": [] }), false),
        (json!({ "paths": ["/a"], "reference": "" }), false),
        (json!({ "paths": "/a" }), false),
        (json!({ "paths": ["/a"], "then": "prefetch" }), true),
        (json!({ "tags": ["a"], "then": "prefetch" }), false),
        (json!({ "tags": ["a"], "then": "prefetch", "prefetch": ["/a"] }), true),
        (json!({ "tags": ["a"], "sitemap": "/sitemap.xml" }), true),
        (json!({ "tags": ["a"], "sitemap": "/sitemap.xml", "dry_run": true }), false),
        (json!({ "paths": ["/a"], "then": "warm" }), false),
        (json!({ "paths": ["/a"], "dry_run": true }), true),
        (json!({ "paths": ["/a"], "dry_run": true, "reference": "1" }), false),
        (json!({ "paths": ["/a"], "dry_run": false, "reference": "1" }), true),
        (Value::Null, false),
    ] {
        assert_eq!(schema::lets_in("POST", "/invalidate", &order), is_let_in, "{order}");
    }
    let key = |grant: Value| json!({ "name": "ci", "allow": [grant] });
    for (order, is_let_in) in [
        (key(json!({ "action": "read" })), true),
        (key(json!({ "action": ["invalidate", "read"], "site": "www", "paths": ["/*"] })), true),
        (key(json!({ "action": "targets", "origin": "app" })), true),
        (key(json!({ "action": "targets", "site": "www" })), false),
        (key(json!({ "action": "certificates", "paths": ["/*"] })), false),
        (key(json!({ "action": [] })), false),
        (key(json!({ "site": "www" })), false),
        (json!({ "name": "ci", "allow": [] }), false),
        (json!({ "name": "ci" }), false),
    ] {
        assert_eq!(schema::lets_in("POST", "/keys", &order), is_let_in, "{order}");
    }
}
