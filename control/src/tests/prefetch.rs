use serde_json::{Value, json};

use super::node::{DEPLOY, Node, Sites};

/// The invalidation once it says so.
async fn until(node: &Node, id: &Value, status: &str) -> Value {
    let path = format!("/invalidations/{}", id.as_str().unwrap());
    loop {
        let shown = node.get(&path, node.root()).await.json();
        if shown["status"] == status {
            return shown;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn it_is_in_progress_until_all_is_fetched() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/a", "/b/*", "/c?x=1"], "then": "prefetch" });
    let begun = node.invalidate(node.root(), order).await;
    assert_eq!(begun.status, 201);
    let begun = begun.json();
    assert_eq!(begun["status"], "in-progress");
    let expected = json!({
        "state": "running", "paths": ["/a", "/c?x=1"], "sitemap": null,
        "fetched": 0, "failed": 0, "total": begun["prefetch"]["total"],
        "finished": null, "detail": null,
    });
    assert_eq!(begun["prefetch"], expected);

    node.plane.answers.add_permits(100);
    let done = until(&node, &begun["id"], "completed").await;
    let expected = json!({
        "state": "done", "paths": ["/a", "/c?x=1"], "sitemap": null,
        "fetched": 2, "failed": 0, "total": 2,
        "finished": "2023-11-14T22:13:20.000Z", "detail": null,
    });
    assert_eq!(done["prefetch"], expected);
    let mut asked = node.plane.asked.lock().clone();
    asked.sort_unstable();
    assert_eq!(asked, ["www.example.com:8080/a", "www.example.com:8080/c?x=1"]);
}

#[tokio::test]
async fn what_is_named_is_fetched_beside_what_was_taken() {
    let node = Node::start(Sites::Www);
    for (order, paths) in [
        (json!({ "then": "prefetch", "prefetch": ["/c", "/a"] }), json!(["/a", "/c"])),
        (json!({ "then": "prefetch", "sitemap": "/s.xml" }), json!(["/a"])),
        (json!({ "prefetch": ["/c"] }), json!(["/c"])),
        (json!({ "sitemap": "/s.xml" }), json!([])),
    ] {
        let mut order = order;
        order["paths"] = json!(["/a", "/b/*", "/a?x=*"]);
        let begun = node.invalidate(node.root(), &order).await.json();
        assert_eq!(begun["prefetch"]["paths"], paths, "{order}");
    }
}

#[tokio::test]
async fn what_cannot_be_fetched_is_refused_before_anything_is_done() {
    let node = Node::start(Sites::Www);
    let numbered = |count: u32| (0..count).map(|nth| format!("/{nth}")).collect::<Vec<_>>();
    for (order, says) in [
        (json!({ "paths": ["/*"], "then": "prefetch" }), "nothing to prefetch"),
        (json!({ "tags": ["a"], "then": "prefetch" }), "nothing to prefetch"),
        (json!({ "paths": ["/*"], "then": "warm" }), "unknown variant `warm`"),
        (json!({ "paths": ["/*"], "prefetch": ["/a*"] }), "`/a*` has a `*`"),
        (json!({ "paths": ["/*"], "prefetch": ["a"] }), "`a` must begin with `/`"),
        (json!({ "paths": ["/*"], "prefetch": ["/a#b"] }), "`/a#b` has a `#`"),
        (json!({ "paths": ["/*"], "sitemap": "https://x/" }), "`sitemap`: `https://x/` must begin"),
        (json!({ "paths": ["/*"], "sitemap": "" }), "`sitemap`: `` must begin"),
        (json!({ "paths": ["/a"], "then": "prefetch", "dry_run": true }), "a dry run fetches"),
        (json!({ "paths": ["/a"], "prefetch": numbered(3_001) }), "3001 paths"),
        (json!({ "paths": ["/a"], "prefetch": [format!("/{}", "a".repeat(8_192))] }), "url_bytes"),
        // What is asked for is three bytes for each of these.
        (json!({ "paths": ["/a"], "prefetch": [format!("/{}", "ü".repeat(1_400))] }), "url_bytes"),
    ] {
        let (status, detail) = node.invalidate(node.root(), &order).await.problem();
        assert_eq!(status, 400, "{detail}");
        assert!(detail.contains(says), "{detail}");
    }
    let listed = node.get("/invalidations", node.root()).await.json();
    assert_eq!(listed, json!({ "invalidations": [] }));
}

#[tokio::test]
async fn a_key_fetches_only_what_it_may_invalidate() {
    let node = Node::start(Sites::Www);
    let assets = |more: Value| {
        let mut order = json!({ "paths": ["/assets/*"] });
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    for (more, status) in [
        (json!({ "prefetch": ["/assets/a.js"] }), 201),
        (json!({ "prefetch": ["/assets/a.js", "/index.html"] }), 403),
        (json!({ "sitemap": "/assets/sitemap.xml" }), 403),
    ] {
        assert_eq!(node.invalidate(DEPLOY, assets(more)).await.status, status);
    }
}

#[tokio::test]
async fn the_same_reference_with_another_prefetch_is_another_order() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/a"], "reference": "1", "prefetch": ["/a"] });
    let first = node.invalidate(node.root(), &order).await;
    let again = node.invalidate(node.root(), &order).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = json!({ "paths": ["/a"], "reference": "1", "prefetch": ["/b"] });
    assert_eq!(node.invalidate(node.root(), other).await.problem().0, 409);
    // Nobody waits twice for one job.
    node.plane.answers.add_permits(1);
    until(&node, &first.json()["id"], "completed").await;
    assert_eq!(node.plane.asked.lock().len(), 1);
}

#[tokio::test]
async fn a_full_queue_refuses_and_records_nothing() {
    let node = Node::start(Sites::Www);
    let known = json!({ "paths": ["/a"], "then": "prefetch", "reference": "1" });
    let first = node.invalidate(node.root(), &known).await.json();
    let order = json!({ "paths": ["/a"], "then": "prefetch" });
    let mut begun = 1;
    let refused = loop {
        let answer = node.invalidate(node.root(), &order).await;
        if answer.status != 201 {
            break answer;
        }
        begun += 1;
        assert!(begun < 1_000, "the queue has no end");
    };
    assert_eq!(refused.problem().0, 503);
    assert!(refused.headers.contains_key("retry-after"));
    // What is recorded needs no room: a client that asks again hears so.
    let again = node.invalidate(node.root(), &known).await;
    assert_eq!((again.status.as_u16(), &again.json()["id"]), (200, &first["id"]));
    let other = json!({ "paths": ["/b"], "then": "prefetch", "reference": "1" });
    assert_eq!(node.invalidate(node.root(), other).await.problem().0, 409);
    let listed = node.get("/invalidations?limit=1000", node.root()).await.json();
    assert_eq!(listed["invalidations"].as_array().unwrap().len(), begun);
}
