//! What an invalidation names: every spelling and every form of it goes, and nothing else.

use http::StatusCode;
use serde_json::json;

use crate::n_signed;
use crate::support::bucket::{SECRET, in_file};
use crate::support::client::Answer;
use crate::support::coding::{CODINGS, decoded, prose};
use crate::support::edge::before;
use crate::support::signer::{Order, Signer};
use crate::support::sigv4::Unsigned;
use crate::support::{Edge, Origin, Over, Reply, TestBucket, WWW, run, run_within};

/// The two doors of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Own,
    Aws,
}

const DOORS: [Door; 2] = [Door::Own, Door::Aws];

#[test]
fn every_spelling_of_a_path_is_that_path() {
    run_within(std::time::Duration::from_mins(1), async {
        const STORED: [&str; 12] = [
            "/runtime~main.js",
            "/vendor%7Eapp.js",
            "/two%20words",
            "/a+b",
            "/%C3%BCn%c3%af",
            "/caf%c3%a9",
            "/A",
            "/dir",
            "/dir/",
            "/dir/a%2Fb",
            "/star*",
            "/100%25",
        ];
        let (_origin, edge) = site(&STORED, "").await;
        for (path, taken) in [
            ("/runtime%7Emain.js", "/runtime~main.js"),
            ("/runtime%7emain.js", "/runtime~main.js"),
            ("/runtime~main.js", "/runtime~main.js"),
            ("/vendor~app.js", "/vendor%7Eapp.js"),
            ("/vendor%7eapp.js", "/vendor%7Eapp.js"),
            ("/%76endor%7Eapp.js", "/vendor%7Eapp.js"),
            ("/two words", "/two%20words"),
            ("/two%20words", "/two%20words"),
            ("/a+b", "/a+b"),
            ("/a b", ""),
            ("/ünï", "/%C3%BCn%c3%af"),
            ("/%c3%bcn%C3%AF", "/%C3%BCn%c3%af"),
            ("/café", "/caf%c3%a9"),
            ("/caf%C3%A9", "/caf%c3%a9"),
            ("/a", ""),
            ("/A", "/A"),
            ("/dir", "/dir"),
            ("/dir/", "/dir/"),
            ("/dir/a%2fb", "/dir/a%2Fb"),
            ("/dir/a/b", "/dir/a%2Fb"),
            ("/star%2A", "/star*"),
            ("/100%25", "/100%25"),
        ] {
            for door in DOORS {
                goes(&edge, door, path, &STORED, &|stored| stored == taken).await;
            }
        }
    });
}

#[test]
fn wildcards_take_what_they_cover() {
    run(async {
        const STORED: [&str; 7] =
            ["/", "/a/1.js", "/a/1.css", "/a/b/1.js", "/ab", "/b/1.js", "/%C3%BC/1.js"];
        let (_origin, edge) = site(&STORED, "").await;
        for (path, taken) in [
            ("/a/*", &["/a/1.js", "/a/1.css", "/a/b/1.js"][..]),
            ("/a*", &["/a/1.js", "/a/1.css", "/a/b/1.js", "/ab"]),
            ("/%61/*", &["/a/1.js", "/a/1.css", "/a/b/1.js"]),
            ("/ü*", &["/%C3%BC/1.js"]),
            ("/*", &STORED),
        ] {
            for door in DOORS {
                goes(&edge, door, path, &STORED, &|stored| taken.contains(&stored)).await;
            }
        }
        for (path, taken) in [
            ("/*.js", &["/a/1.js", "/a/b/1.js", "/b/1.js", "/%C3%BC/1.js"][..]),
            ("/*/1.*", &["/a/1.js", "/a/1.css", "/a/b/1.js", "/b/1.js", "/%C3%BC/1.js"]),
            ("/a/*/1.js", &["/a/b/1.js"]),
        ] {
            goes(&edge, Door::Own, path, &STORED, &|stored| taken.contains(&stored)).await;
        }
    });
}

#[test]
fn a_path_takes_all_its_queries_and_a_query_takes_what_it_would_be_served() {
    run_within(std::time::Duration::from_mins(1), async {
        let queries = "\n[policies.some]\nquery = [\"x\"]\nttl = { default = \"1h\" }\n";
        for (policy, stored, orders) in [
            (
                "origin",
                &["/q", "/q?x=1", "/q?x=2", "/q?y=~", "/other?x=1"][..],
                &[
                    ("/q", &["/q", "/q?x=1", "/q?x=2", "/q?y=~"][..]),
                    ("/q*", &["/q", "/q?x=1", "/q?x=2", "/q?y=~"]),
                    ("/q?x=1", &["/q?x=1"]),
                    ("/q?y=%7E", &["/q?y=~"]),
                    ("/q?x=*", &["/q?x=1", "/q?x=2"]),
                    ("/q?x=3", &[]),
                    ("/*", &["/q", "/q?x=1", "/q?x=2", "/q?y=~", "/other?x=1"]),
                ][..],
            ),
            (
                "some",
                &["/q?y=9", "/q?x=1", "/q?x=2&y=3"],
                &[
                    ("/q", &["/q?y=9", "/q?x=1", "/q?x=2&y=3"][..]),
                    ("/q?x=1&y=7", &["/q?x=1"]),
                    ("/q?x=2", &["/q?x=2&y=3"]),
                    ("/q?y=1", &["/q?y=9"]),
                ],
            ),
            (
                "optimized",
                &["/q?x=1", "/other"],
                &[("/q", &["/q?x=1"][..]), ("/q?x=2", &["/q?x=1"]), ("/q?", &["/q?x=1"])],
            ),
        ] {
            let paths = ["/q", "/other"];
            let (_origin, edge) = site(&paths, &format!("policy = \"{policy}\"\n{queries}")).await;
            let both = DOORS.into_iter().flat_map(|door| orders.iter().map(move |it| (door, it)));
            for (door, (path, taken)) in both {
                goes(&edge, door, path, stored, &|stored| taken.contains(&stored)).await;
            }
        }
    });
}

