//! Soft: the next request gets the old answer at once, and it is refreshed once.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::edge::before;
use crate::support::process::POLL;
use crate::support::{Edge, Gate, Origin, Reply, WWW, run};

#[test]
fn a_crowd_gets_the_old_at_once_and_the_origin_is_asked_once() {
    run(async {
        for scope in [
            json!({ "paths": ["/page"], "soft": true }),
            json!({ "paths": ["/p*e"], "soft": true }),
            json!({ "paths": ["/*"], "soft": true }),
            json!({ "tags": ["Page"], "soft": true }),
        ] {
            let (origin, edge) = site().await;
            edge.get(WWW, "/page").await;
            let gate = Gate::closed();
            origin.answer("/page", page("new").held_by(&gate));
            let done = taken(&edge, &scope).await;
            assert_eq!((&done["soft"], &done["matched"]), (&json!(true), &json!(1)), "{done}");
            let crowd: Vec<_> =
                (0..50).map(|_| tokio::spawn(edge.ask("GET", WWW, "/page").send())).collect();
            for one in crowd {
                let answer = one.await.unwrap();
                assert_eq!((answer.status, answer.text()), (StatusCode::OK, "old"), "{scope}");
                answer.field("age").parse::<u32>().unwrap();
                let status = answer.field("cache-status");
                assert!(status.contains("hit") && status.contains("invalidated"), "{status}");
                assert_eq!(answer.cache(), "Hit", "{scope}");
            }
            gate.open();
            comes(&edge, "/page", "new").await;
            assert_eq!(edge.get(WWW, "/page").await.cache(), "Hit", "{scope}");
            assert_eq!(origin.seen("/page").len(), 2, "{scope}: once stored, once refreshed");
        }
    });
}

#[test]
fn an_origin_that_says_still_good_makes_it_live_again() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/page", page("old").field("etag", "\"e\""));
        edge.get(WWW, "/page").await;
        origin.answer("/page", Reply::stream().status(304).field("etag", "\"e\""));
        taken(&edge, &json!({ "paths": ["/page"], "soft": true })).await;
        assert_eq!(edge.get(WWW, "/page").await.text(), "old");
        origin.reached("/page", 2).await;
        assert_eq!(origin.seen("/page")[1].field("if-none-match"), "\"e\"");
        loop {
            let answer = edge.get(WWW, "/page").await;
            assert_eq!(answer.text(), "old");
            if !answer.field("cache-status").contains("invalidated") {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        assert_eq!(origin.seen("/page").len(), 2);
    });
}

#[test]
fn an_origin_that_is_down_is_stood_in_for_and_asked_again() {
    run(async {
        for down in [Reply::hang_up(), Reply::text("broken").status(503)] {
            let (origin, edge) = site().await;
            edge.get(WWW, "/page").await;
            origin.answer("/page", down);
            taken(&edge, &json!({ "paths": ["/*"], "soft": true })).await;
            for _ in 0..10 {
                let answer = edge.get(WWW, "/page").await;
                assert_eq!((answer.status, answer.text()), (StatusCode::OK, "old"));
            }
            origin.reached("/page", 2).await;
            origin.answer("/page", page("new"));
            comes(&edge, "/page", "new").await;
        }
    });
}

#[test]
fn what_the_origin_has_no_more_is_gone_after_one_refresh() {
    run(async {
        for cache in ["max-age=60", "no-store", ""] {
            let (origin, edge) = site().await;
            edge.get(WWW, "/page").await;
            let gone = Reply::text("gone").status(404);
            origin.answer("/page", if cache.is_empty() { gone } else { gone.cache(cache) });
            taken(&edge, &json!({ "paths": ["/page"], "soft": true })).await;
            assert_eq!(edge.get(WWW, "/page").await.text(), "old", "{cache}");
            comes(&edge, "/page", "gone").await;
            let answer = edge.get(WWW, "/page").await;
            assert_eq!((answer.status, answer.text()), (StatusCode::NOT_FOUND, "gone"), "{cache}");
        }
    });
}

