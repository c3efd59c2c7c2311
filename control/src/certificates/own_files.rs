//! Certificates of the user's own, read again when their files change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::sleep;
use warmfront_certs::{Certificate, Certificates, Reload};

use super::Orders;
use crate::timestamp::rfc3339;

/// From one look at the files to the next.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Watches the files, and knows which of them are bad.
pub(crate) struct OwnFiles {
    certificates: Arc<Certificates>,
    /// Told when own certificates speak for other hosts than before.
    orders: Option<Arc<Orders>>,
    /// Why what lies there is not shown, by the chain's path.
    bad: Mutex<BTreeMap<PathBuf, String>>,
    clock: fn() -> SystemTime,
}

// === impl OwnFiles ===

impl OwnFiles {
    pub(crate) fn new(
        certificates: Arc<Certificates>,
        orders: Option<Arc<Orders>>,
        clock: fn() -> SystemTime,
    ) -> Self {
        Self { certificates, orders, bad: Mutex::default(), clock }
    }

    /// Never returns.
    pub(crate) async fn watch(self: Arc<Self>) {
        loop {
            sleep(LOOK_EVERY).await;
            let watching = self.clone();
            let looked = tokio::task::spawn_blocking(move || watching.look()).await;
            if let Err(error) = looked {
                tracing::error!(%error, "tls.certificates: a look at the files failed");
            }
        }
    }

    /// Blocks on the disk.
    pub(crate) fn look(&self) {
        let reloads = self.certificates.reload_changed((self.clock)());
        let mut is_anew = false;
        for Reload { files, outcome } in reloads {
            let chain = files.chain;
            match outcome {
                Ok(presented) => {
                    let until = rfc3339(presented.certificate.not_after());
                    let names = presented.certificate.names().join(", ");
                    let chain_path = chain.display();
                    tracing::info!(
                        "tls.certificates: {chain_path} is read again: for {names}, valid until {until}"
                    );
                    self.bad.lock().remove(&chain);
                    is_anew = true;
                }
                Err(error) => {
                    let why = error.to_string();
                    let before = self.bad.lock().insert(chain, why.clone());
                    if before.as_ref() != Some(&why) {
                        tracing::warn!("{why}; the certificate from before is shown on");
                    }
                }
            }
        }
        if let Some(orders) = self.orders.as_ref().filter(|_| is_anew) {
            orders.plan_anew();
        }
    }

    /// Why what lies in this chain's file is not shown.
    pub(crate) fn bad(&self, chain: &Path) -> Option<String> {
        self.bad.lock().get(chain).cloned()
    }

    /// What somebody should know, a sentence each.
    pub(crate) fn problems(&self, now: SystemTime) -> Vec<String> {
        let bad = self.bad.lock();
        let bad = bad.values().map(|why| format!("{why}; the certificate from before is shown on"));
        let bad: Vec<String> = bad.collect();
        bad.into_iter().chain(certificates_untimely(&self.certificates, now)).collect()
    }
}

/// Certificates of the user's own that no client takes at this time, a sentence each.
pub fn certificates_untimely(certificates: &Certificates, now: SystemTime) -> Vec<String> {
    let told = certificates.own().into_iter().filter_map(|own| {
        let why = untimely(&own.presented.certificate, now)?;
        Some(format!("tls.certificates: {}: the certificate {why}", own.files.chain.display()))
    });
    told.collect()
}

/// Why a certificate is not valid at this time: the end of a sentence of which it is the subject.
pub(super) fn untimely(certificate: &Certificate, now: SystemTime) -> Option<String> {
    let (from, until) = (certificate.not_before(), certificate.not_after());
    if until <= now {
        return Some(format!("expired at {}", rfc3339(until)));
    }
    (from > now).then(|| format!("is not valid before {}", rfc3339(from)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::node::{Sites, clock, config, own_pair};
    use warmfront_certs::CertificateFolder;
    use warmfront_origin::Resolver;
    use warmfront_state::Database;

    #[tokio::test]
    async fn a_bad_pair_is_told_of_and_a_good_one_is_planned_with() {
        let state = tempfile::tempdir().unwrap();
        let config = Arc::new(config(Sites::WwwAndOrdered, "127.0.0.1:0", state.path()));
        let certificates = Certificates::load(&config).unwrap();
        let storage = Arc::new(CertificateFolder::open(state.path()).unwrap());
        let database = Database::in_memory().unwrap();
        let resolver = Resolver::new(&config.resolver).unwrap();
        let orders =
            Orders::open(&config, &certificates, storage, &database, &resolver, clock).unwrap();
        let orders = orders.unwrap();
        let sites = || -> Vec<String> {
            orders.standings(clock()).into_iter().map(|standing| standing.site).collect()
        };
        let files = OwnFiles::new(certificates.clone(), Some(orders.clone()), clock);
        files.look();
        assert_eq!(files.problems(clock()), [""; 0]);
        assert_eq!(sites(), ["ordered", "lost"]);

        let chain = state.path().join("own.pem");
        std::fs::write(&chain, "no certificate").unwrap();
        files.look();
        let problems = files.problems(clock());
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert!(
            problem.starts_with(&format!("tls.certificates: {} ", chain.display())),
            "{problem}"
        );
        assert!(problem.ends_with("; the certificate from before is shown on"), "{problem}");
        assert_eq!(
            problem.strip_suffix("; the certificate from before is shown on").map(str::to_owned),
            files.bad(&chain)
        );
        assert_eq!(certificates.own().len(), 1);

        own_pair(state.path(), &["own.example.com", "127.0.0.1"]);
        files.look();
        assert_eq!(files.bad(&chain), None);
        assert_eq!(files.problems(clock()), [""; 0]);
        assert_eq!(sites(), ["lost"], "nothing is left to order for the other");
    }

    #[test]
    fn what_is_not_valid_now_is_told() {
        let state = tempfile::tempdir().unwrap();
        own_pair(state.path(), &["own.example.com"]);
        let config = config(Sites::WwwAndOrdered, "127.0.0.1:0", state.path());
        let certificates = Certificates::load(&config).unwrap();
        let own = certificates.own()[0].presented.clone();
        let (from, until) = (own.certificate.not_before(), own.certificate.not_after());
        let second = Duration::from_secs(1);
        for (now, expected) in [
            (from - second, Some("is not valid before ")),
            (from, None),
            (until - second, None),
            (until, Some("expired at ")),
        ] {
            let told = certificates_untimely(&certificates, now);
            assert_eq!(told.len(), usize::from(expected.is_some()), "{told:?}");
            let sentence = told.first().map_or("", String::as_str);
            assert!(sentence.contains(expected.unwrap_or_default()), "{sentence}");
        }
    }
}
