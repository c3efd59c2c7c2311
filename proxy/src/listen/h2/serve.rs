//! Serving one HTTP/2 connection, from its preface to its last stream.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection as Http2, SendResponse};
use h2::{Reason, RecvStream};
use http::{Method, Request, Response};
use pingora_core::apps::HttpServerApp as _;
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::ServerSession;
use pingora_proxy::HttpProxy;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use warmfront_config::Limits;

use super::request::{self, Refused};
use super::session::Http2Session;
use super::underway::Underway;
use crate::edge::Edge;
use crate::failure::{ClientFault, Fault};
use crate::listen::connection::Connection;
use crate::listen::stream::EdgeStream;
use crate::listen::transport;
use crate::service::EdgeService;

/// What a client may send before the edge has read it, in each stream.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// What waits in a stream for a client that does not read, beside the chunk that is being written.
const UNREAD_BYTES_MAX: usize = 64 * 1024;
/// A client with this many malformed requests on one connection does not mean well.
const MALFORMED_MAX: u32 = 32;
/// How long an idle client has to take leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// What serves a connection.
pub(in crate::listen) struct Front {
    pub(in crate::listen) proxy: Arc<HttpProxy<EdgeService>>,
    pub(in crate::listen) edge: Arc<Edge>,
    pub(in crate::listen) connection: Arc<Connection>,
    /// Turns true when the connection is to take in no more requests.
    pub(in crate::listen) ends: watch::Receiver<bool>,
}

type Frames = Http2<EdgeStream, Bytes>;

// === impl Front ===

impl Front {
    /// Returns when the connection is closed and every request on it is served out: what is being
    /// stored is stored whole, even if the client has left.
    pub(in crate::listen) async fn serve(self, stream: EdgeStream, limits: &Limits) {
        let Ok(digest) = transport::digest(&self.connection) else { return };
        let Ok(mut frames) = builder(limits).handshake(stream).await else { return };
        let underway = Underway::new(Instant::now());
        let digest = Arc::new(digest);
        self.take_in(&mut frames, &digest, limits.idle_timeout, &underway).await;
        drop(frames);
        underway.done().await;
    }

    /// Takes requests in until there can be no more.
    async fn take_in(
        &self,
        frames: &mut Frames,
        digest: &Arc<Digest>,
        idle_timeout: Duration,
        underway: &Arc<Underway>,
    ) {
        let mut ends = pin!(ended(self.ends.clone()));
        let mut idle = pin!(underway.idle_for(idle_timeout));
        let mut is_ending = false;
        let mut malformed = 0;
        loop {
            tokio::select! {
                biased;
                () = &mut ends, if !is_ending => {
                    // Streams that the client opened before it heard of it are still taken in.
                    frames.graceful_shutdown();
                    is_ending = true;
                }
                accepted = frames.accept() => {
                    // Clients hang up as they please: that is nothing to be written down.
                    let Some(Ok((request, respond))) = accepted else { return };
                    if self.begin(request, respond, digest, underway).is_err() {
                        malformed += 1;
                    }
                    if malformed == MALFORMED_MAX {
                        frames.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    }
                }
                () = &mut idle => {
                    frames.abrupt_shutdown(Reason::NO_ERROR);
                    // A client that is gone says nothing to this.
                    let _ = timeout(LEAVE_TIMEOUT, poll_fn(|cx| frames.poll_closed(cx))).await;
                    return;
                }
            }
        }
    }

    /// Has a request served in a task of its own, unless it is turned away.
    fn begin(
        &self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
        digest: &Arc<Digest>,
        underway: &Arc<Underway>,
    ) -> Result<(), Refused> {
        let (head, content) = request.into_parts();
        let is_head = head.method == Method::HEAD;
        let head = request::accept(head)
            .inspect_err(|refused| self.refuse(*refused, &mut respond, is_head))?;
        let session = Http2Session::new(head, content, respond, digest.clone());
        let (proxy, ends, counted) = (self.proxy.clone(), self.ends.clone(), underway.begin());
        tokio::spawn(async move {
            let session = ServerSession::new_custom(Box::new(session));
            // A stream is not used again.
            let _ = proxy.process_new_http(session, &ends).await;
            drop(counted);
        });
        Ok(())
    }

    /// Turns a request away that no room has seen.
    fn refuse(&self, refused: Refused, respond: &mut SendResponse<Bytes>, is_head: bool) {
        match refused {
            Refused::Reset(reason) => respond.send_reset(reason),
            Refused::Answer(fault) => {
                // It fails if the client is gone.
                let _ = send(fault, respond, is_head);
                self.edge.observe_refusal(&self.connection, fault);
            }
        }
    }
}

/// An error means that whoever could end the connection is gone: it ends.
async fn ended(mut ends: watch::Receiver<bool>) {
    let _ = ends.wait_for(|ends| *ends).await;
}

/// The limits that are `h2`'s to keep. Its own against floods of resets, empty frames and
/// CONTINUATION stay as they are.
fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW_BYTES)
        .max_send_buffer_size(UNREAD_BYTES_MAX);
    builder
}

fn send(
    fault: ClientFault,
    respond: &mut SendResponse<Bytes>,
    is_head: bool,
) -> Result<(), h2::Error> {
    let answer = Fault::Client(fault).answer();
    let mut response = Response::new(());
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.fields);
    let mut stream = respond.send_response(response, is_head)?;
    if is_head { Ok(()) } else { stream.send_data(answer.body.concat().into(), true) }
}
