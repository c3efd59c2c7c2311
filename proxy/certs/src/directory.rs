//! Which certificate answers to which server name.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use warmfront_config::{Config, HostPattern, UnknownName};

use crate::offer::{Presented, Source};
use crate::own::Own;

/// Everything that could be shown, by where it came from.
#[derive(Debug)]
pub(crate) struct Layers {
    /// In the order of the file.
    pub(crate) own: Vec<Own>,
    /// By site.
    pub(crate) ordered: BTreeMap<String, Arc<Presented>>,
    /// By site.
    pub(crate) stand_ins: BTreeMap<String, Arc<Presented>>,
    /// Names of the sites, in the order of the file.
    sites: Vec<String>,
    /// Hosts that nothing is ordered for: own certificates are all they have.
    hosts: Vec<HostPattern>,
    unknown_name: UnknownName,
}

/// What is shown, by name: an index of the layers in which nothing is left to be decided, so that
/// a look-up is one or two looks into a hash map, however many certificates there are.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    exact: HashMap<String, Arc<Presented>>,
    /// By what stands behind `*.`.
    wildcards: HashMap<String, Arc<Presented>>,
    addresses: HashMap<IpAddr, Arc<Presented>>,
    /// `unknown_name = "default"`: shown to everybody else.
    default: Option<Arc<Presented>>,
}

// === impl Layers ===

impl Layers {
    pub(crate) fn new(config: &Config, own: Vec<Own>) -> Self {
        let left_alone = config.sites.iter().filter(|site| site.issuance.is_none());
        Self {
            own,
            ordered: BTreeMap::new(),
            stand_ins: BTreeMap::new(),
            sites: config.sites.iter().map(|site| site.name.clone()).collect(),
            hosts: left_alone.flat_map(|site| site.hosts.clone()).collect(),
            unknown_name: config.tls.unknown_name,
        }
    }

    /// A host that would be left without a certificate, with none to be ordered for it, if `new` took
    /// the place of an own one. One that is not valid any more is no loss.
    pub(crate) fn lost(
        &self,
        place: usize,
        new: &Presented,
        now: SystemTime,
    ) -> Option<&HostPattern> {
        let old = &self.own.get(place)?.presented.certificate;
        if old.not_after() <= now {
            return None;
        }
        let others = self.own.iter().enumerate().filter(|(other, _)| *other != place);
        let others = others.map(|(_, own)| &own.presented).chain(self.ordered.values());
        let left: Vec<_> =
            others.map(|other| &other.certificate).chain([&new.certificate]).collect();
        self.hosts.iter().find(|host| {
            let host = host.to_string();
            old.covers(&host) && !left.iter().any(|certificate| certificate.covers(&host))
        })
    }

    /// The first own certificate, else the first site's that has one.
    fn default(&self) -> Option<&Arc<Presented>> {
        let of_site = |site: &String| self.ordered.get(site).or_else(|| self.stand_ins.get(site));
        match self.unknown_name {
            UnknownName::Reject => None,
            UnknownName::Default => match self.own.first() {
                Some(own) => Some(&own.presented),
                None => self.sites.iter().find_map(of_site),
            },
        }
    }
}

// === impl Directory ===

impl Directory {
    /// Own certificates before ordered ones before stand-ins; of several own ones that speak for a
    /// name the first, of several ordered ones the one that is valid longest: a host that moved to
    /// another site may still stand in the certificate of its old one.
    pub(crate) fn new(layers: &Layers) -> Self {
        let mut directory = Self { default: layers.default().cloned(), ..Self::default() };
        for own in &layers.own {
            directory.add(&own.presented);
        }
        let mut ordered: Vec<_> = layers.ordered.values().collect();
        ordered.sort_by_key(|presented| Reverse(presented.certificate.not_after()));
        for presented in ordered.into_iter().chain(layers.stand_ins.values()) {
            directory.add(presented);
        }
        directory
    }

    /// The certificate for a server name (RFC 6066 §3): exact, then wildcard. Without a name, the
    /// one that speaks for the address the client connected to.
    pub(crate) fn find(&self, server_name: Option<&str>, local: IpAddr) -> Option<&Arc<Presented>> {
        let found = match server_name {
            Some(name) => self.find_name(&lower_case(name)),
            None => self.addresses.get(&local.to_canonical()),
        };
        found.or(self.default.as_ref())
    }

    /// The certificate that is shown for a host of a site; for a wildcard, the wildcard one.
    pub(crate) fn speaks_for(&self, host: &HostPattern) -> Option<&Arc<Presented>> {
        match host {
            HostPattern::Wildcard(parent) => self.wildcards.get(parent),
            HostPattern::Exact(name) => match name.parse::<IpAddr>() {
                Ok(address) => self.addresses.get(&address.to_canonical()),
                Err(_) => self.find_name(name),
            },
        }
    }

    /// Exact names, wildcards, addresses.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> [usize; 3] {
        [self.exact.len(), self.wildcards.len(), self.addresses.len()]
    }

    fn find_name(&self, name: &str) -> Option<&Arc<Presented>> {
        self.exact.get(name).or_else(|| self.wildcards.get(parent(name)?))
    }

    fn add(&mut self, presented: &Arc<Presented>) {
        for name in presented.certificate.names() {
            let (names, name) = match name.strip_prefix("*.") {
                Some(suffix) => (&mut self.wildcards, suffix),
                // An exact name is found first: a stand-in must not hide what a client trusts.
                None if presented.source == Source::StandIn && self.trusts_parent(name) => continue,
                None => (&mut self.exact, name.as_str()),
            };
            names.entry(name.to_owned()).or_insert_with(|| presented.clone());
        }
        for address in presented.certificate.addresses() {
            self.addresses.entry(address.to_canonical()).or_insert_with(|| presented.clone());
        }
    }

    fn trusts_parent(&self, name: &str) -> bool {
        let wildcard = parent(name).and_then(|parent| self.wildcards.get(parent));
        wildcard.is_some_and(|presented| presented.source != Source::StandIn)
    }
}

fn parent(name: &str) -> Option<&str> {
    name.split_once('.').map(|(_, parent)| parent)
}

/// Most clients send it so: nothing is allocated then.
fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
