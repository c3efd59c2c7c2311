//! What every request passes first: the control API is not for web pages.
//!
//! A page in a browser on this machine may send requests to a loopback address. It cannot send a
//! key it does not know, but what needs no key on loopback it could read if its own host name were
//! made to point here (DNS rebinding). So on loopback the Host must be a loopback name. On any
//! other address everything worth reading needs a key, and the names it goes by are not known here.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use http::uri::Authority;
use http::{HeaderValue, Method, StatusCode};

use super::problem::Problem;
use super::{Node, Reach};

pub(super) async fn inspect(
    State(node): State<Arc<Node>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match admit(&node, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn admit(node: &Node, request: &Request) -> Result<(), Problem> {
    if node.reach() == Reach::Loopback && !is_for_loopback(request) {
        let detail = "the control API on a loopback address is asked by a loopback address or \
                      as localhost, by no other name";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    if !reads && request.headers().contains_key(ORIGIN) {
        let detail = "a web page may change nothing here: the request has an Origin";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(())
}

/// By the target's authority if it has one, else by the one Host (RFC 9112 §3.2.2).
fn is_for_loopback(request: &Request) -> bool {
    if let Some(authority) = request.uri().authority() {
        return is_loopback(authority.host());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let authority = Authority::try_from(host.as_bytes());
    authority.is_ok_and(|authority| is_loopback(authority.host()))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    // RFC 6761 §6.3: names under localhost are loopback, too, and no DNS answers for them.
    let name = host.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_goes_by_few_names() {
        for (host, loopback) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost", true),
            ("LocalHost.", true),
            ("warmfront.localhost", true),
            ("", false),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("evillocalhost", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }
}
