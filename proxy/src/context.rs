//! What the rooms of one request have produced so far.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode};
use pingora_core::{Error, ErrorType, Result};
use tokio::sync::OwnedSemaphorePermit;
use warmfront_config::{Behavior, Site};
use warmfront_origin::{Lease, Origin};
use warmfront_semantics::cache_status::Forward;
use warmfront_semantics::inspection::Bypass;
use warmfront_semantics::precondition::Outcome;
use warmfront_semantics::tags::Tags;
use warmfront_store::{Birth, Encoder, StoredResponse};

use crate::edge::Edge;
use crate::explain::Explain;
use crate::failure::Fault;
use crate::key::Key;
use crate::pages::Page;
use crate::request::{Arrival, RequestHead};
use crate::route::Route;

/// Whom a request is for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// A client.
    #[default]
    Client,
    /// The store: what is stale is asked about in the background.
    Refresh,
    /// Another request, which wants the page of its error.
    Page,
    /// The store: what was invalidated is fetched before a client asks for it.
    Prefetch,
}

/// One request's walk. Each field has one writer, named behind it.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) edge: Arc<Edge>,
    /// `listen`: absent only where Pingora had no connection of ours.
    pub(crate) arrival: Option<Arrival>,
    /// `listen`.
    pub(crate) errand: Errand,
    /// `listen`: whether the client wants to be told why it gets what it gets.
    pub(crate) explain: Explain,
    /// `listen`.
    pub(crate) head: Option<RequestHead>,
    /// `route`.
    pub(crate) route: Option<Route>,
    /// `key`.
    pub(crate) key: Key,
    /// `lookup`: why the request goes to the origin, if it does.
    pub(crate) forward: Forward,
    /// `select`.
    pub(crate) attempt: Attempt,
    /// `admit`: the way to the origin was changed by what it answered.
    pub(crate) detour: Detour,
    /// `admit`: what the origin's last answer can be invalidated by; `None` if it said nothing of that.
    pub(crate) tags: Option<Tags>,
    /// `admit`: the fields by which a 304 freshens what is stored.
    pub(crate) update: Option<HeaderMap>,
    /// `admit`: what was stored, and is not what the origin validated.
    pub(crate) unvalidated: Option<Arc<StoredResponse>>,
    /// `admit`: the cookie by which the client stays with the target that answered.
    pub(crate) stickiness: Option<HeaderValue>,
    /// `admit`: fields that go to this client, but not into the store.
    pub(crate) left_out: HeaderMap,
    /// `admit`: why the response is not stored, in a word.
    pub(crate) detail: Option<&'static str>,
    /// `failure`: a stale response is served because the origin failed.
    pub(crate) stood_in: bool,
    /// `shape`: the page that is sent in an error's place, when it has to be sent from outside.
    pub(crate) page: Option<Page>,
    /// `shape`: room for the page while it is sent.
    pub(crate) page_room: Option<OwnedSemaphorePermit>,
    /// `shape`: the error in whose place the client is shown the site's page.
    pub(crate) paged: Option<StatusCode>,
    /// `shape`: compresses a body that does not come from the store.
    pub(crate) encoder: Option<Encoder>,
    /// `shape`: room for that, or for one that compresses what comes from the store.
    pub(crate) encoding: Option<OwnedSemaphorePermit>,
    /// `shape`: what the client's conditions make of the response.
    pub(crate) outcome: Outcome,
    /// `forward`: bytes of request body that were let through.
    pub(crate) body_bytes: u64,
    /// `shape`: when the response's head was ready.
    pub(crate) answered: Option<Instant>,
    /// `failure`, or whichever room knows best what went wrong.
    pub(crate) fault: Option<Fault>,
}

/// The attempts to get an answer from the origin.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// When the first of them began.
    pub(crate) began: Option<Began>,
    /// Whether the origin is asked for the head alone, though the whole could be stored.
    pub(crate) asks: Asks,
    /// Which origin is asked.
    pub(crate) stage: Stage,
    /// When the last of them began, and when its answer's head was there.
    pub(crate) asked: Option<Instant>,
    pub(crate) answered: Option<Instant>,
    /// What the origin answered.
    pub(crate) status: Option<StatusCode>,
    /// How often the origin that is asked was.
    pub(crate) count: u32,
    /// The connections that are asked next.
    pub(crate) connections: Connections,
    /// Addresses that failed the request.
    pub(crate) tried: Vec<SocketAddr>,
    pub(crate) address: Option<SocketAddr>,
    /// The hold on a target while it has something to do for this; a bucket has none.
    pub(crate) lease: Option<Lease>,
}

