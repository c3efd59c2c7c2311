//! Error pages: what a site shows in an error's place, fetched from the site itself.
//!
//! The page is a request of the edge's own, through every room but the gate, so it is stored like
//! anything else. Such a request gets no error page in turn: loops cannot be.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use pingora_cache::CachePhase;
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::subrequest::server::SubrequestHandle;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use pingora_proxy::subrequest::Ctx;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use warmfront_config::ErrorPage;

use crate::context::{Context, Errand};
use crate::edge::Edge;
use crate::listen::PingoraStream;
use crate::listen::connection::Whose;

/// Larger pages are no pages of errors.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// What a request for a page says of the client; what is left out is not the page's business.
const KEPT: [HeaderName; 2] = [header::HOST, header::ACCEPT_ENCODING];

/// An error is not held back for longer by its page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(3);

/// What came back for a page.
type Answered = (Box<ResponseHeader>, Vec<Bytes>);

/// Marks a page whose body lies in the store.
#[derive(Debug, Clone, Copy)]
struct Stored;

/// Marks the request for a page.
struct ForPage {
    path: String,
}

/// A page, as the site answered with it.
#[derive(Debug)]
pub(crate) struct Page {
    /// What the client is told.
    pub(crate) status: StatusCode,
    /// The page's own.
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<Bytes>,
    /// Held while it is sent.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

// === impl Errand ===

impl Errand {
    /// Whom a request is for.
    pub(crate) fn of(session: &Session) -> Self {
        match session.subrequest_ctx.as_deref().map(for_page) {
            None => match PingoraStream::connection_of(session).map(|it| &it.whose) {
                Some(Whose::Edge(_)) => Self::Prefetch,
                Some(Whose::Client) | None => Self::Client,
            },
            Some(None) => Self::Refresh,
            Some(Some(_)) => Self::Page,
        }
    }
}

fn for_page(context: &Ctx) -> Option<&ForPage> {
    context.user_ctx()?.downcast_ref()
}

/// What the site says of this error, if anything.
pub(crate) fn of(context: &Context, status: StatusCode) -> Option<&ErrorPage> {
    let site = &context.route.as_ref()?.site().site;
    let pages = if context.errand == Errand::Client { site.error_pages.as_slice() } else { &[] };
    pages.iter().find(|page| page.status.contains(&status))
}

/// The page for an error. `None` if there is none to show; if there should be, that is noted.
pub(crate) async fn fetch(
    session: &Session,
    context: &mut Context,
    status: StatusCode,
) -> Option<Page> {
    let (path, respond) = {
        let page = of(context, status)?;
        (page.page.clone()?, page.respond.unwrap_or(status))
    };
    let page = ask(session, &context.edge, path).await;
    let page = page.and_then(|(head, body)| {
        let room = match head.extensions.get::<Stored>() {
            // Its bytes are the store's.
            Some(Stored) => None,
            None => Some(room(&context.edge, &body)?),
        };
        Some(Page { status: respond, fields: head.headers.clone(), body, room })
    });
    if page.is_none() {
        context.detail = Some("no-error-page");
    }
    page
}

fn room(edge: &Edge, body: &[Bytes]) -> Option<OwnedSemaphorePermit> {
    let bytes: usize = body.iter().map(Bytes::len).sum();
    let kib = u32::try_from(bytes / 1024 + 1).ok()?;
    edge.pages.clone().try_acquire_many_owned(kib).ok()
}

async fn ask(session: &Session, edge: &Edge, path: String) -> Option<Answered> {
    let turn = edge.page_requests.clone().try_acquire_owned().ok()?;
    let context = Ctx::builder().user_ctx(Box::new(ForPage { path })).build();
    let spawner = session.subrequest_spawner.as_ref()?;
    let (request, mut handle) = spawner.create_subrequest(session.as_downstream(), context);
    tokio::spawn(async move {
        request.run().await;
        drop(turn);
    });
    let answered = timeout(PAGE_TIMEOUT, answer(&mut handle)).await;
    if answered.is_err() {
        // Too late for this error; the next one finds it stored.
        handle.drain_tasks();
    }
    answered.ok().flatten()
}

/// All of the answer to the request for a page, if it is a page.
async fn answer(handle: &mut SubrequestHandle) -> Option<Answered> {
    let (mut found, mut body, mut bytes) = (None, Vec::new(), 0);
    loop {
        let end = match handle.rx.recv().await? {
            HttpTask::Header(head, _) if head.status.is_informational() => false,
            HttpTask::Header(head, end) if head.status == StatusCode::OK => {
                found = Some(head);
                end
            }
            HttpTask::Body(piece, end) => {
                let piece = piece.unwrap_or_default();
                bytes += piece.len();
                body.push(piece);
                end
            }
            HttpTask::Done => true,
            HttpTask::Trailer(_) => false,
            HttpTask::Header(..) | HttpTask::UpgradedBody(..) | HttpTask::Failed(_) => return None,
        };
        if bytes > PAGE_BYTES_MAX {
            return None;
        }
        if end {
            return found.map(|head| (head, body));
        }
    }
}

/// Makes the copy of a client's request that one for a page begins as what it is.
pub(crate) fn address(session: &mut Session) {
    let Some(path) = session.subrequest_ctx.as_deref().and_then(for_page).map(|p| p.path.clone())
    else {
        return;
    };
    let request: &mut RequestHeader = session.req_header_mut();
    request.set_method(Method::GET);
    // `check` lets in no path that is none.
    let _ = request.set_raw_path(path.as_bytes());
    let dropped: Vec<_> = request.headers.keys().filter(|n| !KEPT.contains(n)).cloned().collect();
    for name in &dropped {
        request.remove_header(name);
    }
}

/// Notes where the body of a page comes from, for the request that wants it.
pub(crate) fn note_source(session: &Session, response: &mut ResponseHeader) {
    if matches!(session.cache.phase(), CachePhase::Hit | CachePhase::Revalidated) {
        response.extensions_mut().insert(Stored);
    }
}

// === impl Page ===

impl Page {
    /// Bytes of content.
    pub(crate) fn bytes(&self) -> usize {
        self.body.iter().map(Bytes::len).sum()
    }

    /// Keeps what the error says of itself.
    pub(crate) fn keep<'e>(
        &mut self,
        error: impl Iterator<Item = (&'e HeaderName, &'e HeaderValue)>,
    ) {
        let kept = error.filter(|(name, _)| OF_THE_ERROR.contains(name));
        let kept: Vec<_> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        for name in &OF_THE_ERROR {
            self.fields.remove(name);
        }
        for (name, value) in kept {
            self.fields.append(name, value);
        }
    }

    /// The page's head, in the place of the error's.
    pub(crate) fn dress(&self, response: &mut ResponseHeader) -> pingora_core::Result<()> {
        let mut head = ResponseHeader::build_no_case(self.status, Some(self.fields.len() + 4))?;
        for (name, value) in self.fields.iter().filter(|(name, _)| !FRAMING.contains(name)) {
            head.append_header(name, value)?;
        }
        head.insert_header(header::CONTENT_LENGTH, self.bytes())?;
        head.set_version(response.version);
        *response = head;
        Ok(())
    }
}

/// What is said of the error and not of the page: when it was, and what the client can do about it
/// (RFC 9110 §10.2.3, §11.6.1, §15.5.6).
const OF_THE_ERROR: [HeaderName; 5] =
    [header::AGE, header::DATE, header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE];
/// What is said anew for each client.
pub(crate) const FRAMING: [HeaderName; 3] =
    [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];
