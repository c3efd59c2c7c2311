//! The app server that teams really run behind the edge: Express on Node 20.

use http::StatusCode;

use crate::support::{Edge, Express, Over, WWW, run, websocket};

#[test]
fn a_page_that_must_not_be_kept_is_not() {
    run(async {
        let (_express, edge) = app().await;
        let mut pages = Vec::new();
        for path in ["/", "/", "/deep/link", "/deep/link"] {
            let page = edge.get(WWW, path).await;
            assert_eq!(page.status, StatusCode::OK);
            assert_ne!(page.cache(), "Hit", "{path}");
            assert_eq!(page.field("cache-control"), "no-cache, no-store, must-revalidate");
            assert!(page.field("content-type").starts_with("text/html"));
            pages.push(page.text().to_owned());
        }
        pages.dedup();
        assert_eq!(pages.len(), 4, "each was asked for: {pages:?}");
    });
}

#[test]
fn what_may_be_kept_is() {
    run(async {
        let (_express, edge) = app().await;
        let caches = [
            edge.get(WWW, "/api/cached").await.cache(),
            edge.get(WWW, "/api/cached").await.cache(),
            edge.get(WWW, "/api/cached?other").await.cache(),
        ];
        assert_eq!(caches, ["Miss", "Hit", "Miss"]);
    });
}

#[test]
fn a_response_with_a_cookie_is_nobody_elses() {
    run(async {
        let (_express, edge) = app().await;
        let first = edge.get(WWW, "/api/cookie").await;
        let second = edge.get(WWW, "/api/cookie").await;
        assert!(first.field("set-cookie").starts_with("session=s"));
        assert_ne!(first.field("set-cookie"), second.field("set-cookie"));
        assert_ne!(second.cache(), "Hit");
    });
}

#[test]
fn its_etag_is_honoured() {
    run(async {
        let (_express, edge) = app().await;
        let hello = edge.get(WWW, "/api/hello").await;
        assert_eq!(hello.json()["hello"], "world");
        let again = edge.ask("GET", WWW, "/api/hello").field("if-none-match", &hello.field("etag"));
        assert_eq!(again.send().await.status, StatusCode::NOT_MODIFIED);
    });
}

#[test]
fn uploads_arrive_whole() {
    run(async {
        let (_express, edge) = app().await;
        for over in [Over::Http1, Over::Http2] {
            let upload = edge.ask("POST", WWW, "/api/upload").over(over);
            let answer = upload.body(vec![b'x'; 5_000_001]).send().await;
            assert_eq!(answer.json()["bytes"], 5_000_001);
        }
    });
}

#[test]
fn events_arrive_one_by_one() {
    run(async {
        let (_express, edge) = app().await;
        for over in [Over::Http1, Over::Http2] {
            let mut events = edge.ask("GET", WWW, "/api/events").over(over).open().await.unwrap();
            let kind = events.head.headers["content-type"].to_str().unwrap();
            assert!(kind.starts_with("text/event-stream"), "{kind}");
            for id in 1..=3 {
                // The server waits with the next one until this one was seen.
                let event = events.chunk().await.unwrap().unwrap();
                assert_eq!(event, format!("id: {id}\ndata: event {id}\n\n"));
                let seen = edge.ask("POST", WWW, "/api/events/acknowledge").send().await;
                assert_eq!(seen.status, StatusCode::NO_CONTENT);
            }
            assert!(events.chunk().await.unwrap().is_none());
        }
    });
}

#[test]
fn a_web_socket_says_back_what_it_hears() {
    run(async {
        let (_express, edge) = app().await;
        websocket::converse(&edge, "/api/ws").await;
    });
}

async fn app() -> (Express, Edge) {
    let express = Express::start().await;
    let edge = Edge::before(&[express.address()]).await;
    (express, edge)
}
