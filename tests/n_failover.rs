//! Failover: what stands in for an origin, when, and for which requests.

use http::StatusCode;

use crate::support::bucket::{SECRET, in_file};
use crate::support::edge::Edge;
use crate::support::{Gate, Origin, Over, Reply, TestBucket, WWW, run};

/// One site before two target groups.
fn config(primary: &str, secondary: &str, keys: &str) -> String {
    format!(
        r#"
[origins.first]
targets = ["{primary}"]
response_timeout = "1s"

[origins.second]
targets = ["{secondary}"]

[origins.main]
primary = "first"
secondary = "second"
on = [403, 404, 500, 503]

[sites.www]
hosts = ["www.example.test"]
origin = "main"
viewer = "allow-all"
{keys}
"#
    )
}

async fn site(keys: &str) -> (Origin, Origin, Edge) {
    let (first, second) = (Origin::start().await, Origin::start().await);
    let edge = Edge::start(&config(&first.to_string(), &second.to_string(), keys)).await;
    (first, second, edge)
}

/// An address where nobody listens any more.
async fn gone() -> String {
    Origin::start().await.to_string()
}

/// What keeps an origin from answering.
fn troubles() -> [(&'static str, Reply); 6] {
    [
        ("/403", Reply::text("no").status(403)),
        ("/404", Reply::text("no").status(404)),
        ("/500", Reply::text("no").status(500)),
        ("/503", Reply::text("no").status(503).cache("max-age=60")),
        ("/hang-up", Reply::hang_up()),
        ("/silent", Reply::text("late").held_by(&Gate::closed())),
    ]
}

#[test]
fn the_secondary_answers_where_the_primary_cannot() {
    run(async {
        let (first, second, edge) = site("").await;
        for (path, trouble) in troubles() {
            first.answer(path, trouble);
            second.answer(path, Reply::text("second").cache("no-store"));
            for over in [Over::Plain, Over::Http1, Over::Http2] {
                for (method, body) in [("GET", "second"), ("HEAD", ""), ("OPTIONS", "second")] {
                    let answer = edge.ask(method, WWW, path).over(over).send().await;
                    assert_eq!(answer.status, StatusCode::OK, "{method} {path} {answer:?}");
                    assert_eq!(answer.text(), body, "{method} {path}");
                }
            }
            // Each request asks the primary first, and the secondary once.
            assert_eq!((first.seen(path).len(), second.seen(path).len()), (9, 9), "{path}");
            let methods: Vec<_> = second.seen(path).iter().map(|it| it.method.clone()).collect();
            assert!(methods.contains(&http::Method::OPTIONS), "{path} {methods:?}");
        }
        for (path, _) in troubles() {
            let line = edge.logged(path).await;
            let told = (line["origin"].as_str(), line["target"].as_str());
            assert_eq!(told, (Some("second"), Some(&*second.to_string())), "{line}");
            assert!(line.get("fault").is_none(), "{line}");
        }
    });
}

#[test]
fn a_primary_that_nobody_listens_at_fails_over() {
    run(async {
        let second = Origin::start().await;
        let edge = Edge::start(&config(&gone().await, &second.to_string(), "")).await;
        second.answer("/a", Reply::text("second").cache("no-store"));
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let answer = edge.ask("GET", WWW, "/a").over(over).send().await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, "second"), "{answer:?}");
            let refused = edge.ask("POST", WWW, "/a").over(over).body("order").send().await;
            assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{over:?} {refused:?}");
        }
        assert!(second.seen("/a").iter().all(|it| it.method == http::Method::GET));
    });
}

