//! What of a request is in its key, and what of it reaches the origin: a behavior's policy, applied.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use warmfront_config::{Behavior, QueryOrder, Selection};
use warmfront_origin::{COOKIE_PREFIX, Origin};
use warmfront_semantics::fields::list_has;
use warmfront_semantics::query::{Order, selected};
use warmfront_semantics::{cookie, signed};

use crate::forward::CDN_LOOP;

/// What a request to any origin is about, whatever is forwarded: a part, a condition, the framing.
const OF_THE_REQUEST: [HeaderName; 9] = [
    CDN_LOOP,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
];
/// What makes a request with content, or to an app, what it is: it goes wherever such requests go.
const OF_THE_CONTENT: [HeaderName; 3] =
    [header::HOST, header::CONTENT_TYPE, header::CONTENT_ENCODING];

/// Of a switch of protocols.
const OF_THE_SWITCH: [HeaderName; 2] = [header::CONNECTION, header::UPGRADE];

/// CGI and its heirs take `_` and `-` in a name for the same.
pub(crate) fn same_to_cgi(name: &HeaderName, known: &HeaderName) -> bool {
    let same = |a: u8, b: u8| a == b || (a == b'_' && b == b'-');
    let (name, known) = (name.as_str().as_bytes(), known.as_str().as_bytes());
    name.len() == known.len() && name.iter().zip(known).all(|(a, b)| same(*a, *b))
}

/// The query as far as it is in the key.
pub(crate) fn keyed_query<'q>(behavior: &Behavior, query: Option<&'q str>) -> Option<Cow<'q, str>> {
    of_query(behavior, query, &[&behavior.policy.query])
}

/// The query that the origin sees: what is in the key, and what is forwarded beside it.
pub(crate) fn forwarded_query<'q>(
    behavior: &Behavior,
    query: Option<&'q str>,
) -> Option<Cow<'q, str>> {
    of_query(behavior, query, &[&behavior.policy.query, &behavior.forward.query])
}

fn of_query<'q>(
    behavior: &Behavior,
    query: Option<&'q str>,
    selections: &[&Selection],
) -> Option<Cow<'q, str>> {
    if selections.iter().all(|selection| **selection == Selection::None) {
        return None;
    }
    let query = match (query?, &behavior.trusted_keys) {
        (query, Some(_)) => signed::unsigned_query(query)?,
        (query, None) => Cow::Borrowed(query),
    };
    let order = match behavior.policy.query_order {
        QueryOrder::AsSent => Order::AsSent,
        QueryOrder::Sorted => Order::Sorted,
    };
    let all = selections.iter().any(|selection| **selection == Selection::All);
    if all && order == Order::AsSent {
        return Some(query);
    }
    let is_chosen = |name: &[u8]| selections.iter().any(|selection| selection.takes(name));
    match query {
        Cow::Borrowed(query) => selected(query, is_chosen, order),
        Cow::Owned(query) => selected(&query, is_chosen, order).map(|q| Cow::Owned(q.into_owned())),
    }
}

/// The cookies that are in the key, in one order for all.
pub(crate) fn keyed_cookies(behavior: &Behavior, request: &HeaderMap) -> Option<Vec<u8>> {
    if behavior.policy.cookies == Selection::None || !request.contains_key(header::COOKIE) {
        return None;
    }
    cookie::key(request, |name| behavior.policy.cookies.takes(name) && !is_edges(behavior, name))
}

/// Leaves a request the cookies that its origin sees.
pub(crate) fn select_cookies(behavior: &Behavior, request: &HeaderMap) -> Option<HeaderValue> {
    let (keyed, beside) = (&behavior.policy.cookies, &behavior.forward.cookies);
    cookie::selected(request, |name| {
        (keyed.takes(name) || beside.takes(name)) && !is_edges(behavior, name)
    })
}

/// A request with the cookies that its origin sees: by no others can a response vary.
pub(crate) fn with_shown_cookies(behavior: &Behavior, request: &HeaderMap) -> HeaderMap {
    let mut shown = request.clone();
    shown.remove(header::COOKIE);
    if let Some(cookies) = select_cookies(behavior, request) {
        shown.insert(header::COOKIE, cookies);
    }
    shown
}

/// Who an answer may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody who asks with the same key.
    All,
    /// One client: the origin saw a cookie of its that is not in the key.
    One,
}

/// Who the answer to a request may be for. One that varies by cookies is found by them.
pub(crate) fn audience(behavior: &Behavior, request: &HeaderMap, response: &HeaderMap) -> Audience {
    if list_has(response, &header::VARY, header::COOKIE.as_str()) {
        return Audience::All;
    }
    let (keyed, beside) = (&behavior.policy.cookies, &behavior.forward.cookies);
    let tells = |name: &[u8]| beside.takes(name) && !keyed.takes(name) && !is_edges(behavior, name);
    if cookie::pairs(request).any(|(name, _)| tells(name)) { Audience::One } else { Audience::All }
}

/// Whether any cookie may reach the origin.
pub(crate) fn passes_cookies(behavior: &Behavior) -> bool {
    behavior.policy.cookies != Selection::None || behavior.forward.cookies != Selection::None
}

/// Whether a cookie is for the edge alone: it is in no key, and no origin sees it.
fn is_edges(behavior: &Behavior, name: &[u8]) -> bool {
    let credential = behavior.trusted_keys.is_some() && signed::is_signing_cookie(name);
    credential || name.starts_with(COOKIE_PREFIX.as_bytes())
}

/// Whether a field of the client's may reach the origin. Cookies are chosen one by one.
pub(crate) fn reaches_origin(behavior: &Behavior, origin: &Origin, name: &HeaderName) -> bool {
    if OF_THE_REQUEST.contains(name) || *name == header::COOKIE {
        return true;
    }
    let keyed = &behavior.policy.headers;
    let is_keyed = keyed.contains(name);
    if !is_keyed && keyed.iter().any(|known| same_to_cgi(name, known)) {
        return false;
    }
    let chosen = is_keyed || behavior.forward.headers.takes(name.as_str().as_bytes());
    match origin {
        // Its own fields are instructions to the bucket, and the signature is ours.
        Origin::Bucket(_) => {
            chosen && *name != header::AUTHORIZATION && !name.as_str().starts_with("x-amz-")
        }
        Origin::TargetGroup(_) => {
            chosen
                || OF_THE_CONTENT.contains(name)
                || OF_THE_SWITCH.contains(name)
                || name.as_str().starts_with("sec-websocket-")
        }
    }
}
