//! `response_headers.cors`: what pages of other origins may do.

use std::time::Duration;

use http::{HeaderName, Method};

use super::address::host_and_port;
use super::fields;
use super::lifetimes::LIFETIME;
use super::methods::method;
use crate::model::{Cors, CorsOrigin, CorsOrigins};
use crate::raw::{Section, Value};

/// `cors`.
pub(super) fn cors(section: &Section<'_>) -> Option<Cors> {
    let origins = section.need("origins").and_then(|value| origins(&value));
    let credentials = section.or("credentials", false, |value| {
        let credentials = value.flag()?;
        if credentials && matches!(origins, Some(CorsOrigins::Any)) {
            value
                .problem("cannot stand beside `origins = [\"*\"]`: name those who may use cookies");
        }
        Some(credentials)
    });
    let safe = vec![Method::GET, Method::HEAD, Method::OPTIONS];
    let methods = section.or("methods", safe, methods);
    let headers = section.or("headers", Some(Vec::new()), headers);
    let expose = section.or("expose", Vec::new(), |value| {
        fields::names(value, |name| permit_exposed(name, credentials))
    });
    let max_age: Option<Duration> =
        section.get("max_age").and_then(|value| value.seconds(LIFETIME));
    Some(Cors { origins: origins?, methods, headers, expose, credentials, max_age })
}

fn methods(value: &Value<'_>) -> Option<Vec<Method>> {
    let methods = value.distinct(|item| item.parsed(method))?;
    if methods.is_empty() {
        value.problem("names no method: leave `methods` out for GET, HEAD and OPTIONS");
    }
    Some(methods)
}

/// The inner `None` is whatever is asked for.
#[expect(clippy::option_option, reason = "the outer one says that it could not be read")]
fn headers(value: &Value<'_>) -> Option<Option<Vec<HeaderName>>> {
    if value.is_text() {
        return value.parsed(|text| match text {
            "all" => Ok(None),
            _ => Err(format!("is \"all\" or a list of field names, not {text:?}")),
        });
    }
    let permit = |name: &HeaderName| {
        if name == "*" { Err("write `headers = \"all\"` for every field") } else { Ok(()) }
    };
    fields::names(value, permit).map(Some)
}

/// Why a field may not be in `expose`.
pub(crate) fn permit_exposed(name: &HeaderName, credentials: bool) -> Result<(), &'static str> {
    if credentials && name == "*" {
        // Fetch §3.2.5: with credentials it is the name of a field.
        return Err("is everything only without `credentials`");
    }
    Ok(())
}

// === origins ===

fn origins(value: &Value<'_>) -> Option<CorsOrigins> {
    let read = value.distinct(|item| {
        item.parsed(|text| match text {
            "*" => Ok(None),
            _ => origin(text).map(Some),
        })
    })?;
    if read.is_empty() {
        value.problem("names no origin: leave `cors` out, or write [\"*\"] for everybody");
    }
    if read.len() > 1 && read.contains(&None) {
        value.problem("\"*\" is everybody: nothing else can stand beside it");
    }
    let listed = read.into_iter().collect::<Option<Vec<_>>>();
    Some(listed.map_or(CorsOrigins::Any, CorsOrigins::Listed))
}

/// An origin as browsers send it (RFC 6454 §6.2): compared letter by letter, any other spelling
/// would match nothing.
pub(crate) fn origin(text: &str) -> Result<CorsOrigin, String> {
    if text == "null" {
        return Err(
            "is what any sandboxed page and any file says: it is nobody's origin".to_owned()
        );
    }
    let (scheme, authority) = text.split_once("://").ok_or_else(|| {
        format!("{text:?} is no origin: scheme and host, as in \"https://app.example.com\"")
    })?;
    if let Some((authority, _)) = authority.split_once(['/', '?', '#']) {
        return Err(format!("an origin has no path: write \"{scheme}://{authority}\""));
    }
    if !is_scheme(scheme) {
        return Err(format!("`{scheme}` is no scheme in lower case"));
    }
    let (wildcard, plain) = match authority.strip_prefix("*.") {
        Some(parent) => (true, parent),
        None => (false, authority),
    };
    if plain.contains('*') {
        return Err(
            "`*` stands only for the first labels, as in \"https://*.example.org\"".to_owned()
        );
    }
    let spelled = spelled(scheme, plain)?;
    if spelled != plain {
        let star = if wildcard { "*." } else { "" };
        return Err(format!("browsers spell it \"{scheme}://{star}{spelled}\""));
    }
    Ok(if wildcard {
        CorsOrigin::Wildcard { before: format!("{scheme}://"), after: format!(".{plain}") }
    } else {
        CorsOrigin::Exact(text.to_owned())
    })
}

fn is_scheme(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    text.starts_with(|letter: char| letter.is_ascii_lowercase()) && text.bytes().all(plain)
}

/// Lower case, and no port where it is the scheme's own.
fn spelled(scheme: &str, authority: &str) -> Result<String, String> {
    let (host, port) = host_and_port(authority)?;
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Ok(match (scheme, port) {
        (_, None) | ("http", Some(80)) | ("https", Some(443)) => host,
        (_, Some(port)) => format!("{host}:{port}"),
    })
}