#[test]
fn all_targets_of_the_primary_are_tried_first() {
    run(async {
        let (first, second) = (Origin::start().await, Origin::start().await);
        for (origin, text) in [(&first, "first"), (&second, "second")] {
            origin.answer("/a", Reply::text(text).cache("no-store"));
        }
        let (dead, deader) = (gone().await, gone().await);
        for (other, text) in [(&first.to_string(), "first"), (&deader, "second")] {
            let targets = format!("{dead}\", \"{other}");
            let edge = Edge::start(&config(&targets, &second.to_string(), "")).await;
            for _ in 0..3 {
                assert_eq!(edge.get(WWW, "/a").await.text(), text);
            }
        }
        assert_eq!(second.seen("/a").len(), 3);
    });
}

#[test]
fn what_breaks_off_in_the_middle_has_begun() {
    run(async {
        let (first, second, edge) = site("").await;
        for (path, cache) in [("/a", "no-store"), ("/b", "max-age=60")] {
            let reply = Reply::stream().length(100).send("first").cache(cache).then_hang_up();
            first.answer(path, reply);
            second.answer(path, Reply::text("second"));
            // The head may be overtaken by the news.
            let answer = edge.ask("GET", WWW, path).attempt().await;
            assert!(answer.is_err() || answer.unwrap().status == StatusCode::BAD_GATEWAY, "{path}");
            assert_eq!((first.seen(path).len(), second.seen(path).len()), (1, 0), "{path}");
        }
    });
}

#[test]
fn other_statuses_and_other_methods_stay_the_primarys() {
    run(async {
        let (first, second, edge) = site("").await;
        for status in [200, 301, 400, 410, 501, 502, 504] {
            let path = format!("/{status}");
            first.answer(&path, Reply::text("first").status(status).cache("no-store"));
            second.answer(&path, Reply::text("second"));
            let answer = edge.get(WWW, &path).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (status, "first"));
            assert_eq!(second.seen(&path).len(), 0, "{status}");
        }
        for (path, trouble) in troubles() {
            first.answer(path, trouble);
            second.answer(path, Reply::text("second"));
            for method in ["POST", "PUT", "DELETE", "PATCH"] {
                let answer = edge.ask(method, WWW, path).body("order").send().await;
                let status = match path {
                    "/hang-up" => "502",
                    "/silent" => "504",
                    path => path.trim_start_matches('/'),
                };
                assert_eq!(answer.status.as_str(), status, "{method} {path}");
            }
            assert_eq!(second.seen(path).len(), 0, "{path}");
        }
    });
}

