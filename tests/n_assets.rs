//! Assets of earlier deploys: what open pages still ask for after an invalidation of everything.

use h2::client::Builder;
use http::StatusCode;

use crate::support::bucket::{SECRET, in_file};
use crate::support::client::{Answer, raw};
use crate::support::coding::{CODINGS, decoded, prose};
use crate::support::edge::before;
use crate::support::http2::{Streams, whole};
use crate::support::{Edge, Gate, Origin, Over, Reply, TestBucket, WWW, run};

const ASSET: &str = "assets/app.3f9a1c.js";
const PATH: &str = "/assets/app.3f9a1c.js";
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

async fn deploy(edge: &Edge) {
    assert_eq!(edge.invalidate(r#"{"paths":["/*"]}"#).await.status, StatusCode::CREATED);
}

/// An asset in a bucket, and a site that has stored it.
async fn site(keys: &str) -> (TestBucket, Edge) {
    let bucket = TestBucket::start().await;
    bucket.put_cached(ASSET, "text/javascript", FOR_GOOD, b"let a").await;
    let edge = Edge::start(&bucket.site(&in_file(SECRET), keys)).await;
    assert_eq!(edge.get(WWW, PATH).await.text(), "let a");
    (bucket, edge)
}

/// The same of a target group's, and what it is asked is seen.
async fn app(keys: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer(PATH, asset("let a"));
    let config =
        format!("{}keep_assets = {{ deploys = 3 }}\n{keys}\n", before(&[origin.address()]));
    let edge = Edge::start(&config).await;
    assert_eq!(edge.get(WWW, PATH).await.text(), "let a");
    (origin, edge)
}

fn asset(body: &str) -> Reply {
    let reply = Reply::text(body).field("content-type", "text/javascript");
    reply.cache(FOR_GOOD).field("etag", "\"a\"")
}

fn is_kept(answer: &Answer) -> bool {
    answer.field("cache-status").contains("detail=kept")
}

#[track_caller]
fn assert_kept(answer: &Answer) {
    let got = (answer.status.as_u16(), answer.text(), &*answer.cache());
    assert_eq!(got, (200, "let a", "Hit"), "{:?}", answer.fields);
    assert!(is_kept(answer), "{:?}", answer.fields);
}

#[test]
fn an_asset_that_is_gone_is_served_for_so_many_deploys() {
    run(async {
        let (bucket, edge) = site("keep_assets = { deploys = 2 }").await;
        bucket.remove(ASSET);
        let hit = edge.get(WWW, PATH).await;
        assert_eq!((&*hit.cache(), is_kept(&hit)), ("Hit", false), "{hit:?}");
        for _ in 0..2 {
            deploy(&edge).await;
            for over in [Over::Http1, Over::Http2, Over::Http2] {
                assert_kept(&edge.ask("GET", WWW, PATH).over(over).send().await);
            }
        }
        deploy(&edge).await;
        assert_eq!(edge.get(WWW, PATH).await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn an_asset_that_is_kept_for_days_outlives_deploys() {
    run(async {
        let (bucket, edge) = site("keep_assets = { days = 7 }").await;
        bucket.remove(ASSET);
        for _ in 0..20 {
            deploy(&edge).await;
        }
        assert_kept(&edge.get(WWW, PATH).await);
    });
}

#[test]
fn nothing_is_kept_that_was_not_asked_to_be() {
    run(async {
        let (bucket, edge) = site("").await;
        bucket.remove(ASSET);
        assert_eq!(edge.get(WWW, PATH).await.text(), "let a");
        deploy(&edge).await;
        assert_eq!(edge.get(WWW, PATH).await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn an_invalidation_that_means_it_takes_it_at_once() {
    run(async {
        for path in [PATH, "/assets/*", "/a*", "/*.js"] {
            let (bucket, edge) = site("keep_assets = { deploys = 2 }").await;
            bucket.remove(ASSET);
            deploy(&edge).await;
            assert_kept(&edge.get(WWW, PATH).await);
            edge.invalidate(&format!(r#"{{"paths":["{path}"]}}"#)).await;
            assert_eq!(edge.get(WWW, PATH).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        // Together with a deploy too.
        let (bucket, edge) = site("keep_assets = { deploys = 2 }").await;
        bucket.remove(ASSET);
        edge.invalidate(&format!(r#"{{"paths":["/*","{PATH}"]}}"#)).await;
        assert_eq!(edge.get(WWW, PATH).await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn only_what_never_changes_under_its_name_is_kept() {
    run(async {
        let (bucket, edge) = site("keep_assets = { deploys = 2 }").await;
        let objects = [
            ("index.html", "max-age=60", false),
            ("an-hour.css", "public, max-age=3600", false),
            ("ninety-days.css", "max-age=7776000", true),
            ("immutable.css", "max-age=60, immutable", true),
        ];
        for (key, cache, _) in objects {
            bucket.put_cached(key, "text/css", cache, b"old").await;
            assert_eq!(edge.get(WWW, &format!("/{key}")).await.text(), "old");
            bucket.remove(key);
        }
        assert_eq!(edge.get(WWW, "/index.html").await.text(), "old", "it is stored");
        deploy(&edge).await;
        for (key, _, kept) in objects {
            let answer = edge.get(WWW, &format!("/{key}")).await;
            let expected = if kept { (200, true) } else { (404, false) };
            assert_eq!((answer.status.as_u16(), is_kept(&answer)), expected, "{key} {answer:?}");
        }
    });
}

#[test]
fn an_asset_that_was_replaced_is_the_new_one() {
    run(async {
        let (bucket, edge) = site("keep_assets = { deploys = 2 }").await;
        bucket.put_cached(ASSET, "text/javascript", FOR_GOOD, b"let b").await;
        deploy(&edge).await;
        for cache in ["Miss", "Hit"] {
            let answer = edge.get(WWW, PATH).await;
            assert_eq!((answer.text(), &*answer.cache()), ("let b", cache), "{answer:?}");
            assert!(!is_kept(&answer), "{answer:?}");
        }
    });
}

#[test]
fn an_asset_that_is_still_there_is_live_again() {
    run(async {
        let (bucket, edge) = site("keep_assets = { deploys = 1 }").await;
        for _ in 0..3 {
            deploy(&edge).await;
            for cache in ["RefreshHit", "Hit", "Hit"] {
                let answer = edge.get(WWW, PATH).await;
                assert_eq!((answer.text(), &*answer.cache()), ("let a", cache), "{answer:?}");
                assert!(!is_kept(&answer), "{answer:?}");
            }
        }
        // It counts from when it was last there.
        bucket.remove(ASSET);
        deploy(&edge).await;
        assert_kept(&edge.get(WWW, PATH).await);
        deploy(&edge).await;
        assert_eq!(edge.get(WWW, PATH).await.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn an_origin_that_is_down_does_not_take_it_away() {
    run(async {
        let (bucket, edge) = site("keep_assets = { deploys = 2 }").await;
        drop(bucket);
        deploy(&edge).await;
        for over in [Over::Http1, Over::Http2] {
            assert_kept(&edge.ask("GET", WWW, PATH).over(over).send().await);
        }
    });
}

#[test]
fn which_answers_it_stands_in_for() {
    run(async {
        let (origin, edge) = app("").await;
        deploy(&edge).await;
        for status in [404, 500, 502, 503] {
            let reply = Reply::text("gone").status(status).cache("max-age=60");
            origin.answer(PATH, reply);
            for _ in 0..2 {
                assert_kept(&edge.get(WWW, PATH).await);
            }
        }
        origin.answer(PATH, Reply::hang_up());
        assert_kept(&edge.get(WWW, PATH).await);
        for status in [401, 302] {
            origin.answer(PATH, Reply::text("no").status(status));
            let answer = edge.get(WWW, PATH).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (status, "no"), "{answer:?}");
        }
        let asked = origin.seen(PATH);
        assert!(asked.iter().skip(1).all(|it| it.field("if-none-match") == "\"a\""), "{asked:?}");
    });
}

#[test]
fn a_connection_that_ends_with_it_says_so() {
    run(async {
        let (origin, edge) = app("").await;
        edge.ask("GET", WWW, PATH).over(Over::Plain).send().await;
        deploy(&edge).await;
        for trouble in
            [Reply::text("gone").status(404), Reply::text("down").status(503), Reply::hang_up()]
        {
            origin.answer(PATH, trouble);
            let once = format!("GET {PATH} HTTP/1.1\r\nHost: {WWW}\r\n");
            let both = format!("{once}\r\n{once}Connection: close\r\n\r\n");
            let answers = raw(edge.setup().place.http, both.as_bytes()).await;
            let (first, _) = answers.split_once("let a").expect("it is served");
            let first = first.to_lowercase();
            assert!(first.contains("detail=kept"), "{answers}");
            let ends = first.contains("connection: close");
            let answered = answers.matches("let a").count();
            assert_eq!(answered, if ends { 1 } else { 2 }, "{answers}");
        }
    });
}

#[test]
fn it_comes_before_an_error_page_and_a_single_page() {
    run(async {
        let pages = r#"error_pages = [{ status = 404, page = "/index.html", respond = 200 }]"#;
        for keys in [pages, "spa = \"/index.html\""] {
            let (bucket, edge) = site(&format!("keep_assets = {{ deploys = 2 }}\n{keys}")).await;
            bucket.put("index.html", "text/html", b"page").await;
            bucket.remove(ASSET);
            deploy(&edge).await;
            assert_kept(&edge.get(WWW, PATH).await);
            let ask = edge.ask("GET", WWW, "/deep/link").field("accept", "text/html");
            assert_eq!(ask.send().await.text(), "page", "{keys}");
            assert_kept(&edge.get(WWW, PATH).await);
        }
    });
}

#[test]
fn those_who_wait_for_the_same_are_served_it_too() {
    run(async {
        let (origin, edge) = app("").await;
        origin.answer("/last", Reply::text("last").cache("no-store"));
        let gone = Reply::text("gone").status(404);
        for trouble in [gone, Reply::text("down").status(503), Reply::hang_up()] {
            let before = origin.seen(PATH).len();
            deploy(&edge).await;
            let gate = Gate::closed();
            origin.answer(PATH, trouble.held_by(&gate));
            let streams = Streams::open(&edge, &Builder::new()).await;
            let mut waiting = Vec::new();
            for _ in 0..20 {
                waiting.push(streams.get(PATH).await.unwrap());
            }
            // Whoever asked before this one is waiting now.
            whole(streams.get("/last").await.unwrap()).await.unwrap();
            gate.open();
            for response in waiting {
                let (status, fields, body) = whole(response).await.unwrap();
                assert_eq!((status.as_u16(), &*body), (200, &b"let a"[..]), "{fields:?}");
                let said = fields.get("cache-status").unwrap().to_str().unwrap();
                assert!(said.contains("detail=kept"), "{said}");
            }
            let asked = origin.seen(PATH).len() - before;
            // One, and whoever came too late to wait; what hangs up is tried again.
            assert!(asked < 10, "{asked} of them asked");
        }
    });
}

#[test]
fn parts_heads_conditions_and_codings_of_it() {
    run(async {
        let origin = Origin::start().await;
        let body = prose(20_000);
        let reply = Reply::bytes(body.clone()).field("content-type", "text/javascript");
        origin.answer(PATH, reply.cache(FOR_GOOD).field("etag", "\"a\""));
        let keys = "policy = \"optimized\"\nkeep_assets = { deploys = 2 }\n";
        let edge = Edge::start(&(before(&[origin.address()]) + keys)).await;
        assert!(edge.get(WWW, PATH).await.body == body);
        origin.answer(PATH, Reply::text("gone").status(404));
        deploy(&edge).await;
        let ask = |method| edge.ask(method, WWW, PATH);
        for _ in 0..2 {
            let part = ask("GET").field("range", "bytes=5-9").send().await;
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{part:?}");
            assert_eq!(part.field("content-range"), "bytes 5-9/20000");
            assert!(part.body == body[5..10], "{part:?}");
            let head = ask("HEAD").send().await;
            assert_eq!((head.status.as_u16(), &*head.field("content-length")), (200, "20000"));
            let known = ask("GET").field("if-none-match", "\"a\"").send().await;
            assert_eq!(known.status, StatusCode::NOT_MODIFIED, "{known:?}");
            for coding in CODINGS {
                let coded = ask("GET").field("accept-encoding", coding).send().await;
                assert_eq!(coded.field("content-encoding"), coding, "{coded:?}");
                assert_eq!(coded.field("content-length"), coded.body.len().to_string());
                assert!(decoded(&coded) == body, "{coding}");
                assert!(is_kept(&coded), "{:?}", coded.fields);
            }
            for answer in [part, head, known] {
                assert!(is_kept(&answer), "{:?}", answer.fields);
            }
        }
    });
}
