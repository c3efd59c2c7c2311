//! One HTTP/2 stream, as a session that Pingora's proxy can serve.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::HeaderMap;
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::custom::CustomMessageWrite;
use pingora_core::protocols::http::custom::server::Session;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};

use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::request;

/// Messages beside HTTP, which this protocol has none of.
type Messages = Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>;

/// A request and the response to it.
pub(super) struct Http2Session {
    request: RequestHeader,
    incoming: Incoming,
    outgoing: Outgoing,
    /// Parts of the response that are still to be written, where Pingora does not wait for that.
    waiting: VecDeque<HttpTask>,
    takes_tasks: bool,
    /// The connection's.
    digest: Arc<Digest>,
}

// === impl Http2Session ===

impl Http2Session {
    pub(super) fn new(
        request: RequestHeader,
        content: RecvStream,
        respond: SendResponse<Bytes>,
        digest: Arc<Digest>,
    ) -> Self {
        let incoming = Incoming::new(content, &request.headers);
        let outgoing = Outgoing::new(respond, &request.method);
        let (waiting, takes_tasks) = (VecDeque::new(), false);
        Self { request, incoming, outgoing, waiting, takes_tasks, digest }
    }

    /// Whether the response is whole.
    async fn write_part(&mut self, part: HttpTask) -> Result<bool> {
        match part {
            HttpTask::Header(head, end) => {
                self.outgoing.write_head(head, end)?;
                Ok(end)
            }
            HttpTask::Body(bytes, end) => {
                if let Some(bytes) = bytes {
                    self.outgoing.write(bytes, end).await?;
                }
                Ok(end)
            }
            HttpTask::Trailer(trailers) => {
                if let Some(trailers) = trailers {
                    self.outgoing.write_trailers(*trailers)?;
                }
                Ok(true)
            }
            HttpTask::Done => Ok(true),
            // RFC 9113 §8.6: no request of this protocol asks for another.
            HttpTask::UpgradedBody(..) => {
                Err(Error::explain(ErrorType::InternalError, "another protocol on a stream"))
            }
            HttpTask::Failed(error) => Err(error),
        }
    }
}

#[async_trait]
impl Session for Http2Session {
    fn req_header(&self) -> &RequestHeader {
        &self.request
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        &mut self.request
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        self.incoming.next().await
    }

