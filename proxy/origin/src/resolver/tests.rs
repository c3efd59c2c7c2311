pub(crate) mod fake_server;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use warmfront_config::Resolver as Settings;

use super::search::Search;
use super::servers::Servers;
use super::{Answer, Family, LOOKUP_TIMEOUT, Resolver, is_localhost};
use fake_server::{FakeServer, Reply};

fn ask(server: &FakeServer) -> Resolver {
    Resolver::new(&server.settings()).unwrap()
}

fn addresses(answer: &Answer) -> String {
    answer.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn all_addresses_of_both_families_are_told_in_one_order() {
    let all = ["192.0.2.9", "2001:db8::1", "192.0.2.1", "192.0.2.9"];
    let server = FakeServer::saying(move |_, _| Reply::addresses(30, &all)).await;
    let answer = ask(&server).look_up("app.example").await.unwrap();
    assert_eq!(addresses(&answer), "192.0.2.1 192.0.2.9 2001:db8::1");
    assert_eq!(answer.unanswered, None);
}

#[tokio::test]
async fn the_least_ttl_counts_within_bounds() {
    let (v4, v6) = ("192.0.2.1", "2001:db8::1");
    for (a, aaaa, expected) in [(30, 20, 20), (7, 86_400, 7), (0, 0, 1), (86_400, 3600, 60)] {
        let server = FakeServer::saying(move |_, kind| match kind {
            RecordType::A => Reply::addresses(a, &[v4]),
            _ => Reply::addresses(aaaa, &[v6]),
        })
        .await;
        let answer = ask(&server).look_up("app.example").await.unwrap();
        assert_eq!(answer.valid_for, Duration::from_secs(expected), "{a} {aaaa}");
    }
}

#[tokio::test]
async fn an_alias_is_followed_and_its_ttl_counts() {
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let server = FakeServer::saying(move |name, kind| match (name, kind) {
        ("app.example.", RecordType::A) => Reply::Alias(9, "app-1.example.", 40, address),
        _ => Reply::Code(ResponseCode::NoError),
    })
    .await;
    let answer = ask(&server).look_up("app.example").await.unwrap();
    assert_eq!((addresses(&answer).as_str(), answer.valid_for.as_secs()), ("192.0.2.1", 9));
}

#[tokio::test]
async fn one_family_does_not_spoil_the_other() {
    let v4_only = |reply: fn() -> Reply| {
        FakeServer::saying(move |_, kind| match kind {
            RecordType::A => Reply::addresses(30, &["192.0.2.1"]),
            _ => reply(),
        })
    };
    let timeout = Duration::from_secs(2);
    for (reply, unanswered) in [
        ((|| Reply::Code(ResponseCode::NoError)) as fn() -> Reply, None),
        (|| Reply::Code(ResponseCode::NXDomain), None),
        (|| Reply::Code(ResponseCode::ServFail), Some(Family::V6)),
        (|| Reply::Silence, Some(Family::V6)),
    ] {
        let server = v4_only(reply).await;
        let resolver = Resolver::with_timeout(&server.settings(), timeout).unwrap();
        let answer = resolver.look_up("app.example").await.unwrap();
        assert_eq!((addresses(&answer).as_str(), answer.unanswered), ("192.0.2.1", unanswered));
    }
}

#[tokio::test]
async fn a_name_without_addresses_is_an_error_that_says_why() {
    for (code, reason) in [
        (ResponseCode::NXDomain, "there is no such name"),
        (ResponseCode::NoError, "it has no address"),
        (ResponseCode::ServFail, "Server Failure"),
        (ResponseCode::Refused, "Query Refused"),
    ] {
        let server = FakeServer::saying(move |_, _| Reply::Code(code)).await;
        let error = ask(&server).look_up("app.example").await.unwrap_err();
        assert!(error.reason.contains(reason), "{code}: {}", error.reason);
    }
    let error = ask(&FakeServer::saying(|_, _| Reply::Silence).await).look_up("a..b").await;
    assert!(error.unwrap_err().reason.starts_with("it is no domain name"));
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for_longer_than_the_timeout() {
    assert_eq!(LOOKUP_TIMEOUT, Duration::from_secs(5));
    let server = FakeServer::saying(|_, _| Reply::Silence).await;
    let timeout = Duration::from_millis(100);
    let began = Instant::now();
    let resolver = Resolver::with_timeout(&server.settings(), timeout).unwrap();
    let error = resolver.look_up("app.example").await.unwrap_err();
    assert!(error.reason.contains("no answer within 100ms"), "{}", error.reason);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_fails() {
    let good = FakeServer::saying(|_, _| Reply::addresses(30, &["192.0.2.1"])).await;
    for first in
        [Reply::Code(ResponseCode::ServFail), Reply::Code(ResponseCode::Refused), Reply::Silence]
    {
        let first = match first {
            Reply::Code(code) => FakeServer::saying(move |_, _| Reply::Code(code)).await,
            _ => FakeServer::saying(|_, _| Reply::Silence).await,
        };
        let settings = Settings { servers: vec![first.address, good.address] };
        let resolver = Resolver::with_timeout(&settings, Duration::from_secs(2)).unwrap();
        assert_eq!(addresses(&resolver.look_up("app.example").await.unwrap()), "192.0.2.1");
        assert!(first.asked() > 0);
    }
}

#[tokio::test]
async fn a_clear_no_of_the_first_server_is_believed() {
    let first = FakeServer::saying(|_, _| Reply::Code(ResponseCode::NXDomain)).await;
    let second = FakeServer::saying(|_, _| Reply::addresses(30, &["192.0.2.1"])).await;
    let settings = Settings { servers: vec![first.address, second.address] };
    let error = Resolver::new(&settings).unwrap().look_up("app.example").await.unwrap_err();
    assert_eq!((error.reason.as_str(), second.asked()), ("there is no such name", 0));
}

#[tokio::test]
async fn what_is_too_long_for_udp_is_asked_for_by_tcp_and_bounded() {
    let many: Vec<IpAddr> = (0..100).map(|last| IpAddr::from([192, 0, 2, last])).collect();
    let server = FakeServer::saying(move |_, kind| match kind {
        RecordType::A => Reply::Long(many.clone()),
        _ => Reply::Code(ResponseCode::NoError),
    })
    .await;
    let answer = ask(&server).look_up("app.example").await.unwrap();
    assert_eq!(answer.addresses.len(), 64);
    assert_eq!(answer.addresses[63], IpAddr::from([192, 0, 2, 63]));
}

#[tokio::test]
async fn nothing_is_cached() {
    let server = FakeServer::saying(|_, _| Reply::addresses(3600, &["192.0.2.1"])).await;
    let resolver = ask(&server);
    assert_eq!(addresses(&resolver.look_up("app.example").await.unwrap()), "192.0.2.1");
    server.says(|_, _| Reply::addresses(3600, &["192.0.2.2"]));
    assert_eq!(addresses(&resolver.look_up("app.example").await.unwrap()), "192.0.2.2");
    server.says(|_, _| Reply::Code(ResponseCode::NXDomain));
    assert!(resolver.look_up("app.example").await.is_err());
    server.says(|_, _| Reply::addresses(3600, &["192.0.2.1"]));
    assert_eq!(addresses(&resolver.look_up("app.example").await.unwrap()), "192.0.2.1");
}

#[tokio::test]
async fn localhost_needs_no_server() {
    let server = FakeServer::saying(|_, _| Reply::Silence).await;
    for host in ["localhost", "app.localhost"] {
        let answer = ask(&server).look_up(host).await.unwrap();
        assert!(answer.addresses.iter().all(IpAddr::is_loopback), "{host}");
    }
    assert_eq!(server.asked(), 0);
    for (host, expected) in [("LocalHost.", true), ("localhost.example", false), ("", false)] {
        assert_eq!(is_localhost(host), expected, "{host}");
    }
}

#[tokio::test]
async fn names_that_no_server_knows_are_not_asked_for() {
    let server = FakeServer::saying(|_, _| Reply::addresses(30, &["192.0.2.1"])).await;
    let error = ask(&server).look_up("app.invalid").await.unwrap_err();
    assert_eq!((error.reason.as_str(), server.asked()), ("there is no such name", 0));
    assert!(ask(&server).look_up("app.local").await.is_ok(), "clusters use this one");
    assert!(ask(&server).look_up("my_service").await.is_ok(), "so are Compose's services called");
}

#[tokio::test]
async fn search_domains_complete_a_name_until_one_is_not_denied() {
    let domains = ["one.example.", "two.example."].map(|text| text.parse().unwrap()).to_vec();
    let search = Search { domains, ndots: 1 };
    for (second, expected) in [
        (Some(ResponseCode::NoError), Ok("192.0.2.1")),
        (Some(ResponseCode::NXDomain), Ok("192.0.2.1")),
        (Some(ResponseCode::ServFail), Err("Server Failure")),
        (None, Ok("192.0.2.2")),
    ] {
        let server = FakeServer::saying(move |name, _| match (name, second) {
            ("app.two.example.", None) => Reply::addresses(30, &["192.0.2.2"]),
            ("app.two.example.", Some(code)) => Reply::Code(code),
            ("app.", _) => Reply::addresses(30, &["192.0.2.1"]),
            _ => Reply::Code(ResponseCode::NXDomain),
        })
        .await;
        let servers = [server.address].into_iter();
        let servers = Servers::new(servers, search.clone(), LOOKUP_TIMEOUT).unwrap();
        match (servers.look_up("app", LOOKUP_TIMEOUT).await, expected) {
            (Ok(answer), Ok(expected)) => assert_eq!(addresses(&answer), expected),
            (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
            (other, _) => panic!("{second:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_dead_server_is_an_error() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let settings = Settings { servers: vec![nobody] };
    let resolver = Resolver::with_timeout(&settings, Duration::from_secs(2)).unwrap();
    let error = resolver.look_up("app.example").await.unwrap_err();
    assert!(error.reason.starts_with("127.0.0.1:1: "), "{}", error.reason);
}
