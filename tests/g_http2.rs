//! Many requests on one connection, and how it ends.

use h2::Reason;
use h2::client::Builder;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::task::JoinSet;

use crate::support::edge::before;
use crate::support::http2::{
    END_HEADERS, END_STREAM, Frames, GO_AWAY, HEADERS, RST_STREAM, Streams, get, whole,
};
use crate::support::process::POLL;
use crate::support::{Edge, Gate, Origin, Reply, run};

#[test]
fn a_hundred_streams_at_once_are_a_hundred_answers() {
    run(async {
        let origin = Origin::start().await;
        let edge = Edge::before(&[origin.address()]).await;
        let gate = Gate::closed();
        for nth in 0..100 {
            let body = vec![nth; 100_000];
            origin.answer(&format!("/{nth}"), Reply::bytes(body).held_by(&gate));
        }
        let streams = Streams::open(&edge, &Builder::new()).await;
        let mut answers = JoinSet::new();
        for nth in 0..100_u8 {
            let response = streams.get(&format!("/{nth}")).await.unwrap();
            answers.spawn(async move { (nth, whole(response).await.unwrap()) });
        }
        for nth in 0..100 {
            origin.reached(&format!("/{nth}"), 1).await;
        }
        gate.open();
        while let Some(answer) = answers.join_next().await {
            let (nth, (status, _, body)) = answer.unwrap();
            assert_eq!(status, StatusCode::OK);
            assert!(body == vec![nth; 100_000], "{nth}: {} octets", body.len());
        }
    });
}

#[test]
fn a_stream_that_nobody_reads_holds_no_other_up() {
    run(async {
        let origin = Origin::start().await;
        let large = Reply::bytes(vec![b'x'; 8 * MIB]);
        origin.answer("/large", large).answer("/small", Reply::bytes(vec![b'y'; 100_000]));
        let edge = Edge::before(&[origin.address()]).await;
        let mut builder = Builder::new();
        builder.initial_connection_window_size(16 * 1024 * 1024);
        let streams = Streams::open(&edge, &builder).await;
        let unread = streams.get("/large").await.unwrap().await.unwrap();
        for _ in 0..50 {
            let (status, _, body) = whole(streams.get("/small").await.unwrap()).await.unwrap();
            assert_eq!((status, body.len()), (StatusCode::OK, 100_000));
        }
        let mut body = unread.into_body();
        let mut bytes = 0;
        while let Some(chunk) = body.data().await {
            let chunk = chunk.unwrap();
            bytes += chunk.len();
            body.flow_control().release_capacity(chunk.len()).unwrap();
        }
        assert_eq!(bytes, 8 * MIB, "what waited comes whole");
    });
}

#[test]
fn what_is_under_way_is_finished_and_nothing_else_taken_in() {
    run(async {
        let origin = Origin::start().await;
        let gate = Gate::closed();
        let slow = Reply::stream().length(9).send("slow ").wait_for(&gate).send("tail");
        origin.answer("/slow", slow);
        let mut edge = Edge::before(&[origin.address()]).await;
        let streams = Streams::open(&edge, &Builder::new()).await;
        let slow = streams.get("/slow").await.unwrap().await.unwrap();
        edge.process.terminate();
        // A request that is on its way when the edge says that it goes away is still answered.
        let refused = loop {
            match streams.get("/slow?late").await {
                Ok(_) => tokio::time::sleep(POLL).await,
                Err(error) => break error,
            }
        };
        assert_eq!(refused.reason(), Some(Reason::NO_ERROR), "{refused}");
        gate.open();
        let mut body = slow.into_body();
        let mut text = Vec::new();
        while let Some(chunk) = body.data().await {
            text.extend_from_slice(&chunk.unwrap());
        }
        assert_eq!(text, b"slow tail");
        drop(body);
        streams.closed().await.unwrap();
        assert_eq!(edge.process.exit().await.code(), Some(0));
    });
}

#[test]
fn a_connection_that_had_its_requests_is_told_so() {
    run(async {
        let (_origin, edge) = site("requests_per_connection = 3").await;
        let streams = Streams::open(&edge, &Builder::new()).await;
        for _ in 0..3 {
            let (status, ..) = whole(streams.get("/a").await.unwrap()).await.unwrap();
            assert_eq!(status, StatusCode::OK);
        }
        streams.closed().await.unwrap();
    });
}

#[test]
fn an_idle_connection_is_told_that_it_ends() {
    run(async {
        let (_origin, edge) = site("idle_timeout = \"2s\"").await;
        let mut frames = Frames::open(&edge.setup().place).await;
        frames.send(HEADERS, END_STREAM | END_HEADERS, 1, &get("/a")).await;
        let leave = frames.find(GO_AWAY).await.expect("a GOAWAY");
        // The last stream that was served, and no error.
        assert_eq!(leave.payload, [0, 0, 0, 1, 0, 0, 0, 0]);
        frames.closed().await;
    });
}

#[test]
fn an_upload_arrives_whole_whatever_is_behind_it() {
    run(async {
        let (origin, edge) = site("").await;
        let streams = Streams::open(&edge, &Builder::new()).await;
        let (response, mut upload) = streams.post("/a").await.unwrap();
        for part in ["one ", "two ", ""] {
            upload.send_data(part.into(), false).unwrap();
        }
        let checksum = HeaderValue::from_static("1234");
        upload
            .send_trailers(
                [(HeaderName::from_static("x-checksum"), checksum)].into_iter().collect(),
            )
            .unwrap();
        let (status, ..) = whole(response).await.unwrap();
        assert_eq!(status, StatusCode::OK);
        assert_eq!(origin.seen("/a")[0].body, "one two ");
    });
}

#[test]
fn an_upload_that_stalls_is_given_up() {
    run(async {
        let (_origin, edge) = site("idle_timeout = \"2s\"").await;
        let streams = Streams::open(&edge, &Builder::new()).await;
        let (response, mut upload) = streams.post("/a").await.unwrap();
        upload.send_data("half".into(), false).unwrap();
        let given_up = response.await.unwrap_err();
        assert!(given_up.is_reset(), "{given_up}");
        let line = edge.logged("/a").await;
        assert_eq!(line["fault"], "client-gone", "{line}");
    });
}

#[test]
fn a_response_that_is_not_taken_is_given_up() {
    run(async {
        let (origin, edge) = site("idle_timeout = \"2s\"").await;
        origin.answer("/large", Reply::bytes(vec![b'x'; MIB]));
        let mut frames = Frames::open(&edge.setup().place).await;
        // The window that every stream begins with is 64 KiB.
        frames.send(HEADERS, END_STREAM | END_HEADERS, 1, &get("/large")).await;
        let reset = frames.find(RST_STREAM).await.expect("a reset");
        assert_eq!(reset.stream, 1);
        let line = edge.logged("/large").await;
        assert_eq!(line["bytes"], 65_535, "{line}");
    });
}

async fn site(limit: &str) -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/a", Reply::text("a"));
    let config = before(&[origin.address()]);
    let edge = Edge::start(&format!("{config}\n[limits]\n{limit}\n")).await;
    (origin, edge)
}

const MIB: usize = 1024 * 1024;
