//! What an unsafe request takes out of the store beside its own target (RFC 9111 §4.4).

use http::{Method, StatusCode};

use crate::authority::Host;

/// The methods that are registered as safe (RFC 9110 §9.2.1, §16.1.1).
const SAFE: [&str; 8] =
    ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"];

/// Whether a method may change things: everything but what is registered as safe, methods nobody has
/// heard of included.
#[must_use]
pub fn is_unsafe(method: &Method) -> bool {
    !SAFE.contains(&method.as_str())
}

/// Whether an answer to an unsafe request says that it changed something (RFC 9111 §4.4).
#[must_use]
pub fn is_non_error(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}

/// Path and query that a Location or Content-Location names, if they are of the same origin as
/// the request: the same scheme, host and port. Nobody can take out what belongs to another
/// (RFC 9111 §4.4).
///
/// `base_host` is as in the Host field, `base_path_and_query` as in the request's target. The
/// reference is resolved by RFC 3986 §5.2 and loses its fragment; octets stay as they are, but those
/// that are not UTF-8, which become `%XX`.
#[must_use]
pub fn same_origin_target(
    base_scheme: &str,
    base_host: &str,
    base_path_and_query: &str,
    reference: &[u8],
) -> Option<String> {
    let reference = reference.trim_ascii();
    let reference = reference.split(|b| *b == b'#').next()?;
    let (scheme, behind_scheme) = split_scheme(reference);
    if scheme.is_some_and(|scheme| !scheme.eq_ignore_ascii_case(base_scheme.as_bytes())) {
        return None;
    }
    let (path, query) = match behind_scheme.strip_prefix(b"//") {
        Some(rest) => {
            let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at_checked(end)?;
            if !is_same_host(base_scheme, base_host, authority) {
                return None;
            }
            let (path, query) = split_query(rest);
            (without_dots(path), query)
        }
        // `http:a` has no authority, and so is of no host.
        None if scheme.is_some() => return None,
        None => relative(base_path_and_query.as_bytes(), behind_scheme),
    };
    let target = match query {
        Some(query) => [path.as_slice(), b"?", query].concat(),
        None => path,
    };
    Some(String::from_utf8(target).unwrap_or_else(|e| escaped(e.as_bytes())))
}

/// RFC 3986 §5.2.2, for a reference that has neither scheme nor authority.
fn relative<'a>(base: &'a [u8], reference: &'a [u8]) -> (Vec<u8>, Option<&'a [u8]>) {
    let (base_path, base_query) = split_query(base);
    let (path, query) = split_query(reference);
    if path.is_empty() {
        return (base_path.to_vec(), query.or(base_query));
    }
    if path.starts_with(b"/") {
        return (without_dots(path), query);
    }
    // §5.2.3: beside the last segment of the base.
    let folder = base_path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    let folder = base_path.get(..folder).unwrap_or_default();
    (without_dots(&[folder, path].concat()), query)
}

/// RFC 3986 §5.2.4. The result begins with a slash.
fn without_dots(path: &[u8]) -> Vec<u8> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut ends_in_dots = false;
    for segment in path.split(|b| *b == b'/') {
        ends_in_dots = matches!(segment, b"." | b"..");
        match segment {
            b"." => {}
            b".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    if ends_in_dots {
        kept.push(b"");
    }
    [b"/", kept.join(&b'/').as_slice()].concat()
}

/// The scheme that a reference begins with, without its colon, and the rest.
fn split_scheme(reference: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let is_letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let end = reference.iter().position(|b| !is_letter(b)).unwrap_or(reference.len());
    match reference.split_at_checked(end) {
        Some((scheme @ [b'a'..=b'z' | b'A'..=b'Z', ..], [b':', rest @ ..])) => (Some(scheme), rest),
        _ => (None, reference),
    }
}

fn split_query(path_and_query: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = path_and_query.splitn(2, |b| *b == b'?');
    (parts.next().unwrap_or_default(), parts.next())
}

/// Whether two authorities are one. One with user information is none: no host name holds an `@`.
fn is_same_host(scheme: &str, base: &str, authority: &[u8]) -> bool {
    let default = if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 };
    let (Ok(base), Ok(other)) = (Host::parse(base.as_bytes()), Host::parse(authority)) else {
        return false;
    };
    base.as_str() == other.as_str() && base.port_beside(default) == other.port_beside(default)
}

fn escaped(bytes: &[u8]) -> String {
    let escape = |b: &u8| match b {
        0x80.. => format!("%{b:02X}"),
        b => char::from(*b).to_string(),
    };
    bytes.iter().map(escape).collect()
}

#[cfg(test)]
mod tests;
