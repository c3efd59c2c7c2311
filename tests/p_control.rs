//! What the API says of certificates, who may renew them, and what is counted.

use std::time::{SystemTime, UNIX_EPOCH};

use http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::client::{Answer, plain};
use crate::support::own::{OwnFiles, tables};
use crate::support::process::POLL;
use crate::support::world::{bare, site};
use crate::support::{Edge, Kind, Setup, Shown, Spoiled, WWW, World, run, trusted};

#[test]
fn certificates_are_listed_with_who_gave_them_until_when_and_what_is_wrong() {
    run(async {
        let (world, edge) = three_sites(|_| {}).await;
        let shown = trusted(&edge.setup().place, WWW).await;
        let www = edge.certificate_is("www", "valid").await;
        let fields: Vec<&String> = www.as_object().unwrap().keys().collect();
        assert_eq!(fields, FIELDS);
        let authority = world.authority.address().to_string();
        for (field, expected) in [
            ("source", json!("acme")),
            ("names", json!([WWW])),
            ("serial", json!(shown.serial().await)),
            ("authority", json!(authority)),
            ("next_attempt", Value::Null),
            ("last_error", Value::Null),
        ] {
            assert_eq!(www[field], expected, "{field}");
        }
        assert!(www["issuer"].as_str().unwrap().starts_with("Pebble Intermediate CA "), "{www}");
        assert_eq!(time(&www["not_after"]), shown.not_after().await);
        assert!(time(&www["not_before"]) < time(&www["next_renewal"]));
        assert!(time(&www["next_renewal"]) < time(&www["not_after"]));
        let last = &www["last_attempt"];
        assert_eq!(
            (&last["authority"], &last["outcome"], &last["error"]),
            (&json!(authority), &json!("issued"), &Value::Null)
        );

        let own = edge.certificate("own").await;
        let file = edge.setup().dir().join("own.pem").display().to_string();
        for (field, expected) in [
            ("source", json!("file")),
            ("file", json!(file)),
            ("names", json!(["own.example.test"])),
            ("issuer", json!("warmfront demo CA")),
            ("state", json!("valid")),
            ("authority", Value::Null),
            ("next_renewal", Value::Null),
            ("last_attempt", Value::Null),
        ] {
            assert_eq!(own[field], expected, "{field}");
        }

        let away = edge.certificate_is("away", "waiting").await;
        for (field, expected) in [
            ("source", json!("self-signed")),
            ("names", json!(["away.example.test"])),
            ("authority", Value::Null),
            ("next_renewal", Value::Null),
            ("last_attempt", Value::Null),
        ] {
            assert_eq!(away[field], expected, "{field}");
        }
        let why = away["last_error"].as_str().unwrap();
        let expected = format!(
            "away.example.test resolves to {AWAY}, which did not answer for this node (port 80: "
        );
        assert!(why.starts_with(&expected), "{why}");
        let problems = edge.admin("/ready").await.json()["problems"].take();
        let problem = format!("site away: no certificate is ordered for now: {why}");
        assert_eq!(problems, json!([problem]));
        assert_eq!(world.authority.made(Kind::NewOrder), 1);
    });
}

#[test]
fn who_may_not_read_is_shown_nothing() {
    run(async {
        let (_world, edge) = three_sites(|_| {}).await;
        edge.certificate_is("www", "valid").await;
        for (key, status, sites) in [
            (READER, 200, &["www", "own", "away"][..]),
            (READER_OF_OWN, 200, &["own"]),
            (RENEWER, 403, &[]),
            ("READER.wrong", 401, &[]),
            ("", 401, &[]),
        ] {
            let answer = ask(&edge, key, "GET", "/certificates").await;
            assert_eq!(answer.status, status, "{key}: {}", answer.text());
            let listed = answer.json();
            let listed = listed["certificates"].as_array();
            let listed =
                listed.map_or_else(Vec::new, |all| all.iter().map(|it| &it["site"]).collect());
            assert_eq!(listed, sites, "{key}");
            if status != 200 {
                assert_eq!(answer.field("content-type"), "application/problem+json");
            }
        }
    });
}

