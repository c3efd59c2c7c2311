use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::{A, CNAME, NS, SOA, TXT};
use warmfront_config::{
    Credentials, DnsPublisher, Resolver, Rfc2136, Route53, Secret, TsigAlgorithm,
};

use super::{Publisher, PublisherError, fully_qualified};
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
    let proof = publisher.present("www.example.com", "good", NOW).await.unwrap();
    assert_eq!(proof.name(), "_acme-challenge.example.net");
    publisher.withdraw(&proof, NOW).await.unwrap();
}

#[tokio::test]
async fn name_servers_that_are_not_found_are_not_waited_for() {
    let publisher = exec("true", Zone::default()).await;
    let present = async move { publisher.present("app.corp.internal", "good", NOW).await };
    // On any thread: several are presented at once.
    let proof = tokio::spawn(present).await.unwrap().unwrap();
    assert_eq!(proof.name(), "_acme-challenge.app.corp.internal");
}

#[tokio::test]
async fn what_fails_is_said_from_the_top_to_the_cause() {
    let publisher = exec("nowhere", Zone::default()).await;
    let error = publisher.present("example.com", "good", NOW).await.unwrap_err();
    assert_eq!(
        error.sentence(),
        "running /usr/bin/nowhere present: No such file or directory (os error 2)"
    );
    let long = [&"a".repeat(60); 4].map(String::as_str).join(".");
    let error = publisher.present(&long, "good", NOW).await.unwrap_err();
    assert!(error.sentence().contains("` is no domain name: "), "{}", error.sentence());
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
        let error = publisher.present(host, "value", NOW).await.unwrap_err();
        assert_eq!(error.sentence(), expected);
    }
    let now = NOW + Duration::from_hours(1);
    let error = publisher.present("example.com", "value", now).await.unwrap_err().sentence();
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
