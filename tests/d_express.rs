//! The app server that teams really run behind the edge: Express on Node 20.

use std::io::ErrorKind;

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::client::tls_stream;
use crate::support::{Edge, Express, Over, WWW, run};

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
        // Pingora ends a socket whose 101 it reads before it has passed on that the request has no
        // body, which happens on a busy machine. Clients of web sockets connect again.
        for _ in 0..3 {
            match converse(&edge).await {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
                ended => return ended.unwrap(),
            }
        }
        panic!("three sockets ended at once");
    });
}

async fn converse(edge: &Edge) -> std::io::Result<()> {
    let mut stream = tls_stream(&edge.setup().place, WWW, &[b"http/1.1"]).await;
    let request = format!(
        "GET /api/ws HTTP/1.1\r\nHost: {WWW}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    // RFC 6455 §1.3: the answer to this very key.
    assert!(head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");

    for spoken in ["hello", "and again"] {
        // RFC 6455 §5.2: a final text frame, masked with zeros.
        let length = u8::try_from(spoken.len()).unwrap();
        let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0], spoken.as_bytes()].concat();
        stream.write_all(&frame).await?;
        let mut reply = vec![0; spoken.len() + 2];
        stream.read_exact(&mut reply).await?;
        assert_eq!(reply, [&[0x81, length], spoken.as_bytes()].concat());
    }
    Ok(())
}

async fn app() -> (Express, Edge) {
    let express = Express::start().await;
    let edge = Edge::before(&[express.address()]).await;
    (express, edge)
}
