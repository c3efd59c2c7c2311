//! The authority is not there when it is needed: clients do not notice, whoever runs the node does,
//! and it mends itself.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::authority::Authority;
use crate::support::client::Place;
use crate::support::newcomers::{self, Newcomers};
use crate::support::pebble::{KID, MAC_KEY, Plan};
use crate::support::process::POLL;
use crate::support::standing::{
    failed, failures, problems, renew, replaced, time, without_problems,
};
use crate::support::world::{bare, site};
use crate::support::{
    Edge, Kind, Load, Over, Shown, Spoiled, WWW, World, load, run, run_within, trusted,
};

#[test]
fn an_authority_that_is_gone_for_the_whole_renewal_window_harms_no_client_until_the_very_end() {
    run_within(LIMIT, async {
        let (mut world, edge) = short_lived().await;
        let place = edge.setup().place.clone();
        let first = trusted(&place, WWW).await;
        world.authority.gone().await;
        let kept = Load::get(&edge, "/").over(Over::Http2).per_second(50).start(5000);
        let new = Newcomers::come(&place, WWW, 50);
        let told = failed(&edge, "www", 2).await;
        let visits = new.end().await;
        assert!(newcomers::failures(&visits).is_empty(), "{:#?}", newcomers::failures(&visits));
        assert!(visits.iter().all(|visit| visit.leaf() == Some(&first.leaf)));
        let why = told["last_error"].as_str().unwrap();
        assert!(why.ends_with("the connection failed: Connection refused"), "{why}");
        assert_eq!(told["last_attempt"]["outcome"], "authority", "{told}");
        let problem = &problems(&edge).await[0];
        assert!(problem.starts_with("site www: the last "), "{problem}");
        let end = told["not_after"].as_str().unwrap();
        let end = format!("; the certificate that is served expires soon, at {end}");
        assert!(problem.contains(why) && problem.ends_with(&end), "{problem}");
        let seconds = first.not_after().await.duration_since(std::time::UNIX_EPOCH).unwrap();
        let metric = "warmfront_certificate_not_after_seconds{site=\"www\"}";
        assert_eq!(u64::try_from(edge.metric(metric).await).unwrap(), seconds.as_secs());

        // Whoever does not look at the date is served on.
        let told = edge.certificate_is("www", "expired").await;
        assert_eq!(told["serial"], first.serial().await);
        let distrust = loop {
            let shown = Shown::to(&place, WWW).await.unwrap();
            assert_eq!(shown.leaf, first.leaf);
            // To clients it is valid for the whole of its last second.
            match shown.distrust {
                Some(distrust) => break distrust,
                None => tokio::time::sleep(POLL).await,
            }
        };
        assert!(distrust.contains("expired"), "{distrust}");
        let problem = &problems(&edge).await[0];
        assert!(problem.contains("; the certificate that is served expired at "), "{problem}");
        kept.reached(kept.so_far().len() + 5).await;
        assert_eq!(load::failures(&kept.so_far()), Vec::<String>::new());

        world.authority.back().await;
        replaced(&place, WWW, &first.leaf).await;
        without_problems(&edge).await;
        assert_eq!(edge.certificate("www").await["last_error"], Value::Null);
    });
}

#[test]
fn an_authority_in_maintenance_is_told_of_and_comes_back() {
    run(bad_day(Spoiled::unavailable(), "The service is down for maintenance (serverInternal)"));
}

#[test]
fn a_page_for_people_is_told_by_its_status() {
    run(bad_day(Spoiled::html(), "502"));
}

#[test]
fn an_authority_that_hangs_up_is_told_of_and_comes_back() {
    run(bad_day(Spoiled::HangUp, "the connection failed: "));
}

#[test]
fn an_authority_that_answers_nonsense_is_told_of_and_comes_back() {
    run(bad_day(Spoiled::nonsense(), "cannot be understood"));
}

#[test]
fn an_authority_that_wants_to_be_left_alone_for_a_moment_is() {
    run_within(LIMIT, async {
        let (world, edge) = short_lived().await;
        let first = trusted(&edge.setup().place, WWW).await;
        let said = Instant::now();
        all_kinds(&world.authority, &Spoiled::rate_limited("5"));
        let told = failed(&edge, "www", 1).await;
        assert_eq!(told["last_attempt"]["outcome"], "busy", "{told}");
        let again = world.authority.count(Kind::Directory) + 1;
        world.authority.heals();
        world.authority.reached(Kind::Directory, again).await;
        assert!(warmfront_proxy::now() >= time(&told["next_attempt"]), "{told}");
        assert!(said.elapsed() > Duration::from_secs(5));
        replaced(&edge.setup().place, WWW, &first.leaf).await;
        without_problems(&edge).await;
    });
}

