//! Requests that the edge makes of itself, to have their answers stored: what a prefetch is made of.

use bytes::Bytes;
use http::StatusCode;

use crate::coding::Coding;

/// How the edge is asked: part of the key where a site lets both in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// As over TLS.
    Https,
}

/// One GET, as a client's would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// How it is asked.
    pub scheme: Scheme,
    /// The host, with its port where clients have to say one.
    pub host: String,
    /// Path and query, as they stand in a request line.
    pub target: String,
    /// The form that is taken.
    pub form: Form,
    /// Bytes of the body that are kept; `None` throws it away.
    pub keep: Option<usize>,
}

/// A form that an answer can be had in, by what Accept-Encoding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// As it is.
    Identity,
    /// In this coding, which is the edge's work.
    Coded(Coding),
    /// What browsers get of an origin that chooses by itself.
    Browsers,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// An answer, read to its end.
    Answered(Answer),
    /// None, or not the whole of it: the end of a sentence.
    Failed(String),
}

/// An answer that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Whether it is stored now.
    pub cached: Cached,
    /// The other forms that clients could have it in.
    pub forms: Vec<Form>,
    /// The body, if it was to be kept.
    pub body: Body,
}

/// Whether a fetched answer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cached {
    /// It was before.
    Hit,
    /// It came from the origin, and is kept.
    Stored,
    /// It is for one client, or the edge's own.
    NotStored,
}

/// What is left of a fetched body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Kept(Bytes),
    /// Nothing, as was asked.
    Dropped,
    /// Nothing: it is longer than was to be kept.
    TooLong,
}

// === impl Scheme ===

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that needs no saying.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Takes an absolute URL apart: how it is asked for, its authority, and its path and query, all as
    /// they are written. A fragment is dropped, as no request has one. `None` for another scheme.
    #[must_use]
    pub fn split(url: &str) -> Option<(Self, &str, String)> {
        let (scheme, rest) = url.split_once("://")?;
        let mut known = [Self::Https, Self::Http].into_iter();
        let scheme = known.find(|it| scheme.eq_ignore_ascii_case(it.as_str()))?;
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end)?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        Some((scheme, authority, format!("{slash}{target}")))
    }
}

// === impl Form ===

impl Form {
    /// The Accept-Encoding that asks for it. Browsers take the younger codings only where nothing
    /// between them and the server could spoil them; what they send is one variant, as it is sent.
    pub const fn accept_encoding(self, scheme: Scheme) -> &'static str {
        match (self, scheme) {
            (Self::Identity, _) => "identity",
            (Self::Coded(coding), _) => coding.as_str(),
            (Self::Browsers, Scheme::Http) => "gzip, deflate",
            (Self::Browsers, Scheme::Https) => "gzip, deflate, br, zstd",
        }
    }
}