/// Over which connections an origin is asked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// Over one that was used before, if there is one.
    #[default]
    Pooled,
    /// Over a new one: one that was used before was not there any more.
    New,
}

/// Which of a behavior's origins is asked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its own.
    #[default]
    Primary,
    /// What stands in for it.
    Secondary,
}

/// The beginning of the first attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Began {
    pub(crate) at: SystemTime,
    pub(crate) birth: Birth,
}

/// What the origin is asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// The whole, even for a HEAD: it can be stored.
    #[default]
    Whole,
    /// The head, to validate a stored response with (RFC 9111 §4.3.5).
    Head,
}

/// Whether the request goes to the origin for something else than it asked for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum Detour {
    /// No.
    #[default]
    None,
    /// For the app's page (canonical path), because what was asked for is missing.
    Page(Arc<str>),
    /// For the range or the head alone, because the whole is too large to be stored.
    AsAsked,
    /// Once more, because the bucket said which region it is in.
    Region,
    /// For all of it, because the origin validated another response than the stored one.
    Unvalidated,
}

/// What every room behind `route` can count on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Routed<'a> {
    pub(crate) arrival: &'a Arrival,
    pub(crate) head: &'a RequestHead,
    pub(crate) route: &'a Route,
}

// === impl Routed ===

impl<'a> Routed<'a> {
    pub(crate) fn site(&self) -> &'a Site {
        &self.route.site().site
    }

    pub(crate) fn behavior(&self) -> &'a Behavior {
        &self.route.behavior().behavior
    }
}

// === impl Context ===

impl Context {
    pub(crate) fn new(edge: Arc<Edge>) -> Self {
        Self {
            edge,
            arrival: None,
            errand: Errand::Client,
            explain: Explain::No,
            head: None,
            route: None,
            key: Key::None(Bypass::Policy),
            forward: Forward::Bypass,
            attempt: Attempt::default(),
            detour: Detour::None,
            tags: None,
            update: None,
            unvalidated: None,
            stickiness: None,
            left_out: HeaderMap::new(),
            detail: None,
            stood_in: false,
            page: None,
            page_room: None,
            paged: None,
            encoder: None,
            encoding: None,
            outcome: Outcome::Proceed,
            body_bytes: 0,
            answered: None,
            fault: None,
        }
    }

    /// What `listen` produced.
    pub(crate) fn arrived(&self) -> Result<&Arrival> {
        self.arrival.as_ref().ok_or_else(unnamed)
    }

    /// What `listen` and `route` produced.
    pub(crate) fn routed(&self) -> Result<Routed<'_>> {
        match (&self.arrival, &self.head, &self.route) {
            (Some(arrival), Some(head), Some(route)) => Ok(Routed { arrival, head, route }),
            _ => Err(unnamed()),
        }
    }

    /// The origin that is asked now.
    pub(crate) fn origin(&self) -> Result<&Origin> {
        let behavior = self.route.as_ref().map(Route::behavior).ok_or_else(unnamed)?;
        Ok(match (self.attempt.stage, &behavior.standby) {
            (Stage::Secondary, Some(standby)) => &standby.origin,
            _ => &behavior.origin,
        })
    }

    /// Ends the walk with a fault that the rooms know more of than Pingora's error could say.
    #[expect(clippy::unnecessary_box_returns, reason = "Pingora's errors are boxed")]
    pub(crate) fn stop(&mut self, fault: Fault) -> Box<Error> {
        self.fault = Some(fault);
        unnamed()
    }
}

/// Pingora is told that something is wrong; what, is in the context.
#[expect(clippy::unnecessary_box_returns, reason = "Pingora's errors are boxed")]
pub(crate) fn unnamed() -> Box<Error> {
    Error::new(ErrorType::InternalError)
}

/// Marks the error by which a request is sent to the origin again.
const AGAIN: &str = "again";

/// The error by which a request is sent to the origin again.
#[expect(clippy::unnecessary_box_returns, reason = "Pingora's errors are boxed")]
pub(crate) fn again() -> Box<Error> {
    let mut error = Error::new(ErrorType::Custom(AGAIN));
    error.set_retry(true);
    error
}

/// Whether an error is [`again`]'s.
pub(crate) fn is_again(error: &Error) -> bool {
    error.etype() == &ErrorType::Custom(AGAIN)
}
