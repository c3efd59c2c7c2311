//! A response, as its stream takes it.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use pingora_core::protocols::http::date::get_cached_date;
use pingora_core::{Error, ErrorType, ImmutStr, Result};
use pingora_http::ResponseHeader;

use super::session::within;

/// Fields that mean nothing on a stream (RFC 9113 §8.2.2).
const OF_HTTP1: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
/// Marks an interim response that `shape` passes on. Pingora writes the same one again, but not always:
/// what has no mark is left out. Clients never see it.
pub(crate) const PASSED_ON: HeaderName = HeaderName::from_static("warmfront-passed-on");
/// Interim responses wait for the client without its leave: flow control is for content alone.
const INTERIM_RESPONSES_MAX: u8 = 16;
/// Pingora's own pages come with the Date of RFC 9110's examples, for the session to overwrite.
const PAGE_OF_PINGORA: (&str, &str) = ("Pingora", "Sun, 06 Nov 1994 08:49:37 GMT");

/// The sending half of a stream.
pub(super) struct Outgoing {
    respond: SendResponse<Bytes>,
    /// Once the final head is sent.
    stream: Option<SendStream<Bytes>>,
    written: Option<Box<ResponseHeader>>,
    interim_left: u8,
    /// Content that was begun and is not sent yet, and whether it is the last.
    unsent: Option<(Bytes, bool)>,
    /// The request's method is HEAD: nothing follows the head (RFC 9110 §9.3.2).
    is_head: bool,
    /// The end was sent, or the stream reset.
    is_ended: bool,
    sent_bytes: usize,
    pub(super) write_timeout: Option<Duration>,
}

// === impl Outgoing ===

impl Outgoing {
    pub(super) fn new(respond: SendResponse<Bytes>, method: &Method) -> Self {
        Self {
            respond,
            stream: None,
            written: None,
            interim_left: INTERIM_RESPONSES_MAX,
            unsent: None,
            is_head: method == Method::HEAD,
            is_ended: false,
            sent_bytes: 0,
            write_timeout: None,
        }
    }

    /// The final head, once it is written.
    pub(super) fn written(&self) -> Option<&ResponseHeader> {
        self.written.as_deref()
    }

    pub(super) fn sent_bytes(&self) -> usize {
        self.sent_bytes
    }

    /// Any number of interim heads, then one that is final. `end` says that nothing follows it.
    pub(super) fn write_head(&mut self, mut head: Box<ResponseHeader>, end: bool) -> Result<()> {
        if self.is_ended || self.written.is_some() {
            return Ok(());
        }
        for name in &OF_HTTP1 {
            head.remove_header(name);
        }
        if head.status.is_informational() {
            self.write_interim(*head);
            return Ok(());
        }
        date(&mut head)?;
        let end = end || self.is_head || is_bodiless(head.status);
        let response = Response::from_parts(head.as_owned_parts(), ());
        let stream = self.respond.send_response(response, end).map_err(|e| gone(e, "a head"))?;
        self.stream = Some(stream);
        self.written = Some(head);
        self.is_ended = end;
        Ok(())
    }

    /// Writes content, no faster than the client takes it.
    ///
    /// Returns when the last of it is on its way, which is not before the client and the connection
    /// have made room for it: no more than the builder's `max_send_buffer_size` waits in between.
    pub(super) async fn write(&mut self, bytes: Bytes, end: bool) -> Result<()> {
        self.begin(bytes, end);
        self.go_on().await.map(|_| ())
    }

    /// Content for [`Self::go_on`] to write.
    pub(super) fn begin(&mut self, bytes: Bytes, end: bool) {
        self.unsent = Some((bytes, end));
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.unsent.is_some()
    }

    /// Writes what was begun, and says whether it is the last. Safe to drop at any await: the next
    /// call goes on where this one stopped.
    pub(super) async fn go_on(&mut self) -> Result<bool> {
        let Some((bytes, end)) = self.unsent.as_mut() else { return Ok(false) };
        let end = *end;
        let Some(stream) = self.stream.as_mut().filter(|_| !self.is_ended) else {
            self.unsent = None;
            return self.written.is_some().then_some(end).ok_or_else(headless);
        };
        while !bytes.is_empty() {
            stream.reserve_capacity(bytes.len());
            if stream.capacity() == 0 {
                let room = poll_fn(|cx| stream.poll_capacity(cx));
                match within(self.write_timeout, ErrorType::WriteTimedout, room).await? {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(gone(error, "content")),
                    None => return Err(reset("the stream was closed before its content was sent")),
                }
            }
            let part = bytes.split_to(stream.capacity().min(bytes.len()));
            if !part.is_empty() {
                self.sent_bytes += part.len();
                let last = end && bytes.is_empty();
                stream.send_data(part, last).map_err(|e| gone(e, "content"))?;
                self.is_ended = last;
            }
        }
        self.unsent = None;
        if end {
            self.finish()?;
        }
        Ok(end)
    }

