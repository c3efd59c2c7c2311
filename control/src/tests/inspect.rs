use serde_json::json;

use super::node::{DEPLOY, Node, Sites};

#[tokio::test]
async fn a_url_is_asked_about_as_a_client_would_ask() {
    let node = Node::start(Sites::WwwAndApi);
    let target = "/inspect?url=https%3A%2F%2Fwww.example.com%2Fa%3Fq%3D1+2&method=HEAD\
                  &header=Accept-Encoding%3A%20br&header=x:+1";
    let told = node.get(target, node.root()).await.json();
    assert_eq!(told["url"], "https://www.example.com/a?q=1+2");
    assert_eq!((&told["method"], &told["site"]), (&json!("HEAD"), &json!("www")));
    let notes = json!(["accept-encoding: br", "x: 1", "host: www.example.com"]);
    assert_eq!(told["notes"], notes);
    assert_eq!(told["next"]["cache"], "hit");
}

#[tokio::test]
async fn what_cannot_be_asked_is_told() {
    let node = Node::start(Sites::WwwAndApi);
    for (query, status, says) in [
        ("", 400, "`url` is needed"),
        ("?url=www.example.com", 400, "must begin with `http://`"),
        ("?url=ftp%3A%2F%2Fwww.example.com", 400, "must begin with `http://`"),
        ("?url=http://www.example.com/a?b=1&c=2", 400, "no parameter `c`"),
        ("?url=http://www.example.com&url=http://www.example.com", 400, "`url` is there twice"),
        ("?url=http://www.example.com&header=x", 400, "`Name: value`"),
        ("?url=http://www.example.com/%5C", 400, "it has a backslash"),
        ("?url=http://none.example.com", 404, "no site answers"),
    ] {
        let refused = node.get(&format!("/inspect{query}"), node.root()).await;
        let (answered, detail) = refused.problem();
        assert_eq!(answered, status, "{query}: {detail}");
        assert!(detail.contains(says), "{query}: {detail}");
    }
    let many = "&header=x:1".repeat(101);
    let many = node.get(&format!("/inspect?url=http://www.example.com{many}"), node.root()).await;
    assert_eq!(many.problem().0, 400);
}

#[tokio::test]
async fn another_site_is_as_if_it_were_not_there() {
    let node = Node::start(Sites::WwwAndApi);
    assert_eq!(node.get("/inspect?url=http://www.example.com", DEPLOY).await.status, 200);
    let hidden = node.get("/inspect?url=http://api.example.com", DEPLOY).await.problem();
    let absent = node.get("/inspect?url=http://none.example.com", DEPLOY).await.problem();
    assert_eq!(hidden, absent);
    assert_eq!(node.look("/inspect?url=http://www.example.com").await.problem().0, 401);
}
