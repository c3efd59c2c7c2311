//! The commands that ask a running node: for people, and as JSON for scripts.

use serde_json::{Value, json};

use crate::q_keys::as_key;
use crate::support::edge::before;
use crate::support::program::Ended;
use crate::support::{Edge, Gate, Origin, Reply, Setup, WWW, run, run_within};

#[test]
fn invalidating_says_what_it_took() {
    run(async {
        let (_origin, edge) = site().await;
        for (words, says, json) in [
            (&["--tag", "RED"][..], "invalidated 1 stored response (", json!({ "tags": ["red"] })),
            (&["--tag=red", "/b"], "invalidated 2 stored responses (", json!({ "paths": ["/b"] })),
            (&["--soft", "/a"], "marked 1 stored response (", json!({ "soft": true })),
            (
                &["--site", "www", "/*"],
                "invalidated 2 stored responses (",
                json!({ "site": "www" }),
            ),
            (
                &["--dry-run", "/*"],
                "would invalidate 2 stored responses (",
                json!({ "dry_run": true }),
            ),
            (
                &["--dry-run", "--soft", "/a"],
                "would mark 1 stored response (",
                json!({ "soft": true }),
            ),
            (
                &["--reference", "r-1", "/none"],
                "invalidated 0 stored",
                json!({ "reference": null }),
            ),
            (
                &["--reference", "r-1", "/none"],
                "already done",
                json!({ "reference": "r-1", "repeated": true }),
            ),
        ] {
            warm(&edge).await;
            let told = invalidate(&edge, words).await;
            assert_eq!((told.code, &*told.stderr), (0, ""), "{words:?}: {told:?}");
            assert!(told.stdout.starts_with(says), "{words:?}: {told:?}");
            assert_eq!(told.stdout.lines().count(), 1, "{words:?}: {told:?}");
            if json["reference"].is_null() && words.contains(&"r-1") {
                continue;
            }
            warm(&edge).await;
            let told = invalidate(&edge, &[words, &["--json"]].concat()).await;
            let shown: Value = serde_json::from_str(&told.stdout).unwrap();
            for (name, value) in json.as_object().unwrap() {
                assert_eq!(shown[name], *value, "{words:?}: {shown}");
            }
        }
    });
}

#[test]
fn a_prefetch_is_waited_for_unless_it_is_said_otherwise() {
    run(async {
        let (origin, edge) = site().await;
        let map = "<urlset><url><loc>https://www.example.test/b</loc></url></urlset>";
        origin.answer("/sitemap.xml", Reply::text(map).cache("max-age=600"));
        for (words, says, code) in [
            (&["--prefetch", "/a"][..], "prefetched 1 URL", 0),
            (&["--prefetch=/a", "--prefetch=/b", "/*"], "prefetched 2 URLs", 0),
            (&["--sitemap", "/sitemap.xml", "/*"], "prefetched 1 URL", 0),
            (&["--prefetch=/a", "--prefetch=/none", "/*"], "prefetched 1 URL, 1 failed: /none", 0),
            (&["--prefetch=/none", "/*"], "prefetched 0 URLs, 1 failed: /none", 1),
        ] {
            let told = invalidate(&edge, words).await;
            assert_eq!(told.code, code, "{words:?}: {told:?}");
            let last = told.stdout.lines().last().unwrap();
            assert!(last.starts_with(says), "{words:?}: {told:?}");
            assert!(!told.stdout.contains('\r') && !told.stderr.contains('\u{1b}'), "{told:?}");
            let told = invalidate(&edge, &[words, &["--json"]].concat()).await;
            let shown: Value = serde_json::from_str(&told.stdout).unwrap();
            assert_eq!((&shown["status"], told.code), (&json!("completed"), code), "{shown}");
        }
        assert_eq!(edge.get(WWW, "/b").await.status, 200);

        let gate = Gate::closed();
        origin.answer("/slow", Reply::text("slow").cache("max-age=600").held_by(&gate));
        let told = invalidate(&edge, &["--prefetch=/slow", "--no-wait", "--json", "/*"]).await;
        let shown: Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!((told.code, &shown["status"]), (0, &json!("in-progress")), "{shown}");
        let id = shown["id"].as_str().unwrap();
        let listed = edge.setup().command(&["invalidations"]).await;
        assert!(listed.stdout.contains("in-progress (") && listed.code == 0, "{listed:?}");
        let waiting = invalidate(&edge, &["--prefetch=/slow", "--reference=w", "/*"]);
        let opens = async {
            // The second waits behind the first.
            while edge
                .control("GET", "/invalidations", "")
                .await
                .text()
                .matches("in-progress")
                .count()
                < 2
            {
                tokio::task::yield_now().await;
            }
            gate.open();
        };
        let (told, ()) = tokio::join!(waiting, opens);
        assert_eq!(told.code, 0, "{told:?}");
        assert!(told.stdout.contains("prefetched 1 URL"), "{told:?}");
        edge.completed(id).await;
    });
}