    /// Pending behind the content's end, until the client no longer wants a response.
    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        if no_body_expected || self.incoming.is_done() {
            return Err(self.outgoing.unwanted().await);
        }
        self.incoming.next().await
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        self.incoming.drain().await
    }

    fn is_body_done(&mut self) -> bool {
        self.incoming.is_done()
    }

    fn is_body_empty(&mut self) -> bool {
        self.incoming.is_empty()
    }

    fn body_bytes_read(&self) -> usize {
        self.incoming.read_bytes()
    }

    fn enable_retry_buffering(&mut self) {
        self.incoming.keep_for_retry();
    }

    fn retry_buffer_truncated(&self) -> bool {
        self.incoming.is_retry_truncated()
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        self.incoming.retry()
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.outgoing.write_head(head, end)
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, end: bool) -> Result<()> {
        self.outgoing.write_head(Box::new(head.clone()), end)
    }

    async fn write_body(&mut self, bytes: Bytes, end: bool) -> Result<()> {
        self.outgoing.write(bytes, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.outgoing.write_trailers(trailers)
    }

    async fn response_duplex_vec(&mut self, parts: Vec<HttpTask>) -> Result<bool> {
        let mut is_whole = false;
        for part in parts {
            is_whole |= self.write_part(part).await?;
        }
        if is_whole {
            self.outgoing.finish()?;
        }
        Ok(is_whole)
    }

    fn proxy_tasks_enabled(&self) -> bool {
        self.takes_tasks
    }

    fn set_proxy_tasks_enabled(&mut self, enabled: bool) {
        self.takes_tasks = enabled;
    }

    fn send_proxy_task(&mut self, part: HttpTask) {
        self.waiting.push_back(part);
    }

    fn has_pending_proxy_tasks(&self) -> bool {
        self.outgoing.is_under_way() || !self.waiting.is_empty()
    }

    /// Safe to drop at any await: only content has one, and it goes on where it stopped.
    async fn write_proxy_tasks(&mut self) -> Result<bool> {
        let mut is_whole = self.outgoing.go_on().await?;
        while let Some(part) = self.waiting.pop_front() {
            is_whole |= match part {
                HttpTask::Body(Some(bytes), end) => {
                    self.outgoing.begin(bytes, end);
                    self.outgoing.go_on().await?
                }
                part => self.write_part(part).await?,
            };
        }
        if is_whole {
            self.outgoing.finish()?;
        }
        Ok(is_whole)
    }

    async fn finish(&mut self) -> Result<()> {
        self.outgoing.finish()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.outgoing.written()
    }

    fn body_bytes_sent(&self) -> usize {
        self.outgoing.sent_bytes()
    }

    async fn shutdown(&mut self, code: u32, _: &str) {
        self.outgoing.reset(Reason::from(code));
    }

    async fn abandon(&mut self, _: &str) {
        self.outgoing.reset(Reason::INTERNAL_ERROR);
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.incoming.read_timeout = timeout;
    }

    fn get_read_timeout(&self) -> Option<Duration> {
        self.incoming.read_timeout
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.outgoing.write_timeout = timeout;
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.outgoing.write_timeout
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.incoming.drain_timeout = timeout;
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.incoming.drain_timeout
    }

    fn request_summary(&self) -> String {
        let path = String::from_utf8_lossy(self.request.raw_path());
        let host = self.request.headers.get(http::header::HOST);
        format!("{} {path}, Host: {host:?}", self.request.method)
    }

    fn digest(&self) -> Option<&Digest> {
        Some(&self.digest)
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        Arc::get_mut(&mut self.digest)
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.digest.socket_digest.as_ref()?.peer_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.digest.socket_digest.as_ref()?.local_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        request::as_http1(&self.request).into()
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(&mut self) -> Option<Messages> {
        None
    }

    fn restore_custom_message_reader(&mut self, _: Messages) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(&mut self, _: Box<dyn CustomMessageWrite>) -> Result<()> {
        Ok(())
    }
}

/// Waits for what the client has to do, for so long at most.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    late: ErrorType,
    awaited: impl Future<Output = T>,
) -> Result<T> {
    let Some(limit) = limit else { return Ok(awaited.await) };
    tokio::time::timeout(limit, awaited).await.map_err(|_| {
        let context = format!("nothing from the client in {limit:?}");
        Error::explain(late, context).into_down()
    })
}

#[cfg(test)]
mod tests {
    use http::{Method, Request, header};
    use pingora_core::protocols::http::ServerSession;
    use pingora_core::protocols::http::subrequest::server::HttpSession;

    use super::*;

    /// What is stale is refreshed by a request that Pingora makes from a session's.
    #[tokio::test]
    async fn a_request_of_the_edges_own_can_be_made_from_a_clients() {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let client = async {
            let (mut send, connection) = h2::client::handshake(near).await.unwrap();
            let request = Request::get("https://a.test/b?c").header("x", "y").body(()).unwrap();
            let _response = send.send_request(request, true).unwrap();
            connection.await.unwrap();
        };
        let edge = async {
            let mut frames = h2::server::handshake(far).await.unwrap();
            let (request, respond) = frames.accept().await.unwrap().unwrap();
            let (head, content) = request.into_parts();
            let head = request::accept(head).unwrap();
            let session = Http2Session::new(head, content, respond, Arc::default());
            let session = ServerSession::new_custom(Box::new(session));
            let (mut own, _handle) = HttpSession::new_from_session(&session);
            own.read_request().await.unwrap();
            let head = own.req_header();
            assert_eq!((&head.method, head.raw_path()), (&Method::GET, &b"/b?c"[..]));
            assert_eq!(head.headers[header::HOST], "a.test");
            assert_eq!(head.headers["x"], "y");
            assert!(own.is_body_done());
        };
        tokio::select! {
            () = edge => {}
            () = client => panic!("the client was not heard"),
        }
    }
}
