use std::time::Duration;

use rustls::HandshakeKind;
use rustls::version::TLS13;
use warmfront_config::{CertificateFiles, UnknownName};

use super::*;
use crate::fixtures::{LOCAL, certificate, client, config, epoch, hosts, made, made_for, shake};

fn load(own: &[&[&str]], unknown_name: UnknownName) -> Arc<Certificates> {
    let folder = tempfile::tempdir().unwrap();
    let files = own.iter().enumerate();
    let files = files.map(|(n, names)| made(names).write(folder.path(), &n.to_string()));
    Certificates::load(&config(files.collect(), unknown_name)).unwrap()
}

fn host(host: &str) -> HostPattern {
    HostPattern::parse(host).unwrap()
}

/// The first name and the source of what is shown.
fn shown(certificates: &Certificates, name: &str) -> Option<(String, Source)> {
    let presented = certificates.find(Some(name), LOCAL)?;
    Some((presented.certificate.names()[0].clone(), presented.source))
}

#[test]
fn exact_then_wildcard_then_nothing() {
    let certificates =
        load(&[&["*.example.com", "127.0.0.1", "::1"], &["www.example.com"]], UnknownName::Reject);
    for (name, expected) in [
        ("WWW.example.com", Some("www.example.com")),
        ("api.example.com", Some("*.example.com")),
        ("a.b.example.com", None),
        ("example.com", None),
        ("localhost", None),
    ] {
        let found = shown(&certificates, name).map(|(name, _)| name);
        assert_eq!(found.as_deref(), expected, "{name}");
    }
    for (local, is_found) in
        [("127.0.0.1", true), ("::ffff:127.0.0.1", true), ("::1", true), ("10.0.0.1", false)]
    {
        assert_eq!(certificates.find(None, local.parse().unwrap()).is_some(), is_found, "{local}");
    }
    for (name, is_owned) in [
        ("api.example.com", true),
        ("*.example.com", true),
        ("*.api.example.com", false),
        ("a.b.example.com", false),
        ("example.com", false),
        ("127.0.0.1", true),
        ("[::1]", true),
        ("10.0.0.1", false),
    ] {
        assert_eq!(certificates.owns(&host(name)), is_owned, "{name}");
        assert_eq!(certificates.speaks_for(&host(name)).is_some(), is_owned, "{name}");
    }
}

#[test]
fn own_before_ordered_before_stand_in_and_exact_before_wildcard() {
    use Source::{Ordered, Own, StandIn};
    let certificates = load(&[&["own.example", "*.own.example"]], UnknownName::Reject);
    let stand_in =
        ["own.example", "a.own.example", "a.first.example", "*.b.example", "c.b.example"];
    certificates.stand_in("first", &hosts(&stand_in), epoch()).unwrap();
    certificates
        .install("second", certificate(&["own.example", "*.first.example", "c.own.example"]));
    for (name, source) in [
        ("own.example", Own),
        // A stand-in's exact name does not hide a wildcard that clients trust.
        ("a.own.example", Own),
        ("a.first.example", Ordered),
        // An ordered one's does.
        ("c.own.example", Ordered),
        ("c.b.example", StandIn),
        ("d.b.example", StandIn),
    ] {
        assert_eq!(shown(&certificates, name).map(|(_, source)| source), Some(source), "{name}");
    }
}

#[test]
fn of_two_ordered_certificates_for_a_name_the_longer_lived_is_shown() {
    let certificates = load(&[], UnknownName::Reject);
    for (site, days) in [("first", 10), ("second", 60), ("third", 30)] {
        let made = made_for(&["moved.example"], days);
        certificates.install(site, Certificate::from_pem(&made.chain, &made.key).unwrap());
    }
    let found = certificates.find(Some("moved.example"), LOCAL).unwrap();
    assert!(Arc::ptr_eq(&found, &certificates.ordered("second").unwrap()));
}

#[test]
fn a_stand_in_goes_when_the_ordered_certificate_speaks_for_all_of_it() {
    let certificates = load(&[], UnknownName::Reject);
    let stand_in = hosts(&["a.example", "*.b.example", "192.0.2.1"]);
    certificates.stand_in("first", &stand_in, epoch()).unwrap();
    let presented = certificates.speaks_for(&host("a.example")).unwrap();
    let (skew, lifetime) = (Duration::from_hours(1), Duration::from_hours(90 * 24));
    assert_eq!(presented.certificate.not_before(), epoch() - skew);
    assert_eq!(presented.certificate.not_after(), epoch() + lifetime);
    assert_eq!(presented.certificate.issuer(), "warmfront stand-in");

    certificates.install("first", certificate(&["a.example"]));
    let source = |name: &str| certificates.speaks_for(&host(name)).map(|found| found.source);
    assert_eq!(source("a.example"), Some(Source::Ordered));
    assert_eq!(source("*.b.example"), Some(Source::StandIn));
    assert_eq!(certificates.find(None, LOCAL).map(|found| found.source), Some(Source::StandIn));

    certificates.install("first", certificate(&["a.example", "*.b.example", "192.0.2.1"]));
    assert_eq!(source("*.b.example"), Some(Source::Ordered));
    certificates.install("first", certificate(&["a.example"]));
    assert_eq!(source("*.b.example"), None, "the stand-in was gone");
}

