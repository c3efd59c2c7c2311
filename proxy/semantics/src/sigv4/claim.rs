//! A signature that came in: what it claims, and whether that is true.
//!
//! Read strictly, as one of Amazon's services other than S3 reads it: the path is normalised and
//! encoded once more, a session token is a field like any other, and the whole body is signed.

mod authorization;
mod fields;

use std::time::{Duration, SystemTime};

use hmac::Mac as _;
use http::{HeaderMap, Method};

pub use authorization::Signature;

use super::{
    Payload, Scope, Stamp, Unsigned, canonical_query, canonical_request, mac, push_encoded,
    signing_key, string_to_sign,
};
use crate::target::Target;
use authorization::{Credential, Parts};
use fields::{only, signed_fields, stamp};

/// The service whose requests are taken here.
const SERVICE: &str = "cloudfront";
/// How far a signature's time may be from the verifier's, in either direction: what most of
/// Amazon's services allow.
const SKEW_MAX: Duration = Duration::from_mins(5);
/// Hexadecimal digits of a SHA-256 and of a signature.
const HASH_DIGITS: usize = 64;

/// What a request's signature says, before any of it is proven.
#[derive(Debug, Clone)]
pub struct Claim<'r> {
    access_key_id: &'r str,
    region: &'r str,
    stamp: Stamp,
    signed_at: SystemTime,
    method: &'r Method,
    target: Target<'r>,
    names: &'r str,
    /// Those that `names` lists, several lines of one name joined.
    fields: Vec<(&'r str, String)>,
    /// `x-amz-content-sha256`.
    body_hash: Option<&'r str>,
    signature: Signature,
}

/// What is wrong with a signed request. The sentences are Amazon's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Part of the signature is missing, is there twice, or is not of its form.
    #[error("{0}")]
    Incomplete(String),
    /// The signature stands in the query, as in a link that is handed on.
    #[error("a signature in the query is not taken here: sign with the Authorization field")]
    Presigned,
    /// Signed for another service: sent to the wrong address.
    #[error("Credential should be scoped to correct service: '{SERVICE}'.")]
    ForeignService,
    /// The day in the credential is not that of the date.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != '{date}', from '{time}'."
    )]
    ForeignDay {
        /// The day in the credential: `20130524`.
        scope: String,
        /// The day of the date.
        date: String,
        /// The whole date: `20130524T000000Z`.
        time: String,
    },
    /// Signed more than five minutes ago.
    #[error("Signature expired: {signed} is now earlier than {limit} ({now} - 5 min.)")]
    Expired {
        /// When it was signed: `20130524T000000Z`.
        signed: String,
        /// The earliest that is taken.
        limit: String,
        /// The verifier's time.
        now: String,
    },
    /// Signed more than five minutes ahead of the verifier's clock.
    #[error("Signature not yet current: {signed} is still later than {limit} ({now} + 5 min.)")]
    Early {
        /// When it was signed: `20130524T000000Z`.
        signed: String,
        /// The latest that is taken.
        limit: String,
        /// The verifier's time.
        now: String,
    },
    /// The signature says nothing of the body: `UNSIGNED-PAYLOAD`, or one signed piece by piece.
    #[error(
        "the whole body must be signed: x-amz-content-sha256 is the SHA-256 of it in hexadecimal digits, or left out"
    )]
    UnsignedBody,
    /// `x-amz-content-sha256` is that of another body.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Body,
    /// Signed with another secret, or changed on its way.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Signature,
}

