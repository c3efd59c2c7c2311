//! Location and Content-Location: what is named is a path of the same host, or nothing.
//!
//! Lines: scheme, host, another host, the request's target, the reference.
#![no_main]

use input::first_line;
use libfuzzer_sys::fuzz_target;
use warmfront_semantics::authority::Host;
use warmfront_semantics::reference::same_origin_target;

fuzz_target!(|input: &[u8]| check(input));

fn check(input: &[u8]) {
    let (scheme, rest) = first_line(input);
    let (host, rest) = first_line(rest);
    let (other, rest) = first_line(rest);
    let (target, reference) = first_line(rest);
    let [Ok(host), Ok(other), Ok(target)] = [host, other, target].map(std::str::from_utf8) else {
        return;
    };
    let scheme = if scheme == b"http" { "http" } else { "https" };
    // A target holds neither white space nor a fragment, and begins with a slash.
    let target = target.split(|c: char| c == '#' || c.is_whitespace() || c.is_control()).next();
    let target = format!("/{}", target.unwrap_or_default());
    let named = same_origin_target(scheme, host, &target, reference);
    let Some(path) = &named else {
        return;
    };
    assert!(path.starts_with('/'), "{path:?}");
    assert!(!path.contains('#'), "{path:?}");
    same_host_only(scheme, [host, other], &target, reference);
    if Host::parse(host.as_bytes()).is_ok() && !path.ends_with(|c: char| c.is_ascii_whitespace()) {
        same_again(scheme, host, path);
    }
}

/// What names a host cannot be of two.
fn same_host_only(scheme: &str, [host, other]: [&str; 2], target: &str, reference: &[u8]) {
    let is_other = match (Host::parse(host.as_bytes()), Host::parse(other.as_bytes())) {
        (Ok(host), Ok(other)) => host.as_str() != other.as_str(),
        _ => false,
    };
    if is_other && names_a_host(reference.trim_ascii()) {
        assert_eq!(same_origin_target(scheme, other, target, reference), None, "{host} {other}");
        let secure = if scheme == "http" { "https" } else { "http" };
        if !reference.trim_ascii().starts_with(b"//") {
            assert_eq!(same_origin_target(secure, host, target, reference), None, "{secure}");
        }
    }
}

/// RFC 3986 §4.2: `//` or a scheme at its beginning.
fn names_a_host(reference: &[u8]) -> bool {
    let end = reference.iter().position(|b| !(b.is_ascii_alphanumeric() || b"+-.".contains(b)));
    let colon = end.is_some_and(|end| reference.get(end) == Some(&b':'));
    let letter = reference.first().is_some_and(u8::is_ascii_alphabetic);
    reference.starts_with(b"//") || (letter && colon)
}

/// Written out in full, it names itself.
fn same_again(scheme: &str, host: &str, path: &str) {
    let named = |path: &str| {
        let reference = format!("{scheme}://{host}{path}");
        same_origin_target(scheme, host, "/", reference.as_bytes())
    };
    let once = named(path).expect("of the same host");
    assert_eq!(named(&once).as_deref(), Some(once.as_str()));
}
