use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hickory_proto::rr::rdata::{A, CNAME, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData};
use warmfront_config::{
    Credentials, DnsPublisher, Resolver, Rfc2136, Route53, Secret, TsigAlgorithm,
};

use super::{DnsError, Published, Publisher, PublisherError, argument, fully_qualified};
use crate::question::tests::{Zone, record, serve};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

#[tokio::test]
async fn a_value_is_published_where_a_cname_leads_and_seen_there() {
    let zone = Zone {
        records: vec![
            alias("_acme-challenge.www.example.com", "proof.acme.example.net"),
            alias("proof.acme.example.net", "_acme-challenge.example.net"),
            record("example.net", soa()),
            record("example.net", RData::NS(NS(fully_qualified("ns.example.net").unwrap()))),
            record("ns.example.net", RData::A(A::new(127, 0, 0, 1))),
            record("_acme-challenge.example.net", RData::TXT(TXT::new(vec!["good".to_owned()]))),
        ],
        no: vec![record("example.net", soa())],
    };
    let publisher = exec("true", zone).await;
    let proof = present(&publisher, "www.example.com", "good", NOW).await.unwrap();
    assert_eq!(proof.name(), "_acme-challenge.example.net");
    publisher.withdraw(&proof, NOW).await.unwrap();
}

#[tokio::test]
async fn name_servers_that_are_not_found_are_not_waited_for() {
    let publisher = exec("true", Zone::default()).await;
    let presenting = async move { present(&publisher, "app.corp.internal", "good", NOW).await };
    // On any thread: several are presented at once.
    let proof = tokio::spawn(presenting).await.unwrap().unwrap();
    assert_eq!(proof.name(), "_acme-challenge.app.corp.internal");
}

#[tokio::test]
async fn what_fails_is_said_from_the_top_to_the_cause() {
    let publisher = exec("nowhere", Zone::default()).await;
    let error = present(&publisher, "example.com", "good", NOW).await.unwrap_err();
    assert_eq!(
        error.sentence(),
        "running /usr/bin/nowhere present: No such file or directory (os error 2)"
    );
    let long = [&"a".repeat(60); 4].map(String::as_str).join(".");
    let error = present(&publisher, &long, "good", NOW).await.unwrap_err();
    assert!(error.sentence().contains("` is no domain name: "), "{}", error.sentence());
}

#[tokio::test]
async fn what_failed_may_have_taken_effect_and_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let (hook, log) = (folder.path().join("hook.sh"), folder.path().join("log"));
    let script = format!("#!/bin/sh\necho $* >>{}\n[ $1 = cleanup ]\n", log.display());
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, Permissions::from_mode(0o700)).unwrap();
    let resolver = asking(Zone::default()).await;
    let publisher = Publisher::new(&DnsPublisher::Exec(hook.clone()), &resolver, None).unwrap();
    let error = present(&publisher, "example.com", "value", NOW).await.unwrap_err().sentence();
    assert_eq!(error, format!("{} present failed (exit status: 1)", hook.display()));
    let name = "_acme-challenge.example.com";
    let runs = format!("present {name} value\ncleanup {name} value\n");
    assert_eq!(fs::read_to_string(log).unwrap(), runs);
}