#[test]
fn an_authority_that_never_answers_is_given_up_after_30_seconds_and_asked_again() {
    run_within(Duration::from_secs(75), async {
        let (world, setup) = World::start().await;
        let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
        let place = edge.setup().place.clone();
        let first = trusted(&place, WWW).await;
        all_kinds(&world.authority, &Spoiled::Never);
        renew(&edge, WWW).await;
        edge.certificate_is("www", "renewing").await;
        assert_eq!(edge.get(WWW, "/").await.text(), "here");
        let told = failed(&edge, "www", 1).await;
        let why = told["last_error"].as_str().unwrap();
        assert!(why.ends_with("no answer within 30 s"), "{why}");
        assert!(problems(&edge).await[0].contains(why));
        assert_eq!(Shown::to(&place, WWW).await.unwrap().leaf, first.leaf);
        world.authority.heals();
        renew(&edge, WWW).await;
        replaced(&place, WWW, &first.leaf).await;
        without_problems(&edge).await;
    });
}

#[test]
fn nobody_asks_before_retry_after_neither_another_site_nor_after_a_restart_nor_by_request() {
    run_within(LIMIT, async {
        let (world, setup) = World::start().await;
        let setup = world.ordering(setup, "", &site("www", &[WWW], "")).await;
        world.authority.spoils(Kind::NewOrder, 1..=1, Spoiled::rate_limited("20"));
        let mut limited = world.authority.holds(Kind::NewOrder);
        let edge = setup.start().await;
        limited.arrived().await;
        let said = Instant::now();
        limited.pass();
        let told = failed(&edge, "www", 1).await;
        let why = told["last_error"].as_str().unwrap();
        assert!(why.contains("too many certificates already issued"), "{why}");
        let attempted = time(&told["last_attempt"]["at"]);
        assert!(time(&told["next_attempt"]) >= attempted + Duration::from_secs(20), "{told}");

        // SIGKILL, and one more site that would order at once.
        let setup = edge.kill().await;
        let config = std::fs::read_to_string(setup.config()).unwrap();
        let late = site("late", &["late.example.test"], "");
        std::fs::write(setup.config(), config + &late).unwrap();
        let asked = world.authority.story();
        let edge = setup.start().await;
        for host in [WWW, "late.example.test"] {
            let taken = renew(&edge, host).await;
            assert!(time(&taken["not_before"]) > warmfront_proxy::now(), "{taken}");
        }
        edge.certificate_is("late", "waiting").await;
        edge.process.stderr.find(|line| line.contains("wants to be asked before")).await;
        assert_eq!(world.authority.story(), asked);
        let next = world.authority.count(Kind::Directory) + 1;
        world.authority.reached(Kind::Directory, next).await;
        assert!(said.elapsed() > Duration::from_secs(20), "asked after {:?}", said.elapsed());
        for host in [WWW, "late.example.test"] {
            trusted(&edge.setup().place, host).await;
        }
        without_problems(&edge).await;
    });
}

#[test]
fn who_asks_for_a_certificate_does_not_wait_for_the_back_off() {
    run(async {
        let (world, setup) = World::start().await;
        let setup = world.ordering(setup, "", &site("www", &[WWW], "")).await;
        world.authority.spoils(Kind::NewOrder, 1..=2, Spoiled::unavailable());
        let edge = setup.start().await;
        for times in 1..=2 {
            let told = failed(&edge, "www", times).await;
            assert_eq!(world.authority.count(Kind::NewOrder), times);
            let next = time(&told["next_attempt"]);
            // 10 s at first, then a minute.
            let least = Duration::from_secs(if times == 1 { 9 } else { 59 });
            assert!(next > time(&told["last_attempt"]["at"]) + least, "{told}");
            let taken = renew(&edge, WWW).await;
            assert!(time(&taken["not_before"]) <= warmfront_proxy::now(), "{taken}");
            world.authority.reached(Kind::NewOrder, times + 1).await;
            assert!(warmfront_proxy::now() < next);
        }
        trusted(&edge.setup().place, WWW).await;
        without_problems(&edge).await;
    });
}

#[test]
fn an_authority_that_is_gone_at_the_first_start_is_asked_again_and_meanwhile_told_of() {
    run(async {
        tokio::join!(Box::pin(gone_at_first("refuse")), Box::pin(gone_at_first("self-signed")));
    });
}

