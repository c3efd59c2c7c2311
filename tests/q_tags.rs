//! Tags: what an origin says, what is taken by it, and that no client ever sees it.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::edge::before;
use crate::support::sigv4::{Unsigned, element};
use crate::support::{Aws, Edge, Origin, Over, Reply, Setup, TestBucket, WWW, run, run_within};

#[test]
fn tags_are_read_as_origins_write_them() {
    run_within(std::time::Duration::from_mins(1), async {
        let (origin, edge) = site("").await;
        let (longest, too_long) = ("x".repeat(256), "x".repeat(257));
        let many = |range: std::ops::Range<usize>| -> Vec<String> {
            range.map(|nth| format!("t{nth:02}")).collect()
        };
        let (fifty, more) = (many(0..50).join(","), many(0..51).join(", "));
        let first = many(0..50).join(" ");
        for (nth, (fields, taken, stays)) in [
            (&[("cache-tag", "red")][..], &["red", "RED"][..], &["re", "redd", "x"][..]),
            (&[("cache-tag", " Red ,blue,, green")], &["red", "Blue", "green"], &["red,blue"]),
            (&[("cache-tag", "red"), ("cache-tag", "blue")], &["red", "blue"], &[]),
            (&[("surrogate-key", "post-1 Author/2")], &["post-1", "author/2"], &["post-1,"]),
            (&[("surrogate-key", "a"), ("cache-tag", "b")], &["a", "b"], &["c"]),
            (&[("surrogate-key", "a  b "), ("surrogate-key", "c")], &["a", "b", "c"], &["d"]),
            (&[("cache-tag", "two words, ü, ok")], &["ok"], &["two", "words"]),
            (&[("cache-tag", "a:b;c=\"d\"#/e")], &["a:b;c=\"d\"#/e", "A:B;C=\"D\"#/E"], &["a:b"]),
            (&[("cache-tag", &*longest)], &[&*longest], &["x"]),
            (&[("cache-tag", &*too_long), ("cache-tag", "y")], &["y"], &[&*longest, "x"]),
            (&[("cache-tag", &*fifty)], &["t00", "t49"], &["t50"]),
            (&[("cache-tag", &*more)], &["t00", "t49"], &["t50"]),
            (&[("cache-tag", &*first), ("surrogate-key", &first)], &["t00", "t49"], &["t50"]),
            (&[("cache-tag", "")], &[], &["a"]),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{nth}");
            let mut reply = Reply::text("{n}").cache("max-age=600");
            for (name, value) in fields {
                reply = reply.field(name, value);
            }
            origin.answer(&path, reply);
            taken_by(&edge, &json!({ "paths": ["/*"] })).await;
            let stays = stays.iter().map(|tag| (tag, 0, "Hit"));
            for (tag, matched, cache) in stays.chain(taken.iter().map(|tag| (tag, 1, "Miss"))) {
                edge.get(WWW, &path).await;
                let done = edge.invalidate(&json!({ "tags": [tag] }).to_string()).await;
                if tag.contains(',') {
                    assert_eq!(done.status, StatusCode::BAD_REQUEST, "{tag}");
                } else {
                    assert_eq!(done.json()["matched"], matched, "{tag}: {}", done.text());
                }
                let answer = edge.get(WWW, &path).await;
                assert_eq!(answer.cache(), cache, "{fields:?} after {tag}");
            }
        }
    });
}

