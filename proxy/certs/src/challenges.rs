//! Answers to open challenges of authorities, and to probes of our own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;

use crate::offer::Offer;
use crate::self_signed::{self, SelfSignedError};

/// What is answered while names are being validated: read without a lock by both planes' clients,
/// changed by control.
#[derive(Debug)]
pub struct Challenges {
    /// By token.
    http: ArcSwap<HashMap<String, Arc<str>>>,
    /// By server name.
    tls: ArcSwap<HashMap<String, Arc<ServerConfig>>>,
    offer: Offer,
}

/// What a handshake that validates a host names as its server: the host itself; for an address, which
/// cannot be a server name, its reverse-DNS name (RFC 8738 §6).
pub fn challenge_server_name(host: &str) -> String {
    match self_signed::address(host) {
        None => host.to_ascii_lowercase(),
        Some(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Some(IpAddr::V6(address)) => {
            let octets = address.octets();
            let nibbles = octets.iter().rev().flat_map(|octet| [octet & 0x0f, octet >> 4]);
            let labels: Vec<String> = nibbles.map(|nibble| format!("{nibble:x}")).collect();
            format!("{}.ip6.arpa", labels.join("."))
        }
    }
}

// === impl Challenges ===

impl Challenges {
    pub(crate) fn new() -> Self {
        Self { http: ArcSwap::default(), tls: ArcSwap::default(), offer: Offer::to_authorities() }
    }

    /// The content of the file below `/.well-known/acme-challenge/` (RFC 8555 §8.3).
    pub fn answer_http(&self, token: &str) -> Option<Arc<str>> {
        let answers = self.http.load();
        // Anybody may ask for anything here; most of the time nobody has to be answered.
        if answers.is_empty() { None } else { answers.get(token).cloned() }
    }

    /// Answers a token from now on.
    pub fn publish_http(&self, token: &str, content: &str) {
        let content: Arc<str> = content.into();
        swap(&self.http, |answers| answers.insert(token.to_owned(), content.clone()));
    }

    /// Answers a token no more.
    pub fn withdraw_http(&self, token: &str) {
        swap(&self.http, |answers| answers.remove(token));
    }

    /// What finishes a handshake whose only protocol is `acme-tls/1` (RFC 8737 §4): by its server
    /// name, which is that of [`challenge_server_name`].
    pub fn tls(&self, server_name: &str) -> Option<Arc<ServerConfig>> {
        let answers = self.tls.load();
        if answers.is_empty() {
            return None;
        }
        answers.get(&server_name.to_ascii_lowercase()).cloned()
    }

    /// Answers handshakes that validate a host, a name or an address: with a self-signed certificate
    /// that holds the SHA-256 digest of the key authorization (RFC 8737 §3). Gives the certificate,
    /// in DER. Fails on a host that cannot stand in a certificate.
    pub fn publish_tls(&self, host: &str, digest: &[u8; 32]) -> Result<Vec<u8>, SelfSignedError> {
        let (der, key) = self_signed::answer(host, digest)?;
        let server = self.offer.server(&Arc::new(key));
        let name = challenge_server_name(host);
        swap(&self.tls, |answers| answers.insert(name.clone(), server.clone()));
        Ok(der)
    }

    /// Answers handshakes that validate a host no more.
    pub fn withdraw_tls(&self, host: &str) {
        let name = challenge_server_name(host);
        swap(&self.tls, |answers| answers.remove(&name));
    }
}

fn swap<V: Clone, R>(
    answers: &ArcSwap<HashMap<String, V>>,
    change: impl Fn(&mut HashMap<String, V>) -> R,
) {
    answers.rcu(|answers| {
        let mut changed = HashMap::clone(answers);
        change(&mut changed);
        changed
    });
}

#[cfg(test)]
mod tests;
