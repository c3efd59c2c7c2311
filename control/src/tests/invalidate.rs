use http::Request;
use serde_json::{Value, json};

use super::node::{DEPLOY, Node, Sites};

#[tokio::test]
async fn an_invalidation_is_recorded_and_listed() {
    let node = Node::start(Sites::Www);
    let first = node.invalidate(node.root(), json!({ "paths": ["/a b", "/*.js?v=*"] })).await;
    assert_eq!(first.status, 201);
    let answered = first.json();
    assert_eq!(answered["repeated"], false);
    let first_json = recorded(&answered);
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
        "tags": [],
        "soft": false,
        "reference": null,
    });
    assert_eq!(first_json, expected);
    assert_eq!(first.headers["location"], format!("/invalidations/{id}"));
    let second = node.invalidate(node.root(), json!({ "site": "www", "paths": ["/*"] })).await;
    let second = recorded(&second.json());

    let listed = node.get("/invalidations", node.root()).await.json();
    assert_eq!(listed, json!({ "invalidations": [second, first_json] }));
    let newest = node.get("/invalidations?limit=1", node.root()).await.json();
    assert_eq!(newest, json!({ "invalidations": [second], "next": second["id"] }));
    let older = format!("/invalidations?limit=1&after={}", second["id"].as_str().unwrap());
    let older = node.get(&older, node.root()).await.json();
    assert_eq!(older, json!({ "invalidations": [first_json] }));
    let shown = node.get(&format!("/invalidations/{id}"), DEPLOY).await.json();
    assert_eq!(shown, expected);
    for (query, status) in [
        ("limit=0", 400),
        ("limit=1001", 400),
        ("limit=x", 400),
        ("limit=", 400),
        ("limits=5", 400),
        ("limit=5&limit=6", 400),
        ("after=INONE", 404),
        ("site=web", 404),
    ] {
        let refused = node.get(&format!("/invalidations?{query}"), node.root()).await;
        assert_eq!(refused.problem().0, status, "{query}");
    }
    assert_eq!(node.get("/invalidations/INONE", node.root()).await.problem().0, 404);
    assert_eq!(node.get("/invalidations/%FF", node.root()).await.problem().0, 404);
}

/// Without what only whoever asked for it is told.
fn recorded(answered: &Value) -> Value {
    let mut record = answered.clone();
    record.as_object_mut().unwrap().remove("repeated").unwrap();
    record
}

