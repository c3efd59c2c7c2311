//! What is fetched after an invalidation is there before the first client.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use crate::n_signed;
use crate::support::coding::{CODINGS, decoded, prose};
use crate::support::edge::before;
use crate::support::signer::{self, Signer};
use crate::support::sigv4::{Unsigned, element};
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

#[test]
fn the_first_client_finds_it_in_every_coding_and_by_every_scheme() {
    run(async {
        let (origin, edge) = site("policy = \"optimized\"").await;
        let css = prose(20_000);
        let reply = Reply::bytes(css.clone()).field("content-type", "text/css");
        origin.answer("/a.css", reply.cache("max-age=600").field("cache-tag", "css"));
        origin.answer("/b.txt", Reply::text("b").cache("max-age=600"));
        let order = json!({ "tags": ["css"], "prefetch": ["/a.css", "/b.txt?x=1"] });
        let done = fetched(&edge, &order).await;
        assert_eq!(counts(&done), (2, 0, 2), "{done}");
        assert_eq!(done["prefetch"]["state"], "done");
        assert!(done["prefetch"]["finished"].is_string() && done["prefetch"]["detail"].is_null());
        let held = edge.inspected("https://www.example.test/a.css").await;
        let codings = held["variants"][0]["codings"].as_array().unwrap().len();
        assert_eq!(codings, CODINGS.len(), "they are ready before anybody asks: {held:#}");
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            for coding in CODINGS.into_iter().chain(["identity"]) {
                let ask = edge.ask("GET", WWW, "/a.css").over(over);
                let answer = ask.field("accept-encoding", coding).send().await;
                assert_eq!(answer.cache(), "Hit", "{coding} over {over:?}: {answer:?}");
                assert!(decoded(&answer) == css, "{coding} over {over:?}");
            }
            let answer = edge.ask("GET", WWW, "/b.txt").over(over).send().await;
            assert_eq!(answer.cache(), "Hit", "{answer:?}");
        }
        assert_eq!((origin.seen("/a.css").len(), origin.seen("/b.txt").len()), (2, 2));
        let stored = r#"warmfront_prefetch_requests_total{outcome="stored",site="www"} "#;
        assert!(edge.metric(stored).await >= 4);
        assert!(!edge.process.stdout.text().contains("user_agent\":\"warmfront"), "no client did");
    });
}

#[test]
fn clients_of_an_odd_port_find_it_where_the_origin_sees_theirs() {
    run(async {
        let origin = Origin::start().await;
        let varied = Reply::text("a").cache("max-age=600").field("vary", "accept-encoding");
        origin.answer("/a", varied);
        let edge = Edge::start(&before(&[origin.address()])).await;
        let done = fetched(&edge, &json!({ "paths": ["/*"], "prefetch": ["/a"] })).await;
        assert_eq!(counts(&done), (1, 0, 1), "{done}");
        let host = format!("{WWW}:{}", edge.setup().place.http.port());
        for accepted in ["identity", "gzip, deflate"] {
            let ask = edge.ask("GET", &host, "/a").over(Over::Plain);
            let answer = ask.field("accept-encoding", accepted).send().await;
            assert_eq!(answer.cache(), "Hit", "{accepted}: {answer:?}");
        }
        let seen = origin.seen("/a");
        assert_eq!(seen.len(), 4, "by each scheme, plain and as browsers ask");
        for seen in seen {
            assert_eq!(seen.field("x-forwarded-for"), "192.0.2.1", "not the node's own host");
        }
    });
}

#[test]
fn then_prefetch_fetches_what_was_taken_by_its_whole_name() {
    run(async {
        let (origin, edge) = site(SECURE).await;
        for path in ["/a", "/b", "/c"] {
            origin.answer(path, Reply::text("{n}").cache("max-age=600"));
            edge.get(WWW, path).await;
        }
        let order = json!({ "paths": ["/a", "/b*"], "soft": true, "then": "prefetch" });
        let done = fetched(&edge, &order).await;
        assert_eq!(counts(&done), (1, 0, 1), "{done}");
        // It was refreshed at once: nobody is served the old.
        for (path, number, asked) in [("/a", "002", 2), ("/b", "001", 1), ("/c", "001", 1)] {
            assert_eq!(origin.seen(path).len(), asked, "{path}");
            assert_eq!(edge.get(WWW, path).await.text(), number, "{path}");
        }
        // What is named besides is fetched besides.
        let order = json!({ "paths": ["/a", "/c*"], "then": "prefetch", "prefetch": ["/c"] });
        let done = fetched(&edge, &order).await;
        assert_eq!(counts(&done), (2, 0, 2), "{done}");
    });
}

