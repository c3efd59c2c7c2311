//! Which site and which behavior a request is for.

use std::sync::Arc;

use warmfront_config::spelling::{has_dot_segments, lenient_paths, matched_path};

use crate::failure::ClientFault;
use crate::request::{Arrival, RequestHead};
use crate::snapshot::{BehaviorRoute, SiteRoute};

/// A site, and the place of one of its behaviors.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    site: Arc<SiteRoute>,
    behavior: usize,
}

// === impl Route ===

impl Route {
    /// Finds the site by host and the first behavior whose pattern matches the path.
    pub(crate) fn find(arrival: &Arrival, head: &RequestHead) -> Result<Self, ClientFault> {
        if let Some(tls) = &arrival.connection.tls {
            // RFC 9110 §7.4: a connection that was opened for one certificate must not carry
            // requests for hosts that it does not speak for.
            if !tls.presented.certificate.covers(head.host.as_str()) {
                return Err(ClientFault::Misdirected);
            }
        }
        let site = arrival.snapshot.site(&head.host).ok_or(ClientFault::UnknownHost)?;
        let raw = head.target().path;
        let matching =
            |path: &str| site.behaviors.iter().position(|behavior| behavior.pattern.matches(path));
        let behavior = matching(&matched_path(raw)).ok_or(ClientFault::UnknownHost)?;
        // Where signatures are asked for, nobody may come to a behavior by a path that its origin could
        // read as that of another one.
        let signs = |route: &BehaviorRoute| route.behavior.trusted_keys.is_some();
        if site.behaviors.iter().any(signs) {
            let readings = lenient_paths(raw);
            let elsewhere = |path: &String| matching(path) != Some(behavior);
            if has_dot_segments(raw) || readings.iter().any(elsewhere) {
                return Err(ClientFault::Target);
            }
        }
        Ok(Self { site: site.clone(), behavior })
    }

    pub(crate) fn site(&self) -> &SiteRoute {
        &self.site
    }

    pub(crate) fn behavior(&self) -> &BehaviorRoute {
        // `find` took the index from this very list.
        &self.site.behaviors[self.behavior]
    }
}