#[test]
fn a_signed_url_takes_what_was_served_by_it() {
    run(async {
        let signer = Signer::start().await;
        let (_origin, edge) = n_signed::site(&signer, "id = 'E1'").await;
        let url = format!("{}?x=1", n_signed::URL);
        let [url, other] = signer.sign([Order::canned(&url), Order::custom(&url, &url)]).await;
        let (_, path) = url.split_once(WWW).unwrap();
        for door in DOORS {
            n_signed::get(&edge, &url).await;
            assert_eq!(n_signed::get(&edge, &other).await.cache(), "Hit");
            // As it is copied from a browser.
            assert_eq!(take(&edge, door, path).await.unwrap_or(1), 1, "{path}");
            assert_eq!(n_signed::get(&edge, &other).await.cache(), "Miss", "{door:?}");
        }
    });
}

#[test]
fn every_variant_and_every_method_of_a_path_goes_with_it() {
    run(async {
        let (origin, edge) = site(&[], "").await;
        let reply = Reply::text("{n} of the page").cache("max-age=600");
        origin.answer("/page", reply.field("vary", "accept-language, accept"));
        for door in DOORS {
            let forms = [("en", "text/html"), ("de", "text/html"), ("en", "*/*"), ("fr", "a/b")];
            let ask = async |method: &str, (language, accept): (&str, &str)| -> Answer {
                let ask = edge.ask(method, WWW, "/page").field("accept-language", language);
                ask.field("accept", accept).send().await
            };
            for form in forms {
                ask("GET", form).await;
                assert_eq!(ask("GET", form).await.cache(), "Hit", "{form:?}");
                assert_eq!(ask("HEAD", form).await.cache(), "Hit", "{form:?}");
            }
            let before = origin.seen("/page").len();
            assert_eq!(take(&edge, door, "/page").await, Some(4).filter(|_| door == Door::Own));
            assert_eq!(ask("HEAD", forms[0]).await.cache(), "Miss", "{door:?}");
            for form in forms {
                let answer = ask("GET", form).await;
                let number: usize = answer.text().split(' ').next().unwrap().parse().unwrap();
                assert!(number > before, "{form:?} by {door:?}: {number} after {before}");
            }
        }
        origin.answer("/page", Reply::text("0123456789 {n}").cache("max-age=600"));
        take(&edge, Door::Own, "/page").await;
        edge.get(WWW, "/page").await;
        let part = async || edge.ask("GET", WWW, "/page").field("range", "bytes=-3").send().await;
        let first = part().await;
        assert_eq!((first.status.as_u16(), &*first.cache()), (206, "Hit"));
        take(&edge, Door::Own, "/page").await;
        let second = part().await;
        assert_ne!(first.text(), second.text(), "{second:?}");
    });
}

#[test]
fn every_coding_of_a_body_goes_with_it() {
    run(async {
        let (origin, edge) = site(&[], "policy = \"optimized\"\n").await;
        let (old, new) = (prose(20_000), prose(21_000));
        let css = |body: &[u8]| Reply::bytes(body.to_vec()).field("content-type", "text/css");
        let in_coding = async |coding| {
            edge.ask("GET", WWW, "/a.css").field("accept-encoding", coding).send().await
        };
        for door in DOORS {
            origin.answer("/a.css", css(&old));
            take(&edge, door, "/a.css").await;
            for coding in CODINGS {
                assert!(decoded(&in_coding(coding).await) == old, "{coding}");
                assert_eq!(in_coding(coding).await.cache(), "Hit", "{coding}");
            }
            origin.answer("/a.css", css(&new));
            take(&edge, door, "/a.css").await;
            for coding in CODINGS {
                assert!(decoded(&in_coding(coding).await) == new, "{coding} by {door:?}");
            }
            assert!(edge.get(WWW, "/a.css").await.body == new, "{door:?}");
        }
    });
}

