//! What a stored response is found by, or why nothing is looked up.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use warmfront_config::{HostField, HostPattern, Selection, Viewer};
use warmfront_origin::Origin;
use warmfront_semantics::fields::is_websocket;
use warmfront_semantics::inspection::Bypass;
use warmfront_semantics::navigation::{Wanted, wanted};
use warmfront_store::{Digest, Digester};

use crate::context::{Errand, Routed};
use crate::forward::takes_fields_away;
use crate::policy::{keyed_cookies, keyed_query};

/// Whether and by what a request is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    /// By this.
    Primary {
        /// The whole key.
        digest: Digest,
        /// Where it is not the key of its resource, but of one version: that resource.
        resource: Option<Digest>,
    },
    /// Not at all.
    None(Bypass),
}

/// Whether a request has content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    None,
    Some,
}

/// What a key is made of, beside the route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) fields: &'a HeaderMap,
    pub(crate) content: Content,
    pub(crate) errand: Errand,
}

// === impl Key ===

impl Key {
    /// The primary key: site, path and query byte for byte, and what else of the request the origin
    /// can see and answer by: the scheme where both are let in, a port and a wildcard's host where the
    /// target sees the client's Host, and whether a page of a single-page app is wanted.
    ///
    /// HEAD shares the key of GET. Hosts that the file names share the keys of their site; two sites
    /// never do.
    pub(crate) fn derive(digester: &Digester, routed: &Routed<'_>, sent: &Sent<'_>) -> Self {
        let Sent { fields, content, errand } = *sent;
        let Routed { arrival, head, route } = *routed;
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Self::None(Bypass::Method);
        }
        // A switch of protocols is between this client and the origin, and so is a GET with content,
        // which no key could hold. Over HTTP/2 no field need announce it. Nor could a variant's key
        // tell of fields that the origin does not get to see.
        if content == Content::Some {
            return Self::None(Bypass::Content);
        }
        if is_websocket(fields) {
            return Self::None(Bypass::Upgrade);
        }
        if takes_fields_away(fields) {
            return Self::None(Bypass::Connection);
        }
        let has_pages = route.site().site.spa.is_some() && errand != Errand::Page;
        let is_bucket = |origin: &Origin| matches!(origin, Origin::Bucket(_));
        let page = if has_pages && route.behavior().origins().any(is_bucket) {
            wanted(&head.method, head.target().path, fields)
        } else {
            Wanted::File
        };
        if route.behavior().behavior.policy.stores_nothing() {
            return Self::None(Bypass::Policy);
        }
        let scheme = arrival.connection.scheme.as_str();
        let resource = resource(digester, routed, scheme, page);
        match version(digester, routed, fields, &resource) {
            Some(digest) => Self::Primary { digest, resource: Some(resource) },
            None => Self::Primary { digest: resource, resource: None },
        }
    }

    /// The resource that this is the key of one version of.
    pub(crate) fn resource(&self) -> Option<Digest> {
        match self {
            Self::Primary { resource, .. } => *resource,
            Self::None(_) => None,
        }
    }

    /// Every resource that a target may be stored as, whoever asked for it.
    pub(crate) fn resources(digester: &Digester, routed: &Routed<'_>) -> Vec<Digest> {
        let schemes = ["http", "https"];
        let pages = [Wanted::File, Wanted::Page];
        let keys = schemes.iter().flat_map(|scheme| pages.map(|page| (*scheme, page)));
        let mut all: Vec<Digest> =
            keys.map(|(scheme, page)| resource(digester, routed, scheme, page)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The key of a resource: all of a primary key but the cookies and fields that a policy has in it.
fn resource(digester: &Digester, routed: &Routed<'_>, scheme: &str, page: Wanted) -> Digest {
    let Routed { head, route, .. } = *routed;
    let (site, behavior) = (&route.site().site, &route.behavior().behavior);
    let target = head.target();
    let query = keyed_query(behavior, target.query);
    let scheme = (behavior.viewer == Viewer::AllowAll).then_some(scheme);
    let seen = Seen::of(routed);
    let port = seen.port.map(u16::to_be_bytes);
    digester.digest([
        Some(site.name.as_bytes()),
        scheme.map(str::as_bytes),
        seen.host.map(str::as_bytes),
        port.as_ref().map(<[u8; 2]>::as_slice),
        (page == Wanted::Page).then_some(b"page"),
        Some(target.path.as_bytes()),
        query.as_deref().map(str::as_bytes),
    ])
}

/// The key of one version of a resource, by the cookies and fields of a request. `None` if its policy
/// has none of them in the key.
fn version(
    digester: &Digester,
    routed: &Routed<'_>,
    fields: &HeaderMap,
    resource: &Digest,
) -> Option<Digest> {
    let Routed { arrival, head, route } = *routed;
    let behavior = &route.behavior().behavior;
    let policy = &behavior.policy;
    if policy.headers.is_empty() && policy.cookies == Selection::None {
        return None;
    }
    let cookies = keyed_cookies(behavior, fields);
    let authority = head.authority(&arrival.connection);
    let lines = |name: &HeaderName| -> Vec<&[u8]> {
        // Two spellings of one host are one host.
        if *name == header::HOST {
            return vec![authority.as_bytes()];
        }
        fields.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    };
    // What closes the lines of each field tells several lines from several fields.
    let keyed = policy
        .headers
        .iter()
        .flat_map(|name| lines(name).into_iter().map(Some).chain(std::iter::once(None)));
    let parts = [Some(resource.as_slice()), cookies.as_deref()];
    Some(digester.digest(parts.into_iter().chain(keyed)))
}

/// What an origin sees beside path and query.
struct Seen<'a> {
    host: Option<&'a str>,
    port: Option<u16>,
}

impl<'a> Seen<'a> {
    fn of(routed: &Routed<'a>) -> Self {
        let Routed { arrival, head, route } = *routed;
        let sees_host = |origin: &Origin| match origin {
            Origin::TargetGroup(group) => group.settings().host == HostField::Client,
            Origin::Bucket(_) => false,
        };
        if !route.behavior().origins().any(sees_host) {
            return Self { host: None, port: None };
        }
        let name = head.host.as_str();
        // Nobody listed this host, so anybody can make one up.
        let listed = |h: &HostPattern| matches!(h, HostPattern::Exact(_)) && h.matches(name);
        let host = (!route.site().site.hosts.iter().any(listed)).then_some(name);
        Self { host, port: head.host.port_beside(arrival.connection.default_port()) }
    }
}
