//! Redirects to where a site is served: HTTPS, its canonical host.

use http::{HeaderValue, Method, StatusCode};
use warmfront_config::Viewer;

use crate::answer::Answer;
use crate::context::Routed;
use crate::failure::ClientFault;
use crate::request::Arrival;

const HTTPS_PORT: u16 = 443;

/// The redirect for a request that came to another place than the one it is served at.
///
/// The host is one of the site's, so this never leads anywhere else; path and query go on byte for
/// byte. Both reasons together are one redirect.
pub(super) fn elsewhere(routed: &Routed<'_>) -> Result<Option<Answer>, ClientFault> {
    let Routed { arrival, head, route } = *routed;
    let plain = !arrival.connection.is_secure();
    let to_https = match route.behavior().behavior.viewer {
        Viewer::HttpsOnly if plain => return Err(ClientFault::HttpsOnly),
        Viewer::RedirectToHttps => plain,
        Viewer::HttpsOnly | Viewer::AllowAll => false,
    };
    let here = head.host.as_str();
    let canonical = route.site().site.canonical_host.as_deref().filter(|host| *host != here);
    if !to_https && canonical.is_none() {
        return Ok(None);
    }
    let authority = if to_https {
        format!("{}{}", canonical.unwrap_or(here), https_port(arrival))
    } else {
        let port = head.host.port_beside(arrival.connection.default_port());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", canonical.unwrap_or(here))
    };
    let scheme = if plain && !to_https { "http" } else { "https" };
    // CloudFront's choice of statuses: 301 may turn a POST into a GET (RFC 9110 §15.4.2), 307 may not.
    let status = match head.method {
        Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
        _ => StatusCode::TEMPORARY_REDIRECT,
    };
    let location = format!("{scheme}://{authority}{}", head.path_and_query());
    let location = HeaderValue::try_from(location).map_err(|_| ClientFault::Target)?;
    Ok(Some(Answer::redirect(status, location)))
}

/// That of the first HTTPS listener, left out if it is the scheme's own.
fn https_port(arrival: &Arrival) -> String {
    let https = arrival.snapshot.config.listen.https.first();
    match https.map_or(HTTPS_PORT, std::net::SocketAddr::port) {
        HTTPS_PORT => String::new(),
        port => format!(":{port}"),
    }
}