#[test]
fn a_key_that_may_only_invalidate_waits_for_what_it_ordered() {
    run(async {
        let (_origin, edge) = site().await;
        let key = edge.created_key("ci", &json!([{ "action": ["invalidate"] }])).await;
        let key = key["token"].as_str().unwrap();
        let words = ["invalidate", "--prefetch", "/a", "/none"];
        let told = as_key(&edge, key, &words).await;
        assert_eq!((told.code, &*told.stderr), (0, ""), "{told:?}");
        assert!(told.stdout.contains("prefetched 1 URL, 1 failed: /none"), "{told:?}");
        let listed = as_key(&edge, key, &["invalidations"]).await;
        assert_eq!(listed.code, 1, "{listed:?}");
    });
}

#[test]
fn invalidations_are_listed_and_told_one_by_one() {
    run(async {
        let (_origin, edge) = site().await;
        let empty = edge.setup().command(&["invalidations"]).await;
        assert_eq!((empty.code, empty.stdout.trim_end()), (0, "there are none"), "{empty:?}");
        for nth in 0..3 {
            let reference = format!("--reference=build-{nth}");
            invalidate(&edge, &[&*reference, "--tag=x", "/a", "/b*"]).await;
        }
        let listed = edge.setup().command(&["invalidations", "--limit", "2"]).await;
        assert_eq!(listed.code, 0, "{listed:?}");
        for (words, is_there) in [
            ("build-2", true),
            ("build-1", true),
            ("build-0", false),
            ("/a +2", true),
            ("there are older ones: --after I", true),
        ] {
            assert_eq!(listed.stdout.contains(words), is_there, "{words}: {listed:?}");
        }
        let after = listed.stdout.lines().last().unwrap().rsplit(' ').next().unwrap();
        let older = edge.setup().command(&["invalidations", "--after", after, "--json"]).await;
        let older: Value = serde_json::from_str(&older.stdout).unwrap();
        let older = older["invalidations"].as_array().unwrap();
        assert_eq!((older.len(), &older[0]["reference"]), (1, &json!("build-0")));
        let id = older[0]["id"].as_str().unwrap();
        let one = edge.setup().command(&["invalidations", id]).await;
        for words in [id, "build-0", "/a, /b*", "completed", "hard"] {
            assert!(one.stdout.contains(words), "{words}: {one:?}");
        }
        for (words, code) in [
            (&["invalidations", "INONE"][..], 1),
            (&["invalidations", "--after", "INONE"], 1),
            (&["invalidations", "--site", "none"], 1),
            (&["invalidations", "--limit", "0"], 2),
            (&["invalidations", "--limit", "1001"], 2),
            (&["invalidations", id, "--site", "www"], 2),
        ] {
            refused(&edge.setup().command(words).await, code, words);
        }
    });
}

#[test]
fn inspecting_tells_why() {
    run(async {
        let (_origin, edge) = site().await;
        let url = "https://www.example.test/a";
        let told = inspect(&edge, &[url]).await;
        assert!(told.contains("next      miss (uri-miss): ") && told.contains("nothing"), "{told}");
        warm(&edge).await;
        let told = inspect(&edge, &[url]).await;
        for words in ["next      hit: ", "site      www", "max-age=600", "live", "red", "GET "] {
            assert!(told.contains(words), "{words}: {told}");
        }
        let done = invalidate(&edge, &["--json", "/a"]).await;
        let done: Value = serde_json::from_str(&done.stdout).unwrap();
        let told = inspect(&edge, &[url, "-H", "Accept-Language: en", "-X", "HEAD"]).await;
        assert!(told.contains(done["id"].as_str().unwrap()) && told.contains("HEAD "), "{told}");
        let told: Value = serde_json::from_str(&inspect(&edge, &[url, "--json"]).await).unwrap();
        assert_eq!(told["next"]["cache"], "miss");
        for (words, code) in [
            (&["inspect"][..], 2),
            (&["inspect", "https://nobody.example.net/"], 1),
            (&["inspect", "/a"], 1),
            (&["inspect", url, "-H", "nonsense"], 1),
            (&["inspect", url, "--nonsense"], 2),
        ] {
            refused(&edge.setup().command(words).await, code, words);
        }
    });
}

