//! What a successful unsafe request takes out of service (RFC 9111 §4.4).

use http::{HeaderName, header};
use pingora_http::ResponseHeader;
use warmfront_semantics::reference::{is_non_error, is_unsafe, same_origin_target};

use crate::context::Routed;
use crate::edge::Edge;
use crate::key::Key;
use crate::route::Route;

/// Fields of a response that name what has changed beside the target itself.
const NAMING: [HeaderName; 2] = [header::LOCATION, header::CONTENT_LOCATION];

/// Takes out the target, and what Location and Content-Location name on the same origin.
pub(crate) fn take_out(edge: &Edge, routed: &Routed<'_>, response: &ResponseHeader) {
    let Routed { arrival, head, .. } = *routed;
    if !is_unsafe(&head.method) || !is_non_error(response.status) {
        return;
    }
    change(edge, routed);
    let scheme = arrival.connection.scheme.as_str();
    let authority = head.authority(&arrival.connection);
    for value in NAMING.iter().flat_map(|name| response.headers.get_all(name)) {
        let named = same_origin_target(scheme, &authority, head.path_and_query(), value.as_bytes());
        let Some(other) = named.and_then(|target| head.with_target(&target).ok()) else {
            continue;
        };
        if let Ok(route) = Route::find(arrival, &other) {
            change(edge, &Routed { arrival, head: &other, route: &route });
        }
    }
}

fn change(edge: &Edge, routed: &Routed<'_>) {
    let store = edge.storage.store();
    for resource in Key::resources(&edge.digester, routed) {
        store.change(&resource);
    }
}
