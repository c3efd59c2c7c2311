//! What the tests of certificates are made of does what it says.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::Value;

use crate::support::client::plain;
use crate::support::edge::own_address;
use crate::support::pebble::Line;
use crate::support::program::{output, program};
use crate::support::{
    Authority, Flaky, Kind, Knot, Moto, Names, Origin, Reply, Spoiled, World, run,
};

#[test]
fn an_authority_tells_what_it_is_asked_and_offers_more_than_pebble() {
    run(async {
        let (world, _setup) = World::start().await;
        let authority = &world.authority;
        let line = world.pebble.line();
        let directory = get(&line, authority, "/dir").await;
        assert!(directory["renewalInfo"].is_null() && directory["meta"]["profiles"].is_null());
        let new_order = directory["newOrder"].as_str().unwrap();
        assert!(authority.directory().starts_with(new_order.trim_end_matches("/order-plz")));
        assert!(world.pebble.root().await.starts_with("-----BEGIN CERTIFICATE-----"));
        assert_eq!((authority.count(Kind::Directory), world.pebble.orders()), (1, 0));

        let now = warmfront_proxy::now();
        authority.suggests(now..now + Duration::from_hours(1), Some("60"));
        authority.offers(&["shortlived"]);
        let directory = get(&line, authority, "/dir").await;
        assert!(directory["meta"]["profiles"]["shortlived"].is_string(), "{directory}");
        let place = directory["renewalInfo"].as_str().unwrap();
        assert!(place.ends_with("/renewal-info"), "{place}");
        let window = get(&line, authority, "/renewal-info/abc").await;
        assert!(window["suggestedWindow"]["start"].is_string(), "{window}");
    });
}

#[test]
fn an_authority_has_bad_days() {
    run(async {
        let (mut world, _setup) = World::start().await;
        let line = world.pebble.line();
        world.authority.spoils(Kind::Directory, 2..=2, Spoiled::rate_limited("120"));
        world.authority.spoils(Kind::Directory, 3..=3, Spoiled::HangUp);
        for expected in [Some(200), Some(429), None, Some(200)] {
            let answer = ask(&line, &world.authority, "/dir").await;
            assert_eq!(answer.map(|answer| answer.status().as_u16()), expected);
        }
        let spoiled = [
            (Spoiled::unavailable(), 503, "urn:ietf:params:acme:error:serverInternal"),
            (Spoiled::html(), 502, "<html>"),
            (Spoiled::nonsense(), 200, "{\"status\":"),
        ];
        for (with, status, words) in spoiled {
            world.authority.spoils_all(Kind::Directory, with);
            let answer = ask(&line, &world.authority, "/dir").await.unwrap();
            let body = String::from_utf8_lossy(answer.body());
            assert!(answer.status() == status && body.contains(words), "{status}: {body}");
            world.authority.heals();
        }
        let mut held = world.authority.holds_answer(Kind::NewNonce);
        let asking = ask(&line, &world.authority, "/nonce-plz");
        let (answer, ()) = tokio::join!(asking, async {
            assert_eq!(held.arrived().await.kind, Kind::NewNonce);
            held.cut();
        });
        assert!(answer.is_none());
        assert_eq!(world.authority.asked(Kind::NewNonce)[0].status, Some(204));
        world.authority.gone().await;
        assert!(ask(&line, &world.authority, "/dir").await.is_none());
        world.authority.back().await;
        assert!(ask(&line, &world.authority, "/dir").await.is_some());
    });
}

#[test]
fn names_move_and_fail() {
    run(async {
        let every = own_address();
        let names = Names::start(every).await;
        let host = "www.example.test";
        assert_eq!(addresses(&names, host).await, [every.to_string()]);
        names.points(host, &["192.0.2.1".parse().unwrap()]).await;
        assert_eq!(addresses(&names, host).await, ["192.0.2.1"]);
        names.fails(host).await;
        assert!(addresses(&names, host).await.is_empty());
        names.recovers(host).await;
        names.points(host, &[]).await;
        assert_eq!(addresses(&names, host).await, [every.to_string()]);
    });
}

#[test]
fn a_path_loses_every_request_of_some_validations() {
    run(async {
        let node = Origin::start().await;
        for token in ["/a", "/b", "/c"] {
            node.answer(token, Reply::text("proof"));
        }
        let flaky = Flaky::before(node.address(), |nth| nth % 3 == 2).await;
        for (token, expected) in [("/a", 200), ("/b", 404), ("/b", 404), ("/a", 200), ("/c", 200)] {
            let answer = plain(flaky.address(), "GET", token, &[], "").await.unwrap();
            assert_eq!(answer.status, expected, "{token}");
        }
        assert_eq!((flaky.validations(), flaky.astray()), (3, 2));
    });
}

#[test]
fn a_name_server_takes_updates_by_a_program() {
    run(async {
        let every = own_address();
        let knot = Knot::start(every, "www TXT \"here\"").await;
        let (hook, variables) = knot.hook();
        let hook = hook.display().to_string();
        let name = "_acme-challenge.www.example.test";
        assert_eq!(knot.texts("www.example.test").await, ["here"]);
        for value in ["one", "two"] {
            let mut present = program(&hook);
            let ended = output(present.envs(variables.clone()).args(["present", name, value]));
            assert_eq!(ended.await.code, 0);
        }
        let mut texts = knot.texts(name).await;
        texts.sort();
        assert_eq!(texts, ["one", "two"]);
        let mut cleanup = program(&hook);
        let ended = output(cleanup.envs(variables).args(["cleanup", name, "one"])).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(knot.texts(name).await, ["two"]);
    });
}

#[test]
fn a_hosted_zone_is_changed_by_whoever_signs_and_seen_in_the_dns() {
    run(async {
        let names = Names::start(own_address()).await;
        let moto = Moto::start(&names).await;
        assert!(moto.texts("_acme-challenge.example.test").await.is_empty());
        let refused = plain(moto.address(), "GET", "/2013-04-01/hostedzone", &[], "").await;
        assert_eq!(refused.unwrap().status, StatusCode::FORBIDDEN);
        let asked = moto.asked();
        assert!(asked.contains("rrset 200 OK\n") && asked.contains(" 403 Missing"), "{asked}");
    });
}

async fn get(line: &Line, authority: &Authority, path: &str) -> Value {
    let answer = ask(line, authority, path).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    serde_json::from_slice(answer.body()).unwrap()
}

/// A request of the authority, by one who trusts it.
async fn ask(line: &Line, authority: &Authority, path: &str) -> Option<Response<Bytes>> {
    let request = Request::get(path).header(header::HOST, authority.address().to_string());
    let line = line.to(authority.address());
    line.pass(request.body(Full::default()).unwrap()).await.ok()
}

/// The addresses that a DNS server tells of a name.
async fn addresses(names: &Names, host: &str) -> Vec<String> {
    let (ip, port) = (names.address().ip(), names.address().port());
    let mut kdig = program("kdig");
    kdig.args([&format!("@{ip}"), "-p", &port.to_string(), host, "A", "+short"]);
    output(&mut kdig).await.stdout.lines().map(str::to_owned).collect()
}
