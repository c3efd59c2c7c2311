use std::collections::BTreeSet;

use rustls::HandshakeKind;

use super::*;
use crate::fixtures::{certificate, client, shake};

const TLS13_SUITES: &[&str] =
    &["TLS13_AES_128_GCM_SHA256", "TLS13_AES_256_GCM_SHA384", "TLS13_CHACHA20_POLY1305_SHA256"];
const GCM: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
];
const CHACHA: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

#[test]
fn a_policy_offers_the_suites_of_its_name() {
    for (policy, expected) in [
        (TlsPolicy::V1_2_2021, [TLS13_SUITES, GCM, CHACHA].concat()),
        (TlsPolicy::V1_2_2025, [TLS13_SUITES, GCM].concat()),
        (TlsPolicy::V1_3_2025, TLS13_SUITES.to_vec()),
    ] {
        let provider = provider(policy);
        let offered = provider.cipher_suites.iter().filter_map(|suite| suite.suite().as_str());
        let offered: BTreeSet<&str> = offered.collect();
        assert_eq!(offered, expected.into_iter().collect(), "{policy:?}");
        let first = provider.kx_groups.first().map(|group| group.name());
        assert_eq!(first, Some(rustls::NamedGroup::X25519MLKEM768), "{policy:?}");
    }
}

#[test]
fn a_policy_lets_in_the_versions_of_its_name() {
    let protocols = ["h2", "http/1.1"];
    for (policy, version, agreed) in [
        (TlsPolicy::V1_2_2021, &TLS12, true),
        (TlsPolicy::V1_2_2021, &TLS13, true),
        (TlsPolicy::V1_2_2025, &TLS12, true),
        (TlsPolicy::V1_2_2025, &TLS13, true),
        (TlsPolicy::V1_3_2025, &TLS12, false),
        (TlsPolicy::V1_3_2025, &TLS13, true),
    ] {
        let shown = Offer::new(policy).present(certificate(&["a.example"]), Source::Own);
        let shaken = shake(&client(&[version], &protocols), &shown.server, "a.example");
        assert_eq!(shaken.is_ok(), agreed, "{policy:?} {version:?}");
        let alpn = shaken.ok().and_then(|(_, server)| server.alpn_protocol().map(<[u8]>::to_vec));
        assert_eq!(alpn, agreed.then(|| b"h2".to_vec()), "{policy:?} {version:?}");
    }
}

#[test]
fn certificates_share_all_but_themselves() {
    let offer = Offer::new(TlsPolicy::default());
    let a = offer.present(certificate(&["a.example"]), Source::Own);
    let b = offer.present(certificate(&["b.example"]), Source::Ordered);
    assert!(Arc::ptr_eq(a.server.crypto_provider(), b.server.crypto_provider()));
    assert!(Arc::ptr_eq(&a.server.ticketer, &b.server.ticketer));
    assert!(Arc::ptr_eq(&a.server.session_storage, &b.server.session_storage));
    assert!(!a.server.session_storage.can_cache(), "tickets, and nothing kept here");
    // What a handshake presents is the one copy of the chain.
    assert_eq!(Arc::strong_count(&a.certificate.key), 2);
}

#[test]
fn a_session_is_resumed_by_ticket() {
    let shown = Offer::new(TlsPolicy::default()).present(certificate(&["a.example"]), Source::Own);
    assert!(shown.server.ticketer.enabled());
    assert_eq!(shown.server.ticketer.lifetime(), 12 * 60 * 60);
    for version in [&TLS12, &TLS13] {
        let client = client(&[version], &["h2"]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (_, server) = shake(&client, &shown.server, "a.example").unwrap();
            assert_eq!(server.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

#[test]
fn an_authority_is_offered_its_protocol_alone_and_no_tickets() {
    let server = Offer::to_authorities().server(&certificate(&["a.example"]).key);
    let client = client(&[&TLS12, &TLS13], &["acme-tls/1"]);
    for _ in 0..2 {
        let (_, server) = shake(&client, &server, "a.example").unwrap();
        assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full));
    }
}