#[tokio::test]
async fn what_was_written_down_is_withdrawn_after_a_restart() {
    let zone = || Zone {
        records: vec![alias("_acme-challenge.www.example.com", "proof.example.net")],
        ..Zone::default()
    };
    let before = exec("nowhere", zone()).await;
    let placed = before.locate("www.example.com", "value", NOW).await.unwrap();
    let text = serde_json::to_string(&placed).unwrap();
    assert_eq!(text, r#"{"name":"proof.example.net","value":"value"}"#);
    let found: Published = serde_json::from_str(&text).unwrap();
    assert_eq!(found, placed);
    exec("true", Zone::default()).await.withdraw(&found, NOW).await.unwrap();
    let error = before.withdraw(&found, NOW).await.unwrap_err().sentence();
    assert!(error.starts_with("running /usr/bin/nowhere cleanup: "), "{error}");
    let long = format!(r#"{{"name":"{}","value":""}}"#, "a".repeat(64));
    assert!(serde_json::from_str::<Published>(&long).is_err());
}

#[tokio::test]
async fn a_program_is_given_plain_names_alone() {
    let labels: [(&[&str], _); 9] = [
        (&["_acme-challenge", "example", "com"], Some("_acme-challenge.example.com")),
        (&["a", "-b", "c_d", "example"], Some("a.-b.c_d.example")),
        (&["-rf", "example", "com"], None),
        (&["a b", "example"], None),
        (&["a.b", "example"], None),
        (&["*", "example", "com"], None),
        (&["$(id)", "example"], None),
        (&["ä", "example"], None),
        (&[], None),
    ];
    for (labels, given) in labels {
        let name = Name::from_labels(labels.iter().map(|label| label.as_bytes())).unwrap();
        assert_eq!(argument(&name).ok().as_deref(), given, "{name}");
    }
    let strange = Name::from_labels([b"-rf".as_slice(), b"example", b"net"]).unwrap();
    let star = fully_qualified("*.example.net").unwrap();
    let zone = Zone {
        records: vec![record("_acme-challenge.www.example.com", RData::CNAME(CNAME(strange)))],
        ..Zone::default()
    };
    let sentence = r"`\-rf.example.net` is no name that a value is published at";
    for publisher in [
        exec("true", zone.clone()).await,
        Publisher::new(&nobody(), &asking(zone).await, None).unwrap(),
    ] {
        let error = publisher.locate("www.example.com", "value", NOW).await.unwrap_err();
        assert_eq!(error.sentence(), sentence);
    }
    let publisher = exec("true", Zone::default()).await;
    let found = Published { name: star, value: "value".to_owned() };
    for outcome in [publisher.publish(&found, NOW).await, publisher.withdraw(&found, NOW).await] {
        let sentence = "`*.example.net` is no name that a value is published at";
        assert_eq!(outcome.unwrap_err().sentence(), sentence);
    }
}

#[tokio::test]
async fn nothing_is_sent_that_lies_outside_the_zone() {
    let zone = Zone {
        records: vec![
            alias("_acme-challenge.www.example.com", "elsewhere.example.org"),
            alias("_acme-challenge.round.example.com", "_acme-challenge.round.example.com"),
        ],
        ..Zone::default()
    };
    let publisher = Publisher::new(&nobody(), &asking(zone).await, None).unwrap();
    for (host, expected) in [
        (
            "www.example.com",
            "`elsewhere.example.org`, to which a CNAME at `_acme-challenge.www.example.com` \
             leads, does not lie in the zone `example.com`, which is the one that is published in",
        ),
        (
            "example.net",
            "`_acme-challenge.example.net` does not lie in the zone `example.com`, which is the \
             one that is published in",
        ),
        (
            "round.example.com",
            "`_acme-challenge.round.example.com` leads over more than 8 CNAME records",
        ),
    ] {
        let error = present(&publisher, host, "value", NOW).await.unwrap_err();
        assert_eq!(error.sentence(), expected);
    }
    let now = NOW + Duration::from_hours(1);
    let error = present(&publisher, "example.com", "value", now).await.unwrap_err().sentence();
    let expected = "updating the zone `example.com` at 127.0.0.1:1: Connection refused";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn route_53_needs_keys() {
    let settings = DnsPublisher::Route53(Route53 {
        hosted_zone_id: "Z1".to_owned(),
        endpoint: None,
        region: "us-east-1".to_owned(),
        credentials: Credentials::Default,
    });
    let refused = Publisher::new(&settings, &Resolver { servers: Vec::new() }, None);
    assert!(matches!(refused, Err(PublisherError::Unsigned)));
}

async fn exec(program: &str, zone: Zone) -> Publisher {
    let program: PathBuf = Path::new("/usr/bin").join(program);
    Publisher::new(&DnsPublisher::Exec(program), &asking(zone).await, None).unwrap()
}

async fn present(
    publisher: &Publisher,
    host: &str,
    value: &str,
    now: SystemTime,
) -> Result<Published, DnsError> {
    let placed = publisher.locate(host, value, now).await?;
    publisher.publish(&placed, now).await?;
    Ok(placed)
}

async fn asking(zone: Zone) -> Resolver {
    Resolver { servers: vec![serve(zone).await] }
}

/// A name server that is not there.
fn nobody() -> DnsPublisher {
    DnsPublisher::Rfc2136(Rfc2136 {
        server: ([127, 0, 0, 1], 1).into(),
        zone: "example.com".to_owned(),
        key: "key".to_owned(),
        algorithm: TsigAlgorithm::HmacSha512,
        secret: Secret::new("c2VjcmV0"),
    })
}

fn alias(name: &str, target: &str) -> hickory_proto::rr::Record {
    record(name, RData::CNAME(CNAME(fully_qualified(target).unwrap())))
}

fn soa() -> RData {
    let name = fully_qualified("ns.example.net").unwrap();
    RData::SOA(SOA::new(name.clone(), name, 1, 60, 60, 60, 60))
}
