//! What a request wants of a target group.

use std::hash::Hasher as _;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue};
use siphasher::sip::SipHasher13;
use warmfront_config::{Algorithm, HashOn};
use warmfront_semantics::cookie;

use crate::stickiness::{Cookies, Tag};

/// What of a request decides where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'r> {
    /// Addresses that the request has tried already.
    pub tried: &'r [SocketAddr],
    /// Who asks.
    pub client: IpAddr,
    /// The path, without the query.
    pub path: &'r str,
    /// The request's fields.
    pub fields: &'r HeaderMap,
    /// For how long its cookies hold is counted from here.
    pub at: SystemTime,
}

// === impl Wish ===

impl Wish<'_> {
    /// The target that the client stays with.
    pub(super) fn tag(&self, cookies: &Cookies) -> Option<Tag> {
        cookies.read(self.fields, self.at)
    }

    /// What the consistent hash is made of; 0 for the other algorithms. It is the same after a restart
    /// and on another node.
    pub(super) fn key(&self, algorithm: &Algorithm) -> u64 {
        let Algorithm::ConsistentHash(on) = algorithm else { return 0 };
        let said = match on {
            HashOn::Client => None,
            HashOn::Path => Some(self.path.as_bytes()),
            HashOn::Header(name) => self.fields.get(name).map(HeaderValue::as_bytes),
            HashOn::Cookie(name) => {
                let mut cookies = cookie::pairs(self.fields);
                cookies.find(|(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
            }
        };
        let mut hasher = SipHasher13::new();
        match (said, self.client.to_canonical()) {
            (Some(said), _) => hasher.write(said),
            (None, IpAddr::V4(client)) => hasher.write(&client.octets()),
            (None, IpAddr::V6(client)) => hasher.write(&client.octets()),
        }
        hasher.finish()
    }
}
