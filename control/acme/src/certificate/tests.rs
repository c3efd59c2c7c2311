use rcgen::{
    BasicConstraints, DnType, IsCa, Issuer, PKCS_ECDSA_P384_SHA384, PublicKeyData,
    SignatureAlgorithm, date_time_ymd,
};
use time::OffsetDateTime;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;

use super::*;

/// In the midst of 2030, which is when the authority of these tests does its work.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_906_000_000)
}

/// The key in a request.
struct Asked(Vec<u8>);

impl PublicKeyData for Asked {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// What an authority does: signs for whatever the request asks for, until the end of that year.
pub(crate) fn sign(request: &[u8], end: i32) -> String {
    sign_within(request, date_time_ymd(2020, 1, 1), date_time_ymd(end, 12, 31))
}

fn sign_within(request: &[u8], begin: OffsetDateTime, end: OffsetDateTime) -> String {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let (_, request) = X509CertificationRequest::from_der(request).unwrap();
    let key = &request.certification_request_info.subject_pki.subject_public_key;
    let mut params = CertificateParams::default();
    params.subject_alt_names = asked(&request);
    (params.not_before, params.not_after) = (begin, end);
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(&Asked(key.data.to_vec()), &Issuer::new(ca, ca_key)).unwrap();
    leaf.pem() + &ca_pem
}

/// The names in a request.
fn asked(request: &X509CertificationRequest<'_>) -> Vec<SanType> {
    let mut extensions = request.requested_extensions().unwrap();
    let names = extensions.find_map(|extension| match extension {
        ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    });
    let names = names.unwrap().iter().map(|name| match name {
        GeneralName::DNSName(name) => SanType::DnsName((*name).try_into().unwrap()),
        GeneralName::IPAddress(octets) => SanType::IpAddress(address(octets).unwrap()),
        other => panic!("{other:?}"),
    });
    names.collect()
}

pub(crate) fn hosts(names: &[&str]) -> Vec<HostPattern> {
    names.iter().map(|name| HostPattern::parse(name).unwrap()).collect()
}

const ALL: [&str; 4] = ["example.com", "*.example.com", "192.0.2.7", "2001:db8::7"];

#[test]
fn a_request_names_hosts_and_has_no_subject() {
    let request = Key::generate().unwrap().request(&hosts(&ALL)).unwrap();
    let (_, parsed) = X509CertificationRequest::from_der(&request).unwrap();
    assert_eq!(parsed.certification_request_info.subject.as_raw(), [0x30, 0], "an empty sequence");
    let wanted = [
        SanType::DnsName("example.com".try_into().unwrap()),
        SanType::DnsName("*.example.com".try_into().unwrap()),
        SanType::IpAddress([192, 0, 2, 7].into()),
        SanType::IpAddress([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7].into()),
    ];
    assert_eq!(asked(&parsed), wanted);
}

#[test]
fn a_key_survives_its_journal() {
    let key = Key::generate().unwrap();
    let again = Key::parse(key.pem()).unwrap();
    assert_eq!(key.pair.public_key_raw(), again.pair.public_key_raw());
    assert!(Key::parse("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").is_none());
    assert!(Key::parse("").is_none());
    let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem();
    assert!(Key::parse(&other).is_none(), "one of another kind");
}

#[test]
fn only_the_certificate_that_was_ordered_is_taken() {
    let key = Key::generate().unwrap();
    let request = key.request(&hosts(&ALL)).unwrap();
    let good = sign(&request, 2030);
    let intermediate = good.split_inclusive("-----END CERTIFICATE-----\n").nth(1).unwrap();
    let other = Key::generate().unwrap();
    let cut = good.get(..good.len() / 3).unwrap();
    for (chain, key, names, error) in [
        (good.as_str(), &key, ALL.as_slice(), None),
        (&good, &key, &["192.0.2.7"], None),
        (&good, &key, &["www.example.com"], Some("it does not speak for www.example.com")),
        (&good, &key, &["*.example.org"], Some("it does not speak for *.example.org")),
        (&good, &key, &["192.0.2.8"], Some("it does not speak for 192.0.2.8")),
        (&good, &other, &ALL, Some("it is for another key")),
        (intermediate, &key, &ALL, Some("it is for another key")),
        (&sign(&request, 2029), &key, &ALL, Some("it ended before it came")),
        ("", &key, &ALL, Some("it cannot be read (it is empty)")),
        ("<html>", &key, &ALL, Some("it cannot be read (it is empty)")),
    ] {
        let outcome = prove(chain, key, &hosts(names), now());
        assert_eq!(outcome.err().map(|error| error.to_string()).as_deref(), error, "{names:?}");
    }
    let unread = prove(cut, &key, &hosts(&ALL), now());
    assert!(matches!(unread, Err(ChainError::Unreadable(_))), "{unread:?}");
}

#[test]
fn what_no_client_would_take_is_not_taken() {
    let key = Key::generate().unwrap();
    let request = key.request(&hosts(&ALL)).unwrap();
    let good = sign(&request, 2030);
    let end = "-----END CERTIFICATE-----\n";
    let [leaf, root, ..] = good.split_inclusive(end).collect::<Vec<_>>()[..] else { panic!() };
    let mut stranger = CertificateParams::default();
    stranger.distinguished_name.push(DnType::CommonName, "stranger");
    let stranger = stranger.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    let begins = |later: Duration| {
        let begin = OffsetDateTime::from(now() + later);
        sign_within(&request, begin, begin + Duration::from_hours(24))
    };
    let long = Some("its chain has more than 10 certificates or 64 KiB");
    let loose =
        |at: usize| format!("certificate {at} of its chain is not signed by the one behind it");
    for (chain, error) in [
        (leaf.to_owned(), None),
        (format!("{leaf}{}", root.repeat(9)), None),
        (format!("{leaf}{}", root.repeat(10)), long),
        (format!("{good}{}", " ".repeat(64 << 10)), long),
        (format!("{leaf}{stranger}"), Some(loose(1).as_str())),
        (format!("{good}{stranger}"), Some(loose(2).as_str())),
        (begins(EARLY_MAX), None),
        (begins(EARLY_MAX + Duration::from_secs(1)), Some("it is not valid yet")),
    ] {
        let outcome = prove(&chain, &key, &hosts(&ALL), now());
        assert_eq!(outcome.err().map(|error| error.to_string()).as_deref(), error);
    }
}