#[test]
fn what_cannot_be_fetched_is_refused_and_nothing_is_taken() {
    run(async {
        let (origin, edge) = site(SECURE).await;
        origin.answer("/a", Reply::text("a").cache("max-age=600"));
        edge.get(WWW, "/a").await;
        let many: Vec<String> = (0..3_001).map(|nth| format!("/{nth}")).collect();
        for more in [
            json!({ "paths": ["/*", "/a*"], "then": "prefetch" }),
            json!({ "paths": [], "tags": ["x"], "then": "prefetch" }),
            json!({ "then": "warm" }),
            json!({ "prefetch": ["a"] }),
            json!({ "prefetch": ["/a*"] }),
            json!({ "prefetch": ["/a#b"] }),
            json!({ "prefetch": ["/a\nb"] }),
            json!({ "prefetch": [format!("/{}", "a".repeat(9_000))] }),
            json!({ "prefetch": many }),
            json!({ "prefetch": ["https://www.example.test/a"] }),
            json!({ "sitemap": "sitemap.xml" }),
            json!({ "sitemap": "https://www.example.test/sitemap.xml" }),
            json!({ "prefetch": ["/a"], "dry_run": true }),
        ] {
            let mut order = json!({ "paths": ["/*"] });
            order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let refused = edge.invalidate(&order.to_string()).await;
            let shown = refused.text().to_owned();
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{more}: {shown}");
            assert_eq!(refused.field("content-type"), "application/problem+json");
            assert_eq!(edge.get(WWW, "/a").await.cache(), "Hit", "{more}");
        }
        let listed = edge.control("GET", "/invalidations", "").await.json();
        assert_eq!(listed["invalidations"], json!([]));
    });
}

#[test]
fn what_a_sitemap_names_is_fetched_and_what_is_not_of_the_site_is_not() {
    run(async {
        let (origin, edge) = site(SECURE).await;
        for path in ["/", "/a", "/b", "/c", "/%C3%BC"] {
            origin.answer(path, Reply::text("here").cache("max-age=600"));
        }
        let pages = urlset(&[
            "https://www.example.test/",
            "http://WWW.example.test/a?x=1&amp;y=2#top",
            "https://elsewhere.example.net/c",
            "https://www.example.test/a?x=1&amp;y=2",
            "ftp://www.example.test/c",
            "https://www.example.test:9/c",
            " https://www.example.test/ü ",
        ]);
        let image = "<image:image><image:loc>https://www.example.test/c</image:loc></image:image>";
        let pages = pages.replacen("</loc>", &format!("</loc>{image}"), 1);
        origin.answer("/sitemap.xml", xml(&pages));
        let done = fetched(&edge, &json!({ "paths": ["/*"], "sitemap": "/sitemap.xml" })).await;
        assert_eq!(counts(&done), (3, 0, 3), "{done}");
        let detail = done["prefetch"]["detail"].as_str().unwrap();
        assert!(detail.contains("3 of the sitemap's URLs are not of this site"), "{detail}");
        assert_eq!(origin.seen("/a")[0].target, "/a?x=1&y=2");
        assert_eq!(edge.get(WWW, "/%C3%BC").await.cache(), "Hit");
        assert_eq!(origin.seen("/c").len(), 0);

        let index = "<?xml version='1.0'?><sitemapindex xmlns='http://www.sitemaps.org/schemas/\
            sitemap/0.9'><sitemap><loc>https://www.example.test/one.xml</loc></sitemap><sitemap>\
            <loc>https://elsewhere.example.net/two.xml</loc></sitemap><sitemap>\
            <loc>https://www.example.test/none.xml</loc></sitemap></sitemapindex>";
        origin.answer("/index.xml", xml(index));
        origin.answer("/one.xml", xml(&urlset(&["https://www.example.test/b"])));
        let order = json!({ "paths": ["/*"], "prefetch": ["/c"], "sitemap": "/index.xml" });
        let done = fetched(&edge, &order).await;
        assert_eq!(counts(&done), (2, 1, 3), "{done}");
        let detail = done["prefetch"]["detail"].as_str().unwrap();
        assert!(detail.contains("/none.xml was answered with 404"), "{detail}");
        assert!(detail.contains("1 of the sitemap's URLs is not of this site"), "{detail}");
        for path in ["/b", "/c"] {
            assert_eq!(edge.get(WWW, path).await.cache(), "Hit", "{path}");
        }
    });
}

