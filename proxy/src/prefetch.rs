//! Requests that the edge makes of itself, so that what was invalidated is stored again before a client
//! asks for it.
//!
//! One is a GET over a connection in memory, through every room, so that it is routed, keyed, collapsed
//! and stored as a client's would be. It is nobody's, though: no list of addresses, no signature and no
//! limit of clients applies to it, it is in no census and no metric of requests, and in no access log.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use pingora_core::apps::ServerApp as _;
use pingora_proxy::Session;
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::time::timeout;
use warmfront_semantics::cache_status::Lookup;
use warmfront_semantics::coding::{self, Coding, Fitness};
use warmfront_semantics::errand::{Answer, Body, Cached, Fetch, Fetched, Form};
use warmfront_semantics::fields::list_has;
use warmfront_semantics::navigation::{Wanted, wanted};
use warmfront_semantics::target::Target;

use crate::admit::content_length;
use crate::clock;
use crate::context::Context;
use crate::edge::Edge;
use crate::listen::connection::{Connection, Whose};
use crate::listen::own::OwnStream;
use crate::{forward, lookup, shape};

/// How long an answer may take from the request to its last byte. Origins have limits of their own; this
/// ends what drips.
const PREFETCH_TIMEOUT: Duration = Duration::from_mins(5);
/// What is under way between the two ends, in bytes.
const BETWEEN_BYTES: usize = 64 * 1024;
/// Fields that an answer may have. More than one of the origin's comes no further than Pingora.
const FIELDS_MAX: usize = 512;

/// What the edge puts into the last body it sends, by liking.
const CODINGS: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// Says of itself what it is: some servers refuse whoever says nothing.
const USER_AGENT: HeaderValue = HeaderValue::from_static("warmfront");
/// As a browser that opens a page: who prefers HTML gets what its visitors get.
const OF_A_PAGE: HeaderValue = HeaderValue::from_static("text/html,*/*;q=0.8");

/// How a request of the edge's own ended, as the last room saw it.
#[derive(Debug)]
pub(crate) struct Ended {
    lookup: Lookup,
    stored: bool,
    forms: Vec<Form>,
    fault: Option<String>,
}

impl Edge {
    /// Asks the edge for something as a client would, and reads the answer to its end.
    ///
    /// Waits until the data plane serves. A stale response is refreshed before the answer comes. What a
    /// site would redirect a client for is redirected.
    pub async fn prefetch(self: &Arc<Self>, asked: &Fetch) -> Fetched {
        match timeout(PREFETCH_TIMEOUT, Box::pin(self.fetch(asked))).await {
            Ok(Ok(answer)) => Fetched::Answered(answer),
            Ok(Err(why)) => Fetched::Failed(why),
            Err(_) => Fetched::Failed(format!("no end of it in {PREFETCH_TIMEOUT:?}")),
        }
    }

    async fn fetch(self: &Arc<Self>, asked: &Fetch) -> Result<Answer, String> {
        let proxy = self.serving().await.ok_or("the data plane does not serve any more")?;
        let request = request(asked).map_err(|error| format!("no request asks for it: {error}"))?;
        let connection = Connection::of_edge(asked.scheme, &self.config().listen);
        let connection = Arc::new(connection);
        let (near, far) = tokio::io::duplex(BETWEEN_BYTES);
        let stream = OwnStream::new(near, &connection).map_err(|error| error.to_string())?;
        // Nobody ends it from outside: it is one request long.
        let (_open, ends) = watch::channel(false);
        let served = proxy.process_new(Box::new(stream), &ends);
        let (_, answered) = tokio::join!(served, ask(far, request, asked.keep));
        let (status, body) = answered?;
        let Whose::Edge(ended) = &connection.whose else {
            return Err("it was taken for a client's".to_owned());
        };
        let ended = ended.lock().take().ok_or("it was not served to its end")?;
        ended.answer(status, body)
    }
}

/// Notes how a request of the edge's own ended.
pub(crate) fn note(session: &Session, context: &Context) {
    let Some(arrival) = &context.arrival else { return };
    let Whose::Edge(ended) = &arrival.connection.whose else { return };
    let status = match context.answered {
        Some(_) => lookup::status(&session.cache, context, clock::now()),
        None => lookup::none(context),
    };
    *ended.lock() = Some(Ended {
        lookup: status.lookup,
        stored: status.stored,
        forms: forms(session, context),
        fault: context.fault.as_ref().map(ToString::to_string),
    });
}

