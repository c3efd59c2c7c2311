//! `warmfront status` and `warmfront check`: what somebody at a terminal reads of certificates.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::own::{OwnFiles, tables};
use crate::support::process::POLL;
use crate::support::program::Ended;
use crate::support::world::{bare, site};
use crate::support::{Gate, Kind, Reply, Setup, Spoiled, WWW, World, run, trusted};

#[test]
fn the_status_of_a_node_is_a_table_for_people_and_json_for_scripts() {
    run(async {
        let (world, setup) = World::start().await;
        world.names.points("away.example.test", &["127.0.0.99".parse().unwrap()]).await;
        let sites =
            site("www", &[WWW, "img.example.test"], "") + &site("away", &["away.example.test"], "");
        let edge = world.ordering(setup, "", &sites).await.start().await;
        trusted(&edge.setup().place, WWW).await;
        edge.certificate_is("www", "valid").await;
        let away = edge.certificate_is("away", "waiting").await;

        let told = edge.setup().command(&["status"]).await;
        assert_eq!((told.code, &*told.stderr), (0, ""), "{told:?}");
        let lines: Vec<&str> = told.stdout.lines().collect();
        let why = away["last_error"].as_str().unwrap();
        let problem = format!("  site away: no certificate is ordered for now: {why}");
        assert_eq!(lines[..3], ["ready", &problem, ""], "{}", told.stdout);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let head = "SITE NAMES SOURCE STATE EXPIRES IN NEXT RENEWAL LAST ERROR";
        assert_eq!(words(lines[3]), head);
        // Pebble's are valid for five years; a third is left when they are renewed.
        let www = words(lines[4]);
        let renewal = www.strip_prefix(&format!("www {WWW} +1 acme valid 1825 d "));
        let days: u32 = renewal.unwrap().strip_suffix(" d -").unwrap().parse().unwrap();
        assert!((1_100..=1_217).contains(&days), "{www}");
        let away = "away away.example.test self-signed waiting - - ";
        assert_eq!(words(lines[5]), format!("{away}{why}"));
        assert_eq!((lines[6], &*words(lines[7])), ("", "ORIGIN TARGET STATE REASON"));
        assert!(words(lines[8]).starts_with(&format!("app {}", world.origin)), "{}", lines[8]);

        let told = edge.setup().command(&["status", "--json"]).await;
        let told: Value = serde_json::from_str(&told.stdout).unwrap();
        let listed = edge.control("GET", "/certificates", "").await.json();
        assert_eq!(
            (&told["ready"], &told["certificates"]),
            (&true.into(), &listed["certificates"])
        );
        assert_eq!(told["origins"][0]["name"], "app");
        assert_eq!(told["problems"][0], problem.trim());
    });
}

#[test]
fn the_status_of_a_node_that_is_not_there_or_not_ready_is_a_failure() {
    run(async {
        let (world, setup) = World::start().await;
        let gate = Gate::closed();
        world.origin.answer("/slow", Reply::stream().send("slow").wait_for(&gate));
        let mut edge = world.ordering(setup, "", &site("www", &[WWW], "")).await.start().await;
        trusted(&edge.setup().place, WWW).await;
        let download = edge.ask("GET", WWW, "/slow").open().await.unwrap();
        edge.process.terminate();
        while edge.admin("/ready").await.status != StatusCode::SERVICE_UNAVAILABLE {
            tokio::time::sleep(POLL).await;
        }
        let draining = edge.setup().command(&["status"]).await;
        assert_eq!(draining.code, 1, "{draining:?}");
        let began = "not ready\n  draining: the node is about to stop\n\nSITE ";
        assert!(draining.stdout.starts_with(began), "{draining:?}");
        let json = edge.setup().command(&["status", "--json"]).await;
        let told: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!((json.code, &told["ready"]), (1, &false.into()));
        gate.open();
        drop(download);
        assert!(edge.process.exit().await.success());

        let gone = edge.setup().command(&["status"]).await;
        let expected = format!("warmfront: no warmfront answers at {} (", edge.setup().admin);
        assert!(gone.code == 1 && gone.stderr.starts_with(&expected), "{gone:?}");
        assert_eq!((gone.stderr.lines().count(), &*gone.stdout), (1, ""));
        let json = edge.setup().command(&["status", "--json"]).await;
        let told: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json.code, 1);
        assert!(told["detail"].as_str().unwrap().starts_with("no warmfront answers"), "{told}");
    });
}

