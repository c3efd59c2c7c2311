//! Why a request is a hit or a miss: asked of the node before, and told with the answer.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::edge::before;
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

const PAGE: &str = "https://www.example.test/page";

#[test]
fn what_is_said_of_the_next_request_is_what_happens() {
    run(async {
        let (origin, edge) = site("").await;
        let fresh = || Reply::text("page").field("etag", "\"e\"");
        for (path, reply, said) in [
            ("/never", fresh().cache("max-age=600"), [("miss", "uri-miss"), ("hit", "")]),
            ("/private", fresh().cache("private"), [("miss", "uri-miss"), ("miss", "uri-miss")]),
            (
                "/gone",
                Reply::text("gone").status(404).cache("max-age=9"),
                [("miss", "uri-miss"), ("hit", "")],
            ),
            (
                "/stale",
                fresh().cache("max-age=1, stale-while-revalidate=600").field("age", "5"),
                [("miss", "uri-miss"), ("stale", "")],
            ),
            (
                "/old",
                fresh().cache("max-age=1").field("age", "5"),
                [("miss", "uri-miss"), ("revalidated", "stale")],
            ),
        ] {
            origin.answer(path, reply);
            for (nth, (cache, forward)) in said.into_iter().enumerate() {
                let url = format!("https://www.example.test{path}");
                let told = edge.inspected(&url).await;
                assert_eq!(origin.seen(path).len(), nth, "{path}: looking asks nobody");
                let next = &told["next"];
                let forward = Some(forward).filter(|it| !it.is_empty());
                assert_eq!(next["cache"], cache, "{path}: {told:#}");
                assert_eq!(next["forward"].as_str(), forward, "{path}: {told:#}");
                assert_eq!(
                    told["variants"].as_array().unwrap().len(),
                    usize::from(cache != "miss")
                );
                let status = edge.get(WWW, path).await.field("cache-status");
                let fwd =
                    forward.map_or_else(|| "hit".to_owned(), |forward| format!("fwd={forward}"));
                assert!(status.contains(&fwd), "{path}: {status} but {next}");
            }
        }
    });
}

#[test]
fn the_arithmetic_is_told_in_a_sentence() {
    run(async {
        let (origin, edge) = site("").await;
        let page = Reply::text("0123456789").cache("max-age=600").field("age", "100");
        origin.answer("/page", page.field("cache-tag", "Red, page"));
        edge.get(WWW, "/page?b=2&a=1").await;
        let told = edge.inspected(&format!("{PAGE}?b=2&a=1")).await;
        assert_eq!((&told["site"], &told["behavior"]), (&json!("www"), &json!("*")));
        assert_eq!((&told["origin"], &told["method"]), (&json!("app"), &json!("GET")));
        let held = &told["variants"][0];
        assert_eq!((&held["status"], &held["bytes"]), (&json!(200), &json!(10)), "{told:#}");
        assert_eq!(held["tags"], json!(["page", "red"]));
        assert_eq!((&held["selected"], &held["standing"]), (&json!(true), &json!("live")));
        let sentence = held["freshness"].as_str().unwrap();
        for words in ["max-age=600", "fresh for another ", "min"] {
            assert!(sentence.contains(words), "{sentence}");
        }
        assert!((490..=500).contains(&held["fresh_for"].as_i64().unwrap()), "{held}");
        let shown =
            edge.ask("GET", WWW, "/page?b=2&a=1").field("x-warmfront-explain", &edge.root_key());
        let status = shown.send().await.field("cache-status");
        assert!(status.contains(told["key"].as_str().unwrap()), "{status} but {told:#}");
    });
}

#[test]
fn what_took_it_is_named() {
    run(async {
        let (origin, edge) = site("").await;
        origin.answer("/page", Reply::text("{n}").cache("max-age=600").field("cache-tag", "red"));
        for order in [
            json!({ "paths": ["/page"] }),
            json!({ "paths": ["/none", "/p*"] }),
            json!({ "paths": ["/*"] }),
            json!({ "tags": ["RED"] }),
            json!({ "tags": ["red"], "soft": true }),
        ] {
            edge.get(WWW, "/page").await;
            let done = taken(&edge, &order).await;
            let by = done["id"].as_str().unwrap().to_owned();
            taken(&edge, &json!({ "paths": ["/other"] })).await;
            let told = edge.inspected(PAGE).await;
            for name in ["id", "created"] {
                assert_eq!(told["invalidation"][name], done[name], "{order}: {told:#}");
            }
            let is_soft = order["soft"] == true;
            let force = if is_soft { "soft" } else { "hard" };
            assert_eq!(told["invalidation"]["force"], force, "{told:#}");
            let sentence = told["invalidation"]["sentence"].as_str().unwrap();
            assert!(sentence.contains(&by) && sentence.ends_with(" ago"), "{sentence}");
            assert!(sentence.contains(" by root ("), "{sentence}");
            let next = &told["next"];
            assert_eq!(next["cache"], if is_soft { "stale" } else { "miss" }, "{told:#}");
            if is_soft {
                assert_eq!(told["variants"][0]["standing"], "stale", "{told:#}");
            } else {
                assert!(next["reason"].as_str().unwrap().contains(&by), "{next}");
            }
            let explained = explained(&edge, "/page", &edge.root_key()).await;
            assert!(explained.contains(&by), "{order}: {explained}");
        }
        let told = edge.inspected("https://www.example.test/page-of-nobody").await;
        assert_eq!(told["next"]["cache"], "miss");
    });
}

