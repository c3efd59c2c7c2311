//! Clients that try to have something stored for others which they alone asked for.

use http::StatusCode;

use crate::support::client::raw;
use crate::support::{Edge, Origin, Over, Reply, WWW, run};

/// `[sites.www]` with a host for everybody.
const HOSTS: &str = r#"hosts = ["www.example.test"]"#;

#[test]
fn a_get_with_content_is_between_its_client_and_the_origin() {
    run(async {
        let (origin, edge) = site().await;
        for over in [Over::Http1, Over::Http2] {
            let path = format!("/fat/{over:?}");
            origin.answer(&path, Reply::text("answer {n}").cache("max-age=60"));
            let fat = edge.ask("GET", WWW, &path).over(over).body("evil").send().await;
            assert!(fat.field("cache-status").contains("fwd=bypass"), "{fat:?}");
            let plain = edge.ask("GET", WWW, &path).over(over).send().await;
            assert_eq!(plain.cache(), "Miss", "{over:?}");
            assert_eq!(origin.seen(&path).len(), 2, "{over:?}");
        }
    });
}

#[test]
fn every_spelling_of_a_host_is_one_host_and_every_port_another_answer() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("a").cache("max-age=60"));
        let get = async |host: &str| {
            let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            raw(edge.setup().place.http, request.as_bytes()).await
        };
        assert!(get("WWW.Example.test.").await.contains("x-cache: Miss"));
        assert_eq!(origin.seen("/a")[0].field("host"), WWW);
        assert!(get("www.example.test:80").await.contains("x-cache: Hit"));
        assert!(get("www.example.test:1337").await.contains("x-cache: Miss"));
        assert_eq!(origin.seen("/a")[1].field("host"), "www.example.test:1337");
        assert!(get(WWW).await.contains("x-cache: Hit"));
    });
}

#[test]
fn hosts_that_nobody_listed_share_nothing() {
    run(async {
        let origin = Origin::start().await;
        let config = crate::support::edge::before(&[origin.address()]);
        let any = r#"hosts = ["www.example.test", "*.example.test"]"#;
        let edge = Edge::start(&config.replace(HOSTS, any)).await;
        origin.answer("/a", Reply::text("a").cache("max-age=60"));
        for (host, cache) in [("evil", "Miss"), ("other", "Miss"), ("www", "Miss"), ("evil", "Hit")]
        {
            let host = format!("{host}.example.test");
            let answer = edge.ask("GET", &host, "/a").over(Over::Plain).send().await;
            assert_eq!(answer.cache(), cache, "{host}");
        }
    });
}

#[test]
fn names_that_mean_the_same_to_an_app_are_dropped_too() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("a"));
        let names = ["x_forwarded_host", "x-original-url", "x-real-ip", "x-host"];
        let ask =
            names.iter().fold(edge.ask("GET", WWW, "/a"), |ask, name| ask.field(name, "evil"));
        assert_eq!(ask.send().await.status, StatusCode::OK);
        let seen = &origin.seen("/a")[0];
        assert!(seen.fields.values().all(|value| value != "evil"), "{:?}", seen.fields);
    });
}

#[test]
fn one_client_who_is_let_in_does_not_end_collapse_for_the_others() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("a").cache("max-age=60"));
        let let_in = edge.ask("GET", WWW, "/a").field("authorization", "Bearer x").send().await;
        assert_eq!(let_in.cache(), "Miss");
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Miss");
        assert_eq!(edge.get(WWW, "/a").await.cache(), "Hit", "it was not remembered as private");
    });
}

#[test]
fn malformed_chunks_never_reach_an_app() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("a"));
        for body in ["2;\nxx\r\n4c\r\n0\r\n\r\n", "\r\nabc\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n"]
        {
            let head =
                format!("POST /a HTTP/1.1\r\nHost: {WWW}\r\nTransfer-Encoding: chunked\r\n\r\n");
            let smuggled = format!("{head}{body}GET /smuggled HTTP/1.1\r\nHost: {WWW}\r\n\r\n");
            let answer = raw(edge.setup().place.http, smuggled.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{body:?}: {answer}");
        }
        assert_eq!(origin.seen("/smuggled").len(), 0);
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}
