//! HTTP/2 that no honest client speaks.

use crate::support::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GO_AWAY, HEADERS, PING, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, block, frame, get,
};
use crate::support::{Edge, Origin, Reply, WWW, run};

const WHOLE: u8 = END_STREAM | END_HEADERS;
const PROTOCOL_ERROR: [u8; 4] = [0, 0, 0, 1];
const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];

#[test]
fn malformed_requests_are_answered_or_reset_and_the_connection_goes_on() {
    run(async {
        let (origin, edge) = site().await;
        let mut frames = Frames::open(&edge.setup().place).await;
        let mut stream = 1;
        let path = (":path", "/a");
        let host = (":authority", WWW);
        for (fields, outcome) in [
            (&[path][..], Outcome::Status("400")),
            (&[path, host, ("host", "other.test")], Outcome::Status("400")),
            (&[path, host, ("host", WWW), ("host", WWW)], Outcome::Status("400")),
            (&[path, (":authority", "a@b")], Outcome::Status("400")),
            (
                &[path, host, ("content-length", "0"), ("content-length", "0")],
                Outcome::Status("400"),
            ),
            (&[path, host, ("content-length", "1")], Outcome::Reset),
            (&[path, host, ("content-length", "x")], Outcome::Reset),
            (&[path, host, ("connection", "close")], Outcome::Reset),
            (&[path, host, ("transfer-encoding", "chunked")], Outcome::Reset),
            (&[path, host, ("te", "gzip")], Outcome::Reset),
            (&[path, path, host], Outcome::Reset),
            (&[host], Outcome::Reset),
            (&[(":path", ""), host], Outcome::Reset),
            (&[(":path", "/a b"), host], Outcome::Reset),
            (&[path, host, (":status", "200")], Outcome::Reset),
            (&[path, host], Outcome::Status("200")),
        ] {
            let method = [(":method", "GET"), (":scheme", "https")];
            frames.send(HEADERS, WHOLE, stream, &block(&[&method, fields].concat())).await;
            assert_eq!(outcome_of(&mut frames, stream).await, outcome, "{fields:?}");
            stream += 2;
        }
        let connect = block(&[(":method", "CONNECT"), (":authority", "a.test:443")]);
        frames.send(HEADERS, END_HEADERS, stream, &connect).await;
        assert_eq!(outcome_of(&mut frames, stream).await, Outcome::Status("405"));
        assert_eq!(origin.seen("/a").len(), 1, "only what is sound");
    });
}

#[test]
fn who_sends_nothing_else_is_sent_away() {
    run(async {
        let (origin, edge) = site().await;
        let mut frames = Frames::open(&edge.setup().place).await;
        let nowhere = block(&[(":method", "GET"), (":scheme", "https"), (":path", "/a")]);
        // No more than it takes: a connection that is closed with octets unread is reset.
        for nth in 0..32 {
            frames.send(HEADERS, WHOLE, 2 * nth + 1, &nowhere).await;
        }
        let leave = frames.find(GO_AWAY).await.expect("a GOAWAY");
        assert_eq!(leave.payload[4..8], ENHANCE_YOUR_CALM);
        frames.closed().await;
        assert_eq!(origin.seen("/a").len(), 0);
    });
}