#[test]
fn what_the_secondary_answers_is_stored_under_the_same_key() {
    run(async {
        let (first, second, edge) = site("").await;
        first.answer("/a", Reply::text("down").status(503));
        second.answer("/a", Reply::text("second").cache("max-age=60").field("etag", "\"2\""));
        let miss = edge.get(WWW, "/a").await;
        assert_eq!((miss.text(), &*miss.cache()), ("second", "Miss"));
        let said = miss.field("cache-status");
        assert!(said.contains("fwd-status=200") && said.contains("stored"), "{said}");
        // Whoever answers now: it is stored.
        first.answer("/a", Reply::text("first").cache("max-age=60"));
        let hit = edge.get(WWW, "/a").await;
        assert_eq!((hit.text(), &*hit.cache()), ("second", "Hit"));
        let known = edge.ask("GET", WWW, "/a").field("if-none-match", "\"2\"").send().await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
        assert_eq!((first.seen("/a").len(), second.seen("/a").len()), (1, 1));
        let told = edge.invalidate(r#"{"paths":["/a"]}"#).await.json();
        assert_eq!(told["matched"], 1, "{told}");
        assert_eq!(edge.get(WWW, "/a").await.text(), "first");
    });
}

#[test]
fn a_listed_status_of_the_primary_is_not_stored_and_the_secondarys_is_shown() {
    run(async {
        let (first, second, edge) = site("").await;
        first.answer("/a", Reply::text("first").status(404).cache("max-age=60"));
        second.answer("/a", Reply::text("second").status(404).cache("max-age=60"));
        for cache in ["Miss", "Hit"] {
            let answer = edge.get(WWW, "/a").await;
            let got = (answer.status.as_u16(), answer.text(), answer.cache());
            assert_eq!(got, (404, "second", cache.to_owned()), "{answer:?}");
        }
    });
}

#[test]
fn both_down_is_an_error_of_the_edges_or_what_is_stored() {
    run(async {
        let (first, second, edge) = site("").await;
        let stale = Reply::text("stored").cache("max-age=1, stale-if-error=9000");
        first.answer("/stored", stale.field("age", "100"));
        assert_eq!(edge.get(WWW, "/stored").await.text(), "stored");
        for path in ["/stored", "/none"] {
            first.answer(path, Reply::text("down").status(500));
            second.answer(path, Reply::hang_up());
        }
        for _ in 0..2 {
            let answer = edge.get(WWW, "/none").await;
            assert_eq!((answer.status.as_u16(), &*answer.cache()), (502, "Error"), "{answer:?}");
            let answer = edge.get(WWW, "/stored").await;
            let got = (answer.status.as_u16(), answer.text(), answer.cache());
            assert_eq!(got, (200, "stored", "Hit".to_owned()), "{answer:?}");
        }
        let line = edge.logged("/none").await;
        assert_eq!(
            (&line["origin"], &line["fault"]),
            (&"second".into(), &"hung-up".into()),
            "{line}"
        );

        let edge = Edge::start(&config(&gone().await, &gone().await, "")).await;
        let answer = edge.get(WWW, "/a").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        let line = edge.logged("/a").await;
        assert_eq!(
            (&line["origin"], &line["fault"]),
            (&"second".into(), &"no-target".into()),
            "{line}"
        );
    });
}

#[test]
fn what_is_stale_is_asked_about_at_the_secondary_too() {
    run(async {
        let (first, second, edge) = site("").await;
        let reply = Reply::text("first").cache("max-age=60").field("etag", "\"1\"");
        first.answer("/a", reply.field("age", "100"));
        assert_eq!(edge.get(WWW, "/a").await.text(), "first");
        first.answer("/a", Reply::text("down").status(500));
        let valid = Reply::text("").status(304).cache("max-age=60").field("etag", "\"1\"");
        second.answer("/a", valid);
        let answer = edge.get(WWW, "/a").await;
        assert_eq!((answer.text(), &*answer.cache()), ("first", "RefreshHit"), "{answer:?}");
        let seen = second.seen("/a").pop().unwrap();
        assert_eq!(seen.field("if-none-match"), "\"1\"");
        let answer = edge.get(WWW, "/a").await;
        assert_eq!((answer.text(), &*answer.cache()), ("first", "Hit"), "{answer:?}");
    });
}

#[test]
fn an_error_page_is_for_what_both_could_not_answer() {
    run(async {
        let pages =
            r#"error_pages = [{ status = [404, 502], page = "/oops.html", respond = 200 }]"#;
        let (first, second, edge) = site(pages).await;
        // The page has two origins as well.
        second.answer("/oops.html", Reply::text("oops").cache("max-age=60"));
        first.answer("/only-second", Reply::text("no").status(404));
        second.answer("/only-second", Reply::text("second"));
        for (path, status, text) in [("/only-second", 200, "second"), ("/neither", 200, "oops")] {
            let answer = edge.get(WWW, path).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (status, text), "{answer:?}");
        }
        first.answer("/down", Reply::hang_up());
        second.answer("/down", Reply::hang_up());
        assert_eq!(edge.get(WWW, "/down").await.text(), "oops");
    });
}

