//! From an empty state directory to a certificate that clients trust, by every challenge.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::knot::ZONE;
use crate::support::pebble::{KID, MAC_KEY, Plan};
use crate::support::process::POLL;
use crate::support::program::{output, program};
use crate::support::world::{bare, ip_of, site};
use crate::support::{Edge, Kind, Knot, Moto, Over, Setup, Shown, WWW, World, run, trusted};

#[test]
fn one_start_gets_a_certificate_over_http_and_the_next_orders_nothing() {
    run(async {
        let (world, setup) = World::start().await;
        let setup = world.ordering(setup, "", &site("www", &[WWW, "example.test"], "")).await;
        let first = world.authority.holds(Kind::NewOrder);
        let edge = setup.start().await;
        let place = edge.setup().place.clone();
        // Somebody answers from the first moment on.
        let stand_in = Shown::to(&place, WWW).await.unwrap();
        assert!(stand_in.distrust.is_some(), "{stand_in:?}");
        first.pass();
        let shown = trusted(&place, WWW).await;
        assert_eq!(edge.get("example.test", "/").await.text(), "here");
        assert_eq!(trusted(&place, "example.test").await.leaf, shown.leaf);
        assert_eq!(shown.intermediates, 1);
        let key = shown.openssl(&["-text"]).await;
        assert!(key.contains("NIST CURVE: P-256"), "{key}");

        let edge = edge.restart().await;
        // At once, without a stand-in in between.
        let again = Shown::to(&place, WWW).await.unwrap();
        assert_eq!((again.distrust, &again.leaf), (None, &shown.leaf));
        let told = edge.certificate_is("www", "valid").await;
        assert_eq!(told["serial"], shown.serial().await);
        assert!(told["next_renewal"].is_string() && told["last_error"].is_null(), "{told}");
        let made = [Kind::NewAccount, Kind::NewOrder].map(|kind| world.authority.made(kind));
        assert_eq!((made, world.pebble.issued()), ([1, 1], 1), "{}", world.authority.story());
    });
}

#[test]
fn what_is_kept_is_for_the_owner_alone_and_found_at_a_place_that_stays() {
    run(async {
        let (world, setup) = World::start().await;
        let edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
        let shown = trusted(&edge.setup().place, WWW).await;
        let certs = edge.setup().dir().join("state/certs");
        assert_eq!(mode(&certs), 0o700);
        let live = certs.join("www/live");
        assert!(live.symlink_metadata().unwrap().is_symlink());
        for file in ["fullchain.pem", "privkey.pem", "meta.json"] {
            assert_eq!(mode(&live.join(file)), 0o600, "{file}");
        }
        let mut openssl = program("openssl");
        openssl.args(["x509", "-noout", "-serial", "-in"]).arg(live.join("fullchain.pem"));
        let kept = output(&mut openssl).await;
        assert_eq!(kept.stdout.trim(), format!("serial={}", shown.serial().await));
    });
}

#[test]
fn a_handshake_may_be_refused_until_there_is_a_certificate() {
    run(async {
        let (world, setup) = World::start().await;
        let keys = "before_first = \"refuse\"";
        let setup = world.ordering(setup, keys, &site("www", &[WWW], "")).await;
        let mut first = world.authority.holds(Kind::NewOrder);
        let edge = setup.start().await;
        let place = edge.setup().place.clone();
        first.arrived().await;
        let refused = Shown::to(&place, WWW).await.unwrap_err().to_string();
        assert!(refused.contains("UnrecognisedName"), "{refused}");
        assert_eq!(edge.ask("GET", WWW, "/").over(Over::Plain).send().await.text(), "here");
        first.pass();
        trusted(&place, WWW).await;
    });
}

