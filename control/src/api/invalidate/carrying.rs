//! How an order is carried out, whichever API it came by.

use http::StatusCode;
use warmfront_keys::Principal;
use warmfront_store::{LedgerError, Order, Receipt};

use crate::api::Node;
use crate::api::audit::{self, Fate};
use crate::prefetch::Full;

/// The topic of what `/ready` says of a ledger that cannot be written.
const LEDGER: &str = "ledger";

/// Why an order was not carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undone {
    /// It could not be written down.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What is to be fetched after it has nowhere to wait.
    #[error(transparent)]
    Full(#[from] Full),
}

/// Carries out what is permitted: recorded, in force, counted, and what is to be fetched after it
/// begun. Leaves the audit line, whatever comes of it. Writes to the disk.
pub(crate) fn carry_out(node: &Node, by: &Principal, order: &Order) -> Result<Receipt, Undone> {
    let receipt = record(node, order);
    let fate = match &receipt {
        Ok(Receipt::New(done)) => Fate::Done(done, StatusCode::CREATED),
        Ok(Receipt::Repeated(done)) => Fate::Done(done, StatusCode::OK),
        Ok(Receipt::Conflict(_)) => Fate::Refused(StatusCode::CONFLICT),
        Err(_) => Fate::Refused(StatusCode::SERVICE_UNAVAILABLE),
    };
    audit::invalidation(by, order, fate);
    match &receipt {
        Ok(Receipt::New(done)) => node.counts.invalidated(&done.site, done.counted),
        Err(Undone::Ledger(error)) => {
            tracing::error!(%error, "an invalidation was refused: it could not be recorded");
            node.readiness
                .report(LEDGER, format!("the last invalidation was not recorded: {error}"));
            node.counts.not_recorded(&order.site);
        }
        Ok(_) | Err(Undone::Full(_)) => {}
    }
    receipt
}

fn record(node: &Node, order: &Order) -> Result<Receipt, Undone> {
    // Before anything is written down, so that nothing is promised that cannot be kept.
    let seat = match order.prefetch.as_ref().map(|_| node.prefetcher.seat()).transpose() {
        Ok(seat) => seat,
        // What is recorded already has its room.
        Err(full) => return node.store.repeated(order)?.ok_or(Undone::Full(full)),
    };
    let receipt = node.store.invalidate(order.clone(), node.now())?;
    if let Receipt::New(done) = &receipt {
        // The others are only read.
        node.readiness.resolve(LEDGER);
        if let Some(seat) = seat {
            seat.begin(done);
        }
    }
    Ok(receipt)
}