/// Whether a target (path and query) carries a signature in its query.
#[must_use]
pub fn is_presigned(target: &str) -> bool {
    let query = Target::split(target).query.unwrap_or_default();
    let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let mut plain =
        names.map(|name| percent_encoding::percent_decode_str(name).collect::<Vec<_>>());
    plain.any(|name| {
        [&b"x-amz-signature"[..], b"x-amz-credential", b"x-amz-algorithm"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    })
}

// === impl Claim ===

impl<'r> Claim<'r> {
    /// Reads what the fields of a request say of its signature. `target` is path and query as they
    /// stand on the wire; over HTTP/2 the caller puts `:authority` in as `host`.
    ///
    /// Fails on whatever a verifier could not be sure of: a part that is missing or there twice, a
    /// host, a date or an `x-amz-` field that is not among the signed ones, another service.
    pub fn read(method: &'r Method, target: &'r str, headers: &'r HeaderMap) -> Result<Self, Flaw> {
        if is_presigned(target) {
            return Err(Flaw::Presigned);
        }
        let authorization = only(headers, "authorization")?
            .ok_or_else(|| incomplete("Missing Authentication Token"))?;
        let Parts { credential, names, signature } = Parts::read(authorization)?;
        let Credential { access_key_id, day, region, service } = Credential::read(credential)?;
        let fields = signed_fields(names, headers)?;
        let (stamp, signed_at) = stamp(&fields, headers)?;
        for needed in ["host", "x-amz-security-token"] {
            only(headers, needed)?;
        }
        if service != SERVICE {
            return Err(Flaw::ForeignService);
        }
        if stamp.day != day {
            let Stamp { day: date, time } = stamp;
            return Err(Flaw::ForeignDay { scope: day.to_owned(), date, time });
        }
        let body_hash = only(headers, "x-amz-content-sha256")?;
        if body_hash.is_some_and(|hash| !is_lower_hex(hash)) {
            return Err(Flaw::UnsignedBody);
        }
        Ok(Self {
            access_key_id,
            region,
            stamp,
            signed_at,
            method,
            target: Target::split(target),
            names,
            fields,
            body_hash,
            signature,
        })
    }

    /// Whose key it is said to be signed with.
    #[must_use]
    pub fn access_key_id(&self) -> &'r str {
        self.access_key_id
    }

    /// The signature as it was sent.
    #[must_use]
    pub fn signature(&self) -> Signature {
        self.signature
    }

    /// Whether the request, with this body, was signed with one of `secrets` within five minutes of
    /// `now`. It takes as long for a signature that is almost right as for any other.
    pub fn verify<'s>(
        &self,
        secrets: impl IntoIterator<Item = &'s str>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), Flaw> {
        self.check_time(now)?;
        let payload = Payload::Hashed(body);
        let hash = payload.hash();
        if self.body_hash.is_some_and(|claimed| claimed != hash) {
            return Err(Flaw::Body);
        }
        let query = canonical_query(self.target.query.unwrap_or_default());
        let path = encoded_again(self.target.path);
        let request =
            Unsigned { method: self.method, path: &path, query: &query, fields: &[], payload };
        let fields: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let canonical = canonical_request(&request, &fields, self.names, &hash);
        let scope = Scope { service: SERVICE, region: self.region };
        let to_sign = string_to_sign(&self.stamp, scope, &canonical);
        let mut verdict = Err(Flaw::Signature);
        for secret in secrets {
            let key = signing_key(secret, &self.stamp.day, scope);
            // Compares in constant time.
            if mac(&key, to_sign.as_bytes()).verify_slice(&self.signature.0).is_ok() {
                verdict = Ok(());
            }
        }
        verdict
    }

    fn check_time(&self, now: SystemTime) -> Result<(), Flaw> {
        let written = |time: SystemTime| Stamp::at(time).time;
        let earliest = now.checked_sub(SKEW_MAX).unwrap_or(now);
        let latest = now.checked_add(SKEW_MAX).unwrap_or(now);
        let signed = self.stamp.time.clone();
        if self.signed_at < earliest {
            return Err(Flaw::Expired { signed, limit: written(earliest), now: written(now) });
        }
        if self.signed_at > latest {
            return Err(Flaw::Early { signed, limit: written(latest), now: written(now) });
        }
        Ok(())
    }
}

/// The path as the other services sign it: without dot segments and empty ones, and every byte that
/// is not unreserved encoded, the `%` of what was encoded already too.
fn encoded_again(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut encoded = String::with_capacity(path.len() + 1);
    for segment in &segments {
        encoded.push('/');
        segment.bytes().for_each(|byte| push_encoded(&mut encoded, byte));
    }
    if encoded.is_empty() || path.ends_with('/') {
        encoded.push('/');
    }
    encoded
}

fn is_lower_hex(text: &str) -> bool {
    text.len() == HASH_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn incomplete(sentence: impl Into<String>) -> Flaw {
    Flaw::Incomplete(sentence.into())
}

#[cfg(test)]
mod tests;
