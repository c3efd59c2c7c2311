//! Certificates are renewed when their authority says so, or else by their lifetime, and nobody who
//! is connected notices.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::authority::Authority;
use crate::support::client::{Place, tls};
use crate::support::kept::Kept;
use crate::support::load;
use crate::support::newcomers::{self, Newcomers, Visit};
use crate::support::pebble::Plan;
use crate::support::standing::{failed, failures, problems, renew, replaced, time};
use crate::support::world::{bare, site};
use crate::support::{Kind, Load, Over, Shown, Spoiled, WWW, World, run, run_within, trusted};

#[test]
fn certificates_are_replaced_under_200_requests_per_second_and_no_request_fails() {
    run_within(Duration::from_mins(1), async {
        let setup = bare();
        let world = World::around(&setup, |plan| plan.lifetime_s(SHORT_S)).await;
        world.authority.suggests(past(), None);
        let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
        let place = edge.setup().place.clone();
        world.authority.reached(Kind::NewOrder, 1).await;
        let mut renewal = world.authority.holds(Kind::NewOrder);
        let first = trusted(&place, WWW).await.leaf;
        let mut older = Kept::open(&place, WWW).await;
        assert_eq!(older.get(WWW).await.1, "here");

        let began = Instant::now();
        let kept = Load::get(&edge, "/").over(Over::Http2).per_second(100).start(6000);
        let new = Newcomers::come(&place, WWW, 100);
        kept.reached(50).await;
        renewal.arrived().await;
        renewal.pass();
        let (mut since, mut shown) = (vec![began], vec![first]);
        for _ in 0..3 {
            let (seen, leaf) = new.shown_another(&shown).await;
            since.push(seen);
            shown.push(leaf);
        }
        world.authority.suggests(future(), None);
        kept.reached(kept.so_far().len() + 50).await;
        let (took, kept, visits) = (began.elapsed(), kept.so_far(), new.end().await);

        assert_eq!(load::failures(&kept), Vec::<String>::new());
        assert!(newcomers::failures(&visits).is_empty(), "{:#?}", newcomers::failures(&visits));
        let requests = u32::try_from(kept.len() + visits.len()).unwrap();
        let per_second = f64::from(requests) / took.as_secs_f64();
        assert!(per_second > 180.0, "{per_second} requests per second");
        nobody_is_shown_an_older_one(&visits, &since, &shown);
        assert_eq!(older.get(WWW).await.1, "here");
        assert_eq!(failures(&edge, "www").await, 0);
    });
}

#[test]
fn sessions_are_resumed_over_a_renewal() {
    run(async {
        let (world, setup) = World::start().await;
        let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
        let place = edge.setup().place.clone();
        let first = trusted(&place, WWW).await;
        let client = tls(&place.ca, &[b"http/1.1"]);
        assert_ne!(come_in(&place, &client).await, HandshakeKind::Resumed);
        renew(&edge, WWW).await;
        replaced(&place, WWW, &first.leaf).await;
        assert_eq!(come_in(&place, &client).await, HandshakeKind::Resumed);
        assert_eq!(come_in(&place, &client).await, HandshakeKind::Resumed);
    });
}

#[test]
fn a_renewal_lies_in_the_window_that_the_authority_suggests_and_a_restart_does_not_move_it() {
    run(async {
        let setup = bare();
        let world = World::around(&setup, |plan| plan.lifetime_s(24 * 3600)).await;
        let window = future();
        world.authority.suggests(window.clone(), None);
        let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
        let place = edge.setup().place.clone();
        let first = trusted(&place, WWW).await;
        world.authority.reached(Kind::RenewalInfo, 1).await;
        let chosen = loop {
            let next = edge.certificate("www").await["next_renewal"].clone();
            if window.contains(&time(&next)) {
                break next;
            }
            tokio::task::yield_now().await;
        };

        // The second start has something else to do, and does nothing else.
        let setup = edge.kill().await;
        let config = std::fs::read_to_string(setup.config()).unwrap();
        let late = site("late", &["late.example.test"], "");
        std::fs::write(setup.config(), config + &late).unwrap();
        let edge = setup.start().await;
        trusted(&place, "late.example.test").await;
        let told = edge.certificate_is("www", "valid").await;
        assert_eq!(told["next_renewal"], chosen);
        assert_eq!(Shown::to(&place, WWW).await.unwrap().leaf, first.leaf);
        assert_eq!(ordered(&world.authority), [WWW, "late.example.test"]);
        // One question for each certificate, none of them anew.
        world.authority.reached(Kind::RenewalInfo, 2).await;
        assert_eq!(world.authority.count(Kind::RenewalInfo), 2, "{}", world.authority.story());
    });
}

