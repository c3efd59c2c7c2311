//! Much is stored, and much was invalidated: all of it goes at once, and nothing is lost of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::client::plain;
use crate::support::edge::before;
use crate::support::process::POLL;
use crate::support::sigv4::{Unsigned, element};
use crate::support::{Edge, Over, WWW, run_within};

const OBJECTS: usize = 10_000;
/// Connections by which they are asked for.
const CLIENTS: usize = 8;
const INVALIDATIONS: usize = 2_000;

#[test]
fn everything_goes_at_once_and_its_memory_comes_back() {
    run_within(Duration::from_mins(2), async {
        let (_origin, edge) = site().await;
        let [objects, bytes] = ["warmfront_store_objects ", "warmfront_store_bytes "];
        let floor = [edge.metric(objects).await, edge.metric(bytes).await];
        fill(&edge).await;
        assert_eq!(edge.metric(objects).await, OBJECTS);
        assert_eq!(sample(&edge).await, [("Hit", SAMPLES)]);

        let dry = edge.invalidate(r#"{"paths":["/*"],"dry_run":true}"#).await.json();
        let done = edge.invalidate(r#"{"paths":["/*"]}"#).await;
        assert_eq!(done.status, StatusCode::CREATED, "{}", done.text());
        let done = done.json();
        assert_eq!((&done["matched"], &done["bytes"]), (&json!(OBJECTS), &dry["bytes"]), "{done}");
        assert_eq!(sample(&edge).await, [("Miss", SAMPLES)]);

        while edge.metric(objects).await > SAMPLES {
            tokio::time::sleep(POLL).await;
        }
        edge.invalidate(r#"{"paths":["/*"]}"#).await;
        while edge.metric(objects).await > floor[0] || edge.metric(bytes).await > floor[1] {
            tokio::time::sleep(POLL).await;
        }
    });
}

#[test]
fn thousands_of_invalidations_are_paged_without_gap_or_repetition_while_others_come() {
    run_within(Duration::from_mins(2), async {
        let (_origin, edge) = site().await;
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (admin, key) = (edge.setup().admin, format!("Bearer {}", edge.root_key()));
            clients.spawn(async move {
                for nth in 0..INVALIDATIONS / CLIENTS {
                    let order = json!({ "paths": [format!("/{client}/{nth}/*"), "/x"] });
                    let fields = [("authorization", &*key), ("content-type", "application/json")];
                    let order = order.to_string();
                    let answer = plain(admin, "POST", "/invalidate", &fields, &order).await;
                    assert_eq!(answer.unwrap().status, StatusCode::CREATED);
                }
            });
        }
        clients.join_all().await;
        let edge = edge.restart().await;
        for limit in [1_000, 333, 100] {
            let (mut ids, mut after) = (Vec::new(), String::new());
            loop {
                let page = format!("/invalidations?limit={limit}{after}");
                let page = edge.control("GET", &page, "").await.json();
                let shown = page["invalidations"].as_array().unwrap();
                ids.extend(shown.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
                // One that comes while somebody reads is on no page behind.
                edge.invalidate(r#"{"paths":["/new"],"reference":"new"}"#).await;
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            complete(ids, limit);
        }
        let (mut ids, mut marker, distribution) =
            (Vec::new(), String::new(), edge.distribution("www").await);
        loop {
            let target = format!("/2020-05-31/distribution/{distribution}/invalidation?");
            let target = format!("{target}{marker}MaxItems=100");
            let page = Unsigned::new(&edge.root_key(), "GET", &target, "").send(&edge).await;
            let text = page.text();
            ids.extend(
                text.split("<Id>").skip(1).map(|it| it.split('<').next().unwrap().to_owned()),
            );
            if element(text, "IsTruncated") != "true" {
                break;
            }
            marker = format!("Marker={}&", element(text, "NextMarker"));
        }
        complete(ids, 100);
        // A hit looks at none of them one by one.
        edge.get(WWW, "/1").await;
        assert_eq!(edge.get(WWW, "/1").await.cache(), "Hit");
    });
}

#[track_caller]
fn complete(mut ids: Vec<String>, limit: usize) {
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "by {limit}: one is on two pages");
    let expected = INVALIDATIONS..=INVALIDATIONS + 1;
    assert!(expected.contains(&all), "by {limit}: {all}");
}

/// Asks for every object once.
async fn fill(edge: &Edge) {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let http = edge.setup().place.http;
        clients.spawn(async move {
            let tcp = TokioIo::new(TcpStream::connect(http).await.unwrap());
            let (mut sender, connection) = http1::handshake(tcp).await.unwrap();
            tokio::spawn(connection);
            for nth in (client..OBJECTS).step_by(CLIENTS) {
                let request = Request::get(format!("/{nth}")).header(header::HOST, WWW);
                let request = request.body(Empty::<Bytes>::new()).unwrap();
                let answer = sender.send_request(request).await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK, "{nth}");
                answer.into_body().collect().await.unwrap();
                sender.ready().await.unwrap();
            }
        });
    }
    clients.join_all().await;
}

/// How objects from all over were answered.
async fn sample(edge: &Edge) -> Vec<(&'static str, usize)> {
    let (mut hits, mut misses) = (0, 0);
    for nth in (0..OBJECTS).step_by(OBJECTS / SAMPLES) {
        let answer = edge.ask("GET", WWW, &format!("/{nth}")).over(Over::Plain).send().await;
        match &*answer.cache() {
            "Hit" => hits += 1,
            "Miss" => misses += 1,
            other => panic!("{other}: {answer:?}"),
        }
    }
    [("Hit", hits), ("Miss", misses)].into_iter().filter(|(_, count)| *count > 0).collect()
}

const SAMPLES: usize = 200;

async fn site() -> (JoinSet<()>, Edge) {
    let (address, serving) = origin().await;
    (serving, Edge::start(&before(&[address])).await)
}

/// An origin that gives every request the same kilobyte and remembers nothing.
async fn origin() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let head = "HTTP/1.1 200 OK\r\ncache-control: max-age=600\r\ncontent-length: 1024\r\n\r\n";
    let answer: Bytes = [head.as_bytes(), &[b'x'; 1024]].concat().into();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            tcp.set_nodelay(true).unwrap();
            let answer = answer.clone();
            connections.spawn(repeat(tcp, answer));
        }
    });
    (address, serving)
}

/// The same answer to every request, until the edge hangs up.
async fn repeat(mut tcp: TcpStream, answer: Bytes) {
    let mut asked = Vec::new();
    while let Ok(1..) = tcp.read_buf(&mut asked).await {
        if asked.ends_with(b"\r\n\r\n") {
            asked.clear();
            let _ = tcp.write_all(&answer).await;
        }
    }
}
