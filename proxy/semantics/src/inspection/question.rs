//! What is asked about: a URL, and what else a request for it would say.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::errand::Scheme;

/// A request that is only asked about.
#[derive(Debug, Clone)]
pub struct Question {
    /// How the edge would be asked.
    pub scheme: Scheme,
    /// GET or HEAD; any other is not stored, and that is the answer.
    pub method: Method,
    /// Path and query, as they are written in the URL.
    pub target: String,
    /// The request's fields, Host among them, as the URL says it.
    pub fields: HeaderMap,
}

/// Why a question cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuestion {
    /// Something without a scheme, or with another one.
    #[error("the URL must begin with `http://` or `https://`")]
    Scheme,
    /// A scheme, and nothing behind it that could be a host.
    #[error("the URL names no host")]
    Host,
    /// Octets that no URL and no request line holds.
    #[error("the URL has white space or a control character")]
    Control,
    /// Something that is no token.
    #[error("the method is none")]
    Method,
    /// A field without its colon, or with octets that no field has.
    #[error("a header must be written as `Name: value`")]
    Field,
    /// The host is the URL's to say.
    #[error("the host is named by the URL, not by a header")]
    HostField,
}

// === impl Question ===

impl Question {
    /// Reads an absolute URL, a method and lines of the form `Name: value`. A fragment is dropped, as
    /// no request has one.
    pub fn read(url: &str, method: &str, fields: &[&str]) -> Result<Self, BadQuestion> {
        if url.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
            return Err(BadQuestion::Control);
        }
        let (scheme, authority, target) = Scheme::split(url).ok_or(BadQuestion::Scheme)?;
        let host = HeaderValue::try_from(authority).map_err(|_| BadQuestion::Host)?;
        if authority.is_empty() {
            return Err(BadQuestion::Host);
        }
        let mut lines = HeaderMap::new();
        for line in fields {
            let (name, value) = field(line)?;
            lines.append(name, value);
        }
        lines.insert(header::HOST, host);
        Ok(Self {
            scheme,
            method: Method::from_bytes(method.as_bytes()).map_err(|_| BadQuestion::Method)?,
            target,
            fields: lines,
        })
    }
}

fn field(line: &str) -> Result<(HeaderName, HeaderValue), BadQuestion> {
    let (name, value) = line.split_once(':').ok_or(BadQuestion::Field)?;
    let name = HeaderName::try_from(name).map_err(|_| BadQuestion::Field)?;
    if name == header::HOST {
        return Err(BadQuestion::HostField);
    }
    let value = HeaderValue::try_from(value.trim()).map_err(|_| BadQuestion::Field)?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, scheme, authority, target) in [
            ("https://www.example.com/a?b#c", Scheme::Https, "www.example.com", "/a?b"),
            ("HTTP://a:8080", Scheme::Http, "a:8080", "/"),
            ("http://a?b", Scheme::Http, "a", "/?b"),
            ("http://[::1]:80/ü", Scheme::Http, "[::1]:80", "/ü"),
        ] {
            let question = Question::read(url, "GET", &[]).unwrap();
            assert_eq!(question.scheme, scheme, "{url}");
            assert_eq!(question.target, target, "{url}");
            assert_eq!(question.fields[header::HOST], authority);
        }
    }

    #[test]
    fn what_no_request_could_say_is_told_apart() {
        for (url, method, fields, wrong) in [
            ("/a", "GET", &[][..], BadQuestion::Scheme),
            ("ftp://a/", "GET", &[], BadQuestion::Scheme),
            ("http:///a", "GET", &[], BadQuestion::Host),
            ("http://a/b c", "GET", &[], BadQuestion::Control),
            ("http://a/\r\nx: y", "GET", &[], BadQuestion::Control),
            ("http://a/", "G T", &[], BadQuestion::Method),
            ("http://a/", "GET", &["accept"], BadQuestion::Field),
            ("http://a/", "GET", &["a b: c"], BadQuestion::Field),
            ("http://a/", "GET", &["a: b\r\nc: d"], BadQuestion::Field),
            ("http://a/", "GET", &["Host: b"], BadQuestion::HostField),
        ] {
            assert_eq!(Question::read(url, method, fields).unwrap_err(), wrong, "{url} {fields:?}");
        }
        let question = Question::read("http://a/", "HEAD", &["Accept: x", "accept:y"]).unwrap();
        let lines: Vec<_> = question.fields.get_all(header::ACCEPT).iter().collect();
        assert_eq!(lines, ["x", "y"]);
    }

    proptest! {
        #[test]
        fn nothing_that_is_asked_panics(url in ".*", method in ".*", line in ".*") {
            let _ = Question::read(&url, &method, &[&line]);
        }

        #[test]
        fn what_is_read_begins_with_a_slash(rest in "[^\\s\\p{Cc}]{0,40}") {
            if let Ok(question) = Question::read(&format!("https://{rest}"), "GET", &[]) {
                prop_assert!(question.target.starts_with('/'));
                prop_assert!(!question.fields[header::HOST].is_empty());
            }
        }
    }
}