#[test]
fn a_sitemap_that_is_none_ends_the_job_with_the_reason() {
    run(async {
        let (origin, edge) = site(SECURE).await;
        let laughs =
            "<!DOCTYPE urlset [<!ENTITY a 'aaaa'>]><urlset><url><loc>&a;</loc></url></urlset>";
        let whole = urlset(&["https://www.example.test/a"]);
        for (nth, (reply, why)) in [
            (Reply::text("gone").status(404), "was answered with 404"),
            (Reply::hang_up(), "the origin hung up"),
            (Reply::text("<html><body>Hello</body></html>"), "is no sitemap"),
            (Reply::text(""), "not well-formed"),
            (Reply::text(laughs), "document type"),
            (Reply::text(&whole.replace("example.test", "&b;")), "entity"),
            (Reply::text(&whole.replace("</urlset>", "")), "not well-formed"),
            (Reply::text(&"<urlset>".repeat(1_000)), "nested deeper"),
            (Reply::bytes(vec![0x1f, 0x8b, 8, 0, 0]), "gzip"),
            (Reply::bytes(vec![0xff, 0xfe, 0, 0, 0]), "is no"),
            (Reply::stream().repeat(vec![b' '; 1 << 20], 11), "is longer than 10 MiB"),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{nth}.xml");
            origin.answer(&path, reply);
            let done = fetched(&edge, &json!({ "paths": ["/*"], "sitemap": path })).await;
            assert_eq!(counts(&done), (0, 1, 1), "{why}: {done}");
            let detail = done["prefetch"]["detail"].as_str().unwrap();
            assert!(detail.starts_with(&path) && detail.contains(why), "{why}: {detail}");
        }
    });
}

#[test]
fn an_origin_is_asked_no_faster_than_the_node_may() {
    run(async {
        let cache = format!("{SECURE}\npolicy = \"origin\"\n[cache]\nprefetch_rate = 20");
        let (origin, edge) = site(&cache).await;
        let paths: Vec<String> = (0..31).map(|nth| format!("/{nth}")).collect();
        for path in &paths {
            origin.answer(path, Reply::text(path).cache("max-age=600"));
        }
        let began = Instant::now();
        // Two jobs share the rate.
        for half in paths.chunks(16) {
            let order = json!({ "paths": ["/*"], "prefetch": half }).to_string();
            assert_eq!(edge.invalidate(&order).await.status, StatusCode::CREATED);
        }
        for path in &paths {
            origin.reached(path, 1).await;
        }
        let least = Duration::from_millis(30 * 1_000 / 20 - 50);
        assert!(began.elapsed() >= least, "31 requests in {:?}", began.elapsed());
    });
}

#[test]
fn a_job_is_in_progress_on_both_apis_until_all_is_fetched() {
    run(async {
        let (origin, edge) = site(&format!("{SECURE}\nid = \"E1\"")).await;
        let gate = Gate::closed();
        origin.answer("/a", Reply::text("a").cache("max-age=600"));
        origin.answer("/me", Reply::text("mine").cache("private"));
        origin.answer("/slow", Reply::text("slow").cache("max-age=600").held_by(&gate));
        let order = json!({ "paths": ["/*"], "prefetch": ["/a", "/slow", "/gone", "/me"] });
        let begun = edge.invalidate(&order.to_string()).await;
        assert_eq!(begun.status, StatusCode::CREATED);
        let id = begun.json()["id"].as_str().unwrap().to_owned();
        origin.reached("/slow", 1).await;
        assert_eq!(aws_status(&edge, &id).await, "InProgress");
        while edge.invalidation(&id).await["prefetch"]["failed"] != 1 {
            tokio::task::yield_now().await;
        }
        let running = edge.invalidation(&id).await;
        assert_eq!(
            (&running["status"], &running["prefetch"]["state"]),
            (&json!("in-progress"), &json!("running"))
        );
        gate.open();
        let done = edge.completed(&id).await;
        assert_eq!(counts(&done), (3, 1, 4), "{done}");
        let detail = done["prefetch"]["detail"].as_str().unwrap();
        for words in ["/gone was answered with 404", "/me is not stored"] {
            assert!(detail.contains(words), "{detail}");
        }
        assert_eq!(aws_status(&edge, &id).await, "Completed");
        let edge = edge.restart().await;
        assert_eq!(edge.invalidation(&id).await, done, "it is on disk");
        assert_eq!(origin.seen("/a").len(), 1, "what is done is not done again");
    });
}

#[test]
fn a_job_that_was_cut_off_begins_anew_at_the_next_start() {
    run(async {
        for is_killed in [true, false] {
            let (origin, edge) = site(SECURE).await;
            let gate = Gate::closed();
            origin.answer("/a", Reply::text("a").cache("max-age=600"));
            origin.answer("/slow", Reply::text("slow").cache("max-age=600").held_by(&gate));
            let order = json!({
                "paths": ["/*"], "prefetch": ["/a", "/slow"], "reference": "build-1",
            });
            let begun = edge.invalidate(&order.to_string()).await.json();
            origin.reached("/slow", 1).await;
            origin.reached("/a", 1).await;
            let edge =
                if is_killed { edge.kill().await.start().await } else { edge.restart().await };
            origin.reached("/slow", 2).await;
            let again = edge.invalidate(&order.to_string()).await;
            assert_eq!(again.status, StatusCode::OK, "{}", again.text());
            assert_eq!(again.json()["status"], "in-progress", "{}", again.text());
            gate.open();
            let done = edge.completed(begun["id"].as_str().unwrap()).await;
            assert_eq!(counts(&done), (2, 0, 2), "{done}");
            for path in ["/a", "/slow"] {
                assert_eq!(edge.get(WWW, path).await.cache(), "Hit", "{path}");
                assert_eq!(origin.seen(path).len(), 2, "{path}");
            }
        }
    });
}