#[test]
fn a_request_is_told_apart_by_method_and_fields() {
    run(async {
        let keys = "methods = \"all\"\nrequest_directives = \"honor\"\n\n[[sites.www.behaviors]]\npath = \"/off/*\"\npolicy = \"disabled\"\n";
        let (origin, edge) = site(keys).await;
        let page = Reply::text("page").cache("max-age=600").field("vary", "accept-language");
        origin.answer("/page", page);
        for language in ["en", "de"] {
            edge.ask("GET", WWW, "/page").field("accept-language", language).send().await;
        }
        for (more, cache, forward, selected) in [
            ("", "miss", Some("vary-miss"), 0),
            ("&header=Accept-Language:%20en", "hit", None, 1),
            ("&header=accept-language:de&method=HEAD", "hit", None, 1),
            ("&header=Accept-Language:%20fr", "miss", Some("vary-miss"), 0),
            (
                "&header=Accept-Language:en&header=Cache-Control:no-cache",
                "revalidated",
                Some("request"),
                1,
            ),
            ("&header=Cache-Control:only-if-cached", "none", None, 0),
            ("&method=POST", "bypass", Some("method"), 0),
        ] {
            let told = edge.control("GET", &format!("/inspect?url={PAGE}{more}"), "").await;
            assert_eq!(told.status, StatusCode::OK, "{more}: {}", told.text());
            let told = told.json();
            assert_eq!(told["next"]["cache"], cache, "{more}: {told:#}");
            assert_eq!(told["next"]["forward"].as_str(), forward, "{more}: {told:#}");
            let variants = told["variants"].as_array().unwrap();
            let marked = variants.iter().filter(|it| it["selected"] == true).count();
            assert_eq!(marked, selected, "{more}: {told:#}");
            if cache != "bypass" {
                assert_eq!(variants.len(), 2, "{more}: {told:#}");
            }
        }
        let told = edge.inspected("https://www.example.test/off/x").await;
        assert_eq!(told["next"]["cache"], "bypass", "{told:#}");
        assert_eq!((&told["behavior"], &told["key"]), (&json!("/off/*"), &Value::Null));
    });
}

#[test]
fn what_the_edge_answers_by_itself_is_said() {
    run(async {
        let origin = Origin::start().await;
        let config = before(&[origin.address()])
            .replace("viewer = \"allow-all\"", "allow = [\"10.0.0.0/8\"]");
        let edge = Edge::start(&config).await;
        let told = edge.inspected("http://www.example.test/page").await;
        assert_eq!(
            (&told["next"]["cache"], &told["next"]["status"]),
            (&json!("none"), &json!(301))
        );
        let answer = edge.ask("GET", WWW, "/page").over(Over::Plain).send().await;
        assert_ne!(answer.status, StatusCode::OK);
        assert_eq!(origin.seen("/page").len(), 0);
    });
}

#[test]
fn who_may_not_or_asks_for_nonsense_is_told_so() {
    run(async {
        let more = "\n[sites.shop]\nhosts = [\"shop.example.test\"]\norigin = \"app\"\nviewer = \"allow-all\"\n";
        let (_origin, edge) = site(more).await;
        let shop = json!([{ "action": ["read"], "site": "shop" }]);
        let shop = edge.created_key("shop", &shop).await["token"].as_str().unwrap().to_owned();
        let writer = json!([{ "action": ["invalidate"], "site": "www" }]);
        let writer = edge.created_key("ci", &writer).await["token"].as_str().unwrap().to_owned();
        let root = edge.root_key();
        let url = "/inspect?url=https://www.example.test/page";
        for (key, path, status) in [
            (&*root, url, 200),
            (&shop, url, 404),
            (&shop, "/inspect?url=https://shop.example.test/page", 200),
            (&writer, url, 403),
            ("", url, 401),
            (&root, "/inspect?url=https://nobody.example.net/", 404),
            (&root, "/inspect", 400),
            (&root, "/inspect?url=", 400),
            (&root, "/inspect?url=/page", 400),
            (&root, "/inspect?url=ftp://www.example.test/", 400),
            (&root, "/inspect?url=https://www.example.test/%00", 400),
            (&root, &format!("{url}&method=G%20T"), 400),
            (&root, &format!("{url}&header=nonsense"), 400),
            (&root, &format!("{url}&header=a%0d%0ab:c"), 400),
            (&root, &format!("{url}&x=1"), 400),
            (&root, &format!("{url}&{}", "header=a:b&".repeat(101)), 400),
        ] {
            let answer = edge.control_as(key, "GET", path, "").await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
            if status != 200 {
                assert_eq!(answer.field("content-type"), "application/problem+json", "{path}");
            }
        }
    });
}

