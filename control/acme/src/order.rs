//! An order, state by state: each has only the way on that RFC 8555 §7.1.6 gives it.
//!
//! ```text
//!            open ──▶ Placed ──prove──▶ Proven ──finalize──▶ Finalized ──collect──▶ Issued
//!   pending ───────────┘ ready ──────────┘ processing, valid ────┘
//! ```
//!
//! Whatever a restart needs is in the journal before the authority is told.

mod opening;

use crate::attempt::{Attempt, Issued, Stop};
use crate::authority::{Fault, OrderStatus, RemoteOrder, Seen};
use crate::certificate::{self, Key};
use crate::journal::Step;
use crate::pace::Pace;
use crate::proving;
use crate::refusal::{Blame, Refusal};

pub(crate) use opening::{Opened, open};

/// An order at the authority, with what its state holds.
pub(crate) struct Order<S> {
    remote: Box<dyn RemoteOrder>,
    state: S,
}

/// Something may have to be proven.
pub(crate) struct Placed;

/// The authority believes every host.
pub(crate) struct Proven;

/// The certificate was asked for, for this key.
pub(crate) struct Finalized {
    key: Key,
}

// === impl Order ===

impl Order<Placed> {
    /// Proves every host that is not proven yet.
    pub(crate) async fn prove(mut self, attempt: &mut Attempt<'_>) -> Result<Order<Proven>, Stop> {
        proving::prove(self.remote.as_mut(), attempt).await?;
        look(self.remote.as_mut(), attempt).await?;
        let settled = |status| status != OrderStatus::Pending;
        if wait(self.remote.as_mut(), attempt, settled).await? == OrderStatus::Invalid {
            return Err(Stop::Over(self.invalid(attempt)));
        }
        attempt.step(Step::Proven);
        Ok(Order { remote: self.remote, state: Proven })
    }
}

impl Order<Proven> {
    /// Asks for the certificate, once its key is on disk.
    pub(crate) async fn finalize(
        mut self,
        attempt: &mut Attempt<'_>,
    ) -> Result<Order<Finalized>, Stop> {
        let key = kept_key(attempt)?;
        let request = key.request(attempt.ask.hosts).map_err(Stop::Over)?;
        if let Err(fault) = self.remote.finalize(&request).await {
            let refusal = attempt.refusal("did not make the certificate for", &fault);
            return Err(if fault.is_final() { Stop::Over(refusal) } else { Stop::Open(refusal) });
        }
        attempt.step(Step::Finalized);
        Ok(Order { remote: self.remote, state: Finalized { key } })
    }
}

impl Order<Finalized> {
    /// Fetches the certificate when it is there, and proves that it is the one that was ordered.
    pub(crate) async fn collect(mut self, attempt: &mut Attempt<'_>) -> Result<Issued, Stop> {
        let made = |status| !matches!(status, OrderStatus::Processing | OrderStatus::Ready);
        match wait(self.remote.as_mut(), attempt, made).await? {
            OrderStatus::Valid => {}
            _ => return Err(Stop::Over(self.invalid(attempt))),
        }
        let chain = self
            .remote
            .certificate()
            .await
            .map_err(|fault| attempt.refusal("did not hand out the certificate for", &fault))?;
        certificate::prove(&chain, &self.state.key, attempt.ask.hosts, attempt.now()).map_err(
            |error| {
                let name = attempt.authority.name();
                let sentence = format!("{name} made a certificate that is of no use: {error}");
                Stop::Over(Refusal::new(Blame::Authority, sentence))
            },
        )?;
        attempt.step(Step::Issued);
        Ok(Issued {
            chain,
            key: self.state.key.into_pem(),
            account: attempt.authority.account().to_owned(),
            directory: attempt.authority.directory().to_owned(),
        })
    }
}

impl<S> Order<S> {
    /// Of an order that the authority has given up.
    fn invalid(&self, attempt: &Attempt<'_>) -> Refusal {
        let fault = match self.remote.seen().error {
            Some(problem) => Fault::Problem { problem, retry_after: None },
            None => Fault::nonsense("it gives no reason"),
        };
        attempt.refusal("gave up the order for", &fault)
    }
}

/// Looks at the order until its state is `enough`, beginning with what was seen last.
async fn wait(
    remote: &mut dyn RemoteOrder,
    attempt: &Attempt<'_>,
    enough: impl Fn(OrderStatus) -> bool + Send,
) -> Result<OrderStatus, Stop> {
    let mut pace = Pace::begin();
    let mut seen = remote.seen();
    while !enough(seen.status) {
        if pace.pause(seen.ask_again).await.is_err() {
            let (name, hosts) = (attempt.authority.name(), attempt.hosts());
            let sentence = format!("{name} did not get on with the order for {hosts} in time");
            return Err(Stop::Open(attempt.too_slow(sentence, seen.ask_again)));
        }
        seen = look(remote, attempt).await?;
    }
    Ok(seen.status)
}

async fn look(remote: &mut dyn RemoteOrder, attempt: &Attempt<'_>) -> Result<Seen, Refusal> {
    let seen = remote.refresh().await;
    seen.map_err(|fault| attempt.refusal("did not tell of the order for", &fault))
}

/// The key of the order under way; made and kept where there is none that can be read.
fn kept_key(attempt: &mut Attempt<'_>) -> Result<Key, Refusal> {
    let doing = "cannot read the key of the order";
    let kept = attempt.journal.key().map_err(|error| Refusal::of_disk(doing, &error))?;
    if let Some(key) = kept.and_then(|pem| Key::parse(&pem)) {
        return Ok(key);
    }
    let key = Key::generate()?;
    let doing = "cannot keep the key of the order";
    attempt.journal.keep_key(key.pem()).map_err(|error| Refusal::of_disk(doing, &error))?;
    Ok(key)
}
