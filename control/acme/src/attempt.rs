//! One try to get one certificate.

use std::time::{Duration, SystemTime};

use warmfront_config::{ChallengeKind, HostPattern};

use crate::authority::{Authority, Fault};
use crate::endpoint::LoggedIn;
use crate::journal::{Journal, OpenOrder, Step};
use crate::order::{self, Opened};
use crate::proofs::Proofs;
use crate::refusal::{Blame, Refusal};

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Names, wildcards and addresses, all on one certificate.
    pub hosts: &'a [HostPattern],
    /// How control over them is proven.
    pub challenge: ChallengeKind,
    /// What kind of certificate.
    pub profile: ProfileRule<'a>,
    /// The leaf in DER that the new certificate takes the place of. Given only if it came from this
    /// directory and this account: others may not name it.
    pub replaces: Option<&'a [u8]>,
    /// The order that the journal says is open.
    pub open: Option<OpenOrder>,
    /// How far to go for it.
    pub wanted: Wanted,
}

/// How far to go for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// By the open order, or else by a new one.
    #[default]
    Certificate,
    /// By the open order alone: nothing is ordered.
    Resumption,
}

/// What kind of certificate is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProfileRule<'a> {
    /// The authority chooses.
    #[default]
    Any,
    /// This profile, or none at all.
    Required(&'a str),
    /// This profile where it is offered: for an authority that stands in for another.
    IfOffered(&'a str),
}

/// What an attempt comes to that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obtained {
    /// A certificate.
    Issued(Issued),
    /// [`Wanted::Resumption`] alone: the open order is gone, or of no use any more, and forgotten.
    NothingToResume,
}

/// A certificate. The journal is closed by whoever has stored it.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// PEM, the leaf first. It is for the key, and it speaks for every host.
    pub chain: String,
    /// PEM, PKCS#8.
    pub key: String,
    /// The URL of the account.
    pub account: String,
    /// The URL of the authority's directory.
    pub directory: String,
}

/// Obtains a certificate: takes up the open order if it is of use, else places one if that is
/// wanted. `clock` is asked for the time whenever it matters, as an attempt may take many minutes.
///
/// Can be dropped at any time: the journal knows how to go on.
pub async fn obtain(
    authority: &LoggedIn,
    ask: &Ask<'_>,
    proofs: &dyn Proofs,
    journal: &mut dyn Journal,
    clock: fn() -> SystemTime,
) -> Result<Obtained, Refusal> {
    let authority = authority.0.as_ref();
    let mut attempt = Attempt { authority, ask, proofs, journal, clock };
    match attempt.run().await {
        Ok(issued) => Ok(Obtained::Issued(issued)),
        Err(Stop::Nothing) => Ok(Obtained::NothingToResume),
        Err(Stop::Open(refusal)) => Err(refusal),
        Err(Stop::Over(refusal)) => Err(match attempt.close() {
            Ok(()) => refusal,
            Err(disk) => refusal.and(&disk),
        }),
    }
}

/// All that the states of an order need around them.
pub(crate) struct Attempt<'a> {
    pub(crate) authority: &'a dyn Authority,
    pub(crate) ask: &'a Ask<'a>,
    pub(crate) proofs: &'a dyn Proofs,
    pub(crate) journal: &'a mut dyn Journal,
    clock: fn() -> SystemTime,
}

/// An attempt that ends without a certificate.
#[derive(Debug)]
pub(crate) enum Stop {
    /// There is nothing to go on with, and nothing else is wanted.
    Nothing,
    /// The order may still be of use.
    Open(Refusal),
    /// It will come to nothing.
    Over(Refusal),
}

// === impl Attempt ===

impl Attempt<'_> {
    async fn run(&mut self) -> Result<Issued, Stop> {
        let proven = match order::open(self).await? {
            Opened::Placed(order) => order.prove(self).await?,
            Opened::Proven(order) => order,
            Opened::Finalized(order) => return order.collect(self).await,
        };
        proven.finalize(self).await?.collect(self).await
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    pub(crate) fn step(&mut self, step: Step) {
        self.journal.step(step);
    }

    /// The order is over: nothing of it is kept.
    pub(crate) fn close(&mut self) -> Result<(), Refusal> {
        self.journal.closed().map_err(|error| Refusal::of_disk("cannot forget the order", &error))
    }

    /// `did` is what the authority did instead, between its name and the hosts: `did not take the
    /// order for`.
    pub(crate) fn refusal(&self, did: &str, fault: &Fault) -> Refusal {
        let context = format!("{} {did} {}", self.authority.name(), self.hosts());
        Refusal::of_fault(&context, fault, self.now())
    }

    /// Of an authority that wants to be asked later than we can wait.
    pub(crate) fn too_slow(&self, sentence: String, ask_again: Option<Duration>) -> Refusal {
        let retry_after = ask_again.and_then(|wait| self.now().checked_add(wait));
        Refusal { retry_after, ..Refusal::new(Blame::Authority, sentence) }
    }

    /// For a person: an order can have a hundred.
    pub(crate) fn hosts(&self) -> String {
        match self.ask.hosts {
            [] => "nothing".to_owned(),
            [host] => host.to_string(),
            [first, more @ ..] => format!("{first} and {} more", more.len()),
        }
    }
}

// === impl Stop ===

impl From<Refusal> for Stop {
    /// Unless we know better, an order is looked at again.
    fn from(refusal: Refusal) -> Self {
        Self::Open(refusal)
    }
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("chain", &self.chain)
            .field("account", &self.account)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
