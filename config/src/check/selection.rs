//! `query`, `headers` and `cookies`: which of them are meant.

use http::{HeaderName, header};

use super::fields;
use crate::model::Selection;
use crate::raw::Value;
use crate::unkeyed;

/// Parameters of the query, by their decoded names.
pub(super) fn query(value: &Value<'_>) -> Option<Selection> {
    selection(value, parameter_name, parameter_name)
}

/// The name of a parameter.
pub(crate) fn parameter_name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("is no name of a parameter");
    }
    let bytes = text.as_bytes();
    let escaped = |at: &[u8]| matches!(at, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    if bytes.windows(3).any(escaped) {
        return Err("names are compared decoded: write `a[]`, not `a%5B%5D`");
    }
    Ok(text.to_owned())
}

/// Cookies.
pub(super) fn cookies(value: &Value<'_>) -> Option<Selection> {
    selection(value, cookie_name, cookie_name)
}

/// The name of a cookie.
pub(crate) fn cookie_name(text: &str) -> Result<String, &'static str> {
    let foreign = |letter: char| letter.is_control() || ";,= ".contains(letter);
    if text.is_empty() || text.contains(foreign) {
        return Err("is no name of a cookie");
    }
    Ok(text.to_owned())
}

/// Request fields that reach the origin beside the key.
pub(super) fn forwarded_fields(value: &Value<'_>) -> Option<Selection> {
    selection(value, forwarded_name, withheld_name)
}

/// The name of a request field that is to reach the origin, in lower case.
pub(crate) fn forwarded_name(text: &str) -> Result<String, &'static str> {
    field_name(text, permit_in_key)
}

/// The name of a request field that is not to reach the origin, in lower case. Of those that never
/// do, it is merely true.
pub(crate) fn withheld_name(text: &str) -> Result<String, &'static str> {
    field_name(text, permit_chosen)
}

fn field_name(
    text: &str,
    permit: impl Fn(&HeaderName) -> Result<(), &'static str>,
) -> Result<String, &'static str> {
    let permit = |name: &HeaderName| {
        if *name == header::HOST {
            return Err("the Host field has a key of its own, on the origin: `host`");
        }
        permit(name)
    };
    fields::name(text, permit).map(|name| name.as_str().to_owned())
}

/// Why a request field may not be in a key, nor be named for the origin beside it.
pub(crate) fn permit_in_key(name: &HeaderName) -> Result<(), &'static str> {
    permit_chosen(name)?;
    if unkeyed::is_unkeyed(name) {
        return Err("could name another host, path or client than the key: the edge does not \
                    pass it on");
    }
    if unkeyed::overrides_method(name) {
        return Err("could name another method than the key: with GET and HEAD the edge does not \
                    pass it on, and nothing else is stored");
    }
    Ok(())
}

/// Why it makes no sense to choose a request field, for the origin or against it.
fn permit_chosen(name: &HeaderName) -> Result<(), &'static str> {
    const MADE_HERE: [&str; 2] = ["via", "x-request-id"];
    if fields::is_framing(name) {
        return Err("frames one connection's messages and never leaves it");
    }
    if fields::is_conditional(name) {
        return Err("asks for a part or on a condition: the edge answers that itself");
    }
    if *name == header::COOKIE {
        return Err("cookies have a key of their own: `cookies`");
    }
    if MADE_HERE.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-") {
        return Err("is made anew by the edge: it says nothing of the request");
    }
    if name == "*" {
        return Err("fields are named one by one");
    }
    Ok(())
}

/// `"none"`, `"all"`, `[…]` or `{ except = […] }`.
fn selection(
    value: &Value<'_>,
    chosen: impl Fn(&str) -> Result<String, &'static str>,
    excepted: impl Fn(&str) -> Result<String, &'static str>,
) -> Option<Selection> {
    if value.is_text() {
        return value.parsed(|text| match text {
            "none" => Ok(Selection::None),
            "all" => Ok(Selection::All),
            _ => Err(format!(
                "is \"none\", \"all\", a list of names or {{ except = [ … ] }}, not {text:?}"
            )),
        });
    }
    if value.is_array() {
        let names = value.distinct(|item| item.parsed(&chosen))?;
        return Some(if names.is_empty() { Selection::None } else { Selection::Only(names) });
    }
    if !value.is_table() {
        return value.is_not("\"none\", \"all\", a list of names or { except = [ … ] }");
    }
    let except = value.section(|section| {
        let value = section.need("except")?;
        value.distinct(|item| item.parsed(&excepted))
    });
    except.map(|names| if names.is_empty() { Selection::All } else { Selection::Except(names) })
}
