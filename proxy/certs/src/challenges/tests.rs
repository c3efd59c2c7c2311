use rustls::version::{TLS12, TLS13};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::*;
use crate::fixtures::{client, shake};

/// id-pe-acmeIdentifier (RFC 8737 §6.1).
const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

#[test]
fn tokens_are_answered_while_they_are_published() {
    let challenges = Challenges::new();
    let answer = |token: &str| challenges.answer_http(token).map(|content| content.to_string());
    assert_eq!(answer("a"), None);
    challenges.publish_http("a", "a.print");
    challenges.publish_http("b", "b.print");
    assert_eq!(answer("a"), Some("a.print".to_owned()));
    challenges.publish_http("a", "a.other");
    assert_eq!(answer("a"), Some("a.other".to_owned()));
    challenges.withdraw_http("a");
    challenges.withdraw_http("a");
    assert_eq!((answer("a"), answer("b")), (None, Some("b.print".to_owned())));
}

#[test]
fn a_validating_handshake_sees_the_digest() {
    let digest = [0x5a; 32];
    for (host, server_name) in [
        ("www.example.com", "www.example.com"),
        ("WWW.Example.com", "www.Example.COM"),
        ("192.0.2.7", "7.2.0.192.in-addr.arpa"),
        (
            "2001:db8::567:89ab",
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        ),
        ("[::1]", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"),
    ] {
        let challenges = Challenges::new();
        assert!(challenges.tls(server_name).is_none(), "{host}");
        let der = challenges.publish_tls(host, &digest).unwrap();
        assert_eq!(challenge_server_name(host), server_name.to_ascii_lowercase());
        let server = challenges.tls(server_name).unwrap();
        for version in [&TLS12, &TLS13] {
            let client = client(&[version], &["acme-tls/1"]);
            let (client, _) = shake(&client, &server, server_name).unwrap();
            assert_eq!(client.alpn_protocol(), Some(b"acme-tls/1".as_slice()), "{host}");
            let chain: &[CertificateDer<'_>] = client.peer_certificates().unwrap();
            assert_eq!(chain.len(), 1);
            assert_eq!(chain[0].as_ref(), der.as_slice());
            is_answer(&der, host, &digest);
        }
        let browser = client(&[&TLS13], &["h2", "http/1.1"]);
        assert!(shake(&browser, &server, server_name).is_err(), "no other protocol");
        challenges.withdraw_tls(host);
        assert!(challenges.tls(server_name).is_none(), "{host}");
    }
}

/// RFC 8737 §3, RFC 8738 §6: one subject, and the digest in a critical extension.
fn is_answer(der: &[u8], host: &str, digest: &[u8; 32]) {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    let subjects = certificate.subject_alternative_name().unwrap().unwrap();
    let octets = |name: &[u8]| match self_signed::address(host) {
        Some(IpAddr::V4(address)) => name == address.octets(),
        Some(IpAddr::V6(address)) => name == address.octets(),
        None => false,
    };
    match subjects.value.general_names.as_slice() {
        [GeneralName::DNSName(name)] => assert!(name.eq_ignore_ascii_case(host)),
        [GeneralName::IPAddress(name)] => assert!(octets(name), "{name:?}"),
        others => panic!("{others:?}"),
    }
    let extension =
        certificate.extensions().iter().find(|e| e.oid.to_id_string() == ACME_IDENTIFIER);
    let extension = extension.unwrap();
    assert!(extension.critical);
    // An octet string of 32 bytes, in DER.
    assert_eq!(extension.value, [&[0x04, 0x20], digest.as_slice()].concat());
    assert_eq!(certificate.issuer(), certificate.subject());
    assert!(!certificate.is_ca());
}

#[test]
fn a_host_that_cannot_stand_in_a_certificate_is_named() {
    let error = Challenges::new().publish_tls("münchen.example", &[0; 32]).unwrap_err();
    assert!(error.to_string().contains("münchen.example"), "{error}");
}
