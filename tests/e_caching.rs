//! What is stored, for whom, and what is not.

use std::collections::HashSet;

use http::StatusCode;
use tokio::task::JoinSet;

use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

#[test]
fn a_hit_says_how_old_and_how_long() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("a").cache("max-age=60"));
        let miss = edge.get(WWW, "/a").await;
        assert_eq!(miss.cache(), "Miss");
        assert!(miss.field("cache-status").starts_with("warmfront; fwd=uri-miss"), "{miss:?}");
        let hit = edge.get(WWW, "/a").await;
        assert_eq!(hit.field("x-cache"), "Hit from warmfront");
        assert!(hit.field("cache-status").starts_with("warmfront; hit; ttl="), "{hit:?}");
        assert!(hit.field("age").parse::<u32>().unwrap() < 60);
        assert_eq!(origin.seen("/a").len(), 1);
    });
}

#[test]
fn two_hundred_requests_for_one_cold_key_are_one_to_the_origin() {
    run(async {
        let (origin, edge) = site().await;
        let gate = Gate::closed();
        let reply = Reply::text("the one body").cache("max-age=60");
        origin.answer("/cold", reply.held_by(&gate));
        let mut clients = crowd(&edge, "/cold", 200);
        edge.connected(200).await;
        gate.open();
        while let Some(body) = clients.join_next().await {
            assert_eq!(body.unwrap(), "the one body");
        }
        assert_eq!(origin.seen("/cold").len(), 1);
    });
}

#[test]
fn what_is_one_clients_alone_is_never_handed_to_those_who_wait() {
    run(async {
        let private = [
            Reply::text("for {n}").cache("no-store"),
            Reply::text("for {n}").cache("private, max-age=60"),
            Reply::text("for {n}").cache("max-age=60").field("set-cookie", "id=1"),
        ];
        let (origin, edge) = site().await;
        for (i, reply) in private.into_iter().enumerate() {
            let (path, gate) = (format!("/{i}"), Gate::closed());
            origin.answer(&path, reply.held_by(&gate));
            let mut clients = crowd(&edge, &path, 20);
            edge.connected(20).await;
            gate.open();
            let mut bodies = HashSet::new();
            while let Some(body) = clients.join_next().await {
                bodies.insert(body.unwrap());
            }
            assert_eq!(bodies.len(), 20, "{path}");
            edge.connected(0).await;
        }
    });
}

#[test]
fn variants_are_kept_apart() {
    run(async {
        let (origin, edge) = site().await;
        let reply = Reply::text("variant {n}").cache("max-age=60");
        origin.answer("/v", reply.field("vary", "Accept-Language"));
        let mut bodies = Vec::new();
        for language in ["de", "en", "de", "en", ""] {
            let ask = edge.ask("GET", WWW, "/v").field("accept-language", language);
            bodies.push(ask.send().await.text().to_owned());
        }
        let expected = ["variant 001", "variant 002", "variant 001", "variant 002", "variant 003"];
        assert_eq!(bodies, expected);

        origin.answer("/all", Reply::text("{n}").cache("max-age=60").field("vary", "*"));
        assert_ne!(edge.get(WWW, "/all").await.text(), edge.get(WWW, "/all").await.text());
    });
}

#[test]
fn what_was_answered_to_one_who_logged_in_is_not_shared() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/own", Reply::text("own {n}").cache("max-age=60"));
        origin.answer("/public", Reply::text("public {n}").cache("public, max-age=60"));
        for (path, bodies) in [("/own", ["own 001", "own 002"]), ("/public", ["public 001"; 2])] {
            let logged_in = edge.ask("GET", WWW, path).field("authorization", "Bearer x");
            assert_eq!(logged_in.send().await.text(), bodies[0]);
            assert_eq!(edge.get(WWW, path).await.text(), bodies[1]);
        }
    });
}

#[test]
fn sites_never_share() {
    run(async {
        let (one, two) = (Origin::start().await, Origin::start().await);
        for origin in [&one, &two] {
            origin.answer("/a", Reply::text(&format!("from {origin}")).cache("max-age=60"));
        }
        let edge = Edge::start(&format!(
            r#"
[origins.one]
targets = ["{one}"]

[origins.two]
targets = ["{two}"]

[sites.one]
hosts = ["one.example.test", "uno.example.test"]
origin = "one"

[sites.two]
hosts = ["two.example.test"]
origin = "two"
"#
        ))
        .await;
        for (host, origin, cache) in [
            ("one.example.test", &one, "Miss"),
            ("two.example.test", &two, "Miss"),
            ("one.example.test", &one, "Hit"),
            // Hosts of one site do share.
            ("uno.example.test", &one, "Hit"),
        ] {
            let answer = edge.get(host, "/a").await;
            assert_eq!((answer.text(), &*answer.cache()), (&*format!("from {origin}"), cache));
        }
    });
}

#[test]
fn what_changes_is_asked_of_the_origin() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("{n}").cache("max-age=60"));
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Miss");
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = edge.ask(method, WWW, "/a").body("x").send().await;
            assert_ne!(answer.cache(), "Hit", "{method}");
        }
        assert_eq!(origin.seen("/a").len(), 5);
        for method in ["TRACE", "CONNECT"] {
            let refused = edge.ask(method, WWW, "/a").over(Over::Http1);
            assert!(refused.send().await.status.is_client_error(), "{method}");
        }
        assert_eq!(origin.seen("/a").len(), 5);
    });
}

#[test]
fn a_head_has_no_body_whether_it_is_stored_or_not() {
    run(async {
        let (origin, edge) = site().await;
        for (i, cache) in ["no-store", "max-age=60", "private"].into_iter().enumerate() {
            for over in [Over::Plain, Over::Http1, Over::Http2] {
                // Each path is new: what was learned of one changes what is asked for next.
                let path = format!("/{i}/{over:?}");
                origin.answer(&path, Reply::text("body").cache(cache));
                for _ in 0..2 {
                    let head = edge.ask("HEAD", WWW, &path).over(over).attempt().await;
                    let head = head.unwrap_or_else(|error| panic!("{cache} {over:?}: {error:?}"));
                    assert_eq!(head.status, StatusCode::OK);
                    assert_eq!((&*head.field("content-length"), head.body.len()), ("4", 0));
                }
            }
        }
    });
}

#[test]
fn an_error_is_not_kept_unless_it_says_so() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/broken", Reply::text("{n}").status(500));
        origin.answer("/missing", Reply::text("{n}").status(404).cache("max-age=60"));
        for (path, kept) in [("/broken", false), ("/missing", true)] {
            let first = edge.get(WWW, path).await;
            let second = edge.get(WWW, path).await;
            assert_eq!(first.text() == second.text(), kept, "{path}");
            assert_ne!(first.status, StatusCode::OK);
        }
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}

/// Clients that ask at once, and the bodies they get.
fn crowd(edge: &Edge, path: &str, clients: usize) -> JoinSet<String> {
    let mut all = JoinSet::new();
    for _ in 0..clients {
        let ask = edge.ask("GET", WWW, path);
        all.spawn(async { ask.send().await.text().to_owned() });
    }
    all
}