#[test]
fn waiters_share_what_the_secondary_answers() {
    run(async {
        let (first, second, edge) = site("").await;
        let gate = Gate::closed();
        first.answer("/a", Reply::text("down").status(500).held_by(&gate));
        second.answer("/a", Reply::text("second {n}").cache("max-age=60"));
        let ask = || edge.get(WWW, "/a");
        let opened = async {
            edge.connected(3).await;
            first.reached("/a", 1).await;
            gate.open();
        };
        let (a, b, c, ()) = tokio::join!(ask(), ask(), ask(), opened);
        for answer in [a, b, c] {
            assert_eq!(answer.text(), "second 001");
        }
        assert_eq!((first.seen("/a").len(), second.seen("/a").len()), (1, 1));
    });
}

#[test]
fn a_bucket_stands_in_for_a_bucket_and_each_is_asked_with_its_own_signature() {
    run(async {
        let (first, second) = (TestBucket::start().await, TestBucket::start().await);
        first.put("a.txt", "text/plain", b"first").await;
        for (key, body) in [("a.txt", "second"), ("b.txt", "second"), ("größe 1.txt", "second")] {
            second.put(key, "text/plain", body.as_bytes()).await;
        }
        let origin = |name: &str, bucket: &TestBucket| {
            let site = bucket.site(&in_file(SECRET), "");
            let (origin, _) = site.split_once("[sites.www]").unwrap();
            origin.replace("[origins.web.s3]", &format!("[origins.{name}.s3]"))
        };
        let both = format!("{}{}", origin("first", &first), origin("second", &second));
        let main = r#"
[origins.main]
primary = "first"
secondary = "second"
on = [403, 404, 500, 502, 503, 504]

[sites.www]
hosts = ["www.example.test"]
origin = "main"
"#;
        let edge = Edge::start(&format!("{both}{main}")).await;
        for (path, text, origin) in [
            ("/a.txt", "first", "first"),
            ("/b.txt?any=query", "second", "second"),
            ("/gr%C3%B6%C3%9Fe%201.txt", "second", "second"),
        ] {
            for cache in ["Miss", "Hit"] {
                let answer = edge.get(WWW, path).await;
                assert_eq!((answer.text(), &*answer.cache()), (text, cache), "{path} {answer:?}");
            }
            assert_eq!(edge.logged(path).await["origin"], origin, "{path}");
        }
        assert_eq!(edge.get(WWW, "/none.txt").await.status, StatusCode::NOT_FOUND);
        drop(first);
        assert_eq!(edge.get(WWW, "/b.txt?other").await.cache(), "Hit");
        edge.invalidate(r#"{"paths":["/*"]}"#).await;
        assert_eq!(edge.get(WWW, "/a.txt").await.text(), "second");
        drop(second);
        edge.invalidate(r#"{"paths":["/*"]}"#).await;
        assert_eq!(edge.get(WWW, "/a.txt").await.status, StatusCode::BAD_GATEWAY);
    });
}

#[test]
fn an_app_stands_in_for_a_bucket() {
    run(async {
        let (bucket, app) = (TestBucket::start().await, Origin::start().await);
        bucket.put("a.txt", "text/plain", b"object").await;
        app.answer("/app", Reply::text("app").cache("no-store"));
        let site =
            bucket.site(&in_file(SECRET), "").replace("origin = \"web\"", "origin = \"main\"");
        let rest = format!(
            r#"
[origins.app]
targets = ["{app}"]

[origins.main]
primary = "web"
secondary = "app"
on = [403, 404]
"#
        );
        let edge = Edge::start(&format!("{site}{rest}")).await;
        assert_eq!(edge.get(WWW, "/a.txt").await.text(), "object");
        let ask = edge.ask("GET", WWW, "/app?q=1").field("cookie", "a=b");
        assert_eq!(ask.send().await.text(), "app");
        let seen = app.seen("/app").pop().unwrap();
        // The primary's defaults hold for both, and no signature goes to the app.
        assert_eq!((&*seen.target, seen.field("cookie")), ("/app", ""));
        assert_eq!((seen.field("authorization"), seen.field("x-amz-date")), ("", ""));
        assert_eq!(seen.field("host"), WWW);
    });
}