/// The forms that others could have the answer in.
fn forms(session: &Session, context: &Context) -> Vec<Form> {
    let Some(route) = &context.route else { return Vec::new() };
    let written = session.response_written().filter(|_| shape::answered(session).is_some());
    let Some(head) = written else { return Vec::new() };
    let policy = &route.behavior().behavior.policy;
    if policy.compress {
        let length = content_length(&head.headers);
        let is_fit = coding::fitness(head.status, &head.headers, length) == Fitness::Fit;
        return if is_fit { CODINGS.map(Form::Coded).to_vec() } else { Vec::new() };
    }
    let accepted = header::ACCEPT_ENCODING;
    let is_varied = list_has(&head.headers, &header::VARY, accepted.as_str())
        && forward::is_shown(route, &accepted);
    let is_keyed = policy.headers.contains(&accepted);
    if is_varied || is_keyed { vec![Form::Browsers] } else { Vec::new() }
}

fn request(asked: &Fetch) -> Result<Request<Empty<Bytes>>, http::Error> {
    let page = HeaderMap::from_iter([(header::ACCEPT, OF_A_PAGE)]);
    let accept = match wanted(&Method::GET, Target::split(&asked.target).path, &page) {
        Wanted::Page => OF_A_PAGE,
        Wanted::File => HeaderValue::from_static("*/*"),
    };
    Request::get(asked.target.as_str())
        .header(header::HOST, asked.host.as_str())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, accept)
        .header(header::ACCEPT_ENCODING, asked.form.accept_encoding(asked.scheme))
        .header(header::CONNECTION, "close")
        .body(Empty::new())
}

async fn ask(
    far: DuplexStream,
    request: Request<Empty<Bytes>>,
    keep: Option<usize>,
) -> Result<(StatusCode, Body), String> {
    let broken = |error: hyper::Error| format!("the answer broke off: {error}");
    let mut client = http1::Builder::new();
    let client = client.max_headers(FIELDS_MAX).handshake(TokioIo::new(far));
    let (mut sender, connection) = client.await.map_err(broken)?;
    let answered = async move {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        Ok((status, read(answer, keep).await.map_err(broken)?))
    };
    beside(connection, answered).await
}

/// Carries a connection on while it is used. How it ends is told by what it is used for.
async fn beside<C, T>(connection: C, used: impl Future<Output = T>) -> T
where
    C: Future<Output = Result<(), hyper::Error>>,
{
    let (_, used) = tokio::join!(connection, used);
    used
}

/// Reads a body to its end, and keeps it as far as it was asked for.
async fn read(answer: Response<Incoming>, keep: Option<usize>) -> Result<Body, hyper::Error> {
    let mut body = answer.into_body();
    let mut kept = keep.map(|_| BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        kept = kept.filter(|kept| keep.is_some_and(|most| kept.len() + piece.len() <= most));
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(&piece);
        }
    }
    Ok(match (keep, kept) {
        (None, _) => Body::Dropped,
        (Some(_), Some(kept)) => Body::Kept(kept.freeze()),
        (Some(_), None) => Body::TooLong,
    })
}

// === impl Ended ===

impl Ended {
    /// What came of it, with what its client got.
    fn answer(self, status: StatusCode, body: Body) -> Result<Answer, String> {
        let cached = match self.lookup {
            Lookup::Hit | Lookup::Stale | Lookup::Collapsed(_) => Cached::Hit,
            Lookup::Revalidated(_) => Cached::Stored,
            Lookup::Forwarded(_) if self.stored => Cached::Stored,
            Lookup::Forwarded(_) | Lookup::Answered => Cached::NotStored,
            // What stands in for it is what was there before.
            Lookup::StoodIn | Lookup::Failed(_) => {
                return Err(self.fault.unwrap_or_else(|| "the origin failed".to_owned()));
            }
        };
        Ok(Answer { status, cached, forms: self.forms, body })
    }
}