#[test]
fn no_client_ever_sees_a_tag() {
    run(async {
        for header in ["cache-tag", "x-my-tags"] {
            let (origin, edge) = site(&format!("tags_header = \"{header}\"")).await;
            let tagged =
                |reply: Reply| reply.field(header, "secret").field("surrogate-key", "secret");
            let page = Reply::text("0123456789").field("etag", "\"e\"");
            let good = Reply::stream().status(304).field("etag", "\"e\"");
            for (path, reply) in [
                ("/kept", page.clone().cache("max-age=600")),
                ("/not-kept", page.clone().cache("no-store")),
                (
                    "/stale",
                    page.clone().cache("max-age=1, stale-while-revalidate=9").field("age", "5"),
                ),
                ("/gone", Reply::text("gone").status(404)),
                ("/gone-for-a-while", Reply::text("gone").status(404).cache("max-age=60")),
                ("/broken", Reply::text("broken").status(500)),
                ("/moved", Reply::text("").status(301).field("location", "/kept")),
                ("/good", good.cache("no-cache")),
                ("/parts", page.cache("max-age=600")),
            ] {
                origin.answer(path, tagged(reply));
            }
            for over in [Over::Plain, Over::Http1, Over::Http2] {
                for (method, path, field) in [
                    ("GET", "/kept", None),
                    ("GET", "/kept", None),
                    ("HEAD", "/kept", None),
                    ("GET", "/kept", Some(("if-none-match", "\"e\""))),
                    ("GET", "/kept", Some(("range", "bytes=2-4"))),
                    ("GET", "/kept", Some(("range", "bytes=20-"))),
                    ("GET", "/parts", Some(("range", "bytes=0-1,4-5"))),
                    ("GET", "/not-kept", None),
                    ("HEAD", "/not-kept", None),
                    ("GET", "/stale", None),
                    ("GET", "/stale", None),
                    ("GET", "/gone", None),
                    ("GET", "/gone-for-a-while", None),
                    ("GET", "/gone-for-a-while", None),
                    ("GET", "/broken", None),
                    ("GET", "/moved", None),
                    ("GET", "/good", Some(("if-none-match", "\"e\""))),
                    ("POST", "/kept", None),
                    ("OPTIONS", "/not-kept", None),
                ] {
                    let ask = edge.ask(method, WWW, path).over(over);
                    let ask =
                        field.into_iter().fold(ask, |ask, (name, value)| ask.field(name, value));
                    let answer = ask.send().await;
                    assert!(answer.fields.contains_key("cache-status"), "{path}: {answer:?}");
                    let shown = format!("{:?}", answer.fields);
                    assert!(!shown.contains("secret"), "{method} {path} {field:?}: {shown}");
                    assert!(!answer.fields.contains_key(header), "{method} {path}: {shown}");
                }
            }
        }
    });
}

#[test]
fn a_bucket_tags_by_the_metadata_of_its_objects() {
    run(async {
        // A bucket that says what the test wants.
        let origin = Origin::start().await;
        let keys = "tags_header = \"x-amz-meta-cache-tag\"";
        let setup = Setup::new(&TestBucket::start().await.site("\"anonymous\"", keys));
        let endpoint = "\nendpoint = \"http://";
        setup.rewrite(endpoint, &format!("{endpoint}{origin}\" #"));
        let edge = setup.start().await;
        for (key, tags) in [("a", "red, Blue"), ("b", "red")] {
            let reply = Reply::text(key).field("x-amz-meta-cache-tag", tags);
            origin.answer(&format!("/web/{key}"), reply.field("x-amz-meta-other", "1"));
        }
        for (tag, caches) in [("blue", ["Miss", "Hit"]), ("Red", ["Miss", "Miss"])] {
            for path in ["/a", "/b"] {
                edge.get(WWW, path).await;
            }
            taken_by(&edge, &json!({ "tags": [tag] })).await;
            for (path, cache) in ["/a", "/b"].iter().zip(caches) {
                let answer = edge.get(WWW, path).await;
                assert_eq!(answer.cache(), cache, "{path} after {tag}");
                assert_eq!(answer.field("x-amz-meta-cache-tag"), "", "{answer:?}");
            }
        }
    });
}

