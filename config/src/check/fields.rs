//! Names and values of fields that users write.

use http::{HeaderName, HeaderValue, header};

use crate::raw::Value;

/// A list of field names, in lower case. `permit` says why one may not stand there.
pub(super) fn names(
    value: &Value<'_>,
    permit: impl Fn(&HeaderName) -> Result<(), &'static str>,
) -> Option<Vec<HeaderName>> {
    value.distinct(|item| item.parsed(|text| name(text, &permit)))
}

/// One field name.
pub(super) fn name(
    text: &str,
    permit: impl Fn(&HeaderName) -> Result<(), &'static str>,
) -> Result<HeaderName, &'static str> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| "is no field name")?;
    permit(&name)?;
    Ok(name)
}

/// A table of names and values. `permit` says why one may not stand there. A value may be a secret:
/// no message repeats it.
pub(super) fn pairs(
    value: &Value<'_>,
    permit: impl Fn(&HeaderName) -> Result<(), &'static str>,
) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut fields: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (written, value) in value.members_of_table()? {
        let Some(text) = value.text() else { continue };
        let content = || {
            HeaderValue::from_str(&text)
                .map_err(|_| "a field's value is visible ASCII, spaces and tabs")
        };
        match name(written, &permit).and_then(|name| Ok((name, content()?))) {
            Ok((name, _)) if fields.iter().any(|(taken, _)| *taken == name) => {
                value.problem("is there already: field names are the same in any case");
            }
            Ok(field) => fields.push(field),
            Err(message) => value.problem(message),
        }
    }
    Some(fields)
}

/// Fields for every request to an origin. What they say may be a secret.
pub(super) fn secret_pairs(
    value: &Value<'_>,
    permit: impl Fn(&HeaderName) -> Result<(), &'static str>,
) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut fields = pairs(value, permit)?;
    for (_, content) in &mut fields {
        content.set_sensitive(true);
    }
    Some(fields)
}

/// The name of a cookie: a token (RFC 6265 §4.1.1).
pub(super) fn cookie_token(text: &str) -> Result<String, &'static str> {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(in_token) {
        return Err("is no name of a cookie: letters, digits and !#$%&'*+-.^_`|~");
    }
    Ok(text.to_owned())
}

/// Whether a field is about one connection or the framing of its messages, and nobody's to touch.
pub(super) fn is_framing(name: &HeaderName) -> bool {
    *name == header::CONTENT_LENGTH
        || name.as_str().starts_with("proxy-")
        || HOP_BY_HOP.contains(&name.as_str())
}

/// Whether a field asks for a part of what is stored, or for it on a condition.
pub(super) fn is_conditional(name: &HeaderName) -> bool {
    *name == header::RANGE || name.as_str().starts_with("if-")
}

/// RFC 9110 §7.6.1, and what older recipients take for such.
const HOP_BY_HOP: [&str; 6] =
    ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
