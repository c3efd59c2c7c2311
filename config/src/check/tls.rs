//! `[tls]`.

use super::listen::Listening;
use crate::model::{CertificateFiles, Tls, TlsPolicy, UnknownName};
use crate::raw::{Section, Value};

/// The policies that are spoken here, by CloudFront's names.
pub(crate) const POLICIES: [(&str, TlsPolicy); 3] = [
    (NEAREST, TlsPolicy::V1_2_2021),
    ("TLSv1.2_2025", TlsPolicy::V1_2_2025),
    ("TLSv1.3_2025", TlsPolicy::V1_3_2025),
];
/// What comes nearest to an older policy.
pub(crate) const NEAREST: &str = "TLSv1.2_2021";

const VERSIONS: [(&str, TlsPolicy); 2] =
    [("1.2", TlsPolicy::V1_2_2021), ("1.3", TlsPolicy::V1_3_2025)];
const UNKNOWN_NAMES: [(&str, UnknownName); 2] =
    [("reject", UnknownName::Reject), ("default", UnknownName::Default)];

/// `[tls]`. `is_ordered` is whether authorities are asked for certificates.
pub(super) fn tls(section: &Section<'_>, https: Listening, is_ordered: bool) -> Tls {
    let certificates = match section.get("certificates") {
        Some(value) => value.each(certificate),
        None => Some(Vec::new()),
    };
    if let (Listening::On(line), Some([]), false) = (https, certificates.as_deref(), is_ordered) {
        let message = "HTTPS needs a certificate: write [[tls.certificates]] with `chain` and \
                       `key`, or [acme] to have one ordered, or turn it off with `https = []`";
        section.source().report_absence(line, "listen.https", message.to_owned(), None);
    }
    Tls {
        policy: written_policy(section).unwrap_or_default(),
        unknown_name: section
            .or("unknown_name", UnknownName::default(), |value| value.one_of(&UNKNOWN_NAMES)),
        certificates: certificates.unwrap_or_default(),
    }
}

/// What one of CloudFront's older policies offers that rustls, for good reasons, does not.
pub(crate) fn outdated(policy: &str) -> Option<&'static str> {
    const OUTDATED: [(&str, &str); 6] = [
        ("SSLv3", "SSL 3.0, TLS 1.0 and TLS 1.1"),
        ("TLSv1", "TLS 1.0 and TLS 1.1"),
        ("TLSv1_2016", "TLS 1.0 and TLS 1.1"),
        ("TLSv1.1_2016", "TLS 1.1"),
        ("TLSv1.2_2018", "ciphers in CBC mode and RSA without forward secrecy"),
        ("TLSv1.2_2019", "ciphers in CBC mode"),
    ];
    OUTDATED.iter().find(|(name, _)| *name == policy).map(|(_, offers)| *offers)
}

fn written_policy(section: &Section<'_>) -> Option<TlsPolicy> {
    match (section.get("policy"), section.get("min_version")) {
        (Some(_), Some(value)) => {
            value.problem("cannot stand beside `policy`, which says the version too");
            None
        }
        (Some(value), None) => policy(&value),
        (None, Some(value)) => value.one_of(&VERSIONS),
        (None, None) => None,
    }
}

fn policy(value: &Value<'_>) -> Option<TlsPolicy> {
    let text = value.text()?;
    if let Some(offers) = outdated(&text) {
        value.problem(format!(
            "{text:?} offers {offers}, which nobody is offered here: the nearest is {NEAREST:?}"
        ));
        return None;
    }
    value.one_of(&POLICIES)
}

fn certificate(value: &Value<'_>) -> Option<CertificateFiles> {
    value.section(|section| {
        let chain = section.need("chain").and_then(|value| value.path());
        let key = section.need("key").and_then(|value| value.path());
        Some(CertificateFiles { chain: chain?, key: key? })
    })
}
