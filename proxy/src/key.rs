//! What a stored response is found by, or why nothing is looked up.

use http::{HeaderMap, Method, header};
use warmfront_config::{QueryKey, Viewer};
use warmfront_semantics::cache_status::Forward;
use warmfront_semantics::fields::is_websocket;
use warmfront_store::{Digest, Digester};

use crate::request::{Arrival, RequestHead};
use crate::route::Route;

/// Whether and by what a request is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    /// By this.
    Primary(Digest),
    /// Not at all.
    None(Forward),
}

// === impl Key ===

impl Key {
    /// The primary key: site, scheme where both are let in, path and query byte for byte.
    ///
    /// HEAD shares the key of GET. Hosts of one site share their keys; two sites never do.
    pub(crate) fn derive(
        digester: &Digester,
        arrival: &Arrival,
        head: &RequestHead,
        fields: &HeaderMap,
        route: &Route,
    ) -> Self {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Self::None(Forward::Method);
        }
        // A switch of protocols is between this client and the origin, and so is a GET with a body,
        // whose body no key could hold.
        let has_body = fields.contains_key(header::TRANSFER_ENCODING)
            || fields.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
        if has_body || is_websocket(fields) {
            return Self::None(Forward::Bypass);
        }
        let site = &route.site().site;
        let target = head.target();
        let query = match route.behavior().behavior.query {
            QueryKey::None => None,
            QueryKey::All => target.query,
        };
        let scheme = (site.viewer == Viewer::AllowAll).then(|| arrival.connection.scheme());
        let parts = [Some(site.name.as_str()), scheme, Some(target.path), query];
        Self::Primary(digester.digest(parts.map(|part| part.map(str::as_bytes))))
    }
}