#[test]
fn no_list_of_addresses_and_no_signature_stands_in_the_nodes_own_way() {
    run(async {
        let allow = format!("{SECURE}\nallow = [\"10.0.0.0/8\"]");
        let (origin, edge) = site(&allow).await;
        let paths = ["/a", "/b", "/c"];
        for path in paths {
            origin.answer(path, Reply::text("here").cache("max-age=600"));
        }
        let done = fetched(&edge, &json!({ "paths": ["/*"], "prefetch": paths })).await;
        assert_eq!(counts(&done), (3, 0, 3), "{done}");
        assert_eq!(edge.get(WWW, "/a").await.status, StatusCode::FORBIDDEN);

        let signer = Signer::start().await;
        let (origin, edge) = n_signed::site(&signer, "").await;
        let order = json!({ "paths": ["/*"], "prefetch": ["/private/a"] });
        let done = fetched(&edge, &order).await;
        assert_eq!(counts(&done), (1, 0, 1), "{done}");
        assert_eq!(edge.get(WWW, "/private/a").await.status, StatusCode::FORBIDDEN);
        let asked = origin.seen("/private/a").len();
        let [url] = signer.sign([signer::Order::canned(n_signed::URL)]).await;
        assert_eq!(n_signed::get(&edge, &url).await.cache(), "Hit");
        assert_eq!(origin.seen("/private/a").len(), asked);
    });
}

#[test]
fn a_key_may_fetch_only_what_it_may_invalidate() {
    run(async {
        let (origin, edge) = site(SECURE).await;
        origin.answer("/a/x", Reply::text("x").cache("max-age=600"));
        let allow = json!([{ "action": ["invalidate"], "site": "www", "paths": ["/a/*"] }]);
        let key = edge.created_key("ci", &allow).await;
        let key = key["token"].as_str().unwrap();
        for (more, status) in [
            (json!({ "prefetch": ["/a/x"] }), 201),
            (json!({ "then": "prefetch" }), 201),
            (json!({ "prefetch": ["/b"] }), 403),
            (json!({ "sitemap": "/a/sitemap.xml" }), 403),
        ] {
            let mut order = json!({ "paths": ["/a/x"] });
            order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let answer = edge.invalidate_as(key, &order.to_string()).await;
            assert_eq!(answer.status, status, "{more}: {}", answer.text());
        }
        let sites: BTreeSet<_> = origin.seen("/b").into_iter().map(|it| it.target).collect();
        assert!(sites.is_empty(), "{sites:?}");
    });
}

/// The record of an invalidation whose prefetch is over.
async fn fetched(edge: &Edge, order: &Value) -> Value {
    let answer = edge.invalidate(&order.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{order}: {}", answer.text());
    edge.completed(answer.json()["id"].as_str().unwrap()).await
}

fn counts(done: &Value) -> (u64, u64, u64) {
    let count = |name: &str| done["prefetch"][name].as_u64().unwrap_or_else(|| panic!("{done}"));
    (count("fetched"), count("failed"), count("total"))
}

async fn aws_status(edge: &Edge, id: &str) -> String {
    let target = format!("/2020-05-31/distribution/E1/invalidation/{id}");
    let answer = Unsigned::new(&edge.root_key(), "GET", &target, "").send(edge).await;
    element(answer.text(), "Status").to_owned()
}

fn urlset(locations: &[&str]) -> String {
    let entry = |url: &&str| format!("<url><loc>{url}</loc></url>");
    let entries: String = locations.iter().map(entry).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/\
         schemas/sitemap/0.9\" xmlns:image=\"http://www.google.com/schemas/sitemap-image/1.1\">\
         {entries}</urlset>"
    )
}

fn xml(document: &str) -> Reply {
    Reply::text(document).cache("max-age=600").field("content-type", "application/xml")
}

async fn site(keys: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    // Whatever port clients come by is no part of what they get; but for one test.
    let config = before(&[origin.address()]).replace("\n[sites", "host = \"target\"\n\n[sites");
    // A key may be given once.
    let config = if keys.contains("viewer") {
        config.replace("viewer = \"allow-all\"\n", "")
    } else {
        config
    };
    (origin, Edge::start(&(config + keys + "\n")).await)
}

/// What is answered over TLS alone is stored once.
const SECURE: &str = "viewer = \"https-only\"";