#[test]
fn what_no_authority_would_do_is_found_before_it_is_in_force() {
    run(async {
        let terms = "`true` says that you accept the terms of service of the authorities that \
                     certificates are ordered from; none is ordered without";
        let wildcard = "a wildcard is proven by `challenge = \"dns-01\"` alone: write it in [acme] \
                        or in the site's `acme`, or bring a certificate for `*.example.test` in a \
                        site with `acme = false`";
        let no_http = "\"http-01\" is asked over plain HTTP, and `listen.http` is empty: give it an \
                       address, or write `challenge = \"tls-alpn-01\"` or \"dns-01\"";
        let public = "[acme]\nagree_to_terms = true\n";
        let acme = format!("{public}directory = \"https://ca.internal/\"\n");
        let wild = site("www", &["*.example.test"], "");
        let www = site("www", &[WWW], "");
        let off = site("www", &[WWW], "acme = false") + &site("api", &["api.example.test"], "");
        for (sites, expected) in [
            (format!("[acme]\n{www}"), format!("acme.agree_to_terms: missing: {terms}")),
            (format!("{acme}{wild}"), format!("sites.www.hosts[0]: {wildcard}")),
            (
                format!("{acme}challenge = \"dns-01\"\n{wild}"),
                "acme.challenge: \"dns-01\" needs somebody who publishes TXT records: write \
                 `acme.dns` with `rfc2136`, `route53` or `exec`"
                    .to_owned(),
            ),
            (
                format!("{acme}{off}"),
                "sites.www.hosts: none of tls.certificates speaks for www.example.test".to_owned(),
            ),
            (
                format!("{public}{www}"),
                format!(
                    "sites.www: no certificate is ordered for {WWW}: no public authority speaks \
                     for names in .test; give it one of your own ([[tls.certificates]]) or set the \
                     site's `acme = false`"
                ),
            ),
        ] {
            let told = checked(&sites, |_| {}).await;
            assert_eq!((told.code, told.stderr.lines().count()), (1, 1), "{told:?}");
            assert!(told.stderr.starts_with("warmfront: "), "{told:?}");
            assert!(told.stderr.contains(&expected), "{expected}: {told:?}");
        }
        let told = checked(&format!("{acme}{www}"), |setup| {
            let http = format!("http = [\"{}\"]", setup.place.http);
            setup.rewrite(&http, "http = []");
        })
        .await;
        assert!(told.stderr.contains(&format!("acme.challenge: {no_http}")), "{told:?}");
        let sound = checked(&format!("{acme}{www}"), |_| {}).await;
        assert_eq!(sound.code, 0, "{sound:?}");
        assert!(sound.stdout.ends_with("warmfront.toml: sound (1 site, 1 origin)\n"), "{sound:?}");
        let mixed = checked(&(www + &tables(&["own"])), |setup| {
            let files = OwnFiles::beside(setup);
            files.put("own", &[WWW]);
            std::fs::write(files.key("own"), files.issue(&[WWW]).key).unwrap();
        })
        .await;
        assert!(mixed.stderr.starts_with("warmfront: tls.certificates: "), "{mixed:?}");
        assert!(mixed.code == 1 && mixed.stderr.contains(" cannot be used with "), "{mixed:?}");
    });
}

#[test]
fn asked_to_go_online_it_says_which_name_would_not_do() {
    run(async {
        let (world, setup) = World::start().await;
        let setup = world.ordering(setup, "", &site("www", &[WWW], "")).await;
        let sound = online(&setup).await;
        assert_eq!((sound.code, &*sound.stderr), (0, ""), "{sound:?}");
        assert!(sound.stdout.ends_with(": sound (1 site, 1 origin)\n"), "{sound:?}");

        // Behind a balancer it may be well.
        world.names.points(WWW, &["127.0.0.99".parse().unwrap()]).await;
        let away = online(&setup).await;
        let note = format!(
            "note: sites.www: {WWW} resolves to 127.0.0.99; whether 127.0.0.99 leads to this node \
             could not be told from here\n"
        );
        assert_eq!((away.code, away.stderr), (0, note));

        world.names.fails(WWW).await;
        let lost = online(&setup).await;
        let server = world.names.address();
        let sentence = format!(
            "sites.www: the name `{WWW}` does not resolve: {server}: DNS error: error response: \
             Server Failure"
        );
        assert_eq!((lost.code, lost.stderr), (1, format!("warmfront: {sentence}\n")));
        let json = setup.command(&["check", "--online", "--json"]).await;
        let told: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!((json.code, &told["problems"]), (1, &json!([{ "message": sentence }])));
        assert_eq!(world.authority.count(Kind::NewAccount), 0);
    });
}

#[test]
fn asked_to_go_online_it_says_which_authority_would_not_do() {
    run(async {
        let (mut world, setup) = World::start().await;
        let setup = world.ordering(setup, "", &site("www", &[WWW], "")).await;
        let (address, directory) = (world.authority.address(), world.authority.directory());
        let began = format!("warmfront: acme: {address} ({directory}) ");
        world.authority.spoils_all(Kind::Directory, Spoiled::html());
        let html = online(&setup).await;
        let said = "answered 502 Bad Gateway with something that is no ACME directory";
        assert_eq!((html.code, html.stderr), (1, format!("{began}{said}\n")));

        world.authority.gone().await;
        let gone = online(&setup).await;
        let said = "did not answer: the connection failed: Connection refused";
        assert_eq!((gone.code, gone.stderr), (1, format!("{began}{said}\n")));

        world.authority.back().await;
        world.authority.heals();
        let root = world.authority.ca_file().display().to_string();
        setup.rewrite(&format!("ca_file = \"{root}\""), "ca_file = \"ca.pem\"");
        let strange = online(&setup).await;
        let said = "did not answer: its HTTPS certificate is signed by nobody ";
        let expected = format!("{began}{said}");
        assert!(strange.code == 1 && strange.stderr.starts_with(&expected), "{strange:?}");

        setup.rewrite("ca_file = \"ca.pem\"", "ca_file = \"nowhere.pem\"");
        let unread = online(&setup).await;
        let began = format!("warmfront: acme: {address} cannot be asked: cannot read ");
        assert!(unread.code == 1 && unread.stderr.starts_with(&began), "{unread:?}");
        assert!(unread.stderr.contains("nowhere.pem: "), "{unread:?}");
    });
}

async fn online(setup: &Setup) -> Ended {
    setup.command(&["check", "--online"]).await
}

/// What `check` says of an edge without a certificate, with these tables.
async fn checked(sites: &str, prepare: impl FnOnce(&Setup)) -> Ended {
    let setup = bare();
    let app = "[origins.app]\ntargets = [\"127.0.0.1:9\"]\n";
    let config = std::fs::read_to_string(setup.config()).unwrap() + app + sites;
    std::fs::write(setup.config(), config).unwrap();
    prepare(&setup);
    setup.command(&["check"]).await
}
