//! AWS Signature Version 4, as a pure function of a request, a key and a time: [`sign`] makes a
//! signature, a [`Claim`] is read from one that came in and verified.
//!
//! Signed as S3 wants it, which Amazon's other services take as well: the path as it stands on the
//! wire, encoded once and never normalised, and the hash of the body as a signed field of its own.
//! The others want a path encoded twice; that is the same as long as nothing in it needs encoding.

mod claim;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::SystemTime;

use hmac::{Hmac, Mac};
use http::Method;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

pub use claim::{Claim, Flaw, Signature, is_presigned};

/// The one algorithm: HMAC over SHA-256. AWS's other one (`SigV4A`) takes key pairs.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a request is signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// Comes with temporary keys and is sent, signed, beside them.
    pub session_token: Option<String>,
}

/// Where a signature is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// `s3`, `route53`.
    pub service: &'a str,
    /// `eu-west-1`.
    pub region: &'a str,
}

/// What the signature says of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// There is none, and it is signed that there is none.
    Empty,
    /// These bytes.
    Hashed(&'a [u8]),
    /// It passes through while the head is long gone, so the signature leaves it out. S3 only.
    Streamed,
}

/// A request before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path as it goes over the wire, encoded once.
    pub path: &'a str,
    /// The query as [`canonical_query`] gives it; empty for none.
    pub query: &'a str,
    /// Lower-case names and values of the fields to sign: `host`, and whatever else must arrive
    /// unchanged. The signature's own fields are added to them.
    pub fields: &'a [(&'a str, &'a str)],
    /// Its body.
    pub payload: Payload<'a>,
}

/// The fields that make a request a signed one, in lower case. All but the date are secret.
pub fn sign(
    request: &Unsigned<'_>,
    keys: &Keys,
    scope: Scope<'_>,
    now: SystemTime,
) -> Vec<(&'static str, String)> {
    let stamp = Stamp::at(now);
    let hash = request.payload.hash();
    let mut added =
        vec![("x-amz-content-sha256", hash.to_string()), ("x-amz-date", stamp.time.clone())];
    if let Some(token) = &keys.session_token {
        added.push(("x-amz-security-token", token.clone()));
    }
    let mut fields = request.fields.to_vec();
    fields.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
    fields.sort_unstable();

    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical = canonical_request(request, &fields, &names, &hash);
    let to_sign = string_to_sign(&stamp, scope, &canonical);
    let key = signing_key(&keys.secret_access_key, &stamp.day, scope);
    let signature = hex(&hmac(&key, to_sign.as_bytes()));
    let id = &keys.access_key_id;
    let credential_scope = scope.on(&stamp.day);
    added.push((
        "authorization",
        format!(
            "{ALGORITHM} Credential={id}/{credential_scope}, SignedHeaders={names}, Signature={signature}"
        ),
    ));
    added
}

/// A raw query in the one form that is signed: every name and value encoded strictly, sorted,
/// `?acl` written `?acl=`. Sent in this form too, so that both sides sign the same bytes.
///
/// S3 reads a `+` in a query as a space, unlike one in a path.
pub fn canonical_query(raw: &str) -> String {
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (strictly_encoded(name), strictly_encoded(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn strictly_encoded(raw: &str) -> String {
    let spaced = raw.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced);
    let mut encoded = String::with_capacity(raw.len());
    for byte in decoded {
        push_encoded(&mut encoded, byte);
    }
    encoded
}

/// Appends one byte as `SigV4` wants it: unreserved characters (RFC 3986 §2.3) as they are, all
/// others as `%` and two upper-case digits.
pub fn push_encoded(encoded: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        encoded.push(char::from(byte));
    } else {
        let _ = write!(encoded, "%{byte:02X}");
    }
}

impl fmt::Debug for Keys {
    /// Who signs is no secret, what with is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Payload<'_> {
    fn hash(self) -> Cow<'static, str> {
        match self {
            // SHA-256 of no bytes.
            Self::Empty => {
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into()
            }
            Self::Hashed(body) => hex(&Sha256::digest(body)).into(),
            Self::Streamed => "UNSIGNED-PAYLOAD".into(),
        }
    }
}

impl Scope<'_> {
    fn on(self, day: &str) -> String {
        format!("{day}/{}/{}/aws4_request", self.region, self.service)
    }
}

/// The time of a signature, as the protocol writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    /// `20130524`
    day: String,
    /// `20130524T000000Z`
    time: String,
}

impl Stamp {
    fn at(now: SystemTime) -> Self {
        let now = OffsetDateTime::from(now);
        let day = now.format(format_description!("[year][month][day]"));
        let clock = now.format(format_description!("[hour][minute][second]"));
        // Both formats name only parts that every date has, so neither can fail.
        let (day, clock) = (day.unwrap_or_default(), clock.unwrap_or_default());
        let time = format!("{day}T{clock}Z");
        Self { day, time }
    }
}

fn canonical_request(
    request: &Unsigned<'_>,
    fields: &[(&str, &str)],
    names: &str,
    hash: &str,
) -> String {
    let mut canonical = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
    for (name, value) in fields {
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{names}\n{hash}");
    canonical
}

fn string_to_sign(stamp: &Stamp, scope: Scope<'_>, canonical: &str) -> String {
    let hash = hex(&Sha256::digest(canonical));
    format!("{ALGORITHM}\n{}\n{}\n{hash}", stamp.time, scope.on(&stamp.day))
}

fn signing_key(secret: &str, day: &str, scope: Scope<'_>) -> [u8; 32] {
    let seed = hmac(format!("AWS4{secret}").as_bytes(), day.as_bytes());
    let seed = hmac(&seed, scope.region.as_bytes());
    let seed = hmac(&seed, scope.service.as_bytes());
    hmac(&seed, b"aws4_request")
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    mac(key, message).finalize().into_bytes().into()
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests;
