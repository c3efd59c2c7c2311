//! What happens while something else does: invalidations during a fill, and whoever goes away in
//! the middle.

use std::time::Duration;

use http::StatusCode;

use crate::support::edge::before;
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

#[test]
fn an_invalidation_beats_a_fill_that_began_before_it() {
    run(async {
        let (origin, edge) = site().await;
        let gate = Gate::closed();
        let old = Reply::stream().cache("max-age=60").length(8).send("old ");
        origin.answer("/page", old.wait_for(&gate).send("page"));
        let mut reader = edge.ask("GET", WWW, "/page").open().await.unwrap();
        assert_eq!(reader.chunk().await.unwrap().unwrap(), "old ");

        origin.answer("/page", Reply::text("new page").cache("max-age=60"));
        assert_eq!(edge.invalidate(r#"{"paths":["/page"]}"#).await.status, StatusCode::CREATED);
        // While the old one is still on its way.
        assert_eq!(edge.get(WWW, "/page").await.text(), "new page");
        gate.open();
        assert_eq!(reader.rest().await.unwrap().text(), "page");
        let after = edge.get(WWW, "/page").await;
        assert_eq!((after.text(), &*after.cache()), ("new page", "Hit"));

        let edge = edge.restart().await;
        assert_eq!(edge.get(WWW, "/page").await.text(), "new page");
    });
}

#[test]
fn an_invalidation_beats_a_fill_whose_head_is_not_in_yet() {
    run(async {
        let (origin, edge) = site().await;
        let gate = Gate::closed();
        origin.answer("/page", Reply::text("old").cache("max-age=60").held_by(&gate));
        let old = tokio::spawn(edge.ask("GET", WWW, "/page").send());
        origin.reached("/page", 1).await;
        origin.answer("/page", Reply::text("new").cache("max-age=60"));
        assert_eq!(edge.invalidate(r#"{"paths":["/p*"]}"#).await.status, StatusCode::CREATED);
        gate.open();
        assert_eq!(old.await.unwrap().text(), "old", "it asked before");
        let after = edge.get(WWW, "/page").await;
        assert_eq!((after.text(), &*after.cache()), ("new", "Miss"));
    });
}

#[test]
fn who_asks_after_an_invalidation_never_gets_the_old() {
    run(async {
        let (origin, edge) = site().await;
        let gate = Gate::closed();
        origin.answer("/page", Reply::text("old").cache("max-age=60").held_by(&gate));
        let _old = tokio::spawn(edge.ask("GET", WWW, "/page").send());
        origin.reached("/page", 1).await;
        origin.answer("/page", Reply::text("new").cache("max-age=60"));
        edge.invalidate(r#"{"paths":["/*"]}"#).await;

        let after = tokio::spawn(edge.ask("GET", WWW, "/page").send());
        // Whether it is let through now or waits for the first: it must not get its answer.
        gate.open();
        assert_eq!(after.await.unwrap().text(), "new");
    });
}

#[test]
fn a_fill_goes_on_when_its_client_goes_away() {
    run(async {
        for over in [Over::Http1, Over::Http2] {
            let (origin, edge) = site().await;
            let (gone, seen) = (Gate::closed(), Gate::closed());
            let slow = Reply::stream().cache("max-age=60").length(LARGE + 10).send("first");
            let slow = slow.wait_for(&gone).repeat(vec![b'x'; 1024], LARGE / 1024);
            origin.answer("/slow", slow.wait_for(&seen).send("rest!"));
            let mut client = edge.ask("GET", WWW, "/slow").over(over).open().await.unwrap();
            assert_eq!(client.chunk().await.unwrap().unwrap(), "first");
            drop(client);
            gone.open();
            // Far more than a socket holds went to nobody when another has read this much.
            let mut reader = edge.ask("GET", WWW, "/slow").open().await.unwrap();
            let mut bytes = 0;
            while bytes < LARGE + 5 {
                bytes += reader.chunk().await.unwrap().unwrap().len() as u64;
            }
            seen.open();
            assert_eq!(reader.rest().await.unwrap().text(), "rest!", "{over:?}");
            let hit = edge.get(WWW, "/slow").await;
            assert_eq!((hit.body.len() as u64, &*hit.cache()), (LARGE + 10, "Hit"), "{over:?}");
            assert_eq!(origin.seen("/slow").len(), 1, "{over:?}");
        }
    });
}

#[test]
fn who_comes_during_a_fill_reads_along() {
    run(async {
        let (origin, edge) = site().await;
        // A site that lets both in keeps what it answers over HTTP and over HTTPS apart.
        for crowd in [&[Over::Http2, Over::Http2, Over::Http1][..], &[Over::Plain, Over::Plain]] {
            let replies = [("length", Reply::stream().length(8)), ("chunked", Reply::stream())];
            for (framing, reply) in replies {
                let (path, gate) = (format!("/{framing}/{:?}", crowd[0]), Gate::closed());
                let slow = reply.cache("max-age=60").send("head").wait_for(&gate).send("tail");
                origin.answer(&path, slow);
                let mut readers = Vec::new();
                for &over in crowd {
                    let reader = edge.ask("GET", WWW, &path).over(over).open();
                    let reader = tokio::time::timeout(PROMPT, reader).await;
                    let mut reader = reader.expect("a head at once").unwrap();
                    let bytes = reader.chunk().await.unwrap().unwrap();
                    assert_eq!(bytes, "head", "{path} over {over:?}");
                    readers.push(reader);
                }
                gate.open();
                for reader in readers {
                    assert_eq!(reader.rest().await.unwrap().text(), "tail");
                }
                assert_eq!(origin.seen(&path).len(), 1);
            }
        }
    });
}

#[test]
fn an_origin_that_goes_away_mid_body_breaks_the_transfer_and_stores_nothing() {
    run(async {
        let (origin, edge) = site().await;
        for (framing, reply) in broken() {
            for over in [Over::Plain, Over::Http1, Over::Http2] {
                let path = format!("/{framing}/{over:?}");
                let gate = Gate::closed();
                let half = reply.clone().send("half").wait_for(&gate).then_hang_up();
                origin.answer(&path, half);
                let mut leader = edge.ask("GET", WWW, &path).over(over).open().await.unwrap();
                assert_eq!(leader.chunk().await.unwrap().unwrap(), "half");
                let follower = edge.ask("GET", WWW, &path).over(over).attempt();
                let follower = tokio::spawn(follower);
                edge.connected(2).await;
                gate.open();
                assert!(leader.rest().await.is_err(), "{path}: the leader");
                // If it came too late to join, it has met the same fate by itself.
                let follower = follower.await.unwrap().map(|answer| answer.status);
                assert_ne!(follower.ok(), Some(StatusCode::OK), "{path}: the follower");

                origin.answer(&path, Reply::text("whole").cache("max-age=60"));
                let after = edge.get(WWW, &path).await;
                assert_eq!((after.text(), &*after.cache()), ("whole", "Miss"), "{path}");
            }
        }
    });
}

#[test]
fn what_is_not_stored_breaks_as_well() {
    run(async {
        let (origin, edge) = site().await;
        for (framing, reply) in broken() {
            for over in [Over::Plain, Over::Http1, Over::Http2] {
                let path = format!("/{framing}/{over:?}");
                let half = reply.clone().field("set-cookie", "a=b").send("half");
                origin.answer(&path, half.then_hang_up());
                let broken = edge.ask("GET", WWW, &path).over(over).attempt().await;
                assert!(broken.is_err(), "{path}: {broken:?}");
            }
        }
    });
}

#[test]
fn an_origin_that_stalls_mid_body_is_given_up() {
    run(async {
        let origin = Origin::start().await;
        let config =
            before(&[origin.address()]).replace("\n[sites", "response_timeout = \"2s\"\n[sites");
        let edge = Edge::start(&config).await;
        let stalled = Reply::stream().cache("max-age=60").length(8).send("half");
        origin.answer("/stalled", stalled.wait_for(&Gate::closed()));
        for over in [Over::Http1, Over::Http2] {
            let broken = edge.ask("GET", WWW, "/stalled").over(over).attempt().await;
            assert!(broken.is_err(), "{over:?}: {broken:?}");
        }
        assert_eq!(edge.logged("/stalled").await["fault"], "timeout");
        assert_eq!(origin.seen("/stalled").len(), 2, "the half was not stored");
    });
}

#[test]
fn a_kept_connection_that_the_origin_closed_is_not_noticed() {
    run(async {
        let origin = Origin::start().await;
        let edge = Edge::before(&[origin.address()]).await;
        let reply = Reply::text("{n}").cache("no-store");
        origin.answer("/a", reply.clone());
        for _ in 0..5 {
            assert_eq!(edge.get(WWW, "/a").await.status, StatusCode::OK);
            // Whatever is kept idle is cut now.
            origin.cut_connections();
        }
        assert_eq!(origin.seen("/a").len(), 5);
    });
}

/// Answers that will not be finished, by how their end would be known.
fn broken() -> [(&'static str, Reply); 2] {
    let reply = Reply::stream().cache("max-age=60");
    [("length", reply.clone().length(10)), ("chunked", reply)]
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}

/// Far longer than anything takes that is not stuck.
const PROMPT: Duration = Duration::from_secs(10);
/// More than the buffers between two programs hold.
const LARGE: u64 = 16 * 1024 * 1024;