#[test]
fn an_origin_that_says_still_good_may_tag_anew_or_say_nothing() {
    run(async {
        for (said, taken, stays) in
            [(None, "old", "new"), (Some("new"), "new", "old"), (Some(""), "", "old")]
        {
            let (origin, edge) = site("").await;
            let page = Reply::text("page").field("etag", "\"e\"").field("cache-tag", "old");
            origin.answer("/page", page.cache("max-age=1").field("age", "5"));
            edge.get(WWW, "/page").await;
            let good = Reply::stream().status(304).field("etag", "\"e\"").cache("max-age=600");
            let good = said.into_iter().fold(good, |good, tags| good.field("cache-tag", tags));
            origin.answer("/page", good);
            edge.get(WWW, "/page").await;
            assert_eq!(edge.get(WWW, "/page").await.cache(), "Hit", "{said:?}");
            origin.answer("/page", Reply::text("anew").cache("max-age=600"));
            taken_by(&edge, &json!({ "tags": [stays] })).await;
            assert_eq!(edge.get(WWW, "/page").await.text(), "page", "{said:?}");
            if !taken.is_empty() {
                taken_by(&edge, &json!({ "tags": [taken] })).await;
                assert_eq!(edge.get(WWW, "/page").await.text(), "anew", "{said:?}");
            }
        }
    });
}

#[test]
fn a_tag_is_taken_by_every_door() {
    run_within(std::time::Duration::from_mins(1), async {
        let (origin, edge) = site("id = \"E1\"").await;
        origin.answer("/page", Reply::text("{n}").cache("max-age=600").field("cache-tag", "Red"));
        origin.answer("/other", Reply::text("{n}").cache("max-age=600").field("cache-tag", "Blue"));
        for door in ["api", "command", "aws", "signed", "beside a path"] {
            for path in ["/page", "/other"] {
                edge.get(WWW, path).await;
            }
            match door {
                "api" => {
                    let dry = json!({ "tags": ["RED"], "dry_run": true });
                    let dry = edge.invalidate(&dry.to_string()).await.json();
                    assert_eq!((&dry["matched"], &dry["tags"]), (&json!(1), &json!(["red"])));
                    assert_eq!(edge.get(WWW, "/page").await.cache(), "Hit");
                    let done = taken_by(&edge, &json!({ "tags": ["RED", "red"] })).await;
                    assert_eq!(done["matched"], 1, "{done}");
                }
                "command" => {
                    let told = edge.setup().command(&["invalidate", "--tag", "rEd"]).await;
                    assert_eq!(told.code, 0, "{told:?}");
                    assert!(told.stdout.contains("1 stored response "), "{told:?}");
                }
                "aws" => {
                    let words =
                        ["create-invalidation", "--distribution-id", "E1", "--paths", "#Red"];
                    let told = Aws::of(&edge).prints(&words).await;
                    let items = &told["Invalidation"]["InvalidationBatch"]["Paths"]["Items"];
                    assert_eq!(items[0].as_str().map(str::to_lowercase), Some("#red".into()));
                    let id = told["Invalidation"]["Id"].as_str().unwrap();
                    assert_eq!(edge.invalidation(id).await["tags"], json!(["red"]));
                }
                "signed" => {
                    let told = Unsigned::invalidation(&edge, "E1", &["/none", "#red"]);
                    let told = told.send(&edge).await;
                    assert_eq!(element(told.text(), "Status"), "Completed", "{}", told.text());
                }
                _ => {
                    let done = json!({ "paths": ["/page", "/p*"], "tags": ["red", "none"] });
                    assert_eq!(taken_by(&edge, &done).await["matched"], 1);
                }
            }
            assert_eq!(edge.get(WWW, "/page").await.cache(), "Miss", "{door}");
            assert_eq!(edge.get(WWW, "/other").await.cache(), "Hit", "{door}");
        }
    });
}

