//! After an acknowledgement nobody is served what the origin said before it: whatever was on its way,
//! however many ask, and however the node ends.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::client::{Ask, Place, plain};
use crate::support::edge::before;
use crate::support::{Edge, Gate, Origin, Over, Reply, Setup, WWW, run, run_within};

/// What names `/page` with its tag `page`.
fn scopes() -> [Value; 4] {
    [
        json!({ "paths": ["/page"] }),
        json!({ "paths": ["/p*e"] }),
        json!({ "paths": ["/*"] }),
        json!({ "tags": ["page"] }),
    ]
}

#[test]
fn many_clients_never_see_the_old_once_an_invalidation_is_acknowledged() {
    run_within(Duration::from_mins(1), async {
        let (origin, edge) = site().await;
        let kinds = [
            ("/stored", "max-age=600"),
            ("/varied", "max-age=600"),
            ("/refreshed", "max-age=0, stale-while-revalidate=600"),
            ("/validated", "max-age=0, must-revalidate"),
        ];
        for (path, cache) in kinds {
            let reply = Reply::text("{n}").cache(cache).field("cache-tag", &path.replace('/', ""));
            origin.answer(path, reply.field("etag", "\"always\"").field("vary", "x-variant"));
        }
        // The number that the newest answer of before the last acknowledgement has.
        let floors: Arc<[AtomicUsize; 4]> = Arc::default();
        let mut clients = JoinSet::new();
        for client in 0..12 {
            let (floors, place) = (floors.clone(), edge.setup().place.clone());
            clients.spawn(async move {
                for round in 0.. {
                    let nth = (client + round) % kinds.len();
                    let (path, floor) = (kinds[nth].0, floors[nth].load(Ordering::SeqCst));
                    let number = number(place.clone(), path, ["a", "b"][client % 2]).await;
                    assert!(number > floor, "{path}: {number} after {floor} was taken");
                }
            });
        }
        for round in 0..60 {
            let nth = round % kinds.len();
            let path = kinds[nth].0;
            origin.reached(path, 1).await;
            let before = kinds.map(|(path, _)| origin.seen(path).len());
            let (order, all) = match round / kinds.len() % 4 {
                0 => (json!({ "paths": [path] }), false),
                1 => (json!({ "tags": [path.replace('/', "")] }), false),
                2 => (json!({ "paths": [path.replace("ed", "*")] }), false),
                _ => (json!({ "paths": ["/*"] }), true),
            };
            taken(&edge, &order).await;
            for (at, floor) in floors.iter().enumerate() {
                if all || at == nth {
                    floor.store(before[at], Ordering::SeqCst);
                }
            }
            let number = number(edge.setup().place.clone(), path, "a").await;
            assert!(number > before[nth], "{order}: {number} after {}", before[nth]);
        }
        clients.abort_all();
        while let Some(ended) = clients.join_next().await {
            assert!(ended.is_err_and(|error| error.is_cancelled()), "a client saw the old");
        }
    });
}

#[test]
fn an_answer_whose_head_is_still_to_come_is_for_those_who_asked_before() {
    run(async {
        // Which tags it has is not known before: who asks after waits with the others.
        let scope = json!({ "tags": ["page"] });
        let (origin, edge) = site().await;
        let gate = Gate::closed();
        origin.answer("/page", page("old").held_by(&gate));
        let crowd: Vec<_> =
            (0..5).map(|_| tokio::spawn(edge.ask("GET", WWW, "/page").send())).collect();
        origin.reached("/page", 1).await;
        edge.connected(5).await;
        origin.answer("/page", page("new"));
        taken(&edge, &scope).await;
        let after = tokio::spawn(edge.ask("GET", WWW, "/page").send());
        edge.connected(6).await;
        gate.open();
        assert_eq!(after.await.unwrap().text(), "new");
        for one in crowd {
            // Who waited for the old may be given it or sent on.
            assert_eq!(one.await.unwrap().status, StatusCode::OK);
        }
        stays_new(&edge, &scope).await;
    });
}