#[test]
fn what_was_made_from_a_page_goes_with_the_page() {
    run(async {
        let pages = r#"error_pages = [{ status = [404], page = "/oops.html", ttl = "10m" }]"#;
        let (origin, edge) = site(&["/here"], &format!("{pages}\n")).await;
        let oops = Reply::text("oops {n}").cache("max-age=600").field("content-type", "text/html");
        origin.answer("/oops.html", oops);
        for door in DOORS {
            let gone = edge.get(WWW, "/gone").await;
            assert_eq!((gone.status, gone.text()), (StatusCode::NOT_FOUND, gone.text()));
            assert_eq!(edge.get(WWW, "/gone").await.text(), gone.text(), "it is kept");
            edge.get(WWW, "/here").await;
            take(&edge, door, "/oops.html").await;
            assert_ne!(edge.get(WWW, "/gone").await.text(), gone.text(), "{door:?}");
            assert_eq!(edge.get(WWW, "/here").await.cache(), "Hit", "{door:?}");

            // By the path that was asked for, too: it may be there now.
            origin.answer("/gone", Reply::text("here").cache("max-age=600"));
            take(&edge, door, "/gone").await;
            assert_eq!(edge.get(WWW, "/gone").await.text(), "here", "{door:?}");
            origin.answer("/gone", Reply::text("not here").status(404));
            take(&edge, door, "/gone").await;
        }
    });
}

#[test]
fn a_bucket_is_invalidated_by_what_clients_ask_for() {
    run(async {
        let bucket = TestBucket::start().await;
        bucket.put("build/index.html", "text/html", b"old").await;
        bucket.put("build/a.js", "text/javascript", b"old").await;
        let app = "default_root_object = \"index.html\"\nspa = \"/index.html\"\nid = \"E1\"";
        let config = bucket.site(&in_file(SECRET), app);
        let config = config.replace("bucket = \"web\"", "bucket = \"web\"\nprefix = \"build/\"");
        let edge = Edge::start(&config).await;
        let page = async |path| {
            let ask = edge.ask("GET", WWW, path).field("accept", "text/html");
            ask.send().await.text().to_owned()
        };
        let all = ["/", "/index.html", "/deep/link", "/deep/er?q=1", "/a.js"];
        for (nth, (door, order, taken)) in [
            (Door::Own, "/index.html", &all[..4]),
            (Door::Aws, "/index.html", &all[..4]),
            (Door::Aws, "/*", &all),
            (Door::Own, "/deep/*", &all[2..4]),
            (Door::Own, "/build/a.js", &[]),
            (Door::Own, "/a.js", &all[4..]),
        ]
        .into_iter()
        .enumerate()
        {
            let new = format!("{nth}");
            take(&edge, Door::Own, "/*").await;
            let mut before = Vec::new();
            for path in all {
                before.push(page(path).await);
            }
            for (key, kind) in
                [("build/index.html", "text/html"), ("build/a.js", "text/javascript")]
            {
                bucket.put(key, kind, new.as_bytes()).await;
            }
            take(&edge, door, order).await;
            for (path, before) in all.iter().zip(before) {
                let is_new = taken.contains(path);
                let expected = if is_new { &new } else { &before };
                assert_eq!(page(path).await, *expected, "{path} after {order}");
            }
        }
    });
}

/// Stores what is `stored`, takes `path`, and sees that all that `is_taken` is gone, and only that.
async fn goes(
    edge: &Edge,
    door: Door,
    path: &str,
    stored: &[&str],
    is_taken: &dyn Fn(&str) -> bool,
) {
    for &stored in stored {
        let answer = edge.ask("GET", WWW, stored).over(Over::Plain).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{stored}");
    }
    let matched = take(edge, door, path).await;
    let expected = stored.iter().filter(|stored| is_taken(stored)).count();
    assert!(matched.is_none_or(|matched| matched == expected), "{path}: {matched:?}");
    for &stored in stored {
        let expected = if is_taken(stored) { "Miss" } else { "Hit" };
        let answer = edge.ask("GET", WWW, stored).over(Over::Plain).send().await;
        assert_eq!(answer.cache(), expected, "{stored} after {path} by {door:?}");
    }
}

/// Invalidates; how many stored responses it took, where that is told.
async fn take(edge: &Edge, door: Door, path: &str) -> Option<usize> {
    let answer = match door {
        Door::Own => edge.invalidate(&json!({ "paths": [path] }).to_string()).await,
        Door::Aws => Unsigned::invalidation(edge, "E1", &[path]).send(edge).await,
    };
    assert_eq!(answer.status, StatusCode::CREATED, "{path} by {door:?}: {}", answer.text());
    let matched = || usize::try_from(answer.json()["matched"].as_u64().unwrap()).unwrap();
    (door == Door::Own).then(matched)
}

/// An origin that answers these paths for ten minutes, and an edge before it.
async fn site(paths: &[&str], keys: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    for path in paths {
        origin.answer(path, Reply::text(path).cache("max-age=600"));
    }
    let edge = Edge::start(&(before(&[origin.address()]) + "id = \"E1\"\n" + keys)).await;
    (origin, edge)
}
