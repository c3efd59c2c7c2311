//! What a stored response is found by, or why nothing is looked up.

use http::{HeaderMap, Method};
use warmfront_config::{HostField, HostPattern, QueryKey, Viewer};
use warmfront_origin::Origin;
use warmfront_semantics::cache_status::Forward;
use warmfront_semantics::fields::is_websocket;
use warmfront_semantics::navigation::{Wanted, wanted};
use warmfront_store::{Digest, Digester};

use crate::context::Routed;
use crate::forward::takes_fields_away;

/// Whether and by what a request is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    /// By this.
    Primary(Digest),
    /// Not at all.
    None(Forward),
}

/// Whether a request has content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    None,
    Some,
}

// === impl Key ===

impl Key {
    /// The primary key: site, path and query byte for byte, and what else of the request the origin
    /// can see and answer by: the scheme where both are let in, a port and a wildcard's host where the
    /// target sees the client's Host, and whether a page of a single-page app is wanted.
    ///
    /// HEAD shares the key of GET. Hosts that the file names share the keys of their site; two sites
    /// never do.
    pub(crate) fn derive(
        digester: &Digester,
        routed: &Routed<'_>,
        fields: &HeaderMap,
        content: Content,
    ) -> Self {
        let Routed { arrival, head, route } = *routed;
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Self::None(Forward::Method);
        }
        // A switch of protocols is between this client and the origin, and so is a GET with content,
        // which no key could hold. Over HTTP/2 no field need announce it. Nor could a variant's key
        // tell of fields that the origin does not get to see.
        if content == Content::Some || is_websocket(fields) || takes_fields_away(fields) {
            return Self::None(Forward::Bypass);
        }
        let page = match &route.behavior().origin {
            Origin::Bucket(_) if route.site().site.spa.is_some() => {
                wanted(&head.method, head.target().path, fields)
            }
            _ => Wanted::File,
        };
        let scheme = arrival.connection.scheme();
        Self::Primary(digest(digester, routed, scheme, page))
    }

    /// Every primary key under which a target may be stored, whoever asked for it.
    pub(crate) fn all_of(digester: &Digester, routed: &Routed<'_>) -> Vec<Digest> {
        let schemes = ["http", "https"];
        let pages = [Wanted::File, Wanted::Page];
        let keys = schemes.iter().flat_map(|scheme| pages.map(|page| (*scheme, page)));
        let mut all: Vec<Digest> =
            keys.map(|(scheme, page)| digest(digester, routed, scheme, page)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn digest(digester: &Digester, routed: &Routed<'_>, scheme: &str, page: Wanted) -> Digest {
    let Routed { head, route, .. } = *routed;
    let site = &route.site().site;
    let target = head.target();
    let query = match route.behavior().behavior.query {
        QueryKey::None => None,
        QueryKey::All => target.query,
    };
    let scheme = (site.viewer == Viewer::AllowAll).then_some(scheme);
    let seen = Seen::of(routed);
    let port = seen.port.map(u16::to_be_bytes);
    digester.digest([
        Some(site.name.as_bytes()),
        scheme.map(str::as_bytes),
        seen.host.map(str::as_bytes),
        port.as_ref().map(<[u8; 2]>::as_slice),
        (page == Wanted::Page).then_some(b"page"),
        Some(target.path.as_bytes()),
        query.map(str::as_bytes),
    ])
}

/// What an origin sees beside path and query.
struct Seen<'a> {
    host: Option<&'a str>,
    port: Option<u16>,
}

impl<'a> Seen<'a> {
    fn of(routed: &Routed<'a>) -> Self {
        let Routed { arrival, head, route } = *routed;
        let site = &route.site().site;
        match &route.behavior().origin {
            Origin::TargetGroup(group) if group.settings().host == HostField::Client => {
                let name = head.host.as_str();
                // Nobody listed this host, so anybody can make one up.
                let listed =
                    |h: &HostPattern| matches!(h, HostPattern::Exact(_)) && h.matches(name);
                let host = (!site.hosts.iter().any(listed)).then_some(name);
                Self { host, port: head.host.port_beside(arrival.connection.default_port()) }
            }
            Origin::TargetGroup(_) | Origin::Bucket(_) => Self { host: None, port: None },
        }
    }
}
