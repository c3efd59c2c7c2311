//! `acme.dns`: who publishes TXT records.

use std::net::IpAddr;
use std::path::Path;

use base64::engine::general_purpose::STANDARD;

use super::shared_secret::shared_secret;
use crate::check::address::endpoint;
use crate::check::resolver::server;
use crate::check::s3::{access_key, region};
use crate::model::{Credentials, DnsPublisher, Rfc2136, Route53, TsigAlgorithm};
use crate::pattern::is_dns_name;
use crate::raw::{Section, Value};

const ALGORITHMS: [(&str, TsigAlgorithm); 3] = [
    ("hmac-sha256", TsigAlgorithm::HmacSha256),
    ("hmac-sha384", TsigAlgorithm::HmacSha384),
    ("hmac-sha512", TsigAlgorithm::HmacSha512),
];
/// Amazon's limit.
const ZONE_ID_BYTES_MAX: usize = 32;

/// `acme.dns`: exactly one of the publishers.
pub(super) fn publisher(section: &Section<'_>) -> Option<DnsPublisher> {
    let [zone_server, amazon, program] =
        [section.get("rfc2136"), section.get("route53"), section.get("exec")];
    let written: Vec<_> = [&zone_server, &amazon, &program].into_iter().flatten().collect();
    if let [first, rest @ ..] = written.as_slice() {
        for value in rest {
            value
                .problem(format!("cannot stand beside `{}`: one publisher is enough", first.key()));
        }
    } else {
        let message = "names nobody who publishes: write `rfc2136`, `route53` or `exec`";
        section.miss(&["rfc2136", "route53", "exec"], None, message);
    }
    let zone_server = zone_server.and_then(|value| value.section(rfc2136));
    let amazon = amazon.and_then(|value| value.section(route53));
    // A bare name would be looked for among the system's programs.
    let program = program.and_then(|value| value.path()).map(|path| Path::new(".").join(path));
    zone_server
        .map(DnsPublisher::Rfc2136)
        .or_else(|| amazon.map(DnsPublisher::Route53))
        .or_else(|| program.map(DnsPublisher::Exec))
}

fn rfc2136(section: &Section<'_>) -> Option<Rfc2136> {
    let server = section.need("server").and_then(|value| value.parsed(server));
    let zone = section.need("zone").and_then(|value| value.parsed(zone));
    let key = section.need("key").and_then(|value| value.parsed(key_name));
    let algorithm =
        section.or("algorithm", TsigAlgorithm::default(), |value| value.one_of(&ALGORITHMS));
    let secret = shared_secret(section, "secret", "secret_file", &STANDARD);
    Some(Rfc2136 { server: server?, zone: zone?, key: key?, algorithm, secret: secret? })
}

fn zone(text: &str) -> Result<String, String> {
    let name = folded(text);
    if is_dns_name(&name) && name.parse::<IpAddr>().is_err() {
        Ok(name)
    } else {
        Err(format!("{text:?} is no zone, such as \"example.com\""))
    }
}

/// Spelled as a host name, but any label may be a number.
fn key_name(text: &str) -> Result<String, String> {
    let name = folded(text);
    if is_dns_name(&format!("{name}.key")) {
        Ok(name)
    } else {
        Err(format!("{text:?} is no name of a key, such as \"warmfront-key\""))
    }
}

/// In lower case, without the last dot (RFC 4343).
fn folded(text: &str) -> String {
    text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
}

fn route53(section: &Section<'_>) -> Option<Route53> {
    let hosted_zone_id = section.need("hosted_zone_id").and_then(|value| value.parsed(zone_id));
    let endpoint = section.get("endpoint").map(|value| value.parsed(endpoint));
    let region = region(section, false);
    let credentials = match section.get("credentials") {
        None => Some(Credentials::Default),
        Some(value) => credentials(&value),
    };
    Some(Route53 {
        hosted_zone_id: hosted_zone_id?,
        endpoint: match endpoint {
            Some(endpoint) => Some(endpoint?),
            None => None,
        },
        region: region?,
        credentials: credentials?,
    })
}

/// Amazon's own commands print it as `/hostedzone/Z…`.
fn zone_id(text: &str) -> Result<String, String> {
    let path = text.strip_prefix('/').unwrap_or(text);
    let id = path.strip_prefix("hostedzone/").unwrap_or(path);
    let is_id = (1..=ZONE_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id {
        Ok(id.to_owned())
    } else {
        Err(format!("{text:?} is no id of a hosted zone, such as \"Z0123456789ABC\""))
    }
}

fn credentials(value: &Value<'_>) -> Option<Credentials> {
    if !value.is_text() {
        return value.section(access_key);
    }
    value.parsed(|text| match text {
        "default" => Ok(Credentials::Default),
        _ => Err("is \"default\" or { access_key_id, secret_access_key_file }: every change of a \
                  zone is signed"),
    })
}
