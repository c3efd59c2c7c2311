//! `[origins.NAME]`: a bucket or a target group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};

use super::address::target_name;
use super::limits::DEADLINE;
use super::{check_name, s3};
use crate::model::{HostField, Origin, OriginKind, TargetGroup, TargetName};
use crate::raw::{Section, Value};

/// All origins by name; `None` is one that is there but could not be read.
pub(super) struct Origins(BTreeMap<String, Option<Arc<Origin>>>);

impl Origins {
    /// Reads `[origins]`.
    pub(super) fn read(root: &Section<'_>) -> Self {
        let read = |(name, value): (&str, Value<'_>)| {
            check_name(name, &value);
            let kind = value.section(kind);
            let origin = kind.map(|kind| Arc::new(Origin { name: name.to_owned(), kind }));
            (name.to_owned(), origin)
        };
        Self(root.named("origins").into_iter().flatten().map(read).collect())
    }

    /// The origin that `value` names. A name that is nobody's is reported.
    pub(super) fn find(&self, value: &Value<'_>) -> Option<Arc<Origin>> {
        let name = value.text()?;
        if let Some(origin) = self.0.get(&name) {
            return origin.clone();
        }
        let message = format!("there is no origin `{name}`");
        value.unknown(message, &name, self.0.keys().map(String::as_str));
        None
    }

    /// The origins that could be read.
    pub(super) fn proven(self) -> BTreeMap<String, Arc<Origin>> {
        self.0.into_iter().filter_map(|(name, origin)| Some((name, origin?))).collect()
    }
}

const GROUP_KEYS: [&str; 6] =
    ["targets", "host", "headers", "connect_timeout", "response_timeout", "attempts"];

fn kind(section: &Section<'_>) -> Option<OriginKind> {
    let Some(bucket) = section.get("s3") else {
        return target_group(section).map(OriginKind::TargetGroup);
    };
    for value in GROUP_KEYS.iter().filter_map(|key| section.get(key)) {
        value.problem("cannot stand beside `s3`: an origin is a bucket or a target group");
    }
    bucket.section(s3::bucket).map(OriginKind::S3)
}

// === target groups ===

fn target_group(section: &Section<'_>) -> Option<TargetGroup> {
    let written = section.get("targets");
    if written.is_none() {
        let message = "an origin needs `s3 = { … }` or `targets = [ … ]`";
        section.miss(&["s3", "targets"], None, message);
    }
    let targets = written.and_then(|value| targets(&value));
    let group = TargetGroup {
        targets: Vec::new(),
        host: section.or("host", HostField::Client, |value| value.parsed(host_field)),
        headers: section.or("headers", Vec::new(), headers),
        connect_timeout: section
            .or("connect_timeout", Duration::from_secs(5), |value| value.duration(DEADLINE)),
        response_timeout: section
            .or("response_timeout", Duration::from_secs(30), |value| value.duration(DEADLINE)),
        attempts: section.or("attempts", 3, |value| value.whole(1..=10)),
    };
    Some(TargetGroup { targets: targets?, ..group })
}

fn targets(value: &Value<'_>) -> Option<Vec<TargetName>> {
    let read = value.each(|item| Some((item.parsed(target_name)?, item.clone())))?;
    if read.is_empty() {
        value.problem("a target group needs at least one target");
        return None;
    }
    for (index, (target, item)) in read.iter().enumerate() {
        if let Some((_, first)) = read.iter().take(index).find(|(first, _)| first == target) {
            item.problem(format!("is there already: `{}` on line {}", first.key(), first.line()));
        }
    }
    Some(read.into_iter().map(|(target, _)| target).collect())
}

fn host_field(text: &str) -> Result<HostField, String> {
    match text {
        "client" => Ok(HostField::Client),
        "target" => Ok(HostField::Target),
        literal => {
            let authority = literal.parse::<http::uri::Authority>().ok();
            authority
                .filter(|authority| !authority.as_str().contains('@'))
                .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
                .map(HostField::Literal)
                .ok_or_else(|| format!("is \"client\", \"target\" or a host, not {literal:?}"))
        }
    }
}

fn headers(value: &Value<'_>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut fields: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in value.members_of_table()? {
        let Some(text) = value.text() else { continue };
        match field(name, &text) {
            Ok((name, _)) if fields.iter().any(|(taken, _)| *taken == name) => {
                value.problem("is there already: field names are the same in any case");
            }
            Ok(field) => fields.push(field),
            Err(message) => value.problem(message),
        }
    }
    Some(fields)
}

/// The value may be a secret: no message repeats it.
fn field(name: &str, text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "is no field name")?;
    if name == header::HOST {
        return Err("the Host field has a key of its own: `host`");
    }
    if name == header::CONTENT_LENGTH || HOP_BY_HOP.contains(&name.as_str()) {
        return Err("frames one connection's messages and cannot be set");
    }
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| "a field's value is visible ASCII, spaces and tabs")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// RFC 9110 §7.6.1, and what older recipients take for such.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
