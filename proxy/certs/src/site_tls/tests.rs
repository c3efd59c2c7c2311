use rustls::version::{TLS12, TLS13};
use warmfront_config::UnknownName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;
use crate::fixtures::{certificate, client, config, shake};

/// The first name of what a client that says `name` is shown.
fn shown(tls: &SiteTls, name: &str) -> String {
    let server = tls.server().unwrap();
    let (client, server) =
        shake(&client(&[&TLS12, &TLS13], &["h2", "http/1.1"]), &server, name).unwrap();
    assert_eq!(server.alpn_protocol(), Some(&b"http/1.1"[..]));
    let chain = client.peer_certificates().unwrap();
    let (_, leaf) = X509Certificate::from_der(chain.first().unwrap()).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    names.value.general_names[0].to_string()
}

#[test]
fn it_shows_what_the_site_has_now() {
    let mut config = config(Vec::new(), UnknownName::Reject);
    let certificates = Certificates::load(&config).unwrap();
    let site = Arc::get_mut(&mut config.sites[0]).unwrap();
    site.hosts = crate::fixtures::hosts(&["first.example", "*.first.example"]);
    let tls = SiteTls::new(certificates.clone(), &config.sites[0], TlsPolicy::default());
    assert!(tls.server().is_none());

    certificates.install("second", certificate(&["second.example"]));
    assert!(tls.server().is_none(), "another site's is not for it");

    certificates.install("first", certificate(&["*.first.example"]));
    assert_eq!(shown(&tls, "node7.internal"), "DNSName(*.first.example)");
    assert_eq!(shown(&tls, "127.0.0.1"), "DNSName(*.first.example)");

    certificates.install("second", certificate(&["first.example", "second.example"]));
    for (name, expected) in [
        ("first.example", "DNSName(first.example)"),
        ("A.first.example", "DNSName(*.first.example)"),
        ("second.example", "DNSName(first.example)"),
    ] {
        assert_eq!(shown(&tls, name), expected, "{name}");
    }
}
