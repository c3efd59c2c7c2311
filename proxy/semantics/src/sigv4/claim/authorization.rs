//! `Authorization` of a signed request.

use super::{Flaw, incomplete, is_lower_hex};
use crate::sigv4::ALGORITHM;

/// Longest `Authorization` that is read. That of the wordiest client has 400 bytes.
const AUTHORIZATION_BYTES_MAX: usize = 4_096;

/// The tag at the end of a signed request. It is no secret once it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub(super) [u8; 32]);

/// The three parameters of `Authorization`.
pub(super) struct Parts<'r> {
    pub(super) credential: &'r str,
    pub(super) names: &'r str,
    pub(super) signature: Signature,
}

// === impl Parts ===

impl<'r> Parts<'r> {
    /// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, the three in any order.
    pub(super) fn read(authorization: &'r str) -> Result<Self, Flaw> {
        if authorization.len() > AUTHORIZATION_BYTES_MAX {
            return Err(incomplete("Authorization is too long"));
        }
        let rest = authorization.strip_prefix(ALGORITHM);
        let rest = rest.filter(|rest| rest.starts_with([' ', '\t']));
        let rest = rest.ok_or_else(|| {
            incomplete(format!("Authorization must begin with '{ALGORITHM}': no other is taken"))
        })?;
        let (mut credential, mut names, mut signature) = (None, None, None);
        for parameter in rest.split(',') {
            let (name, value) = parameter.trim_ascii().split_once('=').ok_or_else(|| {
                incomplete("Authorization is not a list of name=value, with commas between")
            })?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut names,
                "Signature" => &mut signature,
                _ => return Err(incomplete("Authorization has a parameter that is not known")),
            };
            if place.replace(value).is_some() {
                return Err(incomplete(format!("Authorization has two '{name}' parameters.")));
            }
        }
        let needed = |value: Option<&'r str>, name: &str| {
            value.ok_or_else(|| {
                incomplete(format!("Authorization header requires '{name}' parameter."))
            })
        };
        Ok(Self {
            credential: needed(credential, "Credential")?,
            names: needed(names, "SignedHeaders")?,
            signature: Signature::read(needed(signature, "Signature")?)?,
        })
    }
}

/// `id/day/region/service/aws4_request`.
pub(super) struct Credential<'r> {
    pub(super) access_key_id: &'r str,
    pub(super) day: &'r str,
    /// Whatever the client has configured: nothing, too. With an endpoint of one's own the region
    /// names no place.
    pub(super) region: &'r str,
    pub(super) service: &'r str,
}

// === impl Credential ===

impl<'r> Credential<'r> {
    pub(super) fn read(text: &'r str) -> Result<Self, Flaw> {
        let mut parts = text.split('/');
        let mut part = || parts.next().unwrap_or_default();
        let (access_key_id, day, region, service) = (part(), part(), part(), part());
        let is_day = day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit());
        if part() != "aws4_request" || parts.next().is_some() || access_key_id.is_empty() || !is_day
        {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request",
            ));
        }
        Ok(Self { access_key_id, day, region, service })
    }
}

// === impl Signature ===

impl Signature {
    fn read(hex: &str) -> Result<Self, Flaw> {
        if !is_lower_hex(hex) {
            return Err(incomplete("Signature must be 64 hexadecimal digits in lower case"));
        }
        let mut signature = [0; 32];
        for (byte, pair) in signature.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default();
            let value = pair.iter().fold(0, |value, letter| value * 16 + digit(*letter));
            *byte = u8::try_from(value).unwrap_or_default();
        }
        Ok(Self(signature))
    }
}