#[test]
fn a_certificate_is_renewed_for_whoever_may_ask_and_that_is_written_down() {
    run(async {
        let (world, edge) = three_sites(|_| {}).await;
        let place = edge.setup().place.clone();
        let first = trusted(&place, WWW).await;
        edge.certificate_is("www", "valid").await;
        let root = &*edge.root_key();
        let refused = [
            ("", WWW, 401, ""),
            ("RENEWER.wrong", WWW, 401, ""),
            (READER, WWW, 403, "this key may not renew the certificate of www.example.test"),
            (
                RENEWER,
                "own.example.test",
                403,
                "this key may not renew the certificate of own.example.test",
            ),
            (
                RENEWER,
                "no.example.test",
                403,
                "this key may not renew the certificate of no.example.test",
            ),
            (root, "no.example.test", 404, "no site has the host `no.example.test`"),
            (
                root,
                "own.example.test",
                409,
                "a certificate of your own speaks for own.example.test",
            ),
            (root, "off.example.test", 409, "nothing is ordered for the site off"),
        ];
        for (key, host, status, words) in refused {
            let answer = ask(&edge, key, "POST", &format!("/certificates/{host}/renew")).await;
            assert_eq!(answer.status, status, "{key} {host}: {}", answer.text());
            assert_eq!(answer.field("content-type"), "application/problem+json");
            assert!(answer.text().contains(words), "{host}: {}", answer.text());
        }
        assert_eq!(world.authority.made(Kind::NewOrder), 1);

        let path = format!("/certificates/{WWW}/renew");
        let answer = ask(&edge, RENEWER, "POST", &path).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        let renewal = answer.json();
        assert_eq!((&renewal["site"], &renewal["names"]), (&json!("www"), &json!([WWW])));
        assert!(time(&renewal["not_before"]) <= warmfront_proxy::now(), "{renewal}");
        while Shown::to(&place, WWW).await.unwrap().leaf == first.leaf {
            tokio::time::sleep(POLL).await;
        }
        assert_eq!(world.authority.made(Kind::NewOrder), 2);
        edge.process.stderr.find(|line| line.contains(r#""status":202"#)).await;
        let written = audited(&edge);
        let expected = refused.iter().filter(|(_, _, status, _)| *status != 401);
        let expected = expected.map(|(key, host, status, _)| json!([name(key), host, status]));
        let expected: Vec<Value> = expected.chain([json!(["renewer", WWW, 202])]).collect();
        assert_eq!(written, expected);
        let log = edge.process.stderr.text();
        assert!(!log.contains(SECRET) && !log.contains(root), "a secret is in the log");
    });
}

#[test]
fn expiry_renewal_and_failures_are_metrics() {
    run(async {
        let (world, edge) = three_sites(|world| {
            let detail = "the account is over its limit";
            let spoiled = Spoiled::problem(403, "unauthorized", detail);
            world.authority.spoils(Kind::NewOrder, 1..=1, spoiled);
        })
        .await;
        let failed = edge.certificate_is("www", "failing").await;
        let why = failed["last_error"].as_str().unwrap();
        assert!(why.contains("the account is over its limit"), "{failed}");
        assert_eq!(edge.metric(r#"warmfront_certificate_failures_total{site="www"} "#).await, 1);
        let metrics = edge.admin("/metrics").await.text().to_owned();
        for absent in [
            // A stand-in is nothing that a client would take.
            r#"warmfront_certificate_not_after_seconds{site="www"}"#,
            r#"warmfront_certificate_not_after_seconds{site="away"}"#,
            r#"warmfront_certificate_next_renewal_seconds{site="away"}"#,
        ] {
            assert!(!metrics.contains(absent), "{absent}: {metrics}");
        }
        assert!(metrics.contains(r#"warmfront_certificate_failures_total{site="away"} 0"#));

        edge.control("POST", &format!("/certificates/{WWW}/renew"), "").await;
        let shown = trusted(&edge.setup().place, WWW).await;
        let www = edge.certificate_is("www", "valid").await;
        let gauge = async |name: &str, site: &str| {
            edge.metric(&format!("warmfront_certificate_{name}{{site=\"{site}\"}} ")).await
        };
        assert_eq!(gauge("not_after_seconds", "www").await, seconds(shown.not_after().await));
        let renewal = seconds(time(&www["next_renewal"]));
        assert_eq!(gauge("next_renewal_seconds", "www").await, renewal);
        let own = Shown::to(&edge.setup().place, "own.example.test").await.unwrap();
        assert_eq!(gauge("not_after_seconds", "own").await, seconds(own.not_after().await));
        assert_eq!(gauge("failures_total", "www").await, 1);
        let authority = world.authority.address();
        for outcome in ["account", "issued"] {
            let labels = format!(r#"authority="{authority}",outcome="{outcome}",site="www""#);
            let line = format!("warmfront_certificate_orders_total{{{labels}}} ");
            assert_eq!(edge.metric(&line).await, 1, "{outcome}");
        }
    });
}

#[test]
fn what_is_not_there_yet_is_listed_as_missing() {
    run(async {
        let (world, setup) = World::start().await;
        world.names.points(WWW, &[AWAY.parse().unwrap()]).await;
        let keys = "before_first = \"refuse\"";
        let edge = world.ordering(setup, keys, &site("www", &[WWW], "")).await.start().await;
        let www = edge.certificate_is("www", "waiting").await;
        assert_eq!(www["names"], json!([WWW]));
        for field in ["source", "issuer", "not_before", "not_after", "serial", "next_renewal"] {
            assert!(www[field].is_null(), "{field}: {www}");
        }
        let told = edge.setup().command(&["status"]).await;
        let line = told.stdout.lines().find(|line| line.starts_with("www ")).unwrap();
        let words: Vec<&str> = line.split_whitespace().take(6).collect();
        assert_eq!(words, ["www", WWW, "-", "waiting", "-", "-"]);
    });
}

/// Nobody is asked: no order could succeed.
#[test]
fn a_name_that_no_public_authority_speaks_for_is_not_ordered_and_that_is_told() {
    run(async {
        let setup = bare();
        let config = std::fs::read_to_string(setup.config()).unwrap()
            + "[acme]\nagree_to_terms = true\n[origins.app]\ntargets = [\"127.0.0.1:9\"]\n"
            + &site("shop", &["shop.internal"], "")
            + &site("lan", &["nas", "10.1.2.3"], "acme = { profile = \"shortlived\" }");
        std::fs::write(setup.config(), config).unwrap();
        let edge = setup.start().await;
        let mend =
            "give it one of your own ([[tls.certificates]]) or set the site's `acme = false`";
        let not = "no certificate is ordered for";
        let nobody = "no public authority speaks for";
        let expected = [
            format!("site shop: {not} shop.internal: {nobody} names in .internal; {mend}"),
            format!("site lan: {not} nas: {nobody} a single label; {mend}"),
            format!("site lan: {not} 10.1.2.3: {nobody} a private or loopback address; {mend}"),
        ];
        assert_eq!(edge.admin("/ready").await.json()["problems"], json!(expected));
    });
}

/// `www` is ordered, `own` has files, `away` points elsewhere, and nothing is ordered for `off`.
async fn three_sites(prepare: impl FnOnce(&World)) -> (World, Edge) {
    let (world, setup): (World, Setup) = World::start().await;
    world.names.points("away.example.test", &[AWAY.parse().unwrap()]).await;
    OwnFiles::beside(&setup).put("own", &["own.example.test"]);
    let sites = site("www", &[WWW], "")
        + &site("own", &["own.example.test"], "")
        + &site("away", &["away.example.test"], "")
        + &site("off", &["off.example.test"], "acme = false")
        + &tables(&["own"])
        + KEYS;
    prepare(&world);
    let edge = world.ordering(setup, "", &sites).await.start().await;
    (world, edge)
}

/// A request of the control API with a key; without one if it is empty.
async fn ask(edge: &Edge, key: &str, method: &str, path: &str) -> Answer {
    let bearer = format!("Bearer {key}");
    let fields = [("authorization", &*bearer)];
    let fields = if key.is_empty() { &[] } else { &fields[..] };
    plain(edge.setup().admin, method, path, fields, "").await.unwrap()
}

/// The renewals that were asked for, as the audit lines tell: who, for what, and what became of it.
fn audited(edge: &Edge) -> Vec<Value> {
    let log = edge.process.stderr.text();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let audits = lines.filter(|it| it["target"] == "audit" && it["action"] == "certificates");
    audits.map(|it| json!([it["name"], it["host"], it["status"]])).collect()
}

/// Of the key in the configuration.
fn name(key: &str) -> &'static str {
    match key {
        READER => "reader",
        RENEWER => "renewer",
        _ => "root",
    }
}

fn time(value: &Value) -> SystemTime {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    OffsetDateTime::parse(text, &Rfc3339).unwrap().into()
}

fn seconds(time: SystemTime) -> usize {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

const AWAY: &str = "127.0.0.99";
/// In alphabetical order.
const FIELDS: [&str; 13] = [
    "authority",
    "issuer",
    "last_attempt",
    "last_error",
    "names",
    "next_attempt",
    "next_renewal",
    "not_after",
    "not_before",
    "serial",
    "site",
    "source",
    "state",
];
const SECRET: &str = "0123456789abcdef";
const READER: &str = "READER.0123456789abcdef";
const READER_OF_OWN: &str = "OWNREADER.0123456789abcdef";
const RENEWER: &str = "RENEWER.0123456789abcdef";
const KEYS: &str = r#"
[keys.reader]
id = "READER"
secret = "0123456789abcdef"
allow = [{ action = "read" }]
[keys.reader-of-own]
id = "OWNREADER"
secret = "0123456789abcdef"
allow = [{ action = "read", site = "own" }]
[keys.renewer]
id = "RENEWER"
secret = "0123456789abcdef"
allow = [{ action = "certificates", site = "www" }]
"#;
