//! A large response is passed on, not gathered, and neither is one that nobody reads.

use std::time::Duration;

use crate::support::edge::before;
use crate::support::http2::{
    END_HEADERS, END_STREAM, Frames, HEADERS, SETTINGS, WINDOW_UPDATE, get,
};
use crate::support::{Edge, Origin, Over, Reply, WWW, run_within};

#[test]
fn a_gibibyte_comes_through_in_little_memory() {
    run_within(Duration::from_mins(5), async {
        let origin = Origin::start().await;
        // Each could be stored, if it were not so large.
        let whole = Reply::stream().cache("max-age=60").repeat(vec![b'x'; MIB], 1024);
        origin.answer("/length", whole.clone().length(GIB));
        origin.answer("/chunked", whole);
        let limits = "\n[cache]\nmemory = \"64MiB\"\nmax_object = \"4MiB\"\n";
        let edge = Edge::start(&(before(&[origin.address()]) + limits)).await;
        edge.get(WWW, "/warm-up").await;
        let before = memory(&edge);

        for (path, over) in [
            ("/length", Over::Plain),
            ("/length", Over::Http2),
            ("/chunked", Over::Http1),
            ("/chunked", Over::Http2),
        ] {
            let mut download = edge.ask("GET", WWW, path).over(over).open().await.unwrap();
            let mut bytes = 0;
            while let Some(chunk) = download.chunk().await.unwrap() {
                bytes += chunk.len() as u64;
            }
            assert_eq!(bytes, GIB, "{path} over {over:?}");
            drop(download);
            let after = memory(&edge);
            assert!(
                after.peak < before.now + 64 * MIB,
                "{path} over {over:?}: {before:?} {after:?}"
            );
        }
        edge.connected(0).await;
        let after = memory(&edge);
        assert!(after.now < before.now + 32 * MIB, "{before:?} {after:?}");
    });
}

#[test]
fn streams_that_nobody_reads_hold_little() {
    run_within(Duration::from_mins(1), async {
        let origin = Origin::start().await;
        let large = Reply::stream().length(GIB).repeat(vec![b'x'; MIB], 1024);
        origin.answer("/large", large);
        let edge = Edge::before(&[origin.address()]).await;
        edge.get(WWW, "/warm-up").await;
        let before = memory(&edge);

        // A client that says it has room for everything, and reads nothing.
        let mut frames = Frames::open(&edge.setup().place).await;
        let window = [&[0, 4][..], &(1_u32 << 30).to_be_bytes()].concat();
        frames.send(SETTINGS, 0, 0, &window).await;
        frames.send(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()).await;
        for nth in 0..STREAMS {
            frames.send(HEADERS, END_STREAM | END_HEADERS, 2 * nth + 1, &get("/large")).await;
        }
        origin.reached("/large", STREAMS as usize).await;
        // Whoever else there is is served.
        for _ in 0..20 {
            edge.get(WWW, "/small").await;
        }
        let after = memory(&edge);
        // What is on its way through Pingora, and 64 KiB.
        let each = (after.peak - before.now) / STREAMS as usize;
        assert!(each < 800 * 1024, "{before:?} {after:?}");
        drop(frames);
        edge.connected(0).await;
    });
}

/// Resident memory, in bytes.
#[derive(Debug)]
struct Memory {
    now: usize,
    peak: usize,
}

fn memory(edge: &Edge) -> Memory {
    let status = format!("/proc/{}/status", edge.process.id());
    let status = std::fs::read_to_string(status).unwrap();
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().split_whitespace().next().unwrap();
        number.parse::<usize>().unwrap() * 1024
    };
    Memory { now: kib("VmRSS:"), peak: kib("VmHWM:") }
}

/// At once, on one connection.
const STREAMS: u32 = 100;
const MIB: usize = 1024 * 1024;
const GIB: u64 = 1024 * 1024 * 1024;
