//! Telling the holder of a key why a request was answered as it was.

use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, StatusCode};
use pingora_cache::CacheMeta;
use pingora_proxy::Session;
use warmfront_config::Action;
use warmfront_keys::{Peer, Permission, Principal, Refusal};
use warmfront_semantics::cache_status::{CacheStatus, Forward, Lookup};
use warmfront_semantics::inspection::{Explained, Standing, StoredFacts};
use warmfront_store::{Digest, Invalidation};

use crate::admit::{self, TICK};
use crate::context::{Context, Errand};
use crate::edge::Edge;
use crate::key::Key;
use crate::policy::Audience;
use crate::request::Arrival;
use crate::{clock, inspect, lookup};

/// Holds a key, as `<id>.<secret>`, in a request, and the explanation in the response to it.
pub(crate) const EXPLAIN: HeaderName = HeaderName::from_static("x-warmfront-explain");

/// Whether a client wants to be told why it gets what it gets.
#[derive(Debug, Default)]
pub(crate) enum Explain {
    /// No, or it has no right to.
    #[default]
    No,
    /// It says that it has a key.
    Claimed(HeaderValue),
    /// It has one.
    Proven {
        principal: Principal,
        /// The invalidation that took what was stored, or marked it: the end of a sentence.
        taken: Option<String>,
    },
}

// === impl Explain ===

impl Explain {
    /// Takes the field out of a request, so that no room sees it, no key holds it and no origin gets it.
    pub(crate) fn take(session: &mut Session) -> Self {
        session.req_header_mut().remove_header(&EXPLAIN).map_or(Self::No, Self::Claimed)
    }

    /// Looks at the key. A wrong one changes nothing for the request; it counts as a guess, and leaves
    /// its line. Who was wrong too often is not listened to any more for a while, even if it is right:
    /// nobody needs this to be served, and anybody may guess here.
    pub(crate) fn prove(&mut self, edge: &Edge, arrival: &Arrival, errand: Errand) {
        let Self::Claimed(token) = std::mem::take(self) else { return };
        if errand != Errand::Client {
            return;
        }
        let peer = Peer::tcp(arrival.connection.client.ip());
        if edge.guesses.is_spent(peer, arrival.at) {
            return;
        }
        match edge.keyring.bearer(token.as_bytes(), arrival.at) {
            Ok(principal) => *self = Self::Proven { principal, taken: None },
            Err(refusal) => {
                // What is no key at all is counted like a wrong one: its lines are to end, too.
                edge.guesses.wrong(peer, arrival.at);
                refused(arrival, &refusal);
            }
        }
    }

    fn taken(&self) -> Option<&str> {
        match self {
            Self::Proven { taken, .. } => taken.as_deref(),
            Self::No | Self::Claimed(_) => None,
        }
    }
}

/// The audit line of a key that opens nothing.
fn refused(arrival: &Arrival, refusal: &Refusal) {
    tracing::warn!(
        target: "audit",
        action = "authenticate",
        client = %arrival.connection.client.ip(),
        field = EXPLAIN.as_str(),
        why = %refusal,
    );
}

/// The primary key as people are shown it.
pub(crate) fn spelled(digest: Digest) -> String {
    format!("{:032x}", u128::from_be_bytes(digest))
}

/// The primary key, for those who are to be told of it (RFC 9211 §2.7).
pub(crate) fn key(context: &Context) -> Option<String> {
    match context.key {
        Key::Primary { digest, .. } if is_permitted(context) => Some(spelled(digest)),
        _ => None,
    }
}

/// Looks up which invalidation a request owes its answer to, if somebody wants to know. It is on disk.
pub(crate) async fn gather(session: &Session, context: &mut Context) {
    if !is_permitted(context) {
        return;
    }
    let asked = asked(session, context);
    let Explain::Proven { taken, .. } = &mut context.explain else { return };
    let Some(asked) = asked else { return };
    let keyring = context.edge.keyring.clone();
    let told = move || asked().map(|done| inspect::cause(&done, &keyring, clock::now()).sentence);
    *taken = tokio::task::spawn_blocking(told).await.ok().flatten();
}