#[tokio::test]
async fn a_key_sees_what_became_of_its_own() {
    let node = Node::start(Sites::WwwAndApi);
    let ordering = json!({ "name": "ci", "allow": [{ "action": "invalidate" }] });
    let ordering = node.order("POST", "/keys", node.root(), ordering).await.json();
    let ci = format!("Bearer {}", ordering["token"].as_str().unwrap());
    let order = json!({ "site": "www", "paths": ["/a"] });
    let own = node.invalidate(&ci, &order).await.json();
    let others = node.invalidate(node.root(), &order).await.json();
    let place = |done: &Value| format!("/invalidations/{}", done["id"].as_str().unwrap());
    let shown = node.get(&place(&own), &ci).await;
    assert_eq!((shown.status.as_u16(), shown.json()), (200, recorded(&own)));
    for path in [&*place(&others), "/invalidations/INONE", "/invalidations/%FF", "/invalidations"] {
        let (status, detail) = node.get(path, &ci).await.problem();
        assert_eq!((status, &*detail), (403, "this key may not read about any site"), "{path}");
    }
    // One that may read about another site learns nothing of what is not its own, either.
    assert_eq!(node.get(&place(&others), DEPLOY).await.status, 200);
    let api = node.invalidate(node.root(), json!({ "site": "api", "paths": ["/a"] })).await.json();
    assert_eq!(node.get(&place(&api), DEPLOY).await.problem().0, 404);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/*"], "dry_run": true });
    let dry = node.invalidate(node.root(), order).await;
    assert_eq!(dry.status, 200);
    let expected = json!({
        "dry_run": true, "matched": 0, "bytes": 0, "site": "www", "paths": ["/*"],
        "tags": [], "soft": false,
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
    assert_eq!(recorded(&first.json()), recorded(&again.json()));
    assert_eq!(
        (&first.json()["repeated"], &again.json()["repeated"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(first.headers["location"], again.headers["location"]);

    let other = json!({ "paths": ["/b"], "reference": "build-41" });
    let (status, detail) = node.invalidate(node.root(), other).await.problem();
    assert_eq!(status, 409);
    assert!(detail.contains(first.json()["id"].as_str().unwrap()), "{detail}");
}

#[tokio::test]
async fn a_distribution_id_in_the_place_of_a_name_is_told_to_whom_it_concerns() {
    let node = Node::start(Sites::WwwAndShop);
    let id =
        |name: &str| node.config.sites.iter().find(|site| site.name == name).unwrap().id.clone();
    let by_id = |name: &str| json!({ "site": id(name), "paths": ["/*"] });
    let (status, detail) = node.invalidate(node.root(), by_id("www")).await.problem();
    assert_eq!(status, 404);
    let told = format!("`{}` is a distribution id; its site's name is `www`", id("www"));
    assert_eq!(detail, told);
    let (status, detail) = node.invalidate(DEPLOY, by_id("shop")).await.problem();
    assert!(status == 403 && !detail.contains("shop"), "{detail}");
}

#[tokio::test]
async fn only_what_is_recorded_shows_that_the_ledger_can_be_written() {
    let node = Node::start(Sites::Www);
    let order = json!({ "paths": ["/a"], "reference": "build-41" });
    node.invalidate(node.root(), &order).await;
    node.readiness.report("ledger", "the disk is full".to_owned());
    assert_eq!(node.invalidate(node.root(), &order).await.status, 200);
    let is_told = || node.readiness.problems().iter().any(|told| told.contains("disk is full"));
    assert!(is_told(), "nothing was written");
    node.invalidate(node.root(), json!({ "paths": ["/a"] })).await;
    assert!(!is_told());
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_sentence() {
    let node = Node::start(Sites::WwwAndApi);
    let many = vec!["/a"; 3_001];
    let stars = vec!["/*/a"; 101];
    for (order, status, says) in [
        (json!({ "paths": ["/a"] }), 400, "`site` is needed: there are www, api"),
        (json!({ "site": "web", "paths": ["/a"] }), 404, "no site `web`; there are www, api"),
        (json!({ "site": "www" }), 400, "neither `paths` nor `tags`"),
        (json!({ "site": "www", "paths": [], "tags": [] }), 400, "neither `paths` nor `tags`"),
        (json!({ "site": "www", "paths": ["a"] }), 400, "`a` must begin with `/`"),
        (json!({ "site": "www", "paths": ["#a"] }), 400, "`/`; a tag is named in `tags`, without"),
        (json!({ "site": "www", "paths": ["/\n"] }), 400, "a control character"),
        (json!({ "site": "www", "paths": many }), 400, "3001 paths and tags are more than 3000"),
        (json!({ "site": "www", "paths": stars }), 400, "101 paths with a `*` are more than 100"),
        (json!({ "site": "www", "paths": "/a" }), 400, "expected a sequence"),
        (json!({ "site": "www", "path": ["/a"] }), 400, "unknown field `path`"),
        (json!({ "site": "www", "tags": ["a,b"] }), 400, "`tags`: a tag has a character"),
        (json!({ "site": "www", "tags": ["cat*"] }), 400, "`tags`: a tag has no wildcard"),
        (json!({ "site": "www", "tags": [""] }), 400, "`tags`: a tag is empty"),
        (json!({ "site": "www", "paths": ["/a"], "soft": "no" }), 400, "invalid type"),
        (json!({ "site": "www", "paths": ["/a"], "reference": "" }), 400, "`reference` is 1 to"),
        (
            json!({ "site": "www", "paths": ["/a"], "reference": "ü".repeat(129) }),
            400,
            "`reference` is 1 to 256 bytes",
        ),
        (
            json!({ "site": "www", "paths": ["/a"], "reference": "1", "dry_run": true }),
            400,
            "a dry run is not recorded: leave `reference` out",
        ),
        (json!([]), 400, "must be an object"),
        (json!(["www", ["/a"]]), 400, "must be an object"),
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
async fn a_key_for_one_site_means_that_one_and_hears_of_no_other() {
    let node = Node::start(Sites::WwwAndApi);
    let done = node.invalidate(DEPLOY, json!({ "paths": ["/assets/a"] })).await;
    assert_eq!((done.status.as_u16(), &done.json()["site"]), (201, &json!("www")));
    let reader = json!({ "name": "r", "allow": [{ "action": "read" }] });
    let reader = node.order("POST", "/keys", node.root(), reader).await.json();
    let reader = format!("Bearer {}", reader["token"].as_str().unwrap());
    let (status, detail) = node.invalidate(&reader, json!({ "paths": ["/a"] })).await.problem();
    assert_eq!((status, detail.as_str()), (400, "`site` is needed"));
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
    let paths: Vec<String> = (0..3_000).map(|n| format!("/{n}/{}", "a".repeat(1_000))).collect();
    assert_eq!(node.invalidate(node.root(), json!({ "paths": paths })).await.status, 201);
    let large = format!("{order}{}", " ".repeat(4 << 20));
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
    assert_eq!((again.status.as_u16(), recorded(&again.json())), (200, recorded(&before)));
}

#[tokio::test]
async fn tags_and_soft_are_recorded_as_they_were_asked_for() {
    let node = Node::start(Sites::Www);
    let order = json!({ "tags": ["Product-7", "home"], "soft": true, "reference": "1" });
    let done = node.invalidate(node.root(), &order).await;
    assert_eq!(done.status, 201);
    let done = done.json();
    assert_eq!((&done["tags"], &done["soft"]), (&json!(["product-7", "home"]), &json!(true)));
    assert_eq!(done["paths"], json!([]));
    let again = json!({ "tags": ["HOME", "product-7"], "soft": true, "reference": "1" });
    assert_eq!(node.invalidate(node.root(), again).await.status, 200);
    let hard = json!({ "tags": ["home", "product-7"], "reference": "1" });
    assert_eq!(node.invalidate(node.root(), hard).await.problem().0, 409);
    let most = json!({ "tags": vec!["x"; 1_500], "paths": vec!["/a"; 1_501] });
    assert_eq!(node.invalidate(node.root(), most).await.problem().0, 400);
    // A key that is limited to paths cannot know what carries a tag.
    let limited = json!({ "tags": ["home"], "paths": ["/assets/a"] });
    let (status, detail) = node.invalidate(DEPLOY, limited).await.problem();
    assert_eq!((status, detail.contains("tag")), (403, true), "{detail}");
}

#[tokio::test]
async fn a_list_is_of_one_site_and_in_pages() {
    let node = Node::start(Sites::WwwAndApi);
    for number in 0..5 {
        for site in ["www", "api"] {
            let order = json!({ "site": site, "paths": [format!("/{number}")] });
            assert_eq!(node.invalidate(node.root(), order).await.status, 201);
        }
    }
    let mut after = String::new();
    let mut seen = Vec::new();
    loop {
        let path = format!("/invalidations?site=api&limit=2{after}");
        let page = node.get(&path, node.root()).await.json();
        let listed = page["invalidations"].as_array().unwrap();
        seen.extend(listed.iter().map(|one| one["paths"][0].as_str().unwrap().to_owned()));
        assert!(listed.iter().all(|one| one["site"] == "api"));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ["/4", "/3", "/2", "/1", "/0"]);
    assert_eq!(node.get("/invalidations?site=api", DEPLOY).await.problem().0, 403);
}
