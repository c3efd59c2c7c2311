use std::net::SocketAddr;
use std::time::Duration;

use warmfront_config::{TargetGroup, TargetName, TargetProtocol, TargetTls, Verification};

use super::super::ALPN;
use super::{HttpPeer, target_peer};
use crate::tls::{Authority, TargetConnection, group, system_tls};

const IDLE: Duration = Duration::from_mins(1);

fn address() -> SocketAddr {
    "192.0.2.1:8443".parse().unwrap()
}

fn peer_of(group_name: &str, settings: &TargetGroup, host: &str) -> HttpPeer {
    let connection = TargetConnection::load("api", settings).unwrap();
    let name = TargetName { host: host.to_owned(), port: 8443 };
    target_peer(group_name, settings, &connection, address(), &name, IDLE)
}

#[test]
fn the_name_that_is_verified_is_never_empty() {
    for (written, host, sni) in [
        (None, "app.test", "app.test"),
        (None, "192.0.2.1", "192.0.2.1"),
        (None, "2001:db8::1", "2001:db8::1"),
        (None, "", "192.0.2.1"),
        (Some("other.test"), "app.test", "other.test"),
        (Some("192.0.2.9"), "app.test", "192.0.2.9"),
        (Some(""), "app.test", "app.test"),
        (Some(""), "", "192.0.2.1"),
    ] {
        let server_name = written.map(str::to_owned);
        let peer = peer_of("api", &group(Some(TargetTls { server_name, ..system_tls() })), host);
        assert_eq!(peer.sni, sni);
        assert!(peer.is_tls() && peer.options.verify_cert && peer.options.verify_hostname);
    }
}

#[test]
fn a_connection_has_the_groups_timeouts() {
    let settings = TargetGroup {
        connect_timeout: Duration::from_secs(3),
        response_timeout: Duration::from_secs(7),
        ..group(None)
    };
    let peer = peer_of("api", &settings, "app.test");
    assert_eq!(peer._address.as_inet(), Some(&address()));
    assert_eq!(peer.options.total_connection_timeout, Some(settings.connect_timeout));
    assert_eq!(peer.options.read_timeout, Some(settings.response_timeout));
    assert_eq!(peer.options.idle_timeout, Some(IDLE));
}

#[test]
fn verification_is_off_only_where_it_is_written() {
    let off = TargetTls { verification: Verification::Off, ..system_tls() };
    let peer = peer_of("api", &group(Some(off)), "app.test");
    assert!(!peer.options.verify_cert && !peer.options.verify_hostname);
    let plain = peer_of("api", &group(None), "app.test");
    assert!(!plain.is_tls());
}

#[test]
fn the_protocol_leaves_no_choice() {
    for tls in [None, Some(system_tls())] {
        let mut settings = group(tls);
        let http1 = peer_of("api", &settings, "app.test");
        assert_eq!((http1.options.alpn, http1.options.h2_ping_interval), (ALPN::H1, None));
        settings.protocol = TargetProtocol::Http2;
        let http2 = peer_of("api", &settings, "app.test").options;
        assert_eq!((http2.alpn, http2.max_h2_streams), (ALPN::H2, 100));
        assert_eq!(http2.h2_ping_interval, Some(Duration::from_secs(20)));
    }
}

#[test]
fn pings_are_rarer_where_a_connection_may_be_quiet_for_longer() {
    for (response_timeout, interval) in [(1, 20), (90, 30), (600, 200), (86_400, 300)] {
        let mut settings = group(None);
        settings.protocol = TargetProtocol::Http2;
        settings.response_timeout = Duration::from_secs(response_timeout);
        let peer = peer_of("api", &settings, "app.test");
        assert_eq!(peer.options.h2_ping_interval, Some(Duration::from_secs(interval)));
    }
}

#[test]
fn connections_are_shared_only_where_all_is_the_same() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let own_ca = |authority: &Authority| TargetTls {
        ca_file: Some(authority.ca_file.clone()),
        ..system_tls()
    };
    let shown = |authority: &Authority| TargetTls {
        client_certificate: Some(authority.issue("edge")),
        ..system_tls()
    };
    let off = TargetTls { verification: Verification::Off, ..system_tls() };
    let key = |name: &str, tls, protocol| {
        let settings = TargetGroup { protocol, ..group(tls) };
        peer_of(name, &settings, "app.test").group_key
    };
    let keys = [
        key("api", None, TargetProtocol::Http1),
        key("api", None, TargetProtocol::Http2),
        key("other", None, TargetProtocol::Http1),
        key("api", Some(system_tls()), TargetProtocol::Http1),
        key("api", Some(off), TargetProtocol::Http1),
        key("api", Some(own_ca(&ours)), TargetProtocol::Http1),
        key("api", Some(own_ca(&theirs)), TargetProtocol::Http1),
        key("api", Some(shown(&ours)), TargetProtocol::Http1),
        // Another certificate of the same name.
        key("api", Some(shown(&ours)), TargetProtocol::Http1),
    ];
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(keys.iter().position(|other| other == key), Some(i));
    }
    assert_eq!(keys[5], key("api", Some(own_ca(&ours)), TargetProtocol::Http1));
}
