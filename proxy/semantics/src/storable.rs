//! Whether a response may be kept for others (RFC 9111 §3).

use http::{HeaderMap, Method, StatusCode, header};

use crate::vary::Vary;

/// What is known of an exchange when its response head is in.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The client's method.
    pub method: &'a Method,
    /// The client's fields.
    pub request: &'a HeaderMap,
    /// The final status.
    pub status: StatusCode,
    /// The origin's fields.
    pub response: &'a HeaderMap,
}

/// May this response be stored by a cache that many share?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storable {
    /// Yes, as long as it is fresh.
    Yes,
    /// No, and why.
    No(Why),
}

/// Why a response is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Only GET and HEAD are.
    Method,
    /// A partial, informational or otherwise unfit status.
    Status,
    /// `no-store` or `private`.
    Forbidden,
    /// It sets a cookie and does not say that everybody may have it.
    SetCookie,
    /// The request was authenticated, and the response does not say that everybody may have it
    /// (RFC 9111 §3.5).
    Authorization,
    /// `Vary: *`.
    VaryStar,
    /// The body is longer than `cache.max_object`.
    TooLarge,
    /// No freshness and no validator to renew it by.
    NothingToReuse,
}

/// Statuses whose meaning does not hang on the one request: RFC 9110 §15.1's heuristically
/// cacheable ones, and redirects and refusals that say so explicitly. Never 206 and 304, which are
/// parts of something, and never an edge's own trouble.
const STATUSES: [u16; 19] =
    [200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 412, 414, 451, 500, 501];

// === impl Storable ===

impl Storable {
    /// RFC 9111 §3, for a shared cache that understands no authentication.
    #[must_use]
    pub fn judge(exchange: &Exchange<'_>) -> Self {
        let Exchange { method, request, status, response } = *exchange;
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Self::No(Why::Method);
        }
        if !STATUSES.contains(&status.as_u16()) {
            return Self::No(Why::Status);
        }
        if has_directive(response, "no-store") || has_directive(response, "private") {
            return Self::No(Why::Forbidden);
        }
        // RFC 9111 §3.5: "must-revalidate", "public" and "s-maxage" let a shared cache store what
        // an authenticated request was answered.
        let public = has_directive(response, "public") || has_directive(response, "s-maxage");
        let shared = public || has_directive(response, "must-revalidate");
        if request.contains_key(header::AUTHORIZATION) && !shared {
            return Self::No(Why::Authorization);
        }
        if response.contains_key(header::SET_COOKIE) && !public {
            return Self::No(Why::SetCookie);
        }
        if Vary::of(response) == Vary::Everything {
            return Self::No(Why::VaryStar);
        }
        Self::Yes
    }
}

impl Why {
    /// Whether the next request for the same key may fare better: what one client sent, or how the
    /// origin was at one moment, says nothing of the rest.
    #[must_use]
    pub fn is_passing(why: &str) -> bool {
        [Self::Method, Self::Status, Self::Authorization].iter().any(|w| w.as_str() == why)
    }

    /// One word for logs and Cache-Status details.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::Forbidden => "forbidden",
            Self::SetCookie => "set-cookie",
            Self::Authorization => "authorization",
            Self::VaryStar => "vary-star",
            Self::TooLarge => "too-large",
            Self::NothingToReuse => "no-freshness",
        }
    }
}

fn has_directive(response: &HeaderMap, name: &str) -> bool {
    let lines = response.get_all(header::CACHE_CONTROL).iter();
    lines.flat_map(|line| line.as_bytes().split(|b| *b == b',')).any(|directive| {
        let word = directive.split(|b| *b == b'=').next().unwrap_or_default();
        word.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let name = |n| HeaderName::from_static(n);
        lines.iter().map(|(n, v)| (name(n), v.parse().unwrap())).collect()
    }

    #[test]
    fn nothing_private_is_shared() {
        let cases: [(&[_], &[_], Storable); 10] = [
            (&[], &[], Storable::Yes),
            (&[], &[("cache-control", "max-age=60, No-Store")], Storable::No(Why::Forbidden)),
            (&[], &[("cache-control", "private=\"x\"")], Storable::No(Why::Forbidden)),
            (&[], &[("set-cookie", "a=b")], Storable::No(Why::SetCookie)),
            (&[], &[("set-cookie", "a=b"), ("cache-control", "public")], Storable::Yes),
            (
                &[("authorization", "x")],
                &[("cache-control", "max-age=9")],
                Storable::No(Why::Authorization),
            ),
            (&[("authorization", "x")], &[("cache-control", "s-maxage=9")], Storable::Yes),
            (&[("authorization", "x")], &[("cache-control", "must-revalidate")], Storable::Yes),
            (&[], &[("vary", "*")], Storable::No(Why::VaryStar)),
            (&[("cookie", "a=b")], &[("cache-control", "max-age=9")], Storable::Yes),
        ];
        for (request, response, expected) in cases {
            let (request, response) = (fields(request), fields(response));
            let exchange = Exchange {
                method: &Method::GET,
                request: &request,
                status: StatusCode::OK,
                response: &response,
            };
            assert_eq!(Storable::judge(&exchange), expected, "{request:?} {response:?}");
        }
    }

    #[test]
    fn parts_and_changes_are_never_whole() {
        let none = HeaderMap::new();
        let judge = |method: &Method, status| {
            Storable::judge(&Exchange { method, request: &none, status, response: &none })
        };
        assert_eq!(judge(&Method::POST, StatusCode::OK), Storable::No(Why::Method));
        assert_eq!(judge(&Method::GET, StatusCode::PARTIAL_CONTENT), Storable::No(Why::Status));
        assert_eq!(judge(&Method::GET, StatusCode::BAD_GATEWAY), Storable::No(Why::Status));
        assert_eq!(judge(&Method::HEAD, StatusCode::NOT_FOUND), Storable::Yes);
    }
}
