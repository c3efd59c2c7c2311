//! What every request passes first: the control API is not for web pages.
//!
//! A page in a browser on this machine may send requests to a loopback address. It cannot send a
//! key it does not know, but what needs no key on loopback it could read if its own host name were
//! made to point here (DNS rebinding). So on loopback the Host must be a loopback name, or one of the
//! site under whose certificate the API is served. On any other address everything worth reading
//! needs a key, and the names it goes by are not known here.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use http::uri::Authority;
use http::{HeaderValue, StatusCode};
use warmfront_config::Site;

use super::access::is_change;
use super::problem::Problem;
use super::trail::Trail;
use super::{Node, Reach};
use crate::cloudfront;

pub(super) async fn inspect(
    State(node): State<Arc<Node>>,
    mut request: Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let trail = Trail::default();
    request.extensions_mut().insert(trail.clone());
    let mut response = match admit(&node, &request) {
        Ok(()) => next.run(request).await,
        Err((status, why)) if cloudfront::is_asked(&path) => cloudfront::refuse(status, why),
        Err((status, why)) => Problem::new(status, why).into_response(),
    };
    trail.end(&method, &path, &response, &node.counts);
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn admit(node: &Node, request: &Request) -> Result<(), (StatusCode, &'static str)> {
    if node.reach() == Reach::Loopback && !is_for_us(request, node.admin_site()) {
        let why = "the control API on a loopback address is asked by a loopback address, as \
                   localhost, or by a name of the site whose certificate it shows, by no other name";
        return Err((StatusCode::MISDIRECTED_REQUEST, why));
    }
    if is_for_two(request) {
        let why = "the request is for one host by its target and for another by its Host";
        return Err((StatusCode::BAD_REQUEST, why));
    }
    if is_change(request.method()) && request.headers().contains_key(ORIGIN) {
        let why = "a web page may change nothing here: the request has an Origin";
        return Err((StatusCode::FORBIDDEN, why));
    }
    Ok(())
}

/// By the target's authority if it has one, else by the one Host (RFC 9112 §3.2.2).
fn is_for_us(request: &Request, site: Option<&Arc<Site>>) -> bool {
    let is_ours = |host: &str| {
        let name = bare(host);
        is_loopback(&name) || site.is_some_and(|site| site.hosts.iter().any(|h| h.matches(&name)))
    };
    if let Some(authority) = request.uri().authority() {
        return is_ours(authority.host());
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let authority = Authority::try_from(host.as_bytes());
    authority.is_ok_and(|authority| is_ours(authority.host()))
}

/// RFC 9112 §3.2.2 has the Host ignored then. But it is what a signature is for.
fn is_for_two(request: &Request) -> bool {
    let host = request.headers().get(HOST).map(HeaderValue::as_bytes);
    let asked = request.uri().authority().map(Authority::as_str);
    asked.zip(host).is_some_and(|(asked, host)| !host.eq_ignore_ascii_case(asked.as_bytes()))
}

/// In lower case, without the brackets of an address and the dot of the DNS root.
fn bare(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn is_loopback(name: &str) -> bool {
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    // RFC 6761 §6.3: names under localhost are loopback, too, and no DNS answers for them.
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::{bare, is_loopback};

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
            assert_eq!(is_loopback(&bare(host)), loopback, "{host}");
        }
    }
}
