//! `tls`: whether requests to targets go over it, and who is believed.

use std::net::IpAddr;

use crate::model::{CertificatePair, TargetTls, Verification};
use crate::pattern::is_dns_name;
use crate::raw::Section;

/// What the requests go over, for what stands beside them.
pub(super) enum Transport {
    /// TCP alone.
    Plain,
    /// TLS.
    Tls(TargetTls),
    /// What was written could not be read.
    Unknown,
}

/// `tls` of a target group.
pub(super) fn transport(section: &Section<'_>) -> Transport {
    let Some(value) = section.get("tls") else { return Transport::Plain };
    if value.is_table() {
        return Transport::Tls(value.section(tls));
    }
    if !value.is_flag() {
        value.is_not::<()>("true, false or a table");
        return Transport::Unknown;
    }
    if value.flag() == Some(true) { Transport::Tls(BY_DEFAULT) } else { Transport::Plain }
}

const BY_DEFAULT: TargetTls = TargetTls {
    server_name: None,
    ca_file: None,
    client_certificate: None,
    verification: Verification::Full,
};

fn tls(section: &Section<'_>) -> TargetTls {
    let ca_file = section.get("ca_file");
    let verification = section.or("verify", Verification::Full, |value| {
        Some(if value.flag()? { Verification::Full } else { Verification::Off })
    });
    if let (Verification::Off, Some(value)) = (verification, &ca_file) {
        value.problem("would not be looked at: with `verify = false` anybody is believed");
    }
    TargetTls {
        server_name: section.get("server_name").and_then(|value| value.parsed(server_name)),
        ca_file: ca_file.and_then(|value| value.path()),
        client_certificate: client_certificate(section),
        verification,
    }
}

/// Never empty: who asks for no name would be shown any certificate.
fn server_name(text: &str) -> Result<String, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    if is_dns_name(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("is a DNS name or an IP address, without a port, not {text:?}"))
    }
}

fn client_certificate(section: &Section<'_>) -> Option<CertificatePair> {
    let chain = section.get("client_certificate");
    let key = section.get("client_key");
    let lonely = match (&chain, &key) {
        (Some(_), None) => Some(("client_key", "missing: `client_certificate` is shown with it")),
        (None, Some(_)) => Some(("client_certificate", "missing: `client_key` is its key")),
        _ => None,
    };
    if let Some((missing, message)) = lonely {
        section.miss(&[missing], Some(missing), message);
    }
    let (chain, key) = (chain.and_then(|value| value.path()), key.and_then(|value| value.path()));
    Some(CertificatePair { chain: chain?, key: key? })
}

// === impl Transport ===

impl Transport {
    /// The settings, where there are any.
    pub(super) fn tls(self) -> Option<TargetTls> {
        match self {
            Self::Tls(tls) => Some(tls),
            Self::Plain | Self::Unknown => None,
        }
    }
}
