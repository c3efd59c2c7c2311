//! One certificate: its chain, its key, and what the leaf says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{ASN1Time, GeneralName, X509Certificate};

use crate::pair::{Pair, PairError};

/// A certificate that can be presented: its key is proven to be the leaf's.
#[derive(Debug)]
pub struct Certificate {
    /// What rustls presents and signs with: the one copy of the chain.
    pub(crate) key: Arc<CertifiedKey>,
    leaf: Leaf,
}

/// What is asked of a leaf again and again.
#[derive(Debug)]
struct Leaf {
    /// Lower-case; some begin with `*.`.
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    not_before: SystemTime,
    not_after: SystemTime,
    serial: String,
    issuer: String,
}

// === impl Certificate ===

impl Certificate {
    /// Reads a chain, leaf first, and a key (PKCS#8, PKCS#1 or SEC1), and proves that they belong
    /// together and that every certificate of the chain parses.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, PairError> {
        Self::from_pair(&Pair::given(chain, key))
    }

    pub(crate) fn from_pair(pair: &Pair) -> Result<Self, PairError> {
        let (key, leaf) = pair.prove(Leaf::of)?;
        Ok(Self { key: Arc::new(key), leaf })
    }

    /// Whether the certificate speaks for a host, as a Host field names it: lower-case, IPv6 in
    /// brackets (RFC 9110 §4.3.4; a wildcard stands for exactly one label, RFC 9525 §6.3).
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return self.addresses().contains(&address);
        }
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.names().iter().any(|name| match name.strip_prefix("*.") {
            Some(suffix) => parent == Some(suffix),
            None => name == host,
        })
    }

    /// DNS names it speaks for: lower-case, wildcards with their `*.`.
    pub fn names(&self) -> &[String] {
        &self.leaf.names
    }

    /// Addresses it speaks for.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.leaf.addresses
    }

    /// When it begins to be valid.
    pub fn not_before(&self) -> SystemTime {
        self.leaf.not_before
    }

    /// When it stops being valid.
    pub fn not_after(&self) -> SystemTime {
        self.leaf.not_after
    }

    /// Its serial number in upper-case hexadecimal, two digits for each byte.
    pub fn serial(&self) -> &str {
        &self.leaf.serial
    }

    /// The issuer's common name, or its whole name where it has none.
    pub fn issuer(&self) -> &str {
        &self.leaf.issuer
    }

    /// The certificate itself, without its chain.
    #[expect(clippy::missing_panics_doc, reason = "no pair with an empty chain is proven")]
    pub fn leaf(&self) -> &CertificateDer<'static> {
        self.key.cert.first().expect("the chain was proven")
    }

    /// Whether it speaks for everything that `other` speaks for.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        other.names().iter().all(|name| self.covers(name))
            && other.addresses().iter().all(|address| self.addresses().contains(address))
    }
}

// === impl Leaf ===

impl Leaf {
    fn of(parsed: &X509Certificate<'_>) -> Self {
        let (names, addresses) = subjects(parsed);
        let validity = parsed.validity();
        let issuer = parsed.issuer();
        let common_name = issuer.iter_common_name().find_map(|name| name.as_str().ok());
        Self {
            names,
            addresses,
            not_before: moment(validity.not_before),
            not_after: moment(validity.not_after),
            serial: serial(parsed.raw_serial()),
            issuer: common_name.map_or_else(|| issuer.to_string(), str::to_owned),
        }
    }
}

fn subjects(certificate: &X509Certificate<'_>) -> (Vec<String>, Vec<IpAddr>) {
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(name) => names.push(name.to_ascii_lowercase()),
            GeneralName::IPAddress(octets) => addresses.extend(address(octets)),
            _ => {}
        }
    }
    (names, addresses)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

/// A year before 1970 becomes 1970: long ago either way.
fn moment(time: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Without the zero byte that keeps a number positive in DER.
fn serial(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let significant = bytes.iter().skip_while(|byte| **byte == 0);
    significant.fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests;
