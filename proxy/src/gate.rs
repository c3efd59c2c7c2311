//! Who is let in: redirects, refusals, limits.

mod access;
mod challenge;
mod preflight;
mod redirect;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warmfront_config::{Limits, Methods};
use warmfront_semantics::fields::{self, Nominated};

use crate::answer::Answer;
use crate::context::Routed;
use crate::failure::{ClientFault, Fault};
use crate::request::RequestHead;

pub(crate) use challenge::answer_challenge;

/// What a room decided.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// On to the next room.
    Pass,
    /// The walk ends here.
    Answer(Answer),
}

/// Whose clients come in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Everybody's: who they are is looked at.
    Front,
    /// Of somebody who is only asked about: where from, nobody knows.
    Asked,
    /// The edge's own: it is let in, and goes where clients go.
    Back,
}

/// What holds for every request, whatever site it is for: limits that HTTP/2 does not enforce by
/// itself, and fields no honest client sends.
pub(crate) fn inspect(
    head: &RequestHead,
    fields: &HeaderMap,
    limits: &Limits,
) -> Result<(), ClientFault> {
    if head.path_and_query().len() > limits.url_bytes {
        return Err(ClientFault::TargetTooLong);
    }
    // An HTTP/2 request was given the Host field that its `:authority` stands for.
    if fields.len() > limits.header_fields + 1 {
        return Err(ClientFault::HeadTooLarge);
    }
    let bytes: usize = fields.iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
    if bytes > limits.header_bytes {
        return Err(ClientFault::HeadTooLarge);
    }
    if matches!(fields::nominated(fields), Nominated::Forbidden(_)) {
        return Err(ClientFault::Nominated);
    }
    if fields
        .get(header::EXPECT)
        .is_some_and(|e| !e.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    {
        return Err(ClientFault::Expectation);
    }
    let length =
        fields.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limits.body_bytes) {
        return Err(ClientFault::BodyTooLarge);
    }
    Ok(())
}

/// What the site lets through, and whom.
pub(crate) fn judge(routed: &Routed<'_>, fields: &HeaderMap, door: Door) -> Result<Verdict, Fault> {
    let Routed { arrival, head, route } = *routed;
    let (site, behavior) = (&route.site().site, &route.behavior().behavior);
    // RFC 9110 §9.3.8: TRACE would echo credentials; CONNECT is for proxies.
    if matches!(head.method, Method::TRACE | Method::CONNECT) {
        return Ok(Verdict::Answer(not_allowed(&behavior.methods)));
    }
    if door == Door::Front {
        let client = arrival.connection.client.ip();
        access::by_address(&site.clients, client).map_err(Fault::Denied)?;
    }
    // RFC 9110 §9.3.7: `*` asks about the server, not about any resource of an origin.
    if head.path_and_query() == "*" {
        let answer = Answer::page(StatusCode::OK, "warmfront", false);
        return Ok(Verdict::Answer(answer.with(header::ALLOW, allowed(&behavior.methods))));
    }
    // Browsers follow no redirect of a preflight.
    if let Some(cors) = &behavior.response_fields.cors
        && let Some(answer) = preflight::answer(cors, &head.method, fields)
    {
        return Ok(Verdict::Answer(answer));
    }
    if let Some(location) = redirect::elsewhere(routed)? {
        return Ok(Verdict::Answer(location));
    }
    if !lets_through(&behavior.methods, &head.method) {
        return Ok(Verdict::Answer(not_allowed(&behavior.methods)));
    }
    if let Some(trusted) = &behavior.trusted_keys
        && door != Door::Back
    {
        access::by_signature(trusted, routed, fields).map_err(Fault::Denied)?;
    }
    Ok(Verdict::Pass)
}

fn lets_through(methods: &Methods, method: &Method) -> bool {
    match methods {
        Methods::All => true,
        Methods::Only(listed) => listed.contains(method),
    }
}

fn not_allowed(methods: &Methods) -> Answer {
    // RFC 9110 §15.5.6: Allow must say what is.
    Fault::Client(ClientFault::Method).answer().with(header::ALLOW, allowed(methods))
}

fn allowed(methods: &Methods) -> HeaderValue {
    let all = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE";
    match methods {
        Methods::All => HeaderValue::from_static(all),
        Methods::Only(listed) => {
            let names: Vec<_> = listed.iter().map(Method::as_str).collect();
            // Tokens and commas.
            HeaderValue::try_from(names.join(", "))
                .unwrap_or_else(|_| HeaderValue::from_static(all))
        }
    }
}
