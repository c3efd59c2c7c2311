//! What a test's origin answers, down to the moments between its bytes.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::channel::{Channel, Sender};
use hyper::Response;
use tokio::sync::watch;

/// An answer, as steps that are taken one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: StatusCode,
    fields: HeaderMap,
    /// What happens before the head is sent.
    before: Vec<Step>,
    body: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Send(Bytes),
    /// The same bytes this many times.
    Repeat(Bytes, u64),
    /// What comes behind the body.
    Trail(HeaderMap),
    Wait(Gate),
    HangUp,
}

/// Holds an answer back until the test opens it.
#[derive(Debug, Clone)]
pub(crate) struct Gate(watch::Sender<bool>);

/// The origin closes the connection instead of going on.
#[derive(Debug)]
pub(crate) struct HungUp;

// === impl Reply ===

impl Reply {
    /// A whole body with its length. `{n}` in it is the number of this request to this path.
    pub(crate) fn text(body: &str) -> Self {
        Self::bytes(body.as_bytes().to_vec())
    }

    /// A whole body with its length.
    pub(crate) fn bytes(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self::stream().length(body.len() as u64).send(body)
    }

    /// A body of the steps that follow; chunked, if its length is not told.
    pub(crate) fn stream() -> Self {
        Self {
            status: StatusCode::OK,
            fields: HeaderMap::new(),
            before: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The connection is closed once the request was read.
    pub(crate) fn hang_up() -> Self {
        let mut reply = Self::stream();
        reply.before.push(Step::HangUp);
        reply
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap();
        self
    }

    pub(crate) fn field(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.fields.append(HeaderName::from_static(name), value);
        self
    }

    /// `Cache-Control`.
    pub(crate) fn cache(self, value: &str) -> Self {
        self.field("cache-control", value)
    }

    pub(crate) fn length(mut self, bytes: u64) -> Self {
        self.fields.insert(header::CONTENT_LENGTH, bytes.into());
        self
    }

    /// Not even the head is sent before the gate is open.
    pub(crate) fn held_by(mut self, gate: &Gate) -> Self {
        self.before.push(Step::Wait(gate.clone()));
        self
    }

    pub(crate) fn send(self, bytes: impl Into<Bytes>) -> Self {
        self.then(Step::Send(bytes.into()))
    }

    pub(crate) fn repeat(self, bytes: impl Into<Bytes>, times: u64) -> Self {
        self.then(Step::Repeat(bytes.into(), times))
    }

    /// A trailer, over HTTP/2; the body ends with it.
    pub(crate) fn trailer(self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.then(Step::Trail(HeaderMap::from_iter([(HeaderName::from_static(name), value)])))
    }

    pub(crate) fn wait_for(self, gate: &Gate) -> Self {
        self.then(Step::Wait(gate.clone()))
    }

    pub(crate) fn then_hang_up(self) -> Self {
        self.then(Step::HangUp)
    }

    /// The answer to the `nth` request.
    pub(crate) async fn give(self, nth: usize) -> Result<Response<Channel<Bytes, HungUp>>, HungUp> {
        for step in &self.before {
            match step {
                Step::Wait(gate) => gate.opened().await,
                _ => return Err(HungUp),
            }
        }
        let (sender, body) = Channel::new(1);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.fields;
        tokio::spawn(send(self.body, sender, nth));
        Ok(response)
    }

    fn then(mut self, step: Step) -> Self {
        self.body.push(step);
        self
    }
}

async fn send(body: Vec<Step>, mut to: Sender<Bytes, HungUp>, nth: usize) {
    for step in body {
        let sent = match step {
            Step::Send(bytes) => to.send_data(numbered(bytes, nth)).await,
            Step::Repeat(bytes, times) => repeat(&mut to, &bytes, times).await,
            Step::Trail(trailers) => to.send_trailers(trailers).await,
            Step::Wait(gate) => {
                gate.opened().await;
                Ok(())
            }
            Step::HangUp => return to.abort(HungUp),
        };
        // The edge wants no more of it.
        if sent.is_err() {
            return;
        }
    }
}

async fn repeat(
    to: &mut Sender<Bytes, HungUp>,
    bytes: &Bytes,
    times: u64,
) -> Result<(), http_body_util::channel::SendError> {
    for _ in 0..times {
        to.send_data(bytes.clone()).await?;
    }
    Ok(())
}

/// With three digits in place of `{n}`: the length stays what was told.
fn numbered(bytes: Bytes, nth: usize) -> Bytes {
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.contains("{n}") => text.replace("{n}", &format!("{nth:03}")).into(),
        _ => bytes,
    }
}

// === impl Gate ===

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    async fn opened(&self) {
        let mut open = self.0.subscribe();
        open.wait_for(|open| *open).await.expect("a sender is held");
    }
}

impl std::fmt::Display for HungUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the origin hung up")
    }
}

impl std::error::Error for HungUp {}