#[test]
fn a_live_request_explains_itself_to_whoever_has_a_key() {
    run(async {
        let more = "\n[sites.shop]\nhosts = [\"shop.example.test\"]\norigin = \"app\"\nviewer = \"allow-all\"\n";
        let (origin, edge) = site(more).await;
        origin.answer("/page", Reply::text("page").cache("max-age=600"));
        let allow = json!([{ "action": ["read"], "site": "www" }]);
        let made = edge.created_key("reader", &allow).await;
        let reader = made["token"].as_str().unwrap();
        let wrong = format!("{}.wrong", made["id"].as_str().unwrap());
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let ask = |key: &str, host: &str| {
                edge.ask("GET", host, "/page").over(over).field("x-warmfront-explain", key).send()
            };
            let first = ask(reader, WWW).await;
            let hit = ask(reader, WWW).await;
            assert_eq!(hit.cache(), "Hit", "{over:?}: the field is in no key");
            let said = hit.field("x-warmfront-explain");
            for words in ["hit", "max-age=600", "fresh for another", "site www"] {
                assert!(said.contains(words), "{over:?}: {said}");
            }
            assert!(hit.field("cache-status").contains("key="), "{hit:?}");
            assert_eq!(first.field("vary"), "", "{first:?}");
            for key in [&*wrong, "nonsense", "", "Bearer x.y"] {
                let answer = ask(key, WWW).await;
                assert_eq!((answer.status, &*answer.cache()), (StatusCode::OK, "Hit"), "{key}");
                assert_eq!(answer.field("x-warmfront-explain"), "", "{key}: {answer:?}");
                assert!(!answer.field("cache-status").contains("key="), "{key}: {answer:?}");
            }
            let other = ask(reader, "shop.example.test").await;
            assert_eq!(other.field("x-warmfront-explain"), "", "another site: {other:?}");
            let none = edge.ask("GET", WWW, "/page").over(over).send().await;
            assert_eq!((&*none.cache(), &*none.field("x-warmfront-explain")), ("Hit", ""));
        }
        let lines = edge.audit();
        let told = lines.iter().filter(|line| line["field"] == "x-warmfront-explain");
        assert_eq!(told.count(), 10, "of twelve wrong keys; a guesser fills no disk: {lines:?}");
        for seen in origin.seen("/page") {
            assert!(!format!("{:?}", seen.fields).contains("explain"), "{:?}", seen.fields);
        }
        let lines = edge.process.stdout.text() + &edge.process.stderr.text();
        let (_, secret) = reader.split_once('.').unwrap();
        assert!(!lines.contains(secret), "no log has the secret");
    });
}

#[test]
fn an_error_explains_itself_too() {
    run(async {
        let (origin, edge) = site("").await;
        origin.answer("/broken", Reply::hang_up());
        origin.answer("/gone", Reply::text("gone").status(404).cache("no-store"));
        let root = edge.root_key();
        let said = explained(&edge, "/broken", &root).await;
        assert!(said.contains("502"), "{said}");
        let said = explained(&edge, "/gone", &root).await;
        assert!(said.contains("404") && said.contains("not stored"), "{said}");
        let unknown =
            edge.ask("GET", "nobody.example.test", "/").field("x-warmfront-explain", &root);
        let unknown = unknown.send().await;
        let said = unknown.field("x-warmfront-explain");
        assert!(said.contains(unknown.status.as_str()), "{unknown:?}");
        let waits = edge.ask("GET", WWW, "/none").field("cache-control", "only-if-cached");
        let waits = waits.field("x-warmfront-explain", &root).send().await;
        assert_eq!(waits.status, StatusCode::GATEWAY_TIMEOUT);
        assert!(waits.field("x-warmfront-explain").contains("504"), "{waits:?}");
    });
}

#[test]
fn what_still_comes_in_is_told_as_such() {
    run(async {
        let (origin, edge) = site("").await;
        let gate = Gate::closed();
        let half = Reply::stream().cache("max-age=600").send("half").wait_for(&gate).send("!");
        origin.answer("/page", half);
        let mut reader = edge.ask("GET", WWW, "/page").open().await.unwrap();
        assert_eq!(reader.chunk().await.unwrap().unwrap(), "half");
        let told = edge.inspected(PAGE).await;
        assert_eq!(told["next"]["cache"], "hit", "{told:#}");
        assert_eq!(told["variants"][0]["bytes"], Value::Null, "{told:#}");
        assert!(told["next"]["reason"].as_str().unwrap().contains("still comes in"), "{told:#}");
        gate.open();
        reader.rest().await.unwrap();
    });
}

/// What a live request says of itself to the holder of a key.
async fn explained(edge: &Edge, path: &str, key: &str) -> String {
    let answer: Answer = edge.ask("GET", WWW, path).field("x-warmfront-explain", key).send().await;
    answer.field("x-warmfront-explain")
}

/// The record of an invalidation that must be acknowledged.
async fn taken(edge: &Edge, order: &Value) -> Value {
    let answer = edge.invalidate(&order.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{order}: {}", answer.text());
    answer.json()
}

async fn site(keys: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::start(&(before(&[origin.address()]) + keys + "\n")).await;
    (origin, edge)
}