#[test]
fn frames_that_are_none_end_the_connection() {
    run(async {
        let (_origin, edge) = site().await;
        let too_large = vec![0; 20_000];
        for (kind, flags, stream, payload) in [
            (DATA, 0, 0, &b"x"[..]),
            (DATA, 0, 1, b"x"),
            (HEADERS, WHOLE, 0, &get("/a")),
            (HEADERS, WHOLE, 2, &get("/a")),
            (HEADERS, WHOLE, 1, b"\xff\xff\xff\xff\xff\xff"),
            (RST_STREAM, 0, 1, &[0; 4]),
            (RST_STREAM, 0, 1, b"x"),
            (SETTINGS, 0, 1, b""),
            (SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
            (SETTINGS, 0, 0, b"x"),
            (PING, 0, 0, b"x"),
            (WINDOW_UPDATE, 0, 0, &[0; 4]),
            (WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
            (CONTINUATION, END_HEADERS, 1, b""),
            (DATA, 0, 1, &too_large),
            (5, END_HEADERS, 1, b"a push, from a client"),
        ] {
            let mut frames = Frames::open(&edge.setup().place).await;
            frames.send(kind, flags, stream, payload).await;
            let leave = frames.find(GO_AWAY).await;
            // The edge may hang up before it is heard.
            let why = leave.map(|leave| leave.payload[4..8].to_vec());
            assert_ne!(why, Some(vec![0; 4]), "{kind} {flags} {stream}");
            frames.closed().await;
        }
        assert_eq!(edge.get(WWW, "/a").await.text(), "a", "it is none the worse for it");
        edge.connected(0).await;
    });
}

#[test]
fn floods_end_the_connection() {
    run(async {
        let (origin, edge) = site().await;
        let request = |nth: u32| frame(HEADERS, WHOLE, 2 * nth + 1, &get("/a"));
        let open = |nth: u32| frame(HEADERS, END_HEADERS, 2 * nth + 1, &get("/a"));
        let reset = |nth: u32| frame(RST_STREAM, 0, 2 * nth + 1, &[0, 0, 0, 8]);
        let resets = (0..20_000).flat_map(|nth| [request(nth), reset(nth)].concat()).collect();
        let begun = frame(HEADERS, END_STREAM, 1, &get("/a"));
        let more = frame(CONTINUATION, 0, 1, &block(&[("x", "y")]));
        let nothing = frame(DATA, 0, 1, b"");
        for (name, octets) in [
            ("rapid reset", resets),
            ("continuation", [begun, more.repeat(20_000)].concat()),
            ("empty data", [open(0), nothing.repeat(20_000)].concat()),
            // CVE-2025-8671: the client makes the edge reset.
            ("made to reset", (0..20_000).flat_map(made_to_reset).collect::<Vec<u8>>()),
        ] {
            let mut frames = Frames::open(&edge.setup().place).await;
            if !frames.flood(&octets).await {
                frames.closed().await;
            }
            assert_eq!(edge.get(WWW, "/a").await.text(), "a", "{name}");
        }
        edge.connected(0).await;
        assert!(origin.seen("/a").len() < 2_000, "{}", origin.seen("/a").len());
    });
}

#[test]
fn more_streams_than_allowed_are_refused_one_by_one() {
    run(async {
        let (_origin, edge) = site().await;
        let mut frames = Frames::open(&edge.setup().place).await;
        for nth in 0..129 {
            frames.send(HEADERS, END_HEADERS, 2 * nth + 1, &get("/a")).await;
        }
        let refused = frames.find(RST_STREAM).await.expect("a reset");
        // The last one, and REFUSED_STREAM: it may be tried again.
        assert_eq!((refused.stream, &*refused.payload), (257, &[0, 0, 0, 7][..]));
    });
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Status(&'static str),
    Reset,
}

/// What became of a stream.
async fn outcome_of(frames: &mut Frames, stream: u32) -> Outcome {
    loop {
        let frame = frames.next().await.expect("the connection goes on");
        match frame.kind {
            _ if frame.stream != stream => {}
            RST_STREAM if frame.payload == PROTOCOL_ERROR => return Outcome::Reset,
            HEADERS => return Outcome::Status(status(&frame.payload)),
            _ => {}
        }
    }
}

/// `:status` is the first field of a response, from the static table or as a literal of it.
fn status(block: &[u8]) -> &'static str {
    match block {
        [0x88, ..] => "200",
        [0x8c, ..] => "400",
        _ => "405",
    }
}

/// A request, and a window of no size on its stream: a stream error.
fn made_to_reset(nth: u32) -> Vec<u8> {
    let request = frame(HEADERS, END_HEADERS, 2 * nth + 1, &get("/a"));
    [request, frame(WINDOW_UPDATE, 0, 2 * nth + 1, &[0; 4])].concat()
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    origin.answer("/a", Reply::text("a"));
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}
