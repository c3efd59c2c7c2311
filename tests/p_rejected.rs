//! A slow authority that refuses half of what is signed for it, over a path that loses a third.

use std::time::Duration;

use crate::support::pebble::Plan;
use crate::support::world::{bare, site};
use crate::support::{Flaky, Kind, World, run_within, trusted};

#[test]
fn half_of_the_nonces_and_a_third_of_the_validations_are_lost_and_every_site_gets_there() {
    run_within(Duration::from_mins(2), async {
        let setup = bare();
        let flaky = Flaky::before(setup.place.http, |nth| nth % 3 == 0).await;
        let plan = |plan: Plan| plan.rejected_nonces(50).slow_s(2).http_port(flaky.port());
        let world = World::around(&setup, plan).await;
        let hosts = SITES.map(|name| format!("{name}.example.test"));
        let sites: String =
            SITES.iter().zip(&hosts).map(|(name, host)| site(name, &[host], "")).collect();
        let edge = world.ordering(setup, "", &sites).await.start().await;
        for host in &hosts {
            trusted(&edge.setup().place, host).await;
        }
        // The third validation went astray, and its site needed a fourth, with an order of its own.
        assert_eq!((flaky.validations(), world.authority.made(Kind::NewOrder)), (4, 4));
        assert!(world.authority.story().contains(" 400\n"), "no nonce was refused");
        for name in SITES {
            edge.certificate_is(name, "valid").await;
            let told = edge.certificate_log(name);
            let first_words: Vec<&str> =
                told.iter().filter_map(|line| line.split(' ').next()).collect();
            let mut expected = GOES_WELL.to_vec();
            if first_words.contains(&"attempt") {
                expected.splice(0..0, FAILS);
            }
            assert_eq!(first_words, expected, "{told:#?}");
        }
    });
}

const SITES: [&str; 3] = ["www", "api", "img"];
/// What the log tells of an attempt that fails: how each line begins.
const FAILS: [&str; 4] = ["there", "ordered", "proving", "attempt"];
const GOES_WELL: [&str; 7] =
    ["there", "ordered", "proving", "proven", "finalized", "issued", "serving"];
