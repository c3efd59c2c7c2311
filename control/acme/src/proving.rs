//! Proving control over the hosts of an order (RFC 8555 §7.5).

mod together;

use std::net::IpAddr;
use std::time::Duration;

use warmfront_config::{ChallengeKind, HostPattern};

use crate::attempt::{Attempt, Stop};
use crate::authority::{Authorization, Challenge, Fault, Proving, RemoteOrder};
use crate::journal::Step;
use crate::pace::Pace;
use crate::proofs::Proof;
use crate::refusal::{Blame, Refusal};
use together::together;
use warmfront_semantics::tame::tame;

/// Once one host has failed, the order has: the others are waited for only to say what is wrong
/// with them too.
const AFTERMATH: Duration = Duration::from_secs(10);
/// How many proofs are on their way to the world at a time.
const AT_ONCE: usize = 16;
/// Of why a proof cannot be shown: name servers and programs have their say in it.
const REASON_BYTES_MAX: usize = 1_000;

/// Proves every host that is not proven yet. Nothing stays published.
pub(crate) async fn prove(
    remote: &mut dyn RemoteOrder,
    attempt: &mut Attempt<'_>,
) -> Result<(), Stop> {
    // There is one for each host (RFC 8555 §7.1.3); the rest would be fetched for nothing.
    let (many, hosts) = (remote.proofs_wanted(), attempt.ask.hosts.len());
    if many > hosts {
        let name = attempt.authority.name();
        let sentence = format!("{name} wants {many} proofs for an order of {hosts}");
        return Err(Stop::Over(Refusal::new(Blame::Authority, sentence)));
    }
    let wanted = remote
        .authorizations(attempt.ask.challenge)
        .await
        .map_err(|fault| attempt.refusal("did not tell what to prove for", &fault))?;
    let open = unproven(attempt, wanted)?;
    attempt.step(Step::Proving { hosts: open.iter().map(|one| one.host.to_string()).collect() });
    let mut shown = Vec::new();
    let outcome = match present(attempt, &open, &mut shown).await {
        Ok(()) => convince(remote, attempt, open).await,
        Err(refusal) => Err(refusal.into()),
    };
    together(shown.iter().map(|proof| attempt.proofs.withdraw(proof)).collect()).await;
    outcome
}

/// Those that must be proven still. Fails where that cannot be done.
fn unproven(attempt: &Attempt<'_>, wanted: Vec<Authorization>) -> Result<Vec<Authorization>, Stop> {
    let mut open = Vec::new();
    let mut failed = Vec::new();
    for authorization in wanted {
        if !is_ordered(attempt, &authorization.host) {
            let (name, host) = (attempt.authority.name(), &authorization.host);
            let sentence = format!("{name} wants a proof for {host}, which was not ordered");
            return Err(Stop::Over(Refusal::new(Blame::Authority, sentence)));
        }
        match &authorization.proving {
            Proving::Done => {}
            Proving::Open(_) => open.push(authorization),
            Proving::NotOffered(_) | Proving::Failed(_) => failed.push(authorization),
        }
    }
    if failed.is_empty() { Ok(open) } else { Err(Stop::Over(disbelief(attempt, &failed))) }
}

/// Whether it is the name of a host, or that of its wildcard: some leave the mark out.
fn is_ordered(attempt: &Attempt<'_>, proven: &HostPattern) -> bool {
    let name = |host: &HostPattern| match host {
        HostPattern::Exact(name) | HostPattern::Wildcard(name) => match name.parse::<IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => name.to_ascii_lowercase(),
        },
    };
    attempt.ask.hosts.iter().any(|host| name(host) == name(proven))
}

