//! Clients that ask again and again on connections that stay open, and write down what came of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::client::{Place, tls_stream};
use super::{Edge, Over, WWW};

/// A load about to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    place: Arc<Place>,
    method: Method,
    path: String,
    over: Over,
    clients: usize,
    every: Option<Duration>,
}

/// A load under way. Its clients hang up when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    requests: usize,
    outcomes: watch::Receiver<Vec<Outcome>>,
    _clients: JoinSet<()>,
}

/// What came of one request.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Its content: nobody else's ever.
    pub(crate) order: String,
    /// When the client began with it, and when it had the whole answer or knew that there is none.
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) came: Came,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    /// A status, and who of the targets it is from: its `X-App`.
    Answer(u16, String),
    /// No answer, or not the whole of it.
    Broke(String),
}

// === impl Load ===

impl Load {
    /// GET requests over HTTP/1.1 in clear, as fast as ten clients can.
    pub(crate) fn get(edge: &Edge, path: &str) -> Self {
        Self {
            place: edge.setup().place.clone(),
            method: Method::GET,
            path: path.to_owned(),
            over: Over::Plain,
            clients: 10,
            every: None,
        }
    }

    /// POST requests to `/order`, each with an order of its own.
    pub(crate) fn orders(edge: &Edge) -> Self {
        Self { method: Method::POST, ..Self::get(edge, "/order") }
    }

    pub(crate) fn over(self, over: Over) -> Self {
        Self { over, ..self }
    }

    /// How many ask at a time, each on a connection of its own.
    pub(crate) fn clients(self, clients: usize) -> Self {
        Self { clients, ..self }
    }

    /// Requests of all clients together. When they are all waiting, it catches up later.
    pub(crate) fn per_second(self, per_second: u32) -> Self {
        self.every(Duration::from_secs(1) / per_second)
    }

    /// The time from one request to the next, of whichever client.
    pub(crate) fn every(self, period: Duration) -> Self {
        Self { every: Some(period), ..self }
    }

    /// Begins to send so many.
    pub(crate) fn start(&self, requests: usize) -> Running {
        let (told, outcomes) = watch::channel(Vec::with_capacity(requests));
        let line = Arc::new(Line {
            requests,
            sent: AtomicUsize::new(0),
            pace: self.every.map(pace).map(Mutex::new),
            name: rand::random(),
            told,
        });
        let mut clients = JoinSet::new();
        for _ in 0..self.clients {
            clients.spawn(client(self.clone(), line.clone()));
        }
        Running { requests, outcomes, _clients: clients }
    }

    /// Sends so many, and waits for what comes of all.
    pub(crate) async fn send(&self, requests: usize) -> Vec<Outcome> {
        self.start(requests).finish().await
    }

    fn request(&self, order: &str) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(&self.method);
        request = match self.over {
            Over::Http2 => request.uri(format!("https://{WWW}{}", self.path)),
            Over::Plain | Over::Http1 => request.uri(&self.path).header(header::HOST, WWW),
        };
        let body = if self.method == Method::GET { "" } else { order };
        request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
    }

    async fn connect(&self) -> Sender {
        match self.over {
            Over::Plain => {
                let tcp = TcpStream::connect(self.place.http).await.unwrap();
                tcp.set_nodelay(true).unwrap();
                let (sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Over::Http1 => {
                let tls = tls_stream(&self.place, WWW, &[b"http/1.1"]).await;
                let (sender, connection) = http1::handshake(TokioIo::new(tls)).await.unwrap();
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Over::Http2 => {
                let tls = TokioIo::new(tls_stream(&self.place, WWW, &[b"h2"]).await);
                let (sender, connection) =
                    http2::handshake(TokioExecutor::new(), tls).await.unwrap();
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        }
    }
}

// === impl Running ===

impl Running {
    /// Waits until so many requests have come to something.
    pub(crate) async fn reached(&self, requests: usize) {
        assert!(requests <= self.requests, "it never comes to {requests}");
        let mut outcomes = self.outcomes.clone();
        let reached = outcomes.wait_for(|outcomes| outcomes.len() >= requests);
        drop(reached.await.expect("the clients send until they are done"));
    }

    /// What has come of the requests so far, in the order of their ends.
    pub(crate) fn so_far(&self) -> Vec<Outcome> {
        self.outcomes.borrow().clone()
    }

    /// What has come of all of them, in the order of their ends.
    pub(crate) async fn finish(self) -> Vec<Outcome> {
        self.reached(self.requests).await;
        self.so_far()
    }
}

// === impl Outcome ===

impl Outcome {
    /// The status; 0 is none.
    pub(crate) fn status(&self) -> u16 {
        match self.came {
            Came::Answer(status, _) => status,
            Came::Broke(_) => 0,
        }
    }

    /// Whether it was answered as asked for.
    pub(crate) fn succeeded(&self) -> bool {
        matches!(self.status(), 200..300)
    }

    /// The target that answered; nothing if none did.
    pub(crate) fn by(&self) -> &str {
        match &self.came {
            Came::Answer(_, by) => by,
            Came::Broke(_) => "",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.ended.duration_since(self.began);
        write!(f, "{} after {took:?}: {:?}", self.order, self.came)
    }
}

/// Those that did not succeed, one a line, for the message of a test that fails.
pub(crate) fn failures(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().filter(|it| !it.succeeded()).map(ToString::to_string).collect()
}

/// How many of them a target has answered.
pub(crate) fn answered_by(outcomes: &[Outcome], name: &str) -> usize {
    outcomes.iter().filter(|it| it.by() == name).count()
}

/// What the clients of a load share.
#[derive(Debug)]
struct Line {
    requests: usize,
    sent: AtomicUsize,
    pace: Option<Mutex<Interval>>,
    name: u32,
    told: watch::Sender<Vec<Outcome>>,
}

// === impl Line ===

impl Line {
    /// The next order, when its time has come; none once all were given out.
    async fn order(&self) -> Option<String> {
        if let Some(pace) = &self.pace {
            pace.lock().await.tick().await;
        }
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        (number < self.requests).then(|| format!("{:08x}-{number}", self.name))
    }
}

/// A connection.
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

// === impl Sender ===

impl Sender {
    /// Whether the edge still takes requests on it.
    async fn is_open(&mut self) -> bool {
        match self {
            Self::Http1(sender) => sender.ready().await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        }
    }
}

async fn client(load: Load, line: Arc<Line>) {
    let mut sender = load.connect().await;
    while let Some(order) = line.order().await {
        let began = Instant::now();
        if !sender.is_open().await {
            sender = load.connect().await;
        }
        let came = match exchange(&mut sender, load.request(&order)).await {
            Ok((status, by)) => Came::Answer(status, by),
            Err(error) => Came::Broke(format!("{error:?}")),
        };
        let outcome = Outcome { order, began, ended: Instant::now(), came };
        line.told.send_modify(|outcomes| outcomes.push(outcome));
    }
}

async fn exchange(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
) -> hyper::Result<(u16, String)> {
    let (head, body) = sender.send(request).await?.into_parts();
    body.collect().await?;
    let by =
        head.headers.get("x-app").map(|by| String::from_utf8_lossy(by.as_bytes()).into_owned());
    Ok((head.status.as_u16(), by.unwrap_or_default()))
}

fn pace(every: Duration) -> Interval {
    let mut pace = interval(every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    pace
}
