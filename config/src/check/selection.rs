//! `query`, `headers` and `cookies`: which of them are meant.

use http::{HeaderName, header};

use super::fields;
use crate::model::Selection;
use crate::raw::Value;

/// Parameters of the query, by their decoded names.
pub(super) fn query(value: &Value<'_>) -> Option<Selection> {
    selection(value, |text| {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err("is no name of a parameter");
        }
        Ok(text.to_owned())
    })
}

/// Cookies.
pub(super) fn cookies(value: &Value<'_>) -> Option<Selection> {
    selection(value, |text| {
        let foreign = |letter: char| letter.is_control() || ";,= ".contains(letter);
        if text.is_empty() || text.contains(foreign) {
            return Err("is no name of a cookie");
        }
        Ok(text.to_owned())
    })
}

/// Request fields that reach the origin beside the key.
pub(super) fn forwarded_fields(value: &Value<'_>) -> Option<Selection> {
    selection(value, |text| {
        let permit = |name: &HeaderName| {
            if *name == header::HOST {
                return Err("the Host field has a key of its own, on the origin: `host`");
            }
            permit_in_key(name)
        };
        fields::name(text, permit).map(|name| name.as_str().to_owned())
    })
}

/// Why a request field may not be in a key, nor be chosen beside it.
pub(super) fn permit_in_key(name: &HeaderName) -> Result<(), &'static str> {
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
    name: impl Fn(&str) -> Result<String, &'static str>,
) -> Option<Selection> {
    let names = |value: &Value<'_>| value.distinct(|item| item.parsed(&name));
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
        let names = names(value)?;
        return Some(if names.is_empty() { Selection::None } else { Selection::Only(names) });
    }
    if !value.is_table() {
        return value.is_not("\"none\", \"all\", a list of names or { except = [ … ] }");
    }
    let except = value.section(|section| section.need("except").and_then(|value| names(&value)));
    except.map(|names| if names.is_empty() { Selection::All } else { Selection::Except(names) })
}