/// Publishes every proof. What is put into `shown` must be withdrawn, also after an error.
async fn present(
    attempt: &Attempt<'_>,
    open: &[Authorization],
    shown: &mut Vec<Proof>,
) -> Result<(), Refusal> {
    let proofs: Vec<&Proof> = open.iter().filter_map(proof_of).collect();
    for some in proofs.chunks(AT_ONCE) {
        shown.extend(some.iter().copied().cloned());
        let outcomes =
            together(some.iter().map(|proof| attempt.proofs.present(proof)).collect()).await;
        let failed = some.iter().zip(outcomes).filter_map(|(proof, outcome)| {
            let reason = outcome.err()?;
            Some(format!("{}: {}", proof.host, tame(&reason, REASON_BYTES_MAX)))
        });
        let failed: Vec<String> = failed.collect();
        if !failed.is_empty() {
            let name = challenge_name(attempt.ask.challenge);
            let sentence = format!("cannot show the proof for {name}: {}", failed.join("; "));
            return Err(Refusal::new(Blame::Edge, sentence));
        }
    }
    Ok(())
}

/// Says that the proofs are there, and waits for what the authority makes of them.
async fn convince(
    remote: &mut dyn RemoteOrder,
    attempt: &Attempt<'_>,
    mut open: Vec<Authorization>,
) -> Result<(), Stop> {
    let kind = attempt.ask.challenge;
    for one in &open {
        // One that is being tried was told before a restart.
        if let Proving::Open(Challenge::Pending(_)) = one.proving {
            remote.ready(&one.url, kind).await.map_err(|fault| {
                let refusal = untried(attempt, one, &fault);
                if fault.is_final() { Stop::Over(refusal) } else { Stop::Open(refusal) }
            })?;
        }
    }
    let mut failed = Vec::new();
    let mut pace = Pace::begin();
    while !open.is_empty() {
        let ask_again = open.iter().filter_map(|one| one.ask_again).max();
        if pace.pause(ask_again).await.is_err() {
            break;
        }
        let mut still = Vec::new();
        for one in open {
            let seen = remote
                .authorization(&one.url, kind)
                .await
                .map_err(|fault| untried(attempt, &one, &fault))?;
            match seen.proving {
                Proving::Done => {}
                Proving::Open(_) => still.push(seen),
                Proving::Failed(_) | Proving::NotOffered(_) => {
                    pace.hurry(AFTERMATH);
                    failed.push(seen);
                }
            }
        }
        open = still;
    }
    if !failed.is_empty() {
        return Err(Stop::Over(disbelief(attempt, &failed)));
    }
    if let Some(one) = open.first() {
        let sentence = format!("{} in time", not_tried(attempt, one));
        return Err(Stop::Open(attempt.too_slow(sentence, one.ask_again)));
    }
    Ok(())
}

/// What the authority found, host by host.
fn disbelief(attempt: &Attempt<'_>, failed: &[Authorization]) -> Refusal {
    let kind = challenge_name(attempt.ask.challenge);
    let reasons = failed.iter().map(|one| match &one.proving {
        Proving::NotOffered(offered) if offered.is_empty() => {
            format!("{}: it offers no challenge", one.host)
        }
        Proving::NotOffered(offered) => {
            format!("{}: it does not offer {kind}, only {}", one.host, offered.join(", "))
        }
        Proving::Failed(Some(problem)) => format!("{}: {problem}", one.host),
        _ => format!("{}: no reason given", one.host),
    });
    let reasons: Vec<String> = reasons.collect();
    let name = attempt.authority.name();
    let sentence = format!("{name} was not convinced by {kind}: {}", reasons.join("; "));
    Refusal::new(Blame::Names, sentence)
}

fn untried(attempt: &Attempt<'_>, one: &Authorization, fault: &Fault) -> Refusal {
    Refusal::of_fault(&not_tried(attempt, one), fault, attempt.now())
}

fn not_tried(attempt: &Attempt<'_>, one: &Authorization) -> String {
    let (name, kind) = (attempt.authority.name(), challenge_name(attempt.ask.challenge));
    format!("{name} did not try {kind} for {}", one.host)
}

fn proof_of(authorization: &Authorization) -> Option<&Proof> {
    match &authorization.proving {
        Proving::Open(challenge) => Some(challenge.proof()),
        _ => None,
    }
}

/// As RFC 8555 and RFC 8737 write it.
fn challenge_name(kind: ChallengeKind) -> &'static str {
    match kind {
        ChallengeKind::Dns01 => "dns-01",
        ChallengeKind::Http01 => "http-01",
        ChallengeKind::TlsAlpn01 => "tls-alpn-01",
    }
}
