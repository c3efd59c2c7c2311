//! CloudFront's signed URLs and signed cookies: all but the arithmetic of the signature.
//!
//! A [`Claim`] is what a request says of itself: a key, a signature, and the exact bytes that were
//! signed. It is worth nothing until the signature is verified over [`Claim::policy`] with a trusted
//! key of that id; then [`Claim::permits`] says whether it covers this request.
//!
//! Every part has one spelling: names are compared byte for byte, values are not percent-decoded,
//! base64 is canonical, and nothing may stand there twice. Where the parameters of the signature
//! stand, and whether `Hash-Algorithm=SHA1` is written out, is all that a signed URL leaves open.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::cookie;
use crate::query::{filtered, halves};

mod resource;
mod statement;

use statement::Statement;

/// The URL of a request, in the parts that a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host and port, byte for byte as the client wrote them.
    pub authority: &'a str,
    /// From its first slash, not decoded.
    pub path: &'a str,
    /// What is behind the first `?`, not decoded; signing parameters included.
    pub query: Option<&'a str>,
}

/// What a request says of its own permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which key is said to have signed.
    pub key_pair_id: String,
    /// What was signed is this digest of the policy.
    pub hash: Hash,
    /// The signature.
    pub signature: Vec<u8>,
    /// The exact bytes that were signed.
    pub policy: Vec<u8>,
    statement: Statement,
}

/// The digests of CloudFront's signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// Where no other is named.
    Sha1,
    /// `Hash-Algorithm=SHA256`.
    Sha256,
}

/// Why a request is not let in; a sentence for the log, which no client is shown.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// CloudFront's `MissingKey`.
    #[error("neither the URL nor a cookie is signed")]
    Unsigned,
    /// A part without which the others say nothing.
    #[error("the signature has no {0}")]
    Missing(&'static str),
    /// Two ways to say until when.
    #[error("the signature has both Policy and Expires")]
    PolicyAndExpires,
    /// The second could be another than the first.
    #[error("the signature has more than one {0}")]
    Repeated(&'static str),
    /// Not the one spelling of any bytes.
    #[error("{0} is not canonical base64 in CloudFront's alphabet")]
    Base64(&'static str),
    /// More than any signer makes.
    #[error("{name} has more than {limit} bytes")]
    TooLong {
        /// Which part.
        name: &'static str,
        /// In bytes, when decoded.
        limit: usize,
    },
    /// Not the id of a key.
    #[error("Key-Pair-Id is not a key's id")]
    KeyPairId,
    /// Not SHA1 or SHA256.
    #[error("Hash-Algorithm is neither SHA1 nor SHA256")]
    HashAlgorithm,
    /// Not seconds from 1970 in plain digits.
    #[error("Expires is not a whole number of seconds")]
    Expires,
    /// Octets that a URL has only percent-encoded.
    #[error("the URL has characters that no signed URL has")]
    Url,
    /// Not JSON, or not of a policy's form: a condition that is not understood is in here.
    #[error("reading the policy")]
    Policy(#[source] serde_json::Error),
    /// None, or several.
    #[error("the policy has not exactly one statement")]
    Statements,
    /// Not a pattern of URLs.
    #[error("the policy's Resource is not a URL")]
    Resource,
    /// Not an address or range.
    #[error("the policy's AWS:SourceIp is not an address or a range of addresses")]
    SourceIp,
    /// Signed for other URLs.
    #[error("the policy is for another URL")]
    OtherUrl,
    /// `DateLessThan` has come.
    #[error("the policy has expired")]
    Expired,
    /// `DateGreaterThan` has not come.
    #[error("the policy is not in force yet")]
    NotYet,
    /// Signed for other clients.
    #[error("the policy is for another client address")]
    OtherAddress,
}

/// Reads the signature of a request from its URL, or from its cookies if the URL has none of the
/// signing parameters. Fails if there is none or if it is not whole and well-formed.
pub fn claim(url: &Url<'_>, request: &HeaderMap) -> Result<Claim, Refusal> {
    let query = url.query.into_iter().flat_map(|query| query.split('&')).map(halves);
    let of_url = Parts::of(query.map(|(name, value)| (name.as_bytes(), value.as_bytes())))?;
    let parts = match of_url {
        Some(parts) => parts,
        None => Parts::of(
            cookie::pairs(request)
                .filter_map(|(name, value)| Some((name.strip_prefix(COOKIE_PREFIX)?, value))),
        )?
        .ok_or(Refusal::Unsigned)?,
    };
    let (policy, statement) = match (parts.policy, parts.expires) {
        (Some(_), Some(_)) => return Err(Refusal::PolicyAndExpires),
        (None, None) => return Err(Refusal::Missing("Policy or Expires")),
        (Some(policy), None) => {
            let policy = decode("Policy", policy, POLICY_BYTES_MAX)?;
            let statement = Statement::parse(&policy)?;
            (policy, statement)
        }
        (None, Some(expires)) => Statement::canned(url.unsigned(), expires)?,
    };
    let signature = parts.signature.ok_or(Refusal::Missing("Signature"))?;
    Ok(Claim {
        key_pair_id: key_pair_id(parts.key_pair_id.ok_or(Refusal::Missing("Key-Pair-Id"))?)?,
        hash: match parts.hash_algorithm {
            None | Some(b"SHA1") => Hash::Sha1,
            Some(b"SHA256") => Hash::Sha256,
            Some(_) => return Err(Refusal::HashAlgorithm),
        },
        signature: decode("Signature", signature, SIGNATURE_BYTES_MAX)?,
        policy,
        statement,
    })
}

/// The query without the signing parameters: the part of it that is signed, that is in a key and
/// that an origin sees. `None` if nothing else was there.
#[must_use]
pub fn unsigned_query(query: &str) -> Option<Cow<'_, str>> {
    filtered(query, |pair| !is_signing_parameter(halves(pair).0.as_bytes()))
}

/// A request target for a log: whoever reads that must not be let in by what is in it.
#[must_use]
pub fn redacted(target: &str) -> Cow<'_, str> {
    let Some((path, query)) = target.split_once('?').filter(|(_, q)| q.contains("Signature="))
    else {
        return Cow::Borrowed(target);
    };
    let shown = |pair: &str| {
        if pair.starts_with("Signature=") { "Signature=-".to_owned() } else { pair.to_owned() }
    };
    Cow::Owned(format!("{path}?{}", query.split('&').map(shown).collect::<Vec<_>>().join("&")))
}

/// The names of the query parameters that may belong to a signature.
pub const PARAMETERS: [&str; 5] = {
    let [expires, policy, signature, key_pair_id, hash_algorithm] = Part::ALL;
    [
        expires.as_str(),
        policy.as_str(),
        signature.as_str(),
        key_pair_id.as_str(),
        hash_algorithm.as_str(),
    ]
};

/// Whether a query parameter of this name, as it is sent, belongs to the signature.
#[must_use]
pub fn is_signing_parameter(name: &[u8]) -> bool {
    Part::named(name).is_some()
}

/// Whether a cookie of this name belongs to the signature.
#[must_use]
pub fn is_signing_cookie(name: &[u8]) -> bool {
    name.strip_prefix(COOKIE_PREFIX).is_some_and(is_signing_parameter)
}

// === impl Claim ===

impl Claim {
    /// Whether what was signed covers this URL, this client and this moment; `tolerance` is by how
    /// much the signer's clock may differ. To be asked of a claim whose signature is verified: only
    /// then is the work that a policy makes that of somebody trusted.
    pub fn permits(
        &self,
        url: &Url<'_>,
        client: IpAddr,
        now: SystemTime,
        tolerance: Duration,
    ) -> Result<(), Refusal> {
        self.statement.permits(url, client, now, tolerance)
    }
}

// === impl Url ===

impl Url<'_> {
    /// The URL that a signer was given.
    fn unsigned(&self) -> String {
        let mut text = [self.scheme, "://", self.authority, self.path].concat();
        if let Some(query) = self.query.and_then(unsigned_query) {
            text.extend(["?", &query]);
        }
        text
    }
}

