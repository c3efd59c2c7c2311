use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber};

use super::*;
use crate::fixtures::{Made, epoch, made};

/// A leaf with this serial number, from an authority with this name.
fn issued(serial: &[u8], name: &[(DnType, &str)]) -> Made {
    let (authority, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in name {
        params.distinguished_name.push(kind.clone(), *value);
    }
    let root = params.self_signed(&authority).unwrap();
    let mut leaf = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    leaf.serial_number = Some(SerialNumber::from_slice(serial));
    let leaf = leaf.signed_by(&key, &Issuer::from_params(&params, &authority)).unwrap();
    Made { chain: leaf.pem() + &root.pem(), key: key.serialize_pem() }
}

#[test]
fn a_certificate_says_what_its_leaf_says() {
    let Made { chain, key } = made(&["WWW.example.com", "*.example.com", "192.0.2.1", "::1"]);
    let certificate = Certificate::from_pem(&chain, &key).unwrap();
    assert_eq!(certificate.names(), ["www.example.com", "*.example.com"]);
    assert_eq!(certificate.addresses().len(), 2);
    assert_eq!(certificate.not_before(), epoch());
    assert_eq!(certificate.not_after(), epoch() + Duration::from_hours(90 * 24));
    assert_eq!(certificate.issuer(), "Test Authority");
    for (host, is_covered) in [
        ("api.example.com", true),
        ("a.b.example.com", false),
        ("example.com", false),
        ("192.0.2.1", true),
        ("[::1]", true),
        ("192.0.2.2", false),
    ] {
        assert_eq!(certificate.covers(host), is_covered, "{host}");
    }
}

#[test]
fn serial_and_issuer_are_spelled_as_people_compare_them() {
    let (name, organization) = (DnType::CommonName, DnType::OrganizationName);
    for (serial, issuer, expected) in [
        (
            &[0x04, 0xa1, 0x00][..],
            &[(name, "R11"), (organization.clone(), "ACME")][..],
            "04A100 R11",
        ),
        // DER puts a zero before it, to keep it positive.
        (&[0xff, 0x0b], &[(organization, "ACME")], "FF0B O=ACME"),
    ] {
        let Made { chain, key } = issued(serial, issuer);
        let certificate = Certificate::from_pem(&chain, &key).unwrap();
        assert_eq!(format!("{} {}", certificate.serial(), certificate.issuer()), expected);
        assert_eq!(certificate.key.cert.len(), 2);
    }
}

#[test]
fn what_is_wrong_with_a_pair_is_said_of_one_of_the_two() {
    let Made { chain, key } = made(&["a.example"]);
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (chain, key, expected) in [
        (String::new(), key.clone(), "the chain holds no certificate"),
        (key.clone(), key.clone(), "the chain holds no certificate"),
        (garbage.to_owned(), key.clone(), "the chain holds a certificate that cannot be parsed: "),
        (chain.clone() + garbage, key.clone(), "the chain holds a certificate that cannot be"),
        (
            chain.replace("-----END", "---- END"),
            key.clone(),
            "the chain is not PEM: it ends before",
        ),
        (chain.replace('M', "!"), key.clone(), "the chain is not PEM: its base64 is damaged: "),
        (chain.clone(), chain.clone(), "the key holds no private key"),
        (chain.clone(), key.replace("KEY-----\nM", "KEY-----\nN"), "the key cannot be used with "),
        (chain, made(&["a.example"]).key, "the key cannot be used with the chain: it is another"),
    ] {
        let sentence = Certificate::from_pem(&chain, &key).unwrap_err().to_string();
        assert!(sentence.starts_with(expected), "{sentence}");
    }
}

proptest! {
    /// Whatever a disk or a person makes of a file, it is refused with a sentence.
    #[test]
    fn a_damaged_pair_is_no_reason_to_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        in_key in any::<bool>(),
        cut in any::<bool>(),
    ) {
        let Made { mut chain, mut key } = made(&["a.example"]);
        let text = if in_key { &mut key } else { &mut chain };
        let mut bytes = std::mem::take(text).into_bytes();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        if cut {
            bytes.truncate(place);
        }
        *text = String::from_utf8_lossy(&bytes).into_owned();
        if let Err(error) = Certificate::from_pem(&chain, &key) {
            prop_assert!(error.to_string().starts_with("the "));
        }
    }
}
