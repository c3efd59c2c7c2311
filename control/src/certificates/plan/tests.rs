use std::path::Path;

use proptest::prelude::*;
use warmfront_config::{Authority, BeforeFirst, ChallengeKind, Config};

use super::*;

fn site(hosts: &str) -> Site {
    let text = format!(
        r#"
        [listen]
        https = []
        [origins.api]
        targets = ["127.0.0.1:1"]
        [sites.www]
        hosts = [{hosts}]
        origin = "api"
        viewer = "allow-all"
        "#
    );
    let config: Config = warmfront_config::parse(&text, Path::new("/x.toml"), &|_| None).unwrap();
    let issuance = Issuance { challenge: ChallengeKind::Http01, profile: None };
    Site { issuance: Some(issuance), ..Site::clone(&config.sites[0]) }
}

fn acme(public: &[bool]) -> Acme {
    let authority = |&public: &bool| Authority {
        name: "a".to_owned(),
        directory: "https://a.example/directory".to_owned(),
        ca_file: None,
        external_account: None,
        public,
    };
    Acme {
        email: None,
        authorities: public.iter().map(authority).collect(),
        public_addresses: Vec::new(),
        before_first: BeforeFirst::SelfSigned,
        dns: None,
    }
}

fn names(hosts: &[HostPattern]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn own_certificates_and_what_no_public_authority_may_speak_for_are_left_out() {
    let site = site(r#""www.acme.dev", "shop.acme.dev", "intranet", "10.0.0.1", "9.9.9.9""#);
    let owned = |host: &HostPattern| host.to_string() == "shop.acme.dev";

    let plan = Plan::new(&site, &acme(&[true]), owned).unwrap();
    assert_eq!(names(&plan.hosts), "www.acme.dev 9.9.9.9");
    let told: Vec<String> = plan.left_out.iter().map(ToString::to_string).collect();
    let advice = "give it one of your own ([[tls.certificates]]) or set the site's `acme = false`";
    assert_eq!(
        told,
        [
            format!(
                "no certificate is ordered for intranet: no public authority speaks for a single \
                 label; {advice}"
            ),
            format!(
                "no certificate is ordered for 10.0.0.1: no public authority speaks for a private \
                 or loopback address; {advice}"
            ),
        ]
    );

    let plan = Plan::new(&site, &acme(&[true, false]), owned).unwrap();
    assert_eq!(names(&plan.hosts), "www.acme.dev intranet 10.0.0.1 9.9.9.9", "one is private");
    assert_eq!(Plan::new(&site, &acme(&[true]), |_| true).unwrap().hosts, []);
    assert_eq!(Plan::new(&Site { issuance: None, ..site }, &acme(&[true]), owned), None);
}

#[test]
fn a_host_is_ordered_for_or_it_is_said_why_not() {
    let site = site(r#""www.acme.dev", "10.0.0.1", "own.acme.dev""#);
    let owned = |host: &HostPattern| host.to_string() == "own.acme.dev";
    let mut plan = Plan::new(&site, &acme(&[true]), owned).unwrap();
    plan.hosts.push(HostPattern::parse("*.acme.dev").unwrap());
    let wildcard = LeftOut {
        host: HostPattern::parse("*.local").unwrap(),
        reason: Reason::SpecialUse("local"),
    };
    plan.left_out.push(wildcard);
    for (host, expected) in [
        ("www.acme.dev", None),
        ("*.acme.dev", None),
        ("shop.acme.dev", None),
        ("10.0.0.1", Some("no certificate is ordered for 10.0.0.1: no public ")),
        ("nas.local", Some("no certificate is ordered for *.local: no public ")),
        ("acme.dev", Some("nothing is ordered for acme.dev")),
    ] {
        let why = plan.not_ordered(&HostPattern::parse(host).unwrap());
        assert_eq!(why.is_some(), expected.is_some(), "{host}: {why:?}");
        assert!(why.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{host}");
    }
    let uncovered = names(&plan.uncovered());
    assert_eq!(uncovered, "www.acme.dev *.acme.dev 10.0.0.1 *.local");
}

#[test]
fn public_authorities_speak_for_public_names_and_addresses() {
    use Reason::{NotGlobal, SingleLabel, SpecialUse};
    for (host, expected) in [
        ("www.acme.dev", None),
        ("*.acme.dev", None),
        ("acme.dev", None),
        ("localhost.acme.dev", None),
        ("mytest", Some(SingleLabel)),
        ("contest.dev", None),
        ("intranet", Some(SingleLabel)),
        ("*.dev", Some(SingleLabel)),
        ("localhost", Some(SpecialUse("localhost"))),
        ("app.localhost", Some(SpecialUse("localhost"))),
        ("db.internal", Some(SpecialUse("internal"))),
        ("*.corp.internal", Some(SpecialUse("internal"))),
        ("nas.home.arpa", Some(SpecialUse("home.arpa"))),
        ("printer.local", Some(SpecialUse("local"))),
        ("www.shop.test", Some(SpecialUse("test"))),
        ("9.9.9.9", None),
        ("100.63.0.1", None),
        ("100.64.0.1", Some(NotGlobal)),
        ("127.0.0.1", Some(NotGlobal)),
        ("192.168.1.1", Some(NotGlobal)),
        ("169.254.169.254", Some(NotGlobal)),
        ("2620:fe::fe", None),
        ("::1", Some(NotGlobal)),
        ("fd00::1", Some(NotGlobal)),
        ("fe80::1", Some(NotGlobal)),
        ("::ffff:10.0.0.1", Some(NotGlobal)),
    ] {
        let pattern = HostPattern::parse(host).unwrap();
        assert_eq!(beyond_public(&pattern), expected, "{host}");
    }
}

proptest! {
    #[test]
    fn every_host_is_ordered_owned_or_told(own in any::<[bool; 4]>(), public in any::<bool>()) {
        let site = site(r#""a.acme.dev", "b.local", "c", "10.0.0.9""#);
        let owns = |host: &HostPattern| {
            site.hosts.iter().zip(own).any(|(known, own)| known == host && own)
        };
        let plan = Plan::new(&site, &acme(&[public]), owns).unwrap();
        let owned = own.iter().filter(|own| **own).count();
        prop_assert_eq!(plan.hosts.len() + plan.left_out.len() + owned, site.hosts.len());
    }
}