#[test]
fn a_renewal_says_what_it_replaces() {
    run(async {
        let setup = bare();
        let world = World::around(&setup, |plan| plan.lifetime_s(SHORT_S)).await;
        world.authority.suggests(past(), None);
        let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
        let first = trusted(&edge.setup().place, WWW).await;
        world.authority.reached(Kind::NewOrder, 2).await;
        world.authority.suggests(future(), None);
        replaced(&edge.setup().place, WWW, &first.leaf).await;
        let orders = world.authority.orders();
        assert!(orders[0]["replaces"].is_null(), "{orders:?}");
        assert_eq!(orders[1]["replaces"], asked_about(&world.authority)[0]);
        assert_eq!(edge.certificate_is("www", "valid").await["last_error"], NOTHING);
    });
}

#[test]
fn what_was_replaced_already_is_replaced_without_saying_so() {
    run(async {
        let setup = bare();
        let world = World::around(&setup, |plan| plan.lifetime_s(SHORT_S)).await;
        world.authority.suggests(past(), None);
        world.authority.refuses_replaces(true);
        let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
        let first = trusted(&edge.setup().place, WWW).await;
        world.authority.reached(Kind::NewOrder, 3).await;
        world.authority.suggests(future(), None);
        replaced(&edge.setup().place, WWW, &first.leaf).await;
        let orders = world.authority.asked(Kind::NewOrder);
        let told: Vec<(bool, Option<u16>)> = orders
            .iter()
            .map(|order| (order.payload["replaces"].is_string(), order.status))
            .collect();
        assert_eq!(told, [(false, Some(201)), (true, Some(409)), (false, Some(201))]);
        assert_eq!(failures(&edge, "www").await, 0);
        assert_eq!(problems(&edge).await, Vec::<String>::new());
    });
}

#[test]
fn a_certificate_of_another_authority_is_replaced_without_saying_so() {
    run(async {
        let (mut world, setup) = World::start().await;
        let Place { http, https, .. } = *setup.place;
        let second = Plan::new(world.names.address(), http.port(), https.port()).start().await;
        let stands_in = Authority::before(&second).await;
        for authority in [&world.authority, &stands_in] {
            authority.suggests(future(), None);
        }
        let keys = format!("fallback = [{}]", stands_in.table());
        let setup = world.ordering(setup, &keys, &site("www", &[WWW], "")).await;
        world.authority.gone().await;
        let edge = setup.start().await;
        for times in 1..=3 {
            failed(&edge, "www", times).await;
            renew(&edge, WWW).await;
        }
        let place = &edge.setup().place;
        let theirs = Arc::new(Place { http, https, ca: second.root().await });
        let first = trusted(&theirs, WWW).await;
        edge.certificate_is("www", "valid").await;

        world.authority.back().await;
        for _ in 0..2 {
            let orders = world.authority.count(Kind::NewOrder);
            renew(&edge, WWW).await;
            world.authority.reached(Kind::NewOrder, orders + 1).await;
            edge.certificate_is("www", "valid").await;
        }
        assert_ne!(trusted(place, WWW).await.leaf, first.leaf);
        let replaces = |authority: &Authority| {
            let orders = authority.orders();
            orders.iter().map(|order| order["replaces"].is_string()).collect::<Vec<_>>()
        };
        // Its own certificate may be named to it, and was.
        assert_eq!(replaces(&world.authority), [false, true]);
        assert_eq!(replaces(&stands_in), [false]);
    });
}

