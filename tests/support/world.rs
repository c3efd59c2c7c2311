//! What an edge without certificates needs to get some: names, an authority, and what it serves.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::authority::Authority;
use super::client::Place;
use super::edge::Setup;
use super::names::Names;
use super::origin::Origin;
use super::pebble::{Pebble, Plan};
use super::reply::Reply;

/// The world around one edge. Every name stands for the edge's address.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) names: Names,
    pub(crate) pebble: Pebble,
    /// The front of `pebble`; edges order here.
    pub(crate) authority: Authority,
    /// `[resolver]` of the edge.
    pub(crate) resolver: String,
    /// Answers `here` at `/`.
    pub(crate) origin: Origin,
}

// === impl World ===

impl World {
    /// An edge about to be configured, and its world.
    pub(crate) async fn start() -> (Self, Setup) {
        let setup = bare();
        (Self::around(&setup, |plan| plan).await, setup)
    }

    /// As [`Self::start`], for an edge of [`bare`], with a Pebble as the test wants it.
    pub(crate) async fn around(setup: &Setup, plan: impl FnOnce(Plan) -> Plan) -> Self {
        let Place { http, https, .. } = &*setup.place;
        let names = Names::start(ip_of(setup)).await;
        let pebble = plan(Plan::new(names.address(), http.port(), https.port())).start().await;
        let authority = Authority::before(&pebble).await;
        let origin = Origin::start().await;
        origin.answer("/", Reply::text("here").cache("no-store"));
        let resolver = names.resolver();
        Self { names, pebble, authority, resolver, origin }
    }

    /// The edge orders from the authority, for these sites, with more keys of `[acme]`. Its clients
    /// trust what Pebble issues, and nothing else.
    pub(crate) async fn ordering(&self, mut setup: Setup, acme: &str, sites: &str) -> Setup {
        let root = self.pebble.root().await;
        let Place { http, https, .. } = *setup.place;
        setup.place = Arc::new(Place { http, https, ca: root });
        let config = std::fs::read_to_string(setup.config()).unwrap();
        let acme = self.acme(acme);
        let origin = format!("[origins.app]\ntargets = [\"{}\"]\n", self.origin);
        let config = [&*config, &self.resolver, &acme, &origin, sites].join("\n");
        std::fs::write(setup.config(), config).unwrap();
        setup
    }

    /// `[acme]` with the authority's directory and root, and more keys.
    pub(crate) fn acme(&self, keys: &str) -> String {
        format!(
            "[acme]\nemail = \"ops@example.test\"\nagree_to_terms = true\ndirectory = \"{}\"\n\
             ca_file = \"{}\"\n{keys}\n",
            self.authority.directory(),
            self.authority.ca_file().display()
        )
    }
}

/// An edge that has no certificate of its own.
pub(crate) fn bare() -> Setup {
    let setup = Setup::new("");
    setup.rewrite("[[tls.certificates]]\nchain = \"chain.pem\"\nkey = \"key.pem\"\n", "");
    setup
}

/// The address of an edge.
pub(crate) fn ip_of(setup: &Setup) -> Ipv4Addr {
    setup.place.https.ip().to_string().parse().unwrap()
}

/// A site before the world's origin, with more keys.
pub(crate) fn site(name: &str, hosts: &[&str], keys: &str) -> String {
    let hosts: Vec<String> = hosts.iter().map(|host| format!("\"{host}\"")).collect();
    let hosts = hosts.join(", ");
    format!("[sites.{name}]\nhosts = [{hosts}]\norigin = \"app\"\nviewer = \"allow-all\"\n{keys}\n")
}
