//! Answers that the edge gives itself.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};

/// A response that no origin was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Vec<Bytes>,
    /// Whether the connection ends with it.
    pub(crate) closes: bool,
}

// === impl Answer ===

impl Answer {
    /// A short page that says what is the matter.
    pub(crate) fn page(status: StatusCode, sentence: &str, closes: bool) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        let body = format!(
            "<!doctype html>\n<title>{code} {reason}</title>\n<h1>{code} {reason}</h1>\n<p>{sentence}.</p>\n<p>warmfront</p>\n",
            code = status.as_u16(),
        );
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        // RFC 9111 §4.2.2: a 404 or 405 could be kept by somebody's heuristics.
        let no_store = HeaderValue::from_static("no-store");
        Self {
            status,
            fields: vec![(header::CONTENT_TYPE, html), (header::CACHE_CONTROL, no_store)],
            body: vec![body.into()],
            closes,
        }
    }

    /// Without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, fields: Vec::new(), body: Vec::new(), closes: false }
    }

    /// A redirect, without a body.
    pub(crate) fn redirect(status: StatusCode, location: HeaderValue) -> Self {
        let mut answer = Self::empty(status);
        answer.add(header::LOCATION, location);
        answer
    }

    /// Bytes of content.
    pub(crate) fn bytes(&self) -> usize {
        self.body.iter().map(Bytes::len).sum()
    }

    /// Adds a field.
    pub(crate) fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.fields.push((name, value));
    }

    /// The same with a field more.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.add(name, value);
        self
    }
}
