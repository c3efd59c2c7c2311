use warmfront_config::{Probe, TargetGroup, TargetProtocol, TargetTls, Verification};

use super::targets::{answering, answering_over_tls, http2};
use super::{AMPLE, ask, asking, broken, http_probe};
use crate::health::CheckFailure;
use crate::tls::{Authority, Clients, group, system_tls};

const WELL: &str = "HTTP/1.1 200 OK\r\n\r\n";
const HTTP1: &[&[u8]] = &[b"http/1.1"];

async fn outcome(server: rustls::ServerConfig, tls: TargetTls) -> Result<(), String> {
    let target = answering_over_tls(server, WELL).await;
    let check = asking(http_probe(true), AMPLE);
    let outcome = ask(&group(Some(tls)), &check, target).await;
    outcome.map_err(|failure| match failure {
        CheckFailure::Tls(words) => words,
        other => panic!("{other:?}"),
    })
}

#[tokio::test]
async fn the_certificate_must_be_of_the_own_ca_and_of_the_name() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let tls = |name: Option<&str>| TargetTls {
        ca_file: Some(ours.ca_file.clone()),
        server_name: name.map(str::to_owned),
        ..system_tls()
    };
    let server = |authority: &Authority, name| authority.server(name, HTTP1, Clients::Anybody);
    assert_eq!(outcome(server(&ours, "app.test"), tls(None)).await, Ok(()));
    assert_eq!(outcome(server(&ours, "other.test"), tls(Some("other.test"))).await, Ok(()));
    assert_eq!(outcome(server(&ours, "192.0.2.7"), tls(Some("192.0.2.7"))).await, Ok(()));

    for (server, tls, reason) in [
        (server(&ours, "other.test"), tls(None), "not valid for name"),
        (server(&ours, "192.0.2.7"), tls(Some("192.0.2.8")), "not valid for name"),
        (server(&theirs, "app.test"), tls(None), "UnknownIssuer"),
        (server(&ours, "app.test"), system_tls(), "UnknownIssuer"),
    ] {
        let told = outcome(server, tls).await.unwrap_err();
        assert!(told.contains(reason), "{told}");
    }
}

#[tokio::test]
async fn without_verification_anybody_is_believed() {
    let theirs = Authority::new();
    let off = TargetTls { verification: Verification::Off, ..system_tls() };
    let server = theirs.server("other.test", HTTP1, Clients::Anybody);
    assert_eq!(outcome(server, off).await, Ok(()));
}

#[tokio::test]
async fn the_edge_shows_its_certificate_where_it_has_one() {
    let ours = Authority::new();
    let tls = TargetTls { ca_file: Some(ours.ca_file.clone()), ..system_tls() };
    let server = || ours.server("app.test", HTTP1, Clients::OurOwn);
    let told = outcome(server(), tls.clone()).await.unwrap_err();
    assert!(told.contains("CertificateRequired"), "{told}");

    let known = TargetTls { client_certificate: Some(ours.issue("edge")), ..tls.clone() };
    assert_eq!(outcome(server(), known).await, Ok(()));

    let theirs = Authority::new();
    let stranger = TargetTls { client_certificate: Some(theirs.issue("edge")), ..tls };
    let told = outcome(server(), stranger).await.unwrap_err();
    assert!(told.contains("received fatal alert"), "{told}");
}

#[tokio::test]
async fn tcp_is_connected_and_shakes_hands_where_there_is_tls() {
    let ours = Authority::new();
    let tls = TargetTls { ca_file: Some(ours.ca_file.clone()), ..system_tls() };
    let check = asking(Probe::Tcp, AMPLE);
    let plain = answering(WELL).await;
    let server = |name| ours.server(name, HTTP1, Clients::Anybody);
    let right = answering_over_tls(server("app.test"), WELL).await;
    let wrong = answering_over_tls(server("other.test"), WELL).await;
    assert_eq!(ask(&group(None), &check, plain).await, Ok(()));
    assert_eq!(ask(&group(None), &check, right).await, Ok(()));
    assert_eq!(ask(&group(Some(tls.clone())), &check, right).await, Ok(()));
    let outcome = ask(&group(Some(tls)), &check, wrong).await;
    assert!(matches!(outcome, Err(CheckFailure::Tls(_))), "{outcome:?}");
}

#[tokio::test]
async fn http2_must_be_agreed_on() {
    let ours = Authority::new();
    let tls = TargetTls { ca_file: Some(ours.ca_file.clone()), ..system_tls() };
    let settings = TargetGroup { protocol: TargetProtocol::Http2, ..group(Some(tls)) };
    let check = asking(http_probe(true), AMPLE);
    let server = |alpn| ours.server("app.test", alpn, Clients::Anybody);

    let speaking = http2(Some(server(&[b"h2"])), |request, mut respond| {
        assert_eq!(request.uri().scheme_str(), Some("https"));
        respond.send_response(http::Response::new(()), true).unwrap();
    });
    assert_eq!(ask(&settings, &check, speaking.await).await, Ok(()));

    let without_alpn = answering_over_tls(server(&[]), WELL).await;
    let expected = broken("the target does not offer HTTP/2 (ALPN `h2`)");
    assert_eq!(ask(&settings, &check, without_alpn).await, expected);

    let http1_only = answering_over_tls(server(HTTP1), WELL).await;
    let outcome = ask(&settings, &check, http1_only).await.unwrap_err();
    let CheckFailure::Tls(words) = outcome else { panic!("{outcome:?}") };
    assert!(words.contains("NoApplicationProtocol"), "{words}");
}
