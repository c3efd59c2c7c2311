//! `methods`.

use http::Method;

use crate::model::Methods;
use crate::raw::Value;

/// `"all"`, or a list that has GET and HEAD in it.
pub(super) fn methods(value: &Value<'_>) -> Option<Methods> {
    if value.is_text() {
        return value.parsed(|text| match text {
            "all" => Ok(Methods::All),
            _ => Err(format!("is \"all\" or a list of methods, not {text:?}")),
        });
    }
    let methods = value.distinct(|item| item.parsed(method))?;
    if ![Method::GET, Method::HEAD].iter().all(|needed| methods.contains(needed)) {
        value.problem("lacks GET or HEAD: both are always among them");
    }
    Some(Methods::Only(methods))
}

/// A method in the case that it is sent in (RFC 9110 §9.1).
pub(crate) fn method(text: &str) -> Result<Method, String> {
    let upper = text.to_ascii_uppercase();
    if text != upper {
        return Err(format!("methods are in upper case: write \"{upper}\""));
    }
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if [Method::TRACE, Method::CONNECT].contains(&method) => {
            Err(format!("{method} is never let through"))
        }
        Ok(method) => Ok(method),
        Err(_) => Err(format!("{text:?} is no method")),
    }
}