/// The parts of a signature, as they were sent.
#[derive(Debug, Default)]
struct Parts<'a> {
    expires: Option<&'a [u8]>,
    policy: Option<&'a [u8]>,
    signature: Option<&'a [u8]>,
    key_pair_id: Option<&'a [u8]>,
    hash_algorithm: Option<&'a [u8]>,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Expires,
    Policy,
    Signature,
    KeyPairId,
    HashAlgorithm,
}

// === impl Parts ===

impl<'a> Parts<'a> {
    /// Those among some pairs of names and values; `None` if there is not one.
    fn of(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<Option<Self>, Refusal> {
        let mut found = None;
        for (name, value) in pairs {
            if let Some(part) = Part::named(name) {
                found.get_or_insert_with(Self::default).take(part, value)?;
            }
        }
        Ok(found)
    }

    fn take(&mut self, part: Part, value: &'a [u8]) -> Result<(), Refusal> {
        let place = match part {
            Part::Expires => &mut self.expires,
            Part::Policy => &mut self.policy,
            Part::Signature => &mut self.signature,
            Part::KeyPairId => &mut self.key_pair_id,
            Part::HashAlgorithm => &mut self.hash_algorithm,
        };
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(Refusal::Repeated(part.as_str())),
        }
    }
}

// === impl Part ===

impl Part {
    const ALL: [Self; 5] =
        [Self::Expires, Self::Policy, Self::Signature, Self::KeyPairId, Self::HashAlgorithm];

    fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str().as_bytes() == name)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Expires => "Expires",
            Self::Policy => "Policy",
            Self::Signature => "Signature",
            Self::KeyPairId => "Key-Pair-Id",
            Self::HashAlgorithm => "Hash-Algorithm",
        }
    }
}

fn key_pair_id(value: &[u8]) -> Result<String, Refusal> {
    let is_id = !value.is_empty() && value.len() <= KEY_PAIR_ID_BYTES_MAX;
    if !is_id || !value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return Err(Refusal::KeyPairId);
    }
    String::from_utf8(value.to_vec()).map_err(|_| Refusal::KeyPairId)
}

/// Base64 with `-`, `_` and `~` for `+`, `=` and `/`, which have another meaning in a URL.
///
/// The decoder wants the padding that there has to be and no bits behind the last octet, so that no
/// bytes have two spellings.
fn decode(name: &'static str, value: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    if value.is_empty() {
        return Err(Refusal::Missing(name));
    }
    if value.len() > limit.div_ceil(3) * 4 {
        return Err(Refusal::TooLong { name, limit });
    }
    let usual = value.iter().map(|octet| match octet {
        b'-' => Some(b'+'),
        b'_' => Some(b'='),
        b'~' => Some(b'/'),
        b'+' | b'=' | b'/' => None,
        other => Some(*other),
    });
    let usual: Vec<u8> = usual.collect::<Option<_>>().ok_or(Refusal::Base64(name))?;
    STANDARD.decode(usual).map_err(|_| Refusal::Base64(name))
}

const COOKIE_PREFIX: &[u8] = b"CloudFront-";

/// A policy is some 250 bytes; each of these limits leaves room for the odd one.
const POLICY_BYTES_MAX: usize = 4096;
/// An RSA key of 8,192 bits makes one of this size.
const SIGNATURE_BYTES_MAX: usize = 1024;
const KEY_PAIR_ID_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests;
