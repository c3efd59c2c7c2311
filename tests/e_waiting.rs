//! How long one client waits for another, or for an origin that fails.

use http::StatusCode;
use tokio::task::JoinSet;

use crate::support::client::Answer;
use crate::support::edge::before;
use crate::support::{Edge, Gate, Origin, Over, Reply, WWW, run};

const LARGE: u64 = 8 << 20;

#[test]
fn a_client_that_does_not_read_holds_up_nobody_else() {
    run(async {
        let (origin, edge) = site().await;
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let path = format!("/{over:?}");
            let body = Reply::stream().length(LARGE).repeat(vec![b'x'; 64 << 10], LARGE >> 16);
            origin.answer(&path, body.cache("max-age=60"));
            let first = edge.ask("GET", WWW, &path).over(over).open().await.unwrap();
            // The two schemes do not share.
            let shared = if over == Over::Plain { Over::Plain } else { Over::Http2 };
            let second = edge.ask("GET", WWW, &path).over(shared).send().await;
            assert_eq!(second.body.len() as u64, LARGE, "{over:?}");
            // What waited for the first one is all there too.
            assert_eq!(first.rest().await.unwrap().body.len() as u64, LARGE, "{over:?}");
            assert_eq!(origin.seen(&path).len(), 1);
        }
    });
}

#[test]
fn those_who_wait_for_a_request_share_its_failure() {
    run(async {
        let origin = Origin::start().await;
        let edge = Edge::start(
            &before(&[origin.address()])
                .replace("[sites.www]", "response_timeout = \"4s\"\n\n[sites.www]"),
        )
        .await;
        let never = Gate::closed();
        origin.answer("/hangs", Reply::text("").held_by(&never));
        let mut clients = crowd(&edge, "/hangs", 20);
        while let Some(answer) = clients.join_next().await {
            assert_eq!(answer.unwrap().status, StatusCode::GATEWAY_TIMEOUT);
        }
        assert_eq!(origin.seen("/hangs").len(), 1);
        // Whoever comes later has not waited.
        assert_eq!(edge.get(WWW, "/hangs").await.status, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(origin.seen("/hangs").len(), 2);
    });
}

#[test]
fn what_is_validated_each_time_makes_no_queue() {
    run(async {
        let (origin, edge) = site().await;
        for (i, cache) in ["no-cache", "max-age=0", "s-maxage=0"].into_iter().enumerate() {
            let path = format!("/{i}");
            let tagged = || Reply::text("page").cache(cache).field("etag", "\"a\"");
            origin.answer(&path, tagged());
            assert_eq!(edge.get(WWW, &path).await.cache(), "Miss");
            let gate = Gate::closed();
            origin.answer(&path, tagged().status(304).held_by(&gate));
            let mut clients = crowd(&edge, &path, 20);
            // All at once: none of them waits for another.
            origin.reached(&path, 21).await;
            gate.open();
            while let Some(answer) = clients.join_next().await {
                let answer = answer.unwrap();
                assert_eq!((answer.text(), &*answer.cache()), ("page", "RefreshHit"), "{cache}");
            }
            for seen in &origin.seen(&path)[1..] {
                assert_eq!(seen.field("if-none-match"), "\"a\"", "{cache}");
            }
        }
    });
}

#[test]
fn what_one_person_gets_does_not_keep_the_others_from_sharing() {
    run(async {
        let (origin, edge) = site().await;
        origin.answer("/a", Reply::text("own").cache("private"));
        let own = edge.ask("GET", WWW, "/a").field("cookie", "id=1").send().await;
        assert_eq!(own.text(), "own");
        let gate = Gate::closed();
        origin.answer("/a", Reply::text("all").cache("max-age=60").held_by(&gate));
        let mut clients = crowd(&edge, "/a", 20);
        edge.connected(20).await;
        gate.open();
        while let Some(answer) = clients.join_next().await {
            assert_eq!(answer.unwrap().text(), "all");
        }
        assert_eq!(origin.seen("/a").len(), 2);
    });
}

async fn site() -> (Origin, Edge) {
    let origin = Origin::start().await;
    let edge = Edge::before(&[origin.address()]).await;
    (origin, edge)
}

/// Clients that ask at once, each on a connection of its own.
fn crowd(edge: &Edge, path: &str, clients: usize) -> JoinSet<Answer> {
    let mut all = JoinSet::new();
    for _ in 0..clients {
        let ask = edge.ask("GET", WWW, path);
        all.spawn(ask.send());
    }
    all
}
