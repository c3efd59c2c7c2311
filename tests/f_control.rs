//! Invalidations, and what is counted.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::bucket::{SECRET, in_file};
use crate::support::edge::before;
use crate::support::process::POLL;
use crate::support::{Edge, Origin, Reply, Setup, TestBucket, WWW, run};

#[test]
fn an_invalidation_takes_what_it_names_and_nothing_else() {
    run(async {
        let (_origin, edge) = site().await;
        for (order, taken) in [
            (r#"{"paths":["/a/1"]}"#, vec!["/a/1", "/a/1?q"]),
            (
                r#"{"paths":["/a/*"],"site":"www","tags":[],"soft":false}"#,
                vec!["/a/1", "/a/1?q", "/a/2"],
            ),
            (r#"{"paths":["/*/1"]}"#, vec!["/a/1", "/a/1?q", "/b/1"]),
            (r#"{"paths":["/a/1?q", "/b/1"]}"#, vec!["/a/1?q", "/b/1"]),
            (r#"{"paths":["/none"]}"#, vec![]),
            (r#"{"paths":["/*"]}"#, PATHS.to_vec()),
        ] {
            warm(&edge).await;
            let answer = edge.invalidate(order).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
            let body = answer.json();
            assert_eq!(body["status"], "completed");
            assert_eq!(body["matched"], taken.len(), "{order}");
            assert_eq!(body["site"], "www");
            assert!(body["bytes"].as_u64().unwrap() >= taken.len() as u64, "{body}");
            assert!(!body["created"].as_str().unwrap().is_empty());
            for path in PATHS {
                let cache = edge.get(WWW, path).await.cache();
                let expected = if taken.contains(&path) { "Miss" } else { "Hit" };
                assert_eq!(cache, expected, "{path} after {order}");
            }
        }
    });
}

#[test]
fn a_dry_run_counts_and_takes_nothing() {
    run(async {
        let (_origin, edge) = site().await;
        warm(&edge).await;
        let counted = edge.invalidate(r#"{"paths":["/a/*"],"dry_run":true}"#).await;
        assert_eq!((counted.status, counted.json()["matched"].as_u64()), (StatusCode::OK, Some(3)));
        for path in PATHS {
            assert_eq!(edge.get(WWW, path).await.cache(), "Hit", "{path}");
        }
    });
}

#[test]
fn a_reference_is_one_invalidation_across_a_restart() {
    run(async {
        let (_origin, edge) = site().await;
        let order = r#"{"paths":["/a/*"],"reference":"build-41"}"#;
        let first = edge.invalidate(order).await;
        assert_eq!(first.status, StatusCode::CREATED);
        warm(&edge).await;
        let again = edge.invalidate(order).await;
        assert_eq!((again.status, &again.json()["id"]), (StatusCode::OK, &first.json()["id"]));
        assert_eq!(edge.get(WWW, "/a/1").await.cache(), "Hit", "it was not done again");

        let edge = edge.restart().await;
        let again = edge.invalidate(order).await;
        assert_eq!((again.status, &again.json()["id"]), (StatusCode::OK, &first.json()["id"]));
        let other = edge.invalidate(r#"{"paths":["/b/*"],"reference":"build-41"}"#).await;
        assert_eq!(other.status, StatusCode::CONFLICT);
    });
}

#[test]
fn who_may_not_is_told_why() {
    run(async {
        let origin = Origin::start().await;
        let keys = r#"
[keys.deploy]
id = "DEPLOYKEY"
secret = "0123456789abcdef"
allow = [{ action = "invalidate", site = "www", paths = ["/assets/*"] }]

[keys.reader]
id = "READERKEY"
secret = "fedcba9876543210"
allow = [{ action = "read" }]
"#;
        let edge = Edge::start(&(before(&[origin.address()]) + keys)).await;
        let (deploy, reader) = ("DEPLOYKEY.0123456789abcdef", "READERKEY.fedcba9876543210");
        let root = edge.root_key();
        for (key, paths, status) in [
            (&*root, r#"["/*"]"#, 201),
            (deploy, r#"["/assets/a.js"]"#, 201),
            (deploy, r#"["/assets/*"]"#, 201),
            (deploy, r#"["/*"]"#, 403),
            (deploy, r#"["/assets/a.js", "/index.html"]"#, 403),
            (reader, r#"["/*"]"#, 403),
            ("DEPLOYKEY.0123456789abcdeX", r#"["/assets/*"]"#, 401),
            ("", r#"["/*"]"#, 401),
            (&*root, "[]", 400),
            (&*root, r#"["no-slash"]"#, 400),
        ] {
            let order = format!(r#"{{"paths":{paths}}}"#);
            let answer = edge.invalidate_as(key, &order).await;
            assert_eq!(answer.status, status, "{key} {paths}: {}", answer.text());
            if status != 201 {
                assert_eq!(answer.field("content-type"), "application/problem+json");
            }
        }
        edge.audited(|line| line["name"] == "deploy").await;
        assert!(!edge.process.stderr.text().contains("0123456789abcdef"));
    });
}

#[test]
fn the_command_prints_what_it_took() {
    run(async {
        let (_origin, edge) = site().await;
        warm(&edge).await;
        let setup = edge.setup();
        let dry = setup.command(&["invalidate", "--dry-run", "/a/*"]).await;
        assert_eq!(dry.code, 0, "{dry:?}");
        assert!(dry.stdout.starts_with("would invalidate 3 stored responses"), "{dry:?}");
        let done = setup.command(&["invalidate", "/*"]).await;
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.stdout.starts_with("invalidated 4 stored responses ("), "{done:?}");
        let json = setup.command(&["invalidate", "--json", "/*"]).await;
        let json: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json["matched"], 0);
        for (words, code) in [(&["invalidate", "none"][..], 1), (&["invalidate"], 2)] {
            let refused = setup.command(words).await;
            assert_eq!(refused.code, code, "{refused:?}");
            assert!(!refused.stderr.is_empty());
        }
    });
}

#[test]
fn the_command_says_when_no_edge_runs() {
    run(async {
        let setup = Setup::new(&before(&["127.0.0.1:9".parse().unwrap()]));
        let refused = setup.command(&["invalidate", "/*"]).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
    });
}

#[test]
fn invalidating_the_page_takes_the_deep_links_made_from_it() {
    run(async {
        let bucket = TestBucket::start().await;
        bucket.put("index.html", "text/html", b"old").await;
        let app = "default_root_object = \"index.html\"\nspa = \"/index.html\"";
        let edge = Edge::start(&bucket.site(&in_file(SECRET), app)).await;
        let page = async |path| {
            let ask = edge.ask("GET", WWW, path).field("accept", "text/html");
            ask.send().await.text().to_owned()
        };
        let paths = ["/", "/index.html", "/deep/link"];
        for path in paths {
            assert_eq!(page(path).await, "old", "{path}");
        }
        bucket.put("index.html", "text/html", b"new").await;
        for path in paths {
            assert_eq!(page(path).await, "old", "{path} is kept");
        }
        edge.invalidate(r#"{"paths":["/index.html"]}"#).await;
        for path in paths {
            assert_eq!(page(path).await, "new", "{path}");
        }
    });
}

#[test]
fn requests_are_counted_by_site() {
    run(async {
        let (_origin, edge) = site().await;
        for path in ["/a/1", "/a/1", "/a/1", "/none"] {
            edge.get(WWW, path).await;
        }
        let counted = async |cache: &str, status: u16| {
            let labels =
                format!(r#"{{behavior="*",cache="{cache}",site="www",status="{status}"}} "#);
            edge.metric(&format!("warmfront_requests_total{labels}")).await
        };
        // Each is counted when its answer is out.
        for (cache, status, expected) in [("miss", 200, 1), ("hit", 200, 2), ("miss", 404, 1)] {
            while counted(cache, status).await < expected {
                tokio::time::sleep(POLL).await;
            }
            assert_eq!(counted(cache, status).await, expected, "{cache} {status}");
        }
        edge.invalidate(&json!({ "paths": ["/*"] }).to_string()).await;
        assert_eq!(edge.metric(r#"warmfront_invalidations_total{site="www"} "#).await, 1);
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    for path in ["/a/1", "/a/2", "/b/1"] {
        origin.answer(path, Reply::text(path).cache("max-age=600"));
    }
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}

/// Makes every path of [`PATHS`] a hit.
async fn warm(edge: &Edge) {
    for path in PATHS {
        assert_eq!(edge.get(WWW, path).await.status, StatusCode::OK);
    }
}

const PATHS: [&str; 4] = ["/a/1", "/a/1?q", "/a/2", "/b/1"];