#[test]
fn a_handshake_of_the_authority_is_answered_in_tls() {
    run(async {
        let (world, setup) = World::start().await;
        let setup =
            world.ordering(setup, "challenge = \"tls-alpn-01\"", &site("www", &[WWW], "")).await;
        let http = format!("http = [\"{}\"]", setup.place.http);
        setup.rewrite(&http, "http = []");
        let edge = setup.start().await;
        trusted(&edge.setup().place, WWW).await;
        assert_eq!(edge.get(WWW, "/").await.text(), "here");
    });
}

#[test]
fn each_site_has_a_certificate_and_a_challenge_of_its_own() {
    run(async {
        let (world, setup) = World::start().await;
        let sites = [
            site("www", &[WWW], ""),
            site("api", &["api.example.test"], "acme = { challenge = \"tls-alpn-01\" }"),
            site("own", &["own.example.test"], "acme = false"),
        ];
        let edge = world.ordering(setup, "", &sites.concat()).await.start().await;
        let place = edge.setup().place.clone();
        let (www, api) = tokio::join!(trusted(&place, WWW), trusted(&place, "api.example.test"));
        assert_eq!(
            (names(&www).await, names(&api).await),
            ("DNS:www.example.test".to_owned(), "DNS:api.example.test".to_owned())
        );
        let refused = Shown::to(&place, "own.example.test").await.unwrap_err().to_string();
        assert!(refused.contains("UnrecognisedName"), "{refused}");
        assert_eq!((world.authority.made(Kind::NewAccount), world.pebble.issued()), (1, 2));
    });
}

#[test]
fn a_name_server_that_takes_updates_proves_a_name_and_its_wildcard_at_once() {
    run(async {
        let setup = bare();
        let knot = Knot::start(ip_of(&setup), "").await;
        let (edge, world) =
            by_dns(setup, &knot, &knot.publisher(), &[ZONE, "*.example.test"]).await;
        let shown = trusted(&edge.setup().place, "any.example.test").await;
        assert_eq!(names(&shown).await, "DNS:*.example.test, DNS:example.test");
        assert_eq!(trusted(&edge.setup().place, ZONE).await.leaf, shown.leaf);
        assert_eq!(edge.get("any.example.test", "/").await.text(), "here");
        withdrawn(&knot, "_acme-challenge.example.test").await;
        assert_eq!(world.authority.made(Kind::NewOrder), 1);
    });
}

#[test]
fn a_proof_is_published_where_a_cname_leads() {
    run(async {
        let setup = bare();
        let records = "_acme-challenge.www CNAME proofs.of.www";
        let knot = Knot::start(ip_of(&setup), records).await;
        let (edge, _world) = by_dns(setup, &knot, &knot.publisher(), &[WWW]).await;
        trusted(&edge.setup().place, WWW).await;
        withdrawn(&knot, "proofs.of.www.example.test").await;
    });
}

#[test]
fn a_program_publishes_the_proof() {
    run(async {
        let mut setup = bare();
        let knot = Knot::start(ip_of(&setup), "").await;
        let (hook, variables) = knot.hook();
        for (name, value) in variables {
            setup = setup.variable(name, &value);
        }
        let publisher = format!("dns.exec = \"{}\"", hook.display());
        let (edge, _world) = by_dns(setup, &knot, &publisher, &["*.example.test"]).await;
        let shown = trusted(&edge.setup().place, WWW).await;
        assert_eq!(names(&shown).await, "DNS:*.example.test");
        withdrawn(&knot, "_acme-challenge.example.test").await;
    });
}

#[test]
fn a_hosted_zone_of_route_53_holds_the_proof() {
    run(async {
        let (world, mut setup) = World::start().await;
        let moto = Moto::start(&world.names).await;
        for (name, value) in moto.variables() {
            setup = setup.variable(name, &value);
        }
        let keys = format!("challenge = \"dns-01\"\n{}", moto.publisher("\"default\""));
        let sites = site("www", &[ZONE, "*.example.test"], "");
        let edge = world.ordering(setup, &keys, &sites).await.start().await;
        let shown = trusted(&edge.setup().place, WWW).await;
        assert_eq!(names(&shown).await, "DNS:*.example.test, DNS:example.test");
        while !moto.texts("_acme-challenge.example.test").await.is_empty() {
            tokio::time::sleep(POLL).await;
        }
        assert!(!moto.asked().contains(" 403 "), "{}", moto.asked());
    });
}