#[test]
fn nobody_waits_for_an_answer_that_was_invalidated_before_its_head_came() {
    run(async {
        for scope in scopes().into_iter().filter(|scope| !scope["paths"].is_null()) {
            let (origin, edge) = site().await;
            let gate = Gate::closed();
            origin.answer("/page", page("old").held_by(&gate));
            let first = tokio::spawn(edge.ask("GET", WWW, "/page").send());
            origin.reached("/page", 1).await;
            origin.answer("/page", page("new"));
            taken(&edge, &scope).await;
            assert_eq!(edge.get(WWW, "/page").await.text(), "new", "{scope}");
            gate.open();
            assert_eq!(first.await.unwrap().text(), "old", "{scope}");
            stays_new(&edge, &scope).await;
        }
    });
}

#[test]
fn a_crowd_waits_on_through_one_invalidation_after_the_other() {
    run(async {
        let (origin, edge) = site().await;
        let gate = Gate::closed();
        origin.answer("/page", page("old").held_by(&gate));
        let crowd: Vec<_> =
            (0..20).map(|_| tokio::spawn(edge.ask("GET", WWW, "/page").send())).collect();
        origin.reached("/page", 1).await;
        edge.connected(20).await;
        let mut late = Vec::new();
        // More often than anything that counts how often it waits would let it.
        for asked in 2..=120 {
            taken(&edge, &json!({ "paths": ["/page"] })).await;
            late.push(tokio::spawn(edge.ask("GET", WWW, "/page").send()));
            origin.reached("/page", asked).await;
        }
        gate.open();
        for one in crowd.into_iter().chain(late) {
            assert_eq!(one.await.unwrap().status, StatusCode::OK);
        }
        assert_eq!(origin.seen("/page").len(), 120, "once by each invalidation");
    });
}

#[test]
fn nobody_waits_for_a_deep_link_once_its_page_was_invalidated() {
    run(async {
        let bucket = Origin::start().await;
        let edge = Edge::start(&format!(
            r#"
[origins.web]
s3 = {{ bucket = "web", region = "eu-central-1", endpoint = "http://{bucket}", path_style = true, credentials = "anonymous" }}

[sites.www]
hosts = ["{WWW}"]
origin = "web"
viewer = "allow-all"
spa = "/app.html"
"#
        ))
        .await;
        let missing = "<Error><Code>NoSuchKey</Code></Error>";
        bucket.answer("/web/deep", Reply::text(missing).status(404));
        let gate = Gate::closed();
        bucket.answer("/web/app.html", page("old").held_by(&gate));
        let ask = || edge.ask("GET", WWW, "/deep").field("accept", "text/html").send();
        let first = tokio::spawn(ask());
        bucket.reached("/web/app.html", 1).await;
        bucket.answer("/web/app.html", page("new"));
        taken(&edge, &json!({ "paths": ["/app.html"] })).await;
        assert_eq!(ask().await.text(), "new");
        gate.open();
        assert_eq!(first.await.unwrap().text(), "old");
        assert_eq!(ask().await.text(), "new");
    });
}

#[test]
fn an_answer_whose_body_is_half_here_is_for_those_who_read_it() {
    run(async {
        for scope in scopes() {
            let (origin, edge) = site().await;
            let gate = Gate::closed();
            let old = Reply::stream().cache("max-age=600").field("cache-tag", "page");
            origin.answer("/page", old.send("ol").wait_for(&gate).send("d"));
            let mut readers = Vec::new();
            for _ in 0..3 {
                let mut reader = edge.ask("GET", WWW, "/page").open().await.unwrap();
                assert_eq!(reader.chunk().await.unwrap().unwrap(), "ol");
                readers.push(reader);
            }
            assert_eq!(origin.seen("/page").len(), 1);
            origin.answer("/page", page("new"));
            let done = taken(&edge, &scope).await;
            assert_eq!(edge.get(WWW, "/page").await.text(), "new", "{done}");
            gate.open();
            for reader in readers {
                assert_eq!(reader.rest().await.unwrap().text(), "d", "{scope}");
            }
            stays_new(&edge, &scope).await;
        }
    });
}