#[test]
fn a_hard_one_after_a_soft_one_takes_it() {
    run(async {
        let (origin, edge) = site().await;
        edge.get(WWW, "/page").await;
        let gate = Gate::closed();
        origin.answer("/page", page("old").held_by(&gate));
        taken(&edge, &json!({ "paths": ["/page"], "soft": true })).await;
        assert_eq!(edge.get(WWW, "/page").await.text(), "old");
        origin.reached("/page", 2).await;
        let done = taken(&edge, &json!({ "paths": ["/page"] })).await;
        assert_eq!((&done["soft"], &done["matched"]), (&json!(false), &json!(1)), "{done}");
        origin.answer("/page", page("new"));
        // While the refresh is still on its way.
        assert_eq!(edge.get(WWW, "/page").await.text(), "new");
        gate.open();
        let done = taken(&edge, &json!({ "paths": ["/none"], "soft": true })).await;
        assert_eq!(done["matched"], 0);
        assert_eq!(edge.get(WWW, "/page").await.cache(), "Hit");
    });
}

#[test]
fn what_was_on_its_way_is_stale_when_it_is_here() {
    run(async {
        let (origin, edge) = site().await;
        let gate = Gate::closed();
        origin.answer("/page", page("old").held_by(&gate));
        let asked = tokio::spawn(edge.ask("GET", WWW, "/page").send());
        origin.reached("/page", 1).await;
        taken(&edge, &json!({ "paths": ["/page"], "soft": true })).await;
        origin.answer("/page", page("new"));
        gate.open();
        assert_eq!(asked.await.unwrap().text(), "old");
        comes(&edge, "/page", "new").await;
        assert_eq!(origin.seen("/page").len(), 2);
    });
}

#[test]
fn every_variant_is_refreshed_for_itself() {
    run(async {
        let (origin, edge) = site().await;
        let varied = |body: &str| page(body).field("vary", "accept-language");
        origin.answer("/page", varied("old"));
        let ask = async |method: &str, language: &str| {
            edge.ask(method, WWW, "/page").field("accept-language", language).send().await
        };
        for language in ["en", "de"] {
            ask("GET", language).await;
        }
        origin.answer("/page", varied("new"));
        let done = taken(&edge, &json!({ "tags": ["page"], "soft": true })).await;
        assert_eq!(done["matched"], 2);
        for language in ["en", "de"] {
            let head = ask("HEAD", language).await;
            assert_eq!(head.cache(), "Hit", "{language}: {head:?}");
            while ask("GET", language).await.text() != "new" {
                tokio::time::sleep(POLL).await;
            }
        }
        assert_eq!(origin.seen("/page").len(), 4);
    });
}

#[test]
fn the_old_does_not_outlive_the_lifetime_that_it_had() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/page", page("old").field("age", "590"));
        edge.get(WWW, "/page").await;
        taken(&edge, &json!({ "paths": ["/page"], "soft": true })).await;
        let next = async || edge.inspected("https://www.example.test/page").await["next"].clone();
        assert_eq!(next().await["cache"], "stale");
        while next().await["cache"] == "stale" {
            tokio::time::sleep(POLL).await;
        }
        origin.answer("/page", page("new"));
        assert_eq!(edge.get(WWW, "/page").await.text(), "new");
    });
}

#[test]
fn soft_and_hard_are_not_the_same_order_and_a_restart_remembers_which() {
    run(async {
        let (_origin, edge) = site().await;
        let order = json!({ "paths": ["/page"], "soft": true, "reference": "build-1" });
        let mut first = taken(&edge, &order).await;
        first["repeated"] = true.into();
        let edge = edge.restart().await;
        let again = edge.invalidate(&order.to_string()).await;
        assert_eq!((again.status, again.json()), (StatusCode::OK, first.clone()));
        let hard = json!({ "paths": ["/page"], "reference": "build-1" });
        let conflict = edge.invalidate(&hard.to_string()).await;
        assert_eq!(conflict.status, StatusCode::CONFLICT, "{}", conflict.text());
        // What is stored after it is none of its business.
        edge.get(WWW, "/page").await;
        let answer = edge.get(WWW, "/page").await;
        assert!(!answer.field("cache-status").contains("invalidated"), "{answer:?}");
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/page", page("old"));
    let edge = Edge::start(&before(&[origin.address()])).await;
    (origin, edge)
}

fn page(body: &str) -> Reply {
    Reply::text(body).cache("max-age=600").field("cache-tag", "page")
}

/// The record of an invalidation that must be acknowledged.
async fn taken(edge: &Edge, order: &Value) -> Value {
    let answer = edge.invalidate(&order.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{order}: {}", answer.text());
    answer.json()
}

/// Waits until a path is answered so; until then it is answered with the old.
async fn comes(edge: &Edge, path: &str, text: &str) {
    loop {
        let answer = edge.get(WWW, path).await;
        if answer.text() == text {
            return;
        }
        assert_eq!(answer.text(), "old", "{answer:?}");
        tokio::time::sleep(POLL).await;
    }
}
