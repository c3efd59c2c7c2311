//! What an authority is asked.

use std::fmt;

use http::HeaderMap;
use serde_json::Value;

/// What a request is for (RFC 8555 §7.1, RFC 9773).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Directory,
    NewNonce,
    NewAccount,
    Account,
    NewOrder,
    Order,
    Authorization,
    Challenge,
    Finalize,
    Certificate,
    RenewalInfo,
    Other,
}

/// A request that reached the authority.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    pub(crate) path: String,
    pub(crate) fields: HeaderMap,
    /// Of its signature: `url`, `kid`, `nonce` …; null without one.
    pub(crate) protected: Value,
    /// What was signed; null if it was nothing, as for POST-as-GET.
    pub(crate) payload: Value,
    /// Of the answer, once there is one.
    pub(crate) status: Option<u16>,
}

// === impl Kind ===

impl Kind {
    /// By Pebble's paths.
    pub(super) fn of(path: &str) -> Self {
        match path.split('/').nth(1).unwrap_or_default() {
            "dir" => Self::Directory,
            "nonce-plz" => Self::NewNonce,
            "sign-me-up" => Self::NewAccount,
            "my-account" => Self::Account,
            "order-plz" => Self::NewOrder,
            "my-order" => Self::Order,
            "authZ" => Self::Authorization,
            "chalZ" => Self::Challenge,
            "finalize-order" => Self::Finalize,
            "certZ" => Self::Certificate,
            "renewal-info" => Self::RenewalInfo,
            _ => Self::Other,
        }
    }
}

// === impl Asked ===

impl Asked {
    pub(super) fn new(head: &http::request::Parts, body: &[u8]) -> Self {
        let path = head.uri.path().to_owned();
        let signed: Value = serde_json::from_slice(body).unwrap_or_default();
        let part = |name: &str| {
            let octets = octets(signed[name].as_str().unwrap_or_default());
            serde_json::from_slice(&octets).unwrap_or_default()
        };
        Self {
            kind: Kind::of(&path),
            protected: part("protected"),
            payload: part("payload"),
            fields: head.headers.clone(),
            status: None,
            path,
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} ", self.kind, self.path)?;
        match self.status {
            Some(status) => write!(f, "{status}"),
            None => f.write_str("without an answer"),
        }
    }
}

/// Of base64url without padding (RFC 7515 §2).
fn octets(text: &str) -> Vec<u8> {
    let (mut octets, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let Some(value) = ALPHABET.iter().position(|known| *known == letter) else { break };
        held = (held << 6 | u32::try_from(value).unwrap()) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            octets.push(u8::try_from((held >> bits) & 0xff).unwrap());
        }
    }
    octets
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
