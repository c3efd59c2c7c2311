//! How an attempt comes by its order: the one from before, or a new one; never two.

use std::collections::BTreeSet;
use warmfront_semantics::tame::tame;

use super::{Finalized, Order, Placed, Proven};
use crate::attempt::{Attempt, ProfileRule, Stop, Wanted};
use crate::authority::{Fault, NewOrder, OrderStatus, RemoteOrder};
use crate::certificate::Key;
use crate::journal::{OpenOrder, Step};
use crate::refusal::{Blame, Refusal};

/// Of the names of the profiles that an authority offers.
const OFFERS_BYTES_MAX: usize = 500;

/// An order of which something can be made.
pub(crate) enum Opened {
    Placed(Order<Placed>),
    Proven(Order<Proven>),
    Finalized(Order<Finalized>),
}

/// What can be made of an order that is there.
enum Verdict {
    Use(Opened),
    /// Nothing, as the end of a sentence.
    Drop(String),
}

/// Takes up the open order if it is of use; else places one, if that is wanted.
pub(crate) async fn open(attempt: &mut Attempt<'_>) -> Result<Opened, Stop> {
    if let Some(before) = attempt.ask.open.clone() {
        match resume(attempt, &before).await? {
            Verdict::Use(opened) => {
                attempt.step(Step::Resumed { url: before.url });
                return Ok(opened);
            }
            Verdict::Drop(reason) => {
                attempt.step(Step::Abandoned { url: before.url, reason });
                attempt.close()?;
            }
        }
    }
    match attempt.ask.wanted {
        Wanted::Certificate => place(attempt).await,
        Wanted::Resumption => Err(Stop::Nothing),
    }
}

/// Fails where the authority does not tell: the order may stand.
async fn resume(attempt: &mut Attempt<'_>, before: &OpenOrder) -> Result<Verdict, Refusal> {
    if let Some(reason) = misfit(attempt, before) {
        return Ok(Verdict::Drop(reason));
    }
    match attempt.authority.look(&before.url).await {
        Ok(remote) => judge(attempt, remote),
        Err(fault) if fault.is_final() => Ok(Verdict::Drop(format!("it is gone: {fault}"))),
        Err(fault) => Err(attempt.refusal("did not tell of the order for", &fault)),
    }
}

/// Why the order from before could not lead to what is wanted now.
fn misfit(attempt: &Attempt<'_>, before: &OpenOrder) -> Option<String> {
    let wanted: BTreeSet<String> = attempt.ask.hosts.iter().map(ToString::to_string).collect();
    let reason = if before.directory != attempt.authority.directory() {
        "another authority is asked now"
    } else if before.account != attempt.authority.account() {
        "it belongs to another account"
    } else if before.hosts.iter().cloned().collect::<BTreeSet<_>>() != wanted {
        "other hosts are wanted now"
    } else if before.profile.as_deref() != offered_profile(attempt) {
        "another profile is wanted now"
    } else if before.is_old(attempt.now()) {
        "it has come to nothing for a day"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

/// Each state has its way on, if what that needs is there.
fn judge(attempt: &mut Attempt<'_>, remote: Box<dyn RemoteOrder>) -> Result<Verdict, Refusal> {
    let seen = remote.seen();
    let opened = match seen.status {
        OrderStatus::Pending => Opened::Placed(Order { remote, state: Placed }),
        OrderStatus::Ready => Opened::Proven(Order { remote, state: Proven }),
        OrderStatus::Processing | OrderStatus::Valid => {
            let doing = "cannot read the key of the order";
            let kept = attempt.journal.key().map_err(|error| Refusal::of_disk(doing, &error))?;
            // A certificate without its key is of no use to anybody.
            let Some(key) = kept.and_then(|pem| Key::parse(&pem)) else {
                return Ok(Verdict::Drop("its key is lost".to_owned()));
            };
            Opened::Finalized(Order { remote, state: Finalized { key } })
        }
        OrderStatus::Invalid => {
            let reason = seen.error.map(|problem| format!(": {problem}")).unwrap_or_default();
            return Ok(Verdict::Drop(format!("the authority gave it up{reason}")));
        }
    };
    Ok(Verdict::Use(opened))
}

/// Places an order and has it in the journal before anything else.
async fn place(attempt: &mut Attempt<'_>) -> Result<Opened, Stop> {
    let profile = profile(attempt)?;
    let wanted = NewOrder { hosts: attempt.ask.hosts, profile, replaces: attempt.ask.replaces };
    let placed = match attempt.authority.place(&wanted).await {
        Err(Fault::Replaces { reason }) if wanted.replaces.is_some() => {
            attempt.step(Step::WithoutReplaces { reason });
            attempt.authority.place(&NewOrder { replaces: None, ..wanted }).await
        }
        placed => placed,
    };
    // Nothing is open yet, or nothing that could be found again.
    let remote = placed.map_err(|fault| attempt.refusal("did not take the order for", &fault))?;
    let order = OpenOrder {
        directory: attempt.authority.directory().to_owned(),
        account: attempt.authority.account().to_owned(),
        url: remote.url().to_owned(),
        hosts: attempt.ask.hosts.iter().map(ToString::to_string).collect(),
        profile: profile.map(str::to_owned),
        placed: attempt.now(),
    };
    let doing = "cannot write down the order";
    attempt.journal.placed(&order).map_err(|error| Refusal::of_disk(doing, &error))?;
    attempt.step(Step::Ordered { authority: attempt.authority.name().to_owned(), url: order.url });
    // An authority may give back an order of before instead of a new one, in whatever state.
    match judge(attempt, remote)? {
        Verdict::Use(opened) => Ok(opened),
        Verdict::Drop(reason) => {
            let name = attempt.authority.name();
            let sentence = format!("{name} answered with an order of before: {reason}");
            Err(Stop::Over(Refusal::new(Blame::Authority, sentence)))
        }
    }
}

/// The profile to ask for.
fn profile<'a>(attempt: &mut Attempt<'a>) -> Result<Option<&'a str>, Refusal> {
    let offered = offered_profile(attempt);
    match (attempt.ask.profile, offered) {
        (ProfileRule::IfOffered(wanted), None) => {
            attempt.step(Step::WithoutProfile { profile: wanted.to_owned() });
            Ok(None)
        }
        (ProfileRule::Required(wanted), None) => {
            let name = attempt.authority.name();
            let offers = tame(&attempt.authority.profiles().join(", "), OFFERS_BYTES_MAX);
            let offers = if offers.is_empty() { "none".to_owned() } else { offers };
            let sentence = format!("{name} has no profile `{wanted}`; it offers {offers}");
            Err(Refusal::new(Blame::Edge, sentence))
        }
        (_, offered) => Ok(offered),
    }
}

/// The wanted profile, where the directory has it.
fn offered_profile<'a>(attempt: &Attempt<'a>) -> Option<&'a str> {
    let (ProfileRule::Required(wanted) | ProfileRule::IfOffered(wanted)) = attempt.ask.profile
    else {
        return None;
    };
    attempt.authority.profiles().iter().any(|offered| offered == wanted).then_some(wanted)
}
