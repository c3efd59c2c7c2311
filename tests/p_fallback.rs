//! A second authority stands in for the first, whatever is wrong with that one.

use std::sync::Arc;
use std::time::Duration;

use crate::support::client::Place;
use crate::support::pebble::{Pebble, Plan};
use crate::support::process::POLL;
use crate::support::standing::{failed, failures, renew, replaced, without_problems};
use crate::support::world::{bare, site};
use crate::support::{
    Authority, Edge, Kind, Over, Setup, Spoiled, WWW, World, run_within, trusted,
};

#[test]
fn a_second_authority_renews_by_itself_what_the_first_cannot() {
    run_within(LIMIT, async {
        let setup = bare();
        let mut world = World::around(&setup, |plan| plan.lifetime_s(40)).await;
        let second = Second::beside(&world, &setup).await;
        let edge = second.ordering(&world, setup).await.start().await;
        let first = trusted(&edge.setup().place, WWW).await;
        world.authority.gone().await;
        let place = second.place(&edge).await;
        let shown = loop {
            // Nobody who trusts the first is turned away before the second has issued.
            let shown = crate::support::Shown::to(&place, WWW).await.unwrap();
            if shown.distrust.is_none() {
                break shown;
            }
            assert_eq!(shown.leaf, first.leaf);
            tokio::time::sleep(POLL).await;
        };
        assert!(warmfront_proxy::now() < first.not_after().await, "it came too late");
        assert_eq!(failures(&edge, "www").await, 3);
        let told = edge.certificate_is("www", "valid").await;
        assert_eq!(told["serial"], shown.serial().await);
        assert_eq!(told["authority"], second.name(), "{told}");
        without_problems(&edge).await;

        // The next one is the first's again.
        world.authority.back().await;
        renew(&edge, WWW).await;
        replaced(&edge.setup().place, WWW, &shown.leaf).await;
        assert_ne!(edge.certificate("www").await["authority"], second.name());
    });
}

#[test]
fn a_second_authority_stands_in_for_one_that_is_broken() {
    run_within(LIMIT, async {
        tokio::join!(
            Box::pin(stands_in(Kind::Directory, Spoiled::unavailable(), 3)),
            Box::pin(stands_in(Kind::Directory, Spoiled::HangUp, 3)),
            Box::pin(stands_in(Kind::NewNonce, Spoiled::html(), 3)),
            Box::pin(stands_in(Kind::NewOrder, Spoiled::nonsense(), 3)),
        );
    });
}

#[test]
fn a_second_authority_stands_in_for_one_that_breaks_off_in_the_middle_of_an_order() {
    run_within(LIMIT, async {
        tokio::join!(
            Box::pin(stands_in(Kind::Challenge, Spoiled::html(), 3)),
            Box::pin(stands_in(Kind::Finalize, Spoiled::unavailable(), 3)),
            Box::pin(stands_in(Kind::Order, Spoiled::nonsense(), 3)),
            Box::pin(stands_in(Kind::Certificate, Spoiled::unavailable(), 3)),
        );
    });
}

#[test]
fn a_second_authority_stands_in_for_one_that_refuses() {
    let account = Spoiled::problem(403, "unauthorized", "this account was deactivated");
    let caa = Spoiled::problem(403, "caa", "CAA record for www.example.test prevents issuance");
    let policy = Spoiled::problem(400, "rejectedIdentifier", "policy forbids issuing for it");
    run_within(LIMIT, async {
        tokio::join!(
            Box::pin(stands_in(Kind::NewAccount, account, 3)),
            Box::pin(stands_in(Kind::Finalize, caa, 3)),
            Box::pin(stands_in(Kind::NewOrder, policy, 3)),
            // One that wants to be left alone is, at once.
            Box::pin(stands_in(Kind::NewOrder, Spoiled::rate_limited("3600"), 1)),
        );
    });
}

#[test]
fn a_second_authority_stands_in_for_one_that_does_not_find_the_proof() {
    run_within(LIMIT, async {
        let setup = bare();
        // The first looks for files where nobody is.
        let world = World::around(&setup, |plan| plan.http_port(1)).await;
        let second = Second::beside(&world, &setup).await;
        let edge = second.ordering(&world, setup).await.start().await;
        takes_over(&world, &second, &edge, 3).await;
        assert_eq!(world.authority.made(Kind::NewOrder), 3);
    });
}

/// The first answers like this to everything of a kind, and is asked so often.
async fn stands_in(kind: Kind, said: Spoiled, times: usize) {
    let (world, setup) = World::start().await;
    let second = Second::beside(&world, &setup).await;
    let setup = second.ordering(&world, setup).await;
    world.authority.spoils_all(kind, said);
    let edge = setup.start().await;
    takes_over(&world, &second, &edge, times).await;
}

/// Somebody wants a certificate after each failure; so many come before one of the second's.
async fn takes_over(world: &World, second: &Second, edge: &Edge, times: usize) {
    for nth in 1..=times {
        let told = failed(edge, "www", nth).await;
        assert_ne!(told["last_attempt"]["authority"], second.name(), "{told}");
        assert_eq!(second.authority.count(Kind::NewOrder), 0, "{}", second.authority.story());
        renew(edge, WWW).await;
    }
    trusted(&*second.place(edge).await, WWW).await;
    let told = edge.certificate_is("www", "valid").await;
    assert_eq!(told["authority"], second.name(), "{told}");
    assert_eq!(failures(edge, "www").await, times);
    assert_eq!(world.pebble.issued().max(1), 1, "{}", world.authority.story());
    assert_eq!(second.authority.made(Kind::NewOrder), 1);
    without_problems(edge).await;
    assert_eq!(edge.ask("GET", WWW, "/").over(Over::Plain).send().await.text(), "here");
}

/// Another authority for the same names.
struct Second {
    authority: Authority,
    pebble: Pebble,
}

// === impl Second ===

impl Second {
    async fn beside(world: &World, setup: &Setup) -> Self {
        let Place { http, https, .. } = *setup.place;
        let pebble = Plan::new(world.names.address(), http.port(), https.port()).start().await;
        Self { authority: Authority::before(&pebble).await, pebble }
    }

    /// The edge orders from the world's authority, and else from this one.
    async fn ordering(&self, world: &World, setup: Setup) -> Setup {
        let keys = format!("fallback = [{}]", self.authority.table());
        world.ordering(setup, &keys, &site("www", &[WWW], "")).await
    }

    /// The edge, for clients who trust nobody else.
    async fn place(&self, edge: &Edge) -> Arc<Place> {
        let Place { http, https, .. } = *edge.setup().place;
        Arc::new(Place { http, https, ca: self.pebble.root().await })
    }

    /// As people know it.
    fn name(&self) -> String {
        self.authority.address().to_string()
    }
}

const LIMIT: Duration = Duration::from_mins(2);