#[test]
fn wrong_usage_is_2_and_a_refusal_is_1() {
    run_within(std::time::Duration::from_mins(1), async {
        let (_origin, edge) = site().await;
        for (words, code) in [
            (&["invalidate"][..], 2),
            (&["invalidate", "--tag"], 2),
            (&["invalidate", "--nonsense", "/*"], 2),
            (&["invalidate", "no-slash"], 1),
            (&["invalidate", "--tag", "a b"], 1),
            (&["invalidate", "--site", "none", "/*"], 1),
            (&["invalidate", "--prefetch", "/a*"], 1),
            (&["invalidate", "--site", "www"], 2),
            (&["invalidate", "#a"], 2),
            (&["invalidate", "--tag", "#a"], 2),
            (&["invalidate", "--no-wait", "/a"], 2),
            (&["invalidate", "--prefetch=/a", "--dry-run", "/a"], 2),
            (&["invalidate", "--reference=1", "--dry-run", "/a"], 2),
            (&["invalidate", "--sitemap=sitemap.xml", "/a"], 1),
            (&["keys"], 2),
            (&["keys", "create"], 2),
            (&["keys", "rotate", "NONE"], 1),
            (&["keys", "revoke", "NONE"], 1),
        ] {
            refused(&edge.setup().command(words).await, code, words);
            if code == 1 {
                let json = edge.setup().command(&[words, &["--json"]].concat()).await;
                assert_eq!(json.code, 1, "{words:?}: {json:?}");
                let problem: Value = serde_json::from_str(&json.stdout).unwrap();
                assert!(problem["detail"].is_string(), "{words:?}: {problem}");
            }
        }
        let listed = edge.control("GET", "/invalidations", "").await.json();
        assert_eq!(listed["invalidations"], json!([]), "nothing was done");
    });
}

#[test]
fn a_node_that_is_down_is_said_in_a_sentence() {
    run(async {
        let setup = Setup::new(&before(&["127.0.0.1:9".parse().unwrap()]));
        for words in [
            &["invalidate", "/*"][..],
            &["invalidations"],
            &["inspect", "https://www.example.test/"],
            &["keys", "list"],
            &["keys", "create", "ci", "--allow", "read"],
        ] {
            refused(&setup.command(words).await, 1, words);
        }
        // It ran once: there is a key, and nobody to show it to.
        let setup = setup.start().await.kill().await;
        for words in [&["invalidate", "/*"][..], &["invalidations"], &["keys", "list"]] {
            let told = setup.command(words).await;
            refused(&told, 1, words);
            assert!(told.stderr.contains(&setup.admin.to_string()), "{words:?}: {told:?}");
        }
    });
}

/// One sentence, or clap's words on what would be right, on the standard error.
#[track_caller]
fn refused(told: &Ended, code: i32, words: &[&str]) {
    assert_eq!((told.code, &*told.stdout), (code, ""), "{words:?}: {told:?}");
    assert!(!told.stderr.is_empty(), "{words:?}: {told:?}");
    assert!(!told.stderr.contains("panicked"), "{words:?}: {told:?}");
    if code == 1 {
        assert_eq!(told.stderr.trim_end().lines().count(), 1, "{words:?}: {told:?}");
    }
}

async fn invalidate(edge: &Edge, words: &[&str]) -> Ended {
    edge.setup().command(&[&["invalidate"], words].concat()).await
}

async fn inspect(edge: &Edge, words: &[&str]) -> String {
    let told = edge.setup().command(&[&["inspect"], words].concat()).await;
    assert_eq!((told.code, &*told.stderr), (0, ""), "{words:?}: {told:?}");
    told.stdout
}

/// Makes both paths hits that nothing has marked.
async fn warm(edge: &Edge) {
    edge.invalidate(r#"{"paths":["/*"]}"#).await;
    for path in ["/a", "/b"] {
        edge.get(WWW, path).await;
        assert_eq!(edge.get(WWW, path).await.cache(), "Hit", "{path}");
    }
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/a", Reply::text("a").cache("max-age=600").field("cache-tag", "red"));
    origin.answer("/b", Reply::text("b").cache("max-age=600"));
    let edge = Edge::start(&before(&[origin.address()]).replace("allow-all", "https-only")).await;
    (origin, edge)
}
