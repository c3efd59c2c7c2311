//! `origins.NAME.s3`.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue, header};

use super::address::endpoint;
use super::{fields, secret};
use crate::model::{Credentials, Endpoint, S3};
use crate::raw::{Section, Value};

/// A bucket, and the fields that stand beside it.
pub(super) fn bucket(section: &Section<'_>, headers: Vec<(HeaderName, HeaderValue)>) -> Option<S3> {
    let written = section.get("endpoint");
    let endpoint = written.as_ref().map(|value| value.parsed(endpoint));
    let amazon = endpoint.is_none();
    let bucket =
        section.need("bucket").and_then(|value| value.parsed(|text| bucket_name(text, amazon)));
    let region = region(section, amazon);
    let website = section.or("website", false, Value::flag);
    let path_style = path_style(section, bucket.as_deref(), endpoint.as_ref(), website);
    let prefix = section.or("prefix", String::new(), |value| value.parsed(prefix));
    let credentials = credentials(section, website);
    Some(S3 {
        bucket: bucket?,
        region: region?,
        endpoint: match endpoint {
            Some(endpoint) => Some(endpoint?),
            None => None,
        },
        path_style,
        prefix,
        website,
        credentials: credentials?,
        headers,
    })
}

/// `headers` beside `s3`.
pub(super) fn headers(value: &Value<'_>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    fields::secret_pairs(value, permit_to_bucket)
}

/// Why a field may not be set on every request to a bucket.
pub(crate) fn permit_to_bucket(name: &HeaderName) -> Result<(), &'static str> {
    if fields::is_framing(name) {
        return Err("frames one connection's messages and cannot be set");
    }
    // Any other field of Amazon's is refused unless it is signed, and these are not.
    let signed = [header::HOST, header::AUTHORIZATION].contains(name);
    if signed || name.as_str().starts_with("x-amz-") {
        return Err("belongs to the signature and cannot be set");
    }
    if fields::is_conditional(name) {
        return Err("is asked for request by request and cannot be set");
    }
    Ok(())
}

/// Amazon's rule for its own buckets; other servers take more.
pub(crate) fn bucket_name(text: &str, amazon: bool) -> Result<String, &'static str> {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let amazons = (3..=63).contains(&text.len())
        && text.bytes().all(|byte| lower(byte) || b"-.".contains(&byte))
        && text.bytes().next().is_some_and(lower)
        && text.bytes().next_back().is_some_and(lower);
    let others = (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && !matches!(text, "." | "..");
    match (amazon, amazons, others) {
        (true, true, _) | (false, _, true) => Ok(text.to_owned()),
        (true, false, _) => Err("a bucket name is 3 to 63 lower-case letters, digits, `-` and `.`"),
        (false, _, false) => Err("a bucket name is 1 to 255 letters, digits, `-`, `_` and `.`"),
    }
}

/// Every signature names a region; servers other than Amazon's take any.
pub(super) fn region(section: &Section<'_>, amazon: bool) -> Option<String> {
    match section.get("region") {
        Some(value) => value.parsed(|text| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if text.is_empty() || !text.bytes().all(plain) {
                return Err("a region is a word such as `eu-central-1`");
            }
            Ok(text.to_owned())
        }),
        None if amazon => {
            section.miss(&["region"], Some("region"), "missing; without `endpoint` it is needed");
            None
        }
        None => Some("us-east-1".to_owned()),
    }
}

/// The bucket stands in the host name where it can: a wildcard certificate does not cover a name
/// with dots, and an address has no sub-domains.
fn path_style(
    section: &Section<'_>,
    bucket: Option<&str>,
    endpoint: Option<&Option<Endpoint>>,
    website: bool,
) -> bool {
    let value = section.get("path_style");
    let written = value.as_ref().and_then(Value::flag);
    if let (true, Some(value)) = (website, &value) {
        value.problem("would do nothing: a website has its bucket in the host name");
        return false;
    }
    let forced = match endpoint {
        None if !website && bucket.is_some_and(|bucket| bucket.contains('.')) => {
            Some("Amazon's certificate does not cover a bucket name with a dot")
        }
        Some(Some(endpoint)) if !website && endpoint.host.parse::<IpAddr>().is_ok() => {
            Some("an address cannot have the bucket in front of it")
        }
        _ => None,
    };
    if let (Some(why), Some(false), Some(value)) = (forced, written, &value) {
        value.problem(format!("has to be true: {why}"));
    }
    written.unwrap_or_else(|| forced.is_some())
}

/// `/build` and `build/` are the same prefix.
pub(crate) fn prefix(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("a prefix holds no control characters");
    }
    let bare = text.trim_matches('/');
    Ok(if bare.is_empty() { String::new() } else { format!("{bare}/") })
}

fn credentials(section: &Section<'_>, website: bool) -> Option<Credentials> {
    match section.get("credentials") {
        Some(value) if website => {
            value.problem("would do nothing: requests to a website are never signed");
            None
        }
        None if website => Some(Credentials::Anonymous),
        None => Some(Credentials::Default),
        Some(value) if value.is_text() => value.parsed(|text| match text {
            "default" => Ok(Credentials::Default),
            "anonymous" => Ok(Credentials::Anonymous),
            _ => Err("is \"default\", \"anonymous\" or { access_key_id, secret_access_key_file }"),
        }),
        Some(value) => value.section(access_key),
    }
}

/// `{ access_key_id, secret_access_key_file }`.
pub(super) fn access_key(section: &Section<'_>) -> Option<Credentials> {
    let id = section.need("access_key_id").and_then(|value| {
        value.parsed(|text| {
            let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
            let right = !text.is_empty() && text.bytes().all(plain);
            if right { Ok(text.to_owned()) } else { Err("is no access key id") }
        })
    });
    let secret = secret(section, "secret_access_key", "secret_access_key_file");
    Some(Credentials::Static { access_key_id: id?, secret_access_key: secret? })
}
