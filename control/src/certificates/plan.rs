//! Which hosts of a site a certificate is ordered for, and why not for the others.

use std::fmt;
use std::net::IpAddr;

use warmfront_config::{Acme, HostPattern, Issuance, Site};

/// What is to be ordered for a site: one certificate for all its hosts together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) issuance: Issuance,
    /// In the order of the file; empty where nothing is ordered.
    pub(crate) hosts: Vec<HostPattern>,
    /// Hosts for which no order would ever succeed.
    pub(crate) left_out: Vec<LeftOut>,
}

/// A host that nothing is ordered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) host: HostPattern,
    pub(crate) reason: Reason,
}

/// Why no public authority may speak for a host (CA/Browser Forum Baseline Requirements §7.1.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// `intranet`.
    SingleLabel,
    /// Below a name that the public DNS does not have (RFC 6761 and its registry).
    SpecialUse(&'static str),
    /// An address that means another machine in every network.
    NotGlobal,
}

/// Names that the public DNS does not have: RFC 6761 §6, RFC 6762 §3, RFC 8375 §3, and `internal`,
/// which ICANN reserved in 2024.
const SPECIAL_USE: [&str; 7] =
    ["example", "home.arpa", "internal", "invalid", "local", "localhost", "test"];

// === impl Plan ===

impl Plan {
    /// `owns` says whether an own certificate speaks for a host. `None` where the configuration
    /// orders nothing for the site.
    pub(crate) fn new(
        site: &Site,
        acme: &Acme,
        owns: impl Fn(&HostPattern) -> bool,
    ) -> Option<Self> {
        let issuance = site.issuance.clone()?;
        let mut plan = Self { issuance, hosts: Vec::new(), left_out: Vec::new() };
        let all_public = acme.authorities.iter().all(|authority| authority.public);
        for host in site.hosts.iter().filter(|host| !owns(host)) {
            // A private authority speaks for whatever it is told to.
            match beyond_public(host).filter(|_| all_public) {
                Some(reason) => plan.left_out.push(LeftOut { host: host.clone(), reason }),
                None => plan.hosts.push(host.clone()),
            }
        }
        Some(plan)
    }

    /// The planned host that is written so.
    pub(crate) fn find(&self, host: &str) -> Option<&HostPattern> {
        self.hosts.iter().find(|planned| planned.to_string() == host)
    }

    /// Why no certificate is ordered that would speak for this host, if that is so.
    pub(crate) fn not_ordered(&self, host: &HostPattern) -> Option<String> {
        let serves = |other: &&HostPattern| match host {
            HostPattern::Exact(name) => other.matches(name),
            HostPattern::Wildcard(_) => false,
        };
        // The host itself before a wildcard that would serve it.
        let left_out = || self.left_out.iter().map(|left_out| &left_out.host);
        let found = self.hosts.iter().chain(left_out()).find(|other| *other == host);
        let found = found.or_else(|| self.hosts.iter().chain(left_out()).find(serves));
        match found {
            Some(found) if self.hosts.contains(found) => None,
            Some(found) => {
                self.left_out.iter().find(|it| it.host == *found).map(ToString::to_string)
            }
            None => Some(format!("nothing is ordered for {host}")),
        }
    }

    /// Every host that no own certificate speaks for, ordered for or not.
    pub(crate) fn uncovered(&self) -> Vec<HostPattern> {
        let left_out = self.left_out.iter().map(|left_out| &left_out.host);
        self.hosts.iter().chain(left_out).cloned().collect()
    }

    /// The hosts as they are written.
    pub(crate) fn names(&self) -> Vec<String> {
        self.hosts.iter().map(ToString::to_string).collect()
    }
}

// === impl LeftOut ===

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, reason } = self;
        write!(f, "no certificate is ordered for {host}: {reason}; ")?;
        f.write_str(
            "give it one of your own ([[tls.certificates]]) or set the site's `acme = false`",
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SingleLabel => f.write_str("no public authority speaks for a single label"),
            Self::SpecialUse(name) => write!(f, "no public authority speaks for names in .{name}"),
            Self::NotGlobal => {
                f.write_str("no public authority speaks for a private or loopback address")
            }
        }
    }
}

/// Why no public authority may ever speak for this host, if that is so.
fn beyond_public(host: &HostPattern) -> Option<Reason> {
    let name = match host {
        HostPattern::Exact(name) => name,
        HostPattern::Wildcard(parent) => parent,
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        return (!is_global(address.to_canonical())).then_some(Reason::NotGlobal);
    }
    let is_below = |special: &&str| {
        name.strip_suffix(special).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    match SPECIAL_USE.iter().find(|special| is_below(special)) {
        Some(special) => Some(Reason::SpecialUse(special)),
        None if !name.contains('.') => Some(Reason::SingleLabel),
        None => None,
    }
}

fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            // RFC 6598: addresses between a carrier and its customers.
            let is_shared = first == 100 && (64..128).contains(&second);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || is_shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests;