/// One line on what happened to a request and why, if somebody is to be told.
pub(crate) fn sentence(
    session: &Session,
    context: &Context,
    status: &CacheStatus,
    answer: StatusCode,
) -> Option<HeaderValue> {
    if !is_permitted(context) {
        return None;
    }
    let freshness = status.ttl.and_then(|_| arithmetic(session, context, status, clock::now()));
    let route = context.routed().ok();
    let fault = context.fault.as_ref().map(ToString::to_string);
    let explained = Explained {
        lookup: status.lookup,
        status: answer.as_u16(),
        origin_status: status.forward_status,
        stored: status.stored,
        detail: status.detail,
        bypass: match context.key {
            Key::None(why) => Some(why.why()),
            Key::Primary { .. } => None,
        },
        fault: fault.as_deref(),
        freshness: freshness.as_deref(),
        taken: context.explain.taken(),
        route: route.map(|it| (it.site().name.as_str(), it.behavior().path.as_str())),
    };
    HeaderValue::try_from(explained.sentence()).ok()
}

/// Whether the client has a key that may read about the site; where there is none, about any.
fn is_permitted(context: &Context) -> bool {
    let Explain::Proven { principal, .. } = &context.explain else { return false };
    let site = context.route.as_ref().map(|route| route.site().site.name.as_str());
    principal.may(Action::Read, site, &[]) == Permission::Granted
}

/// What has to be asked of the ledger.
fn asked(
    session: &Session,
    context: &Context,
) -> Option<impl FnOnce() -> Option<Invalidation> + Send + use<>> {
    let routed = context.routed().ok()?;
    let lookup = lookup::status(&session.cache, context, clock::now()).lookup;
    let missed = match lookup {
        Lookup::Forwarded(Forward::UriMiss) => true,
        Lookup::Stale | Lookup::StoodIn | Lookup::Revalidated(_) => false,
        _ => return None,
    };
    let Key::Primary { digest, .. } = context.key else { return None };
    let marked = session.cache.maybe_cache_meta().and_then(lookup::stored).cloned();
    let (store, site) = (context.edge.storage.store().clone(), routed.site().name.clone());
    let place = admit::place(&routed, &context.detour);
    // That the ledger cannot be read is told elsewhere; here it is only not told.
    Some(move || {
        if missed {
            return store.taken_by(&digest, &site, &place).ok().flatten();
        }
        store.softened_by(&*marked?).ok().flatten()
    })
}

/// The arithmetic of what is stored, in a sentence.
fn arithmetic(
    session: &Session,
    context: &Context,
    status: &CacheStatus,
    now: SystemTime,
) -> Option<String> {
    let (meta, routed) = (session.cache.maybe_cache_meta()?, context.routed().ok()?);
    let bounds = admit::bounds(routed.behavior().policy.ttl, Audience::All);
    // What has just come from the origin was not in the store before.
    let from_store = matches!(
        status.lookup,
        Lookup::Hit | Lookup::Stale | Lookup::StoodIn | Lookup::Collapsed(_)
    );
    let stored = lookup::stored(meta).filter(|_| from_store);
    let softened = lookup::softened(meta).filter(|_| from_store).map(|it| it.since);
    let own_until = stored.map_or_else(|| meta.fresh_until(), |stored| stored.fresh_until());
    let facts = StoredFacts {
        status: meta.response_header().status,
        fields: meta.headers(),
        vary: &[],
        received: stored.map_or_else(|| meta.updated(), |stored| stored.received()),
        epoch: meta.epoch(),
        lifetime: lifetime(meta, own_until),
        softened,
        standing: if softened.is_some() { Standing::Stale } else { Standing::Live },
        while_revalidate: stored.map(|it| it.stale_while_revalidate()).unwrap_or_default(),
        if_error: Duration::ZERO,
        tags: Vec::new(),
        bytes: None,
        codings: &[],
    };
    Some(facts.sentence(&bounds, now))
}

fn lifetime(meta: &CacheMeta, own_until: SystemTime) -> Duration {
    (own_until + TICK).duration_since(meta.epoch()).unwrap_or_default()
}
