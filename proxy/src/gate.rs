//! Who is let in: redirects, refusals, limits.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warmfront_config::{Limits, Methods, Viewer};
use warmfront_semantics::fields::{self, Nominated};

use crate::answer::Answer;
use crate::failure::{ClientFault, Fault};
use crate::request::{Arrival, RequestHead};
use crate::route::Route;

const HTTPS_PORT: u16 = 443;

/// What a room decided.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// On to the next room.
    Pass,
    /// The walk ends here.
    Answer(Answer),
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

/// What the site lets through.
pub(crate) fn judge(arrival: &Arrival, head: &RequestHead, route: &Route) -> Verdict {
    let methods = route.behavior().behavior.methods;
    // RFC 9110 §9.3.8: TRACE would echo credentials; CONNECT is for proxies.
    if matches!(head.method, Method::TRACE | Method::CONNECT) {
        return Verdict::Answer(not_allowed(methods));
    }
    // RFC 9110 §9.3.7: `*` asks about the server, not about any resource of an origin.
    if head.path_and_query() == "*" {
        let answer = Answer::page(StatusCode::OK, "warmfront", false);
        return Verdict::Answer(answer.with(header::ALLOW, allowed(methods)));
    }
    if arrival.connection.tls.is_none() {
        match route.site().site.viewer {
            Viewer::AllowAll => {}
            Viewer::HttpsOnly => return refuse(ClientFault::HttpsOnly),
            Viewer::RedirectToHttps => return to_https(arrival, head),
        }
    }
    if !lets_through(methods, &head.method) {
        return Verdict::Answer(not_allowed(methods));
    }
    Verdict::Pass
}

/// CloudFront's choice of statuses: 301 may turn a POST into a GET (RFC 9110 §15.4.2), 307 may not.
///
/// The host is one of the site's, so this never leads anywhere else; path and query go on byte for
/// byte.
fn to_https(arrival: &Arrival, head: &RequestHead) -> Verdict {
    let status = match head.method {
        Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
        _ => StatusCode::TEMPORARY_REDIRECT,
    };
    let https = &arrival.snapshot.config.listen.https;
    let port = https.first().map_or(HTTPS_PORT, std::net::SocketAddr::port);
    let port = if port == HTTPS_PORT { String::new() } else { format!(":{port}") };
    let location = format!("https://{}{port}{}", head.host, head.path_and_query());
    match HeaderValue::try_from(location) {
        Ok(location) => Verdict::Answer(Answer::redirect(status, location)),
        Err(_) => refuse(ClientFault::Target),
    }
}

fn lets_through(methods: Methods, method: &Method) -> bool {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => true,
        _ => methods == Methods::All,
    }
}

fn not_allowed(methods: Methods) -> Answer {
    // RFC 9110 §15.5.6: Allow must say what is.
    Fault::Client(ClientFault::Method).answer().with(header::ALLOW, allowed(methods))
}

fn allowed(methods: Methods) -> &'static str {
    match methods {
        Methods::Safe => "GET, HEAD, OPTIONS",
        Methods::All => "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE",
    }
}

fn refuse(fault: ClientFault) -> Verdict {
    Verdict::Answer(Fault::Client(fault).answer())
}
