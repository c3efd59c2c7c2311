//! An account's side of the conversation, and what is repeated in it.

use std::time::Duration;

use async_trait::async_trait;
use instant_acme::{Account, CertificateIdentifier, Error};
use rustls_pki_types::CertificateDer;

use super::order::InstantOrder;
use super::transport::Transport;
use super::words;
use crate::authority::{Authority, Fault, NewOrder, RemoteOrder};

/// How often a request is made anew whose nonce was not taken: nothing was done then (RFC 8555
/// §6.5). Behind each stand three tries of the library's, so that where nine of ten nonces are
/// refused, one request in 13,000 fails, and one order in a thousand.
pub(super) const NONCES: u32 = 30;
/// For how long.
pub(super) const NONCES_TIME: Duration = Duration::from_mins(2);
/// Before the first time; doubles from time to time.
pub(super) const NONCES_PAUSE_MIN: Duration = Duration::from_millis(100);
pub(super) const NONCES_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Logged in, for one attempt.
pub(super) struct InstantAcme {
    pub(super) name: String,
    pub(super) directory: String,
    pub(super) account: Account,
    pub(super) transport: Transport,
}

/// Awaits what the expression makes, and has it made again for as long as it fails for its nonce. A
/// macro, as a closure that lends what it holds makes futures that no thread may be given.
macro_rules! persist {
    ($operation:expr) => {{
        use $crate::instant::speaking::{NONCES, NONCES_PAUSE_MAX, NONCES_PAUSE_MIN, NONCES_TIME};
        let (mut again, mut pause) = (NONCES, NONCES_PAUSE_MIN);
        let until = tokio::time::Instant::now() + NONCES_TIME;
        loop {
            again -= 1;
            let may_repeat = || again > 0 && tokio::time::Instant::now() < until;
            match $operation.await {
                Err(error) if $crate::instant::words::is_bad_nonce(&error) && may_repeat() => {
                    tokio::time::sleep(pause).await;
                    pause = NONCES_PAUSE_MAX.min(pause * 2);
                }
                outcome => break outcome,
            }
        }
    }};
}
pub(super) use persist;

// === impl InstantAcme ===

impl InstantAcme {
    fn fault(&self, error: Error) -> Fault {
        words::fault(error, &self.transport.heard())
    }

    /// One that could not be looked at again is not taken.
    fn order(&self, order: instant_acme::Order) -> Result<Box<dyn RemoteOrder>, Fault> {
        if !order.url().starts_with("https://") {
            let url = words::word(order.url());
            return Err(Fault::nonsense(format!("its order is at {url}, which is not https")));
        }
        Ok(Box::new(InstantOrder::new(order, &self.transport)))
    }
}

#[async_trait]
impl Authority for InstantAcme {
    fn name(&self) -> &str {
        &self.name
    }

    fn directory(&self) -> &str {
        &self.directory
    }

    fn account(&self) -> &str {
        self.account.id()
    }

    fn profiles(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.account.profiles().map(|profile| words::profile(profile.name)).collect();
        names.sort();
        names
    }

    async fn place(&self, wanted: &NewOrder<'_>) -> Result<Box<dyn RemoteOrder>, Fault> {
        let names: Vec<_> = wanted.hosts.iter().map(words::identifier).collect();
        let mut order = instant_acme::NewOrder::new(&names);
        if let Some(profile) = wanted.profile {
            order = order.profile(profile);
        }
        if let Some(leaf) = wanted.replaces {
            let leaf = CertificateDer::from(leaf);
            let replaced = CertificateIdentifier::try_from(&leaf).map_err(|reason| {
                Fault::Replaces { reason: format!("it cannot be named: {reason}") }
            })?;
            order = order.replaces(replaced.into_owned());
        }
        match persist!(self.account.new_order(&order)) {
            Ok(order) => self.order(order),
            // RFC 9773 §5: only where the directory has renewal information is there such a field.
            Err(Error::Unsupported(_)) if wanted.replaces.is_some() => {
                self.place(&NewOrder { replaces: None, ..*wanted }).await
            }
            Err(error) => self.not_placed(error, wanted.replaces.is_some()).await,
        }
    }

    async fn look(&self, url: &str) -> Result<Box<dyn RemoteOrder>, Fault> {
        let order = persist!(self.account.order(url.to_owned()));
        self.order(order.map_err(|error| self.fault(error))?)
    }
}

impl InstantAcme {
    /// What became of an order that the library gives an error for.
    async fn not_placed(
        &self,
        error: Error,
        replaces: bool,
    ) -> Result<Box<dyn RemoteOrder>, Fault> {
        let heard = self.transport.heard();
        let placed = heard.status.is_some_and(|status| (200..300).contains(&status));
        // The library gives up an order whose answer does not repeat what is replaced; it has been
        // placed all the same, and must not be left behind.
        if let (true, true, Some(url)) = (replaces, placed, &heard.location) {
            return self.look(url).await;
        }
        match words::fault(error, &heard) {
            Fault::Problem { problem, .. } if replaces && problem.is_about_replaces() => {
                Err(Fault::Replaces { reason: problem.to_string() })
            }
            fault => Err(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn refused_nonces_are_not_met_with_endless_patience() {
        // 100, 200, 400 and 800 ms, and then 25 s.
        let pauses = Duration::from_millis(26_500);
        let few = Duration::from_millis(300);
        for (each, tries, pauses) in
            [(Duration::from_secs(1), NONCES, pauses), (Duration::from_secs(50), 3, few)]
        {
            let (began, mut tried) = (Instant::now(), 0);
            let mut refused = async || {
                tried += 1;
                sleep(each).await;
                let kind = "urn:ietf:params:acme:error:badNonce";
                let said = serde_json::from_str(&format!(r#"{{"type":"{kind}"}}"#)).unwrap();
                Err::<(), _>(Error::Api(said))
            };
            assert!(persist!(refused()).is_err());
            assert_eq!(began.elapsed(), each * tries + pauses);
            assert_eq!(tried, tries);
        }
    }
}