#[test]
fn every_variant_that_is_tagged_goes_and_the_others_stay() {
    run(async {
        let (origin, edge) = site("").await;
        let in_language = async |language: &str| {
            edge.ask("GET", WWW, "/page").field("accept-language", language).send().await
        };
        for (language, tags) in [("en", "english, page"), ("de", "german, page")] {
            let reply = Reply::text(language).cache("max-age=600").field("vary", "accept-language");
            origin.answer("/page", reply.field("cache-tag", tags));
            in_language(language).await;
        }
        assert_eq!(taken_by(&edge, &json!({ "tags": ["german"] })).await["matched"], 1);
        assert_eq!(in_language("en").await.cache(), "Hit");
        assert_eq!(in_language("de").await.cache(), "Miss");
        assert_eq!(taken_by(&edge, &json!({ "tags": ["page"] })).await["matched"], 2);
        for language in ["en", "de"] {
            assert_eq!(in_language(language).await.cache(), "Miss", "{language}");
        }
    });
}

#[test]
fn a_tag_is_of_one_site_and_of_a_key_that_may_have_all_of_it() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/a/page", Reply::text("{n}").cache("max-age=600").field("cache-tag", "red"));
        let more = r#"
[sites.shop]
hosts = ["shop.example.test"]
origin = "app"
viewer = "allow-all"
"#;
        let edge = Edge::start(&(before(&[origin.address()]) + more)).await;
        let hosts = [WWW, "shop.example.test"];
        for host in hosts {
            edge.get(host, "/a/page").await;
        }
        let order = json!({ "tags": ["red"] }).to_string();
        let refused = edge.invalidate(&order).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "which site? {}", refused.text());
        let order = json!({ "site": "shop", "tags": ["red"] });
        for (allow, status) in [
            (json!([{ "action": ["invalidate"], "site": "shop", "paths": ["/a/*"] }]), 403),
            (json!([{ "action": ["invalidate"], "site": "www" }]), 403),
            (json!([{ "action": ["read"] }]), 403),
        ] {
            let name = format!("k{}", rand::random::<u32>());
            let key = edge.created_key(&name, &allow).await;
            let token = key["token"].as_str().unwrap();
            let answer = edge.invalidate_as(token, &order.to_string()).await;
            assert_eq!(answer.status, status, "{allow}: {}", answer.text());
            let id = edge.distribution("shop").await;
            let asked = Unsigned::invalidation(&edge, &id, &["/a/x", "#red"]).key(token);
            let answer = asked.send(&edge).await;
            assert_eq!(element(answer.text(), "Code"), "AccessDenied", "{allow}");
            for host in hosts {
                assert_eq!(edge.get(host, "/a/page").await.cache(), "Hit", "{allow}");
            }
        }
        let allow = json!([{ "action": ["invalidate"], "site": "shop" }]);
        let key = edge.created_key("whole", &allow).await;
        let answer = edge.invalidate_as(key["token"].as_str().unwrap(), &order.to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        assert_eq!(edge.get(WWW, "/a/page").await.cache(), "Hit");
        assert_eq!(edge.get("shop.example.test", "/a/page").await.cache(), "Miss");
    });
}

#[test]
fn what_is_no_tag_is_refused_and_nothing_changes() {
    run(async {
        let (_origin, edge) = site("id = \"E1\"").await;
        let long = "x".repeat(257);
        for tag in ["", "a b", "a,b", "ü", "a\tb", "a\nb", &long] {
            let refused = edge.invalidate(&json!({ "tags": [tag] }).to_string()).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{tag:?}");
            assert!(refused.json()["detail"].as_str().unwrap().contains("tag"), "{tag:?}");
            let refused = Unsigned::invalidation(&edge, "E1", &[&format!("#{tag}")]);
            let refused = refused.send(&edge).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{tag:?}: {}", refused.text());
        }
        let listed = edge.control("GET", "/invalidations", "").await.json();
        assert_eq!(listed["invalidations"], json!([]));
    });
}

/// The record of an invalidation that must be acknowledged.
async fn taken_by(edge: &Edge, order: &Value) -> Value {
    let answer = edge.invalidate(&order.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{order}: {}", answer.text());
    answer.json()
}

async fn site(keys: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::start(&(before(&[origin.address()]) + keys + "\n")).await;
    (origin, edge)
}