#[test]
fn an_unknown_name_is_shown_the_default_if_the_file_says_so() {
    let none: &[&[&str]] = &[];
    let own: &[&[&str]] = &[&["own.example"], &["other.example"]];
    for (own, unknown_name, second, first, expected) in [
        (own, UnknownName::Reject, true, true, None),
        (own, UnknownName::Default, true, true, Some("own.example")),
        (none, UnknownName::Default, true, true, Some("first.example")),
        (none, UnknownName::Default, true, false, Some("second.example")),
        (none, UnknownName::Default, false, false, None),
        (none, UnknownName::Reject, true, true, None),
    ] {
        let certificates = load(own, unknown_name);
        if second {
            certificates.install("second", certificate(&["second.example"]));
        }
        if first {
            certificates.stand_in("first", &hosts(&["first.example"]), epoch()).unwrap();
        }
        let found = shown(&certificates, "unknown.example").map(|(name, _)| name);
        assert_eq!(found.as_deref(), expected);
        let nameless = certificates.find(None, "198.51.100.9".parse().unwrap());
        assert_eq!(nameless.is_some(), expected.is_some());
        assert!(certificates.speaks_for(&host("unknown.example")).is_none());
    }
}

#[test]
fn every_bad_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = made(&["a.example"]).write(folder.path(), "a");
    let other = made(&["b.example"]).write(folder.path(), "b");
    let missing = CertificateFiles { chain: folder.path().join("none.pem"), key: good.key.clone() };
    let mixed = CertificateFiles { chain: good.chain.clone(), key: other.key };
    let chainless = CertificateFiles { chain: good.key.clone(), key: good.key.clone() };
    let keyless = CertificateFiles { chain: good.chain.clone(), key: good.chain };
    let own = vec![missing, mixed, chainless, keyless];
    let errors = Certificates::load(&config(own, UnknownName::Reject)).unwrap_err();
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    for (line, expected) in lines.iter().zip([
        "none.pem: No such file",
        "a.pem: it is another certificate's key",
        "a.key holds no certificate",
        "a.pem holds no private key",
    ]) {
        assert!(line.starts_with("tls.certificates: "), "{line}");
        assert!(line.contains(expected), "{line}");
    }
    assert_eq!(lines.len(), 4);
}

#[test]
fn a_session_outlives_the_renewal_of_its_certificate() {
    let certificates = load(&[], UnknownName::Reject);
    let client = client(&[&TLS13], &["h2"]);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
        certificates.install("first", certificate(&["first.example"]));
        let presented = certificates.find(Some("first.example"), LOCAL).unwrap();
        let (_, server) = shake(&client, &presented.server, "first.example").unwrap();
        assert_eq!(server.handshake_kind(), Some(kind));
    }
}

#[test]
fn a_thousand_certificates_are_an_index_of_a_thousand_names() {
    let certificates = load(&[&["*.own.example"]], UnknownName::Default);
    let name = |n: usize| format!("site-{n}.example");
    for n in 0..1000 {
        certificates.stand_in(&name(n), &[HostPattern::Exact(name(n))], epoch()).unwrap();
    }
    for n in 0..1000 {
        let (found, source) = shown(&certificates, &name(n)).unwrap();
        assert_eq!((found, source), (name(n), Source::StandIn));
    }
    // One entry for each name, and nothing that a look-up would have to walk.
    assert_eq!(certificates.directory.load().sizes(), [1000, 1, 0]);
}

#[test]
fn an_own_pair_that_would_leave_a_host_without_any_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["www.example.com", "api.example.com", "gone.example.com"];
    let files = made(&names).write(folder.path(), "own");
    let mut config = config(vec![files], UnknownName::Reject);
    let mut site = (*config.sites[0]).clone();
    site.hosts = hosts(&["www.example.com", "api.example.com"]);
    config.sites = vec![Arc::new(site)];
    let certificates = Certificates::load(&config).unwrap();
    made(&["api.example.com"]).write(folder.path(), "own");
    for _ in 0..2 {
        let looked = certificates.reload_changed(epoch());
        let [Reload { outcome: Err(error), .. }] = &looked[..] else { panic!("{looked:?}") };
        let told = error.to_string();
        assert!(told.ends_with("own.pem does not speak for www.example.com any more"), "{told}");
        assert_eq!(certificates.own()[0].presented.certificate.names(), names);
    }
    certificates.install("www", certificate(&["www.example.com"]));
    let looked = certificates.reload_changed(epoch());
    assert!(matches!(&looked[..], [Reload { outcome: Ok(_), .. }]), "{looked:?}");
    assert!(certificates.reload_changed(epoch()).is_empty());
    assert_eq!(shown(&certificates, "www.example.com").unwrap().1, Source::Ordered);
}

#[test]
fn an_own_pair_that_has_expired_is_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let files = made(&["www.example.com", "api.example.com"]).write(folder.path(), "own");
    let mut config = config(vec![files], UnknownName::Reject);
    let mut site = (*config.sites[0]).clone();
    site.hosts = hosts(&["www.example.com"]);
    config.sites = vec![Arc::new(site)];
    let certificates = Certificates::load(&config).unwrap();
    let expired = certificates.own()[0].presented.certificate.not_after();
    made(&["api.example.com"]).write(folder.path(), "own");
    let looked = certificates.reload_changed(expired);
    assert!(matches!(&looked[..], [Reload { outcome: Ok(_), .. }]), "{looked:?}");
}