    /// Trailers are the end.
    pub(super) fn write_trailers(&mut self, mut trailers: HeaderMap) -> Result<()> {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.is_ended) else {
            return self.written.is_some().then_some(()).ok_or_else(headless);
        };
        for name in &OF_HTTP1 {
            trailers.remove(name);
        }
        self.is_ended = true;
        stream.send_trailers(trailers).map_err(|e| gone(e, "trailers"))
    }

    /// The response is whole. Without a head there is none: dropping the stream resets it.
    pub(super) fn finish(&mut self) -> Result<()> {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.is_ended) else {
            return Ok(());
        };
        self.is_ended = true;
        stream.send_data(Bytes::new(), true).map_err(|e| gone(e, "the end"))
    }

    /// The response will not be whole, and the client must not take it for that.
    pub(super) fn reset(&mut self, reason: Reason) {
        if !self.is_ended {
            self.is_ended = true;
            self.respond.send_reset(reason);
        }
    }

    /// Pending for as long as the client wants the response.
    pub(super) async fn unwanted(&mut self) -> Box<Error> {
        let reason = poll_fn(|cx| match &mut self.stream {
            Some(stream) => stream.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        });
        match reason.await {
            Ok(reason) => reset(format!("the client closed the stream: {reason}")),
            Err(error) => gone(error, "nothing yet"),
        }
    }

    fn write_interim(&mut self, mut head: ResponseHeader) {
        let is_meant = match head.status {
            StatusCode::CONTINUE => true,
            // RFC 9113 §8.6: there is no 101 here.
            StatusCode::SWITCHING_PROTOCOLS => false,
            _ => head.remove_header(&PASSED_ON).is_some(),
        };
        if !is_meant || self.interim_left == 0 {
            return;
        }
        self.interim_left -= 1;
        let response = Response::from_parts(head.as_owned_parts(), ());
        // It fails if the client is gone, which the final response tells.
        let _ = self.respond.send_informational(response);
    }
}

/// RFC 9110 §6.6.1: what has a Date keeps it, and what has none gets one.
fn date(head: &mut ResponseHeader) -> Result<()> {
    let is = |name, value| head.headers.get(name).is_some_and(|found: &HeaderValue| found == value);
    let (server, date) = PAGE_OF_PINGORA;
    let is_page = is(header::DATE, date) && is(header::SERVER, server);
    if is_page || !head.headers.contains_key(header::DATE) {
        head.insert_header(header::DATE, get_cached_date())?;
    }
    Ok(())
}

/// RFC 9110 §6.4.1.
fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

#[expect(clippy::unnecessary_box_returns, reason = "Pingora's errors are boxed")]
fn gone(error: h2::Error, writing: &str) -> Box<Error> {
    let context = format!("writing {writing} to the client");
    Error::because(ErrorType::WriteError, context, error).into_down()
}

#[expect(clippy::unnecessary_box_returns, reason = "as above")]
fn reset(context: impl Into<ImmutStr>) -> Box<Error> {
    Error::explain(ErrorType::H2Error, context).into_down()
}

#[expect(clippy::unnecessary_box_returns, reason = "as above")]
fn headless() -> Box<Error> {
    Error::explain(ErrorType::H2Error, "content before a head")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_kept_and_made_where_there_is_none() {
        let (server, example) = PAGE_OF_PINGORA;
        let own = get_cached_date();
        let own = own.to_str().unwrap();
        for (fields, expected) in [
            (&[("date", "an hour ago, I think")][..], "an hour ago, I think"),
            (&[("date", example)], example),
            (&[("server", server)], own),
            (&[("server", server), ("date", example)], own),
        ] {
            let mut head = ResponseHeader::build(500, None).unwrap();
            for (name, value) in fields {
                head.append_header(*name, *value).unwrap();
            }
            date(&mut head).unwrap();
            // A second may have passed: the day tells.
            let made = head.headers[header::DATE].to_str().unwrap();
            assert_eq!(made.get(..16), expected.get(..16), "{fields:?}");
        }
    }
}
