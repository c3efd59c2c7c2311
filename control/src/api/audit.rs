//! The audit line: who changed what, and what became of it. No secret is ever in it.

use http::StatusCode;
use warmfront_config::TargetName;
use warmfront_keys::{Peer, Principal, Refusal};
use warmfront_semantics::tags::Tag;
use warmfront_semantics::tame::tame;
use warmfront_store::{Invalidation, InvalidationPath, Kind, Order};

/// Paths and tags of an invalidation that are written out; of the rest only the count.
const SHOWN: usize = 5;
/// Bytes of what a stranger wrote.
const WORDS_BYTES_MAX: usize = 256;

/// In the extensions of an answer: its line is written already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written;

/// What became of an invalidation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate<'a> {
    /// It was recorded, now or under the same reference before.
    Done(&'a Invalidation, StatusCode),
    /// It was not.
    Refused(StatusCode),
}

pub(crate) fn invalidation(principal: &Principal, order: &Order, fate: Fate<'_>) {
    let (done, status) = match fate {
        Fate::Done(done, status) => (Some(done), status),
        Fate::Refused(status) => (None, status),
    };
    let paths = order.paths.iter().map(InvalidationPath::as_str);
    let first: Vec<String> = paths.take(SHOWN).map(|path| tame(path, WORDS_BYTES_MAX)).collect();
    let tagged: Vec<&str> = order.tags.iter().take(SHOWN).map(Tag::as_str).collect();
    tracing::info!(
        target: "audit",
        action = "invalidate",
        key = principal.id(),
        name = principal.name(),
        site = tame(&order.site, WORDS_BYTES_MAX),
        paths = order.paths.len(),
        first = ?first,
        tags = order.tags.len(),
        tagged = ?tagged,
        soft = order.kind == Kind::Soft,
        prefetch = order.prefetch.is_some(),
        reference = order.reference.as_deref(),
        id = done.map(|done| done.id.as_str()),
        matched = done.map(|done| done.counted.matched),
        status = status.as_u16(),
    );
}

/// What was to be changed of a target.
#[derive(Debug, Clone, Copy)]
pub(super) struct TargetChange<'a> {
    pub(super) origin: &'a str,
    pub(super) name: &'a TargetName,
    /// `register`, `share`, `drain` or `deregister`.
    pub(super) change: &'static str,
    /// As asked for.
    pub(super) weight: Option<u16>,
    /// As asked for.
    pub(super) tier: Option<u8>,
}

pub(super) fn targets(principal: &Principal, asked: &TargetChange<'_>, status: StatusCode) {
    tracing::info!(
        target: "audit",
        action = "targets",
        key = principal.id(),
        name = principal.name(),
        origin = asked.origin,
        // Not `target`, which is what a line of the log says it is from.
        address = %asked.name,
        change = asked.change,
        weight = asked.weight,
        tier = asked.tier,
        status = status.as_u16(),
    );
}

pub(super) fn renewal(principal: &Principal, host: &str, status: StatusCode) {
    tracing::info!(
        target: "audit",
        action = "certificates",
        key = principal.id(),
        name = principal.name(),
        host,
        status = status.as_u16(),
    );
}

/// What was to be changed of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyChange<'a> {
    /// `create`, `rotate` or `revoke`.
    pub(super) change: &'static str,
    /// The name of one that is created, the id of another.
    pub(super) changed: &'a str,
    /// The id of one that was created.
    pub(super) id: Option<&'a str>,
}

pub(super) fn keys(principal: &Principal, asked: &KeyChange<'_>, status: StatusCode) {
    tracing::info!(
        target: "audit",
        action = "keys",
        key = principal.id(),
        name = principal.name(),
        change = asked.change,
        changed = tame(asked.changed, WORDS_BYTES_MAX),
        id = asked.id,
        status = status.as_u16(),
    );
}

/// A key was refused before it was known what it wanted, or wanted what it may not have.
pub(crate) fn refused(principal: &Principal, action: &str, what: &str, status: StatusCode) {
    tracing::info!(
        target: "audit",
        action = "refuse",
        key = principal.id(),
        name = principal.name(),
        asked = action,
        what = tame(what, WORDS_BYTES_MAX),
        status = status.as_u16(),
    );
}

/// Nobody's request. Each API has a status of its own for it.
pub(super) fn unproven(peer: Peer, path: &str, refusal: &Refusal) {
    let client = match peer {
        Peer::Tcp(address) => address.to_string(),
        Peer::Unix => "unix".to_owned(),
    };
    tracing::warn!(
        target: "audit",
        action = "authenticate",
        client,
        path = tame(path, WORDS_BYTES_MAX),
        why = tame(&refusal.to_string(), WORDS_BYTES_MAX),
    );
}

#[cfg(test)]
mod tests;
