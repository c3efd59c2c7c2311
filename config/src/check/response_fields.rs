//! `response_headers`: what is done to the fields of every response.

use std::time::Duration;

use http::{HeaderName, HeaderValue, header};

use super::fields;
use super::lifetimes::LIFETIME;
use crate::model::ResponseFields;
use crate::raw::{Section, Value};

/// What browsers ask of a site that wants to be on their lists.
pub(crate) const YEAR: Duration = Duration::from_hours(24 * 365);

/// `response_headers`.
pub(super) fn response_fields(section: &Section<'_>) -> ResponseFields {
    let cors = section.get("cors");
    let permit_value = |name: &HeaderName| permit_value(name, cors.is_some());
    let mut set = section.or("set", Vec::new(), |value| fields::pairs(value, permit_value));
    let is_set = |name: &HeaderName| {
        if set.iter().any(|(known, _)| known == name) {
            return Err("is in `set` too, which takes its place");
        }
        Ok(())
    };
    let mut default = section.or("default", Vec::new(), |value| {
        fields::pairs(value, |name| permit_value(name).and_then(|()| is_set(name)))
    });
    let remove = section.or("remove", Vec::new(), |value| {
        fields::names(value, |name| permit(name).and_then(|()| is_set(name)))
    });
    let mut written_hsts = section.get("hsts").map(|value| hsts(&value));
    if section.or("security", false, Value::flag) {
        add_security(&mut set, &mut default);
        written_hsts.get_or_insert_with(|| Some(HeaderValue::from_static(SECURITY_HSTS)));
    }
    let cors = cors.and_then(|value| value.section(super::cors::cors));
    ResponseFields { remove, set, default, hsts: written_hsts.flatten(), cors }
}

/// Why a field may not be given a value, beside `cors` or without it.
pub(crate) fn permit_value(name: &HeaderName, has_cors: bool) -> Result<(), &'static str> {
    if has_cors && name.as_str().starts_with("access-control-") {
        return Err("is what `cors` says");
    }
    if *name == header::STRICT_TRANSPORT_SECURITY {
        return Err("has a key of its own: `hsts`");
    }
    permit(name)
}

/// Why a field may be neither set nor removed.
pub(crate) fn permit(name: &HeaderName) -> Result<(), &'static str> {
    const SAID_HERE: [HeaderName; 3] = [header::AGE, header::DATE, header::VIA];
    const SAID_HERE_TOO: [&str; 3] = ["cache-status", "x-cache", "x-request-id"];
    if fields::is_framing(name) || [header::CONTENT_ENCODING, header::CONTENT_RANGE].contains(name)
    {
        return Err("says how the message is to be read: it can be neither set nor removed");
    }
    if SAID_HERE.contains(name) || SAID_HERE_TOO.contains(&name.as_str()) {
        return Err("is the edge's own to say: it can be neither set nor removed");
    }
    if *name == header::VARY {
        return Err("is what caches depend on: it can be neither set nor removed");
    }
    if name == "*" {
        return Err("fields are named one by one");
    }
    Ok(())
}

// === security ===

/// What CloudFront's managed `SecurityHeadersPolicy` says over the origin.
const SECURITY_SET: [(HeaderName, &str); 1] = [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
/// And what it says in the origin's silence.
const SECURITY_DEFAULT: [(HeaderName, &str); 3] = [
    (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (header::X_XSS_PROTECTION, "1; mode=block"),
];
const SECURITY_HSTS: &str = "max-age=31536000";

/// What the file says itself stays as it is.
fn add_security(
    set: &mut Vec<(HeaderName, HeaderValue)>,
    default: &mut Vec<(HeaderName, HeaderValue)>,
) {
    let written: Vec<HeaderName> =
        set.iter().chain(default.iter()).map(|(name, _)| name.clone()).collect();
    let missing = |fields: &[(HeaderName, &'static str)]| {
        let fields = fields.iter().filter(|(name, _)| !written.contains(name));
        fields
            .map(|(name, text)| (name.clone(), HeaderValue::from_static(text)))
            .collect::<Vec<_>>()
    };
    set.extend(missing(&SECURITY_SET));
    default.extend(missing(&SECURITY_DEFAULT));
}

/// `"off"`, or the field's value (RFC 6797 §6.1).
fn hsts(value: &Value<'_>) -> Option<HeaderValue> {
    if value.is_text() {
        value.parsed(|text| match text {
            "off" => Ok(()),
            _ => Err(format!(
                "is \"off\" or {{ max_age, include_subdomains, preload }}, not {text:?}"
            )),
        });
        return None;
    }
    if !value.is_table() {
        return value.is_not("\"off\" or { max_age, include_subdomains, preload }");
    }
    value.section(|section| {
        let max_age = section.or("max_age", YEAR, |value| value.seconds(LIFETIME));
        let subdomains = section.or("include_subdomains", false, Value::flag);
        let preload = section.or("preload", false, |value| {
            let preload = value.flag()?;
            if preload && (!subdomains || max_age < YEAR) {
                value.problem("the browsers' list asks for `include_subdomains` and 365d or more");
            }
            Some(preload)
        });
        let subdomains = if subdomains { "; includeSubDomains" } else { "" };
        let preload = if preload { "; preload" } else { "" };
        HeaderValue::from_str(&format!("max-age={}{subdomains}{preload}", max_age.as_secs())).ok()
    })
}