#[test]
fn a_refresh_behind_a_clients_back_brings_nothing_back() {
    run(async {
        for scope in scopes() {
            let (origin, edge) = site().await;
            let old = || Reply::text("old").field("cache-tag", "page");
            let stale = old().cache("max-age=10, stale-while-revalidate=600").field("age", "20");
            origin.answer("/page", stale);
            edge.get(WWW, "/page").await;
            let gate = Gate::closed();
            origin.answer("/page", old().cache("max-age=600").held_by(&gate));
            assert_eq!(edge.get(WWW, "/page").await.text(), "old");
            origin.reached("/page", 2).await;
            taken(&edge, &scope).await;
            origin.answer("/page", page("new"));
            // While the old one is still on its way.
            assert_eq!(edge.get(WWW, "/page").await.text(), "new", "{scope}");
            gate.open();
            stays_new(&edge, &scope).await;
        }
    });
}

#[test]
fn an_origins_word_that_the_old_is_still_good_brings_nothing_back() {
    run(async {
        for scope in scopes() {
            let (origin, edge) = site().await;
            let stale = page("old").field("age", "700").field("etag", "\"old\"");
            origin.answer("/page", stale);
            edge.get(WWW, "/page").await;
            let gate = Gate::closed();
            let good = Reply::stream().status(304).cache("max-age=600").field("etag", "\"old\"");
            origin.answer("/page", good.held_by(&gate));
            let asked = tokio::spawn(edge.ask("GET", WWW, "/page").send());
            origin.reached("/page", 2).await;
            assert_eq!(origin.seen("/page")[1].field("if-none-match"), "\"old\"");
            taken(&edge, &scope).await;
            origin.answer("/page", page("new"));
            assert_eq!(edge.get(WWW, "/page").await.text(), "new", "{scope}");
            gate.open();
            assert_eq!(asked.await.unwrap().status, StatusCode::OK, "{scope}");
            stays_new(&edge, &scope).await;
            let last = origin.seen("/page").pop().unwrap();
            assert_eq!(last.field("if-none-match"), "", "{scope}: nothing of the old is asked for");
        }
    });
}

#[test]
fn what_was_acknowledged_is_on_record_after_a_kill_and_nothing_is_done_twice() {
    run_within(Duration::from_mins(1), async {
        let (_origin, mut edge) = site().await;
        let mut acknowledged: HashMap<String, String> = HashMap::new();
        for life in 0..3 {
            let (told, setup) = killed_amid(edge, life).await;
            acknowledged.extend(told);
            edge = setup.start().await;
            let recorded = recorded(&edge).await;
            let ids: HashSet<&String> = recorded.values().collect();
            assert_eq!(ids.len(), recorded.len(), "two have one id");
            for (reference, id) in &acknowledged {
                assert_eq!(recorded.get(reference), Some(id), "{reference}, life {life}");
            }
            // Whoever had no answer asks again, as whoever had one may: it is the same one.
            for (reference, id) in &recorded {
                let again = edge.invalidate(&order(reference).to_string()).await;
                assert_eq!(again.status, StatusCode::OK, "{}", again.text());
                assert_eq!(again.json()["id"], **id);
            }
        }
    });
}