#[test]
fn an_address_has_a_certificate_like_a_name() {
    run(async {
        for challenge in ["http-01", "tls-alpn-01"] {
            let (world, setup) = World::start().await;
            let ip = ip_of(&setup).to_string();
            let keys = format!("challenge = \"{challenge}\"");
            let edge = world.ordering(setup, &keys, &site("www", &[&ip, WWW], "")).await;
            let edge = edge.start().await;
            // Without a server name in the handshake: there is none for an address.
            let shown = trusted(&edge.setup().place, &ip).await;
            let expected = format!("DNS:{WWW}, IP Address:{ip}");
            assert_eq!(names(&shown).await, expected, "{challenge}");
            assert_eq!(edge.ask("GET", &ip, "/").over(Over::Http1).send().await.text(), "here");
        }
    });
}

#[test]
fn an_account_is_bound_to_one_at_the_authority() {
    run(async {
        let setup = bare();
        let world = World::around(&setup, Plan::external_account).await;
        let keys = format!("external_account = {{ kid = \"{KID}\", hmac_key = \"{MAC_KEY}\" }}");
        let edge = world.ordering(setup, &keys, &site("www", &[WWW], "")).await.start().await;
        trusted(&edge.setup().place, WWW).await;
        let accounts = world.authority.asked(Kind::NewAccount);
        let binding = &accounts[0].payload["externalAccountBinding"];
        assert!(binding["signature"].is_string(), "{accounts:?}");
        assert_eq!(accounts[0].protected["jwk"]["crv"], "P-256");
        let user_agent = accounts[0].fields["user-agent"].to_str().unwrap();
        assert!(user_agent.starts_with("warmfront/"), "{user_agent}");
        assert_eq!(accounts[0].payload["contact"][0], "mailto:ops@example.test");
    });
}

#[test]
fn a_profile_is_asked_for_by_its_name() {
    run(async {
        let (world, setup) = World::start().await;
        world.authority.offers(&["classic", "shortlived"]);
        let sites = site("www", &[WWW], "")
            + &site("api", &["api.example.test"], "acme = { profile = \"shortlived\" }");
        let edge = world.ordering(setup, "profile = \"classic\"", &sites).await.start().await;
        for (host, profile) in [(WWW, "classic"), ("api.example.test", "shortlived")] {
            trusted(&edge.setup().place, host).await;
            let orders = world.authority.orders();
            let order = orders.iter().find(|it| it["identifiers"][0]["value"] == host).unwrap();
            assert_eq!(order["profile"], profile, "{host}");
        }
    });
}

/// An edge that proves these hosts of one site in the DNS, with a publisher into `knot`.
async fn by_dns(setup: Setup, knot: &Knot, publisher: &str, hosts: &[&str]) -> (Edge, World) {
    let mut world = World::around(&setup, |plan| plan.asks(knot.address())).await;
    world.resolver = knot.resolver();
    let keys = format!("challenge = \"dns-01\"\n{publisher}");
    let edge = world.ordering(setup, &keys, &site("www", hosts, "")).await.start().await;
    (edge, world)
}

/// Waits until nothing is left of a proof.
async fn withdrawn(knot: &Knot, name: &str) {
    while !knot.texts(name).await.is_empty() {
        tokio::time::sleep(POLL).await;
    }
}

/// The names in a certificate, sorted.
async fn names(shown: &Shown) -> String {
    let said = shown.openssl(&["-ext", "subjectAltName"]).await;
    let listed = said.lines().nth(1).unwrap().trim();
    let mut names: Vec<&str> = listed.split(", ").collect();
    names.sort_unstable();
    names.join(", ")
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}