#[test]
fn an_authority_that_has_forgotten_everything_makes_a_new_account() {
    run(async {
        let (mut world, setup) = World::start().await;
        let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
        trusted(&edge.setup().place, WWW).await;
        world.pebble.kill().await;
        world.pebble.restart().await;
        renew(&edge, WWW).await;
        let Place { http, https, .. } = *edge.setup().place;
        let anew = Place { http, https, ca: world.pebble.root().await };
        trusted(&anew, WWW).await;
        let made = [Kind::NewAccount, Kind::NewOrder].map(|kind| world.authority.made(kind));
        assert_eq!(made, [2, 2], "{}", world.authority.story());
        // What an account of before has got is nobody's to replace.
        assert!(world.authority.orders()[1]["replaces"].is_null());
        assert_eq!(failures(&edge, "www").await, 0);
    });
}

#[test]
fn a_wrong_external_account_is_said_plainly() {
    run(async {
        let wrong_key = MAC_KEY.replace('z', "y");
        for (external, words) in [
            (None, "makes accounts for its customers alone: set external_account, with the kid"),
            (Some(("another", MAC_KEY)), "does not recognise the key identifier `another` of"),
            (Some((KID, &*wrong_key)), "or its hmac_key_file is of another"),
        ] {
            let setup = bare();
            let world = World::around(&setup, Plan::external_account).await;
            let keys = external.map_or(String::new(), |(kid, key)| {
                format!("external_account = {{ kid = \"{kid}\", hmac_key = \"{key}\" }}")
            });
            let edge = world.ordering(setup, &keys, &site("www", &[WWW], "")).await.start().await;
            let told = failed(&edge, "www", 1).await;
            let why = told["last_error"].as_str().unwrap();
            assert!(why.contains(words), "{why}");
            assert_eq!(told["last_attempt"]["outcome"], "account", "{told}");
            assert!(problems(&edge).await[0].contains(why));
            assert_eq!(world.authority.count(Kind::NewOrder), 0);
        }
    });
}

/// Everything that is asked when a renewal is due is answered like this for a while.
async fn bad_day(said: Spoiled, words: &str) {
    let (world, edge) = short_lived().await;
    let place = edge.setup().place.clone();
    let first = trusted(&place, WWW).await;
    all_kinds(&world.authority, &said);
    let told = failed(&edge, "www", 1).await;
    let why = told["last_error"].as_str().unwrap();
    assert!(why.contains(words), "{why}");
    assert_eq!(told["last_attempt"]["outcome"], "authority", "{told}");
    let problem = &problems(&edge).await[0];
    assert!(problem.contains(&format!("failed: {why}; the certificate that is ")), "{problem}");
    let shown = Shown::to(&place, WWW).await.unwrap();
    assert_eq!((shown.leaf, shown.distrust), (first.leaf.clone(), None));
    assert_eq!(edge.get(WWW, "/").await.text(), "here");
    world.authority.heals();
    replaced(&place, WWW, &first.leaf).await;
    without_problems(&edge).await;
    assert!(failures(&edge, "www").await >= 1);
}

/// There is no certificate yet and nobody to give one: clients see what `before_first` says.
async fn gone_at_first(before_first: &str) {
    let (mut world, setup) = World::start().await;
    let keys = format!("before_first = \"{before_first}\"");
    let setup = world.ordering(setup, &keys, &site("www", &[WWW], "")).await;
    world.authority.gone().await;
    let edge = setup.start().await;
    failed(&edge, "www", 1).await;
    let problem = &problems(&edge).await[0];
    assert!(problem.starts_with("site www: the last attempt to get a certificate failed: "));
    assert!(problem.ends_with("; there is none yet"), "{problem}");
    assert_eq!(edge.ask("GET", WWW, "/").over(Over::Plain).send().await.text(), "here");
    let place = &edge.setup().place;
    let shown = Shown::to(place, WWW).await;
    match before_first {
        "refuse" => assert!(shown.unwrap_err().to_string().contains("UnrecognisedName")),
        _ => assert!(shown.unwrap().distrust.is_some()),
    }
    world.authority.back().await;
    // By itself, after the first back-off of 10 s.
    trusted(place, WWW).await;
    without_problems(&edge).await;
}

/// An edge whose certificates live for 16 seconds, and are due for renewal after about 8.
async fn short_lived() -> (World, Edge) {
    let setup = bare();
    let world = World::around(&setup, |plan| plan.lifetime_s(16)).await;
    let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
    (world, edge)
}

/// Whatever is asked is answered like this, until it heals.
fn all_kinds(authority: &Authority, said: &Spoiled) {
    for kind in [
        Kind::Directory,
        Kind::NewNonce,
        Kind::NewAccount,
        Kind::NewOrder,
        Kind::Order,
        Kind::Authorization,
        Kind::Challenge,
        Kind::Finalize,
        Kind::Certificate,
    ] {
        authority.spoils_all(kind, said.clone());
    }
}

const LIMIT: Duration = Duration::from_mins(2);