#[test]
fn a_disk_that_is_full_refuses_and_says_so_and_all_goes_on_once_there_is_room() {
    run(async {
        let origin = Origin::start().await;
        let setup = Setup::new(&before(&[origin.address()])).on_a_disk_that_gets_full();
        let edge = setup.start().await;
        origin.answer("/page", page("{n}"));
        let kept = taken(&edge, &json!({ "paths": ["/*"], "reference": "kept" })).await;
        edge.get(WWW, "/page").await;

        edge.fill_disk().await;
        let refused = edge.invalidate(r#"{"paths":["/page"],"reference":"lost"}"#).await;
        assert!(refused.status.is_server_error(), "{}", refused.text());
        assert_eq!(refused.field("content-type"), "application/problem+json");
        let ready = edge.admin("/ready").await.json();
        assert!(ready["problems"].to_string().contains("ledger"), "{ready}");
        assert_eq!(edge.get(WWW, "/page").await.status, StatusCode::OK, "clients are served on");
        edge.audited(|line| line["reference"] == "lost" && line["status"] != 201).await;

        edge.free_disk().await;
        let done = taken(&edge, &json!({ "paths": ["/page"], "reference": "lost" })).await;
        assert_eq!(done["matched"], 1);
        assert_eq!(edge.get(WWW, "/page").await.cache(), "Miss");
        assert_eq!(edge.admin("/ready").await.json()["problems"], json!([]));
        let edge = edge.kill().await.start().await;
        for (done, reference) in [(kept, "kept"), (done, "lost")] {
            let shown = edge.invalidation(done["id"].as_str().unwrap()).await;
            assert_eq!(shown["reference"], reference);
        }
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
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

/// Whoever comes later sees the new, and it is stored.
async fn stays_new(edge: &Edge, scope: &Value) {
    for _ in 0..3 {
        assert_eq!(edge.get(WWW, "/page").await.text(), "new", "{scope}");
    }
    assert_eq!(edge.get(WWW, "/page").await.cache(), "Hit", "{scope}");
}

/// The number that a variant of a path is answered with now.
async fn number(place: Arc<Place>, path: &str, variant: &str) -> usize {
    let ask = Ask::new(place, "GET", WWW, path).over(Over::Plain).field("x-variant", variant);
    let answer = ask.send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.text().parse().unwrap()
}

/// Several clients invalidate one thing after the other until the node is killed. What they were told
/// before, ids by reference, and what is left of the node.
async fn killed_amid(edge: Edge, life: u32) -> (HashMap<String, String>, Setup) {
    let (admin, key) = (edge.setup().admin, format!("Bearer {}", edge.root_key()));
    let told = Arc::new(Semaphore::new(0));
    let mut clients = JoinSet::new();
    for client in 0..6 {
        let (key, told) = (key.clone(), told.clone());
        clients.spawn(async move {
            let mut acknowledged = Vec::new();
            for nth in 0.. {
                let reference = format!("{life}-{client}-{nth}");
                let fields = [("authorization", &*key), ("content-type", "application/json")];
                let body = order(&reference).to_string();
                let Ok(answer) = plain(admin, "POST", "/invalidate", &fields, &body).await else {
                    break;
                };
                assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
                let id = answer.json()["id"].as_str().unwrap().to_owned();
                acknowledged.push((reference, id));
                told.add_permits(1);
            }
            acknowledged
        });
    }
    told.acquire_many(40 + 13 * life).await.unwrap().forget();
    let setup = edge.kill().await;
    (clients.join_all().await.into_iter().flatten().collect(), setup)
}

fn order(reference: &str) -> Value {
    json!({ "paths": [format!("/{reference}/*")], "reference": reference })
}

/// The ids of all invalidations by their references, each of which is there once.
async fn recorded(edge: &Edge) -> HashMap<String, String> {
    let mut recorded = HashMap::new();
    let mut page = "/invalidations?limit=100".to_owned();
    loop {
        let listed = edge.control("GET", &page, "").await.json();
        for shown in listed["invalidations"].as_array().unwrap() {
            let text = |field: &str| shown[field].as_str().unwrap().to_owned();
            let twice = recorded.insert(text("reference"), text("id"));
            assert_eq!(twice, None, "{shown}");
        }
        let Some(next) = listed["next"].as_str() else { return recorded };
        page = format!("/invalidations?limit=100&after={next}");
    }
}