#[test]
fn an_authority_that_says_nothing_of_use_about_renewals_is_not_waited_for() {
    run_within(Duration::from_mins(1), async {
        tokio::join!(
            Box::pin(by_lifetime(Spoiled::unavailable())),
            Box::pin(by_lifetime(Spoiled::html())),
            Box::pin(by_lifetime(Spoiled::nonsense())),
            Box::pin(by_lifetime(Spoiled::HangUp)),
        );
    });
}

/// A short-lived certificate is renewed at about half of its life, whatever is answered about that.
async fn by_lifetime(said: Spoiled) {
    let setup = bare();
    let world = World::around(&setup, |plan| plan.lifetime_s(16)).await;
    world.authority.suggests(future(), None);
    world.authority.spoils_all(Kind::RenewalInfo, said.clone());
    let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
    let first = trusted(&edge.setup().place, WWW).await;
    let told = edge.certificate_is("www", "valid").await;
    let [begins, due, ends] = ["not_before", "next_renewal", "not_after"].map(|at| time(&told[at]));
    let part = due.duration_since(begins).unwrap().as_secs_f64()
        / ends.duration_since(begins).unwrap().as_secs_f64();
    // The API tells whole seconds.
    assert!((0.35..=0.55).contains(&part), "{said:?}: {told}");
    world.authority.reached(Kind::RenewalInfo, 1).await;
    replaced(&edge.setup().place, WWW, &first.leaf).await;
    assert!(warmfront_proxy::now() >= due, "{said:?}: renewed before {due:?}");
    assert_eq!(failures(&edge, "www").await, 0, "{said:?}");
    assert_eq!(problems(&edge).await, Vec::<String>::new(), "{said:?}");
}

/// `shown` is what was shown, in this order, and `since` from when on at the latest.
fn nobody_is_shown_an_older_one(
    visits: &[Visit],
    since: &[Instant],
    shown: &[CertificateDer<'static>],
) {
    let number = |visit: &Visit| {
        let place = shown.iter().position(|leaf| visit.leaf() == Some(leaf));
        // Of a renewal that was under way when the authority was told otherwise.
        place.unwrap_or(shown.len())
    };
    for visit in visits {
        let newest = since.iter().rposition(|since| *since <= visit.began).unwrap();
        assert!(number(visit) >= newest, "{} after {newest}", number(visit));
    }
}

/// A client that remembers its sessions comes in, has an answer, and remembers one more.
async fn come_in(place: &Place, client: &Arc<rustls::ClientConfig>) -> HandshakeKind {
    let mut stream = place.connect(WWW, client.clone()).await;
    let ask = format!("GET / HTTP/1.1\r\nHost: {WWW}\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    stream.get_ref().1.handshake_kind().unwrap()
}

/// The first names of all orders.
fn ordered(authority: &Authority) -> Vec<String> {
    let orders = authority.orders();
    let first =
        |order: &serde_json::Value| order["identifiers"][0]["value"].as_str().unwrap().to_owned();
    orders.iter().map(first).collect()
}

/// The certificates whose renewal was asked about, as RFC 9773 §4.1 names them.
fn asked_about(authority: &Authority) -> Vec<String> {
    let asked = authority.asked(Kind::RenewalInfo);
    asked.iter().map(|it| it.path.rsplit('/').next().unwrap().to_owned()).collect()
}

/// A window that is over: every certificate is to be renewed now.
fn past() -> std::ops::Range<SystemTime> {
    let now = warmfront_proxy::now();
    now - Duration::from_hours(2)..now - Duration::from_hours(1)
}

/// Soon, but not now.
fn future() -> std::ops::Range<SystemTime> {
    let now = warmfront_proxy::now();
    now + Duration::from_hours(2)..now + Duration::from_hours(3)
}

/// In seconds. What is to be replaced now is replaced after a 24th of it, and without a word of the
/// authority after half of it.
const SHORT_S: u64 = 48;

const NOTHING: serde_json::Value = serde_json::Value::Null;
