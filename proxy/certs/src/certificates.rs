//! All certificates, shared by both planes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use warmfront_config::{Config, HostPattern};

use crate::certificate::Certificate;
use crate::challenges::Challenges;
use crate::directory::{Directory, Layers};
use crate::offer::{Offer, Presented, Source};
use crate::own::{CertificateError, Own, Reload, Watched};
use crate::self_signed::{self, SelfSignedError};

/// What is shown to whom.
///
/// Asked at every handshake without a lock. Every change makes a new index and swaps it in; tickets
/// outlive changes, so that clients go on to resume their sessions.
#[derive(Debug)]
pub struct Certificates {
    /// Made of `layers`.
    directory: ArcSwap<Directory>,
    layers: Mutex<Layers>,
    /// One for each of `layers.own`, in its order; held while files are read.
    watched: Mutex<Vec<Watched>>,
    offer: Offer,
    challenges: Challenges,
}

// === impl Certificates ===

impl Certificates {
    /// Reads the user's own certificates; every problem at once. Blocks on the disk.
    pub fn load(config: &Config) -> Result<Arc<Self>, Vec<CertificateError>> {
        let offer = Offer::new(config.tls.policy);
        let (mut own, mut watched, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for files in &config.tls.certificates {
            let (watch, certificate) = Watched::open(files);
            watched.push(watch);
            match certificate {
                Ok(certificate) => {
                    let presented = offer.present(certificate, Source::Own);
                    own.push(Own { files: files.clone(), presented });
                }
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let layers = Layers::new(config, own);
        Ok(Arc::new(Self {
            directory: ArcSwap::from_pointee(Directory::new(&layers)),
            layers: Mutex::new(layers),
            watched: Mutex::new(watched),
            offer,
            challenges: Challenges::new(),
        }))
    }

    /// What a handshake is shown: by server name (RFC 6066 §3), exact before wildcard; without a
    /// name, by the address the client connected to. `None`: the name is unknown, and is refused.
    pub fn find(&self, server_name: Option<&str>, local: IpAddr) -> Option<Arc<Presented>> {
        self.directory.load().find(server_name, local).cloned()
    }

    /// What is shown for a host of a site; for a wildcard host, the wildcard certificate. Never the
    /// default.
    pub fn speaks_for(&self, host: &HostPattern) -> Option<Arc<Presented>> {
        self.directory.load().speaks_for(host).cloned()
    }

    /// Whether an own certificate speaks for a host; for a wildcard host, a wildcard certificate.
    pub fn owns(&self, host: &HostPattern) -> bool {
        // A stand for any one label: `covers` takes it only where a wildcard does.
        let host = host.to_string();
        self.layers.lock().own.iter().any(|own| own.presented.certificate.covers(&host))
    }

    /// The certificates of the user's own, in the order of the file.
    pub fn own(&self) -> Vec<Own> {
        self.layers.lock().own.clone()
    }

    /// The certificate that an authority gave for a site, as it is shown now.
    pub fn ordered(&self, site: &str) -> Option<Arc<Presented>> {
        self.layers.lock().ordered.get(site).cloned()
    }

    /// Shows an ordered certificate in place of the site's last one. The site's stand-in goes once
    /// there is nothing that it alone speaks for.
    pub fn install(&self, site: &str, certificate: Certificate) {
        let presented = self.offer.present(certificate, Source::Ordered);
        self.change(|layers| {
            let stand_in = layers.stand_ins.get(site);
            if stand_in.is_some_and(|old| presented.certificate.replaces(&old.certificate)) {
                layers.stand_ins.remove(site);
            }
            layers.ordered.insert(site.to_owned(), presented);
        });
    }

    /// Shows a self-signed certificate for hosts of a site, where nothing better speaks for them.
    /// It takes the place of the site's last stand-in. Fails on a host that cannot stand in a
    /// certificate.
    pub fn stand_in(
        &self,
        site: &str,
        hosts: &[HostPattern],
        now: SystemTime,
    ) -> Result<(), SelfSignedError> {
        let certificate = self_signed::stand_in(site, hosts, now)?;
        let presented = self.offer.present(certificate, Source::StandIn);
        self.change(|layers| {
            layers.stand_ins.insert(site.to_owned(), presented);
        });
        Ok(())
    }

    /// Looks at the files of the user's own certificates: what changed since the last look, and what
    /// came of it. A bad pair leaves the last good one in its place, and is told once for as long as
    /// it stays as bad. So does one with which a host of a site would have no certificate any more;
    /// that is told at every look. Blocks on the disk.
    pub fn reload_changed(&self, now: SystemTime) -> Vec<Reload> {
        let mut watched = self.watched.lock();
        let looks = watched.iter_mut().enumerate().filter_map(|(place, watched)| {
            let read = watched.look()?;
            let outcome = read.and_then(|certificate| self.show_own(place, certificate, now));
            if matches!(outcome, Err(CertificateError::Lost { .. })) {
                watched.not_taken();
            }
            Some(Reload { files: watched.files().clone(), outcome })
        });
        looks.collect()
    }

    /// Answers to open challenges.
    pub fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    fn show_own(
        &self,
        place: usize,
        certificate: Certificate,
        now: SystemTime,
    ) -> Result<Arc<Presented>, CertificateError> {
        let presented = self.offer.present(certificate, Source::Own);
        self.change(|layers| {
            if let Some(host) = layers.lost(place, &presented, now) {
                let chain = layers.own.get(place).map(|own| own.files.chain.clone());
                let chain = chain.unwrap_or_default();
                return Err(CertificateError::Lost { chain, host: host.clone() });
            }
            if let Some(own) = layers.own.get_mut(place) {
                own.presented = presented.clone();
            }
            Ok(presented.clone())
        })
    }

    fn change<R>(&self, change: impl FnOnce(&mut Layers) -> R) -> R {
        // Held to the end, so that of two changes the later index is shown.
        let mut layers = self.layers.lock();
        let changed = change(&mut layers);
        self.directory.store(Arc::new(Directory::new(&layers)));
        changed
    }
}

#[cfg(test)]
mod tests;
