//! Certificates of the user's own, read again when their files change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::sleep;
use warmfront_certs::{Certificates, Reload};

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
}

// === impl OwnFiles ===

impl OwnFiles {
    pub(crate) fn new(certificates: Arc<Certificates>, orders: Option<Arc<Orders>>) -> Self {
        Self { certificates, orders, bad: Mutex::default() }
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
        let reloads = self.certificates.reload_changed();
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
                    tracing::warn!("{error}; the certificate from before is shown on");
                    self.bad.lock().insert(chain, error.to_string());
                }
            }
        }
        if let Some(orders) = self.orders.as_ref().filter(|_| is_anew) {
            orders.plan_anew();
        }
    }

    /// What somebody should know, a sentence each.
    pub(crate) fn problems(&self, now: SystemTime) -> Vec<String> {
        let bad = self.bad.lock();
        let bad = bad.values().map(|why| format!("{why}; the certificate from before is shown on"));
        let bad: Vec<String> = bad.collect();
        let expired = self.certificates.own().into_iter().filter_map(|own| {
            let until = own.presented.certificate.not_after();
            let path = own.files.chain.display().to_string();
            (until <= now).then(|| {
                format!("tls.certificates: {path}: the certificate expired at {}", rfc3339(until))
            })
        });
        bad.into_iter().chain(expired).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::node::{Sites, clock, config, own_pair};
    use redb::Database;
    use redb::backends::InMemoryBackend;
    use warmfront_certs::CertificateFolder;
    use warmfront_origin::Resolver;

    #[tokio::test]
    async fn a_bad_pair_is_told_of_and_a_good_one_is_planned_with() {
        let state = tempfile::tempdir().unwrap();
        let config = Arc::new(config(Sites::WwwAndOrdered, "127.0.0.1:0", state.path()));
        let certificates = Certificates::load(&config).unwrap();
        let storage = Arc::new(CertificateFolder::open(state.path()).unwrap());
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let resolver = Resolver::new(&config.resolver).unwrap();
        let database = Arc::new(database);
        let orders =
            Orders::open(&config, &certificates, storage, &database, &resolver, clock).unwrap();
        let orders = orders.unwrap();
        let sites = || -> Vec<String> {
            orders.standings(clock()).into_iter().map(|standing| standing.site).collect()
        };
        let files = OwnFiles::new(certificates.clone(), Some(orders.clone()));
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
        assert_eq!(certificates.own().len(), 1);

        own_pair(state.path(), &["own.example.com", "127.0.0.1"]);
        files.look();
        assert_eq!(files.problems(clock()), [""; 0]);
        assert_eq!(sites(), ["lost"], "nothing is left to order for the other");
    }
}
