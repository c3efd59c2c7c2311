//! Small app servers: something to balance over, stream from and post to.
//!
//! | | |
//! |---|---|
//! | `GET /api/whoami` | which server this is, how many requests it has had, and who asked |
//! | `GET /api/time` | the time, cacheable for 5 seconds |
//! | `POST /api/echo` | the JSON that was sent, up to 1 MiB |
//! | `GET /api/events` | ten server-sent events, one each second |
//! | `GET /api/ws` | a WebSocket that says back what it hears |
//! | `GET /health` | whether it is up, for the checks; not counted |

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http_body_util::channel::{Channel, Sender};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::DemoError;
use crate::serving::Serving;

/// A running app server; it stops when dropped.
#[derive(Debug)]
pub struct App {
    serving: Serving,
    identity: Arc<Identity>,
}

#[derive(Debug)]
struct Identity {
    name: String,
    requests: AtomicU64,
}

impl App {
    /// Serves as `name` on `listen`.
    pub async fn start(listen: SocketAddr, name: &str) -> Result<Self, DemoError> {
        let identity = Arc::new(Identity { name: name.to_owned(), requests: AtomicU64::new(0) });
        let router = Router::new()
            .route("/api/whoami", get(whoami))
            .route("/api/time", get(time_of_day))
            .route("/api/echo", post(echo))
            .route("/api/events", get(events))
            .route("/api/ws", any(web_socket))
            .fallback(|| async { refused(StatusCode::NOT_FOUND, "no such endpoint") })
            .method_not_allowed_fallback(|| async {
                refused(StatusCode::METHOD_NOT_ALLOWED, "not with this method")
            })
            .layer(DefaultBodyLimit::max(ECHO_BYTES_MAX))
            .layer(middleware::from_fn_with_state(identity.clone(), count))
            .route("/health", get(|| async { "up\n" }))
            .with_state(identity.clone());
        let serving = Serving::start(listen, router).await?;
        Ok(Self { serving, identity })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// How many requests have reached it.
    pub fn requests(&self) -> u64 {
        self.identity.requests.load(Ordering::Relaxed)
    }
}

async fn count(State(identity): State<Arc<Identity>>, request: Request, next: Next) -> Response {
    identity.requests.fetch_add(1, Ordering::Relaxed);
    let mut response = next.run(request).await;
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn whoami(State(identity): State<Arc<Identity>>, headers: HeaderMap) -> Response {
    let field = |name| headers.get(name).and_then(|value| value.to_str().ok());
    answer(
        StatusCode::OK,
        &json!({
            "server": identity.name,
            "requests": identity.requests.load(Ordering::Relaxed),
            "host": field(HOST.as_str()),
            "x_forwarded_for": field("x-forwarded-for"),
            "x_forwarded_proto": field("x-forwarded-proto"),
        }),
    )
}

async fn time_of_day(State(identity): State<Arc<Identity>>) -> Response {
    // An app server has a clock of its own, which is the point of the endpoint.
    let now = OffsetDateTime::now_utc().format(&Rfc3339).ok();
    let mut response = answer(StatusCode::OK, &json!({ "server": identity.name, "time": now }));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=5"));
    response
}

async fn echo(body: Result<Json<Value>, JsonRejection>) -> Response {
    match body {
        Ok(Json(value)) => answer(StatusCode::OK, &value),
        Err(rejection) => refused(rejection.status(), &rejection.body_text()),
    }
}

async fn events(State(identity): State<Arc<Identity>>) -> Response {
    let (sender, body) = Channel::<Bytes>::new(1);
    tokio::spawn(send_events(sender, identity));
    let headers = [(CONTENT_TYPE, "text/event-stream")];
    (headers, Body::new(body)).into_response()
}

async fn send_events(mut sender: Sender<Bytes>, identity: Arc<Identity>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    for id in 1..=EVENTS {
        ticks.tick().await;
        let event = format!("id: {id}\ndata: event {id} of {EVENTS} from {}\n\n", identity.name);
        // The client has gone.
        if sender.send_data(event.into()).await.is_err() {
            return;
        }
    }
}

async fn web_socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(say_back)
}

async fn say_back(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let spoken = matches!(message, Message::Text(_) | Message::Binary(_));
        if spoken && socket.send(message).await.is_err() {
            return;
        }
    }
}

fn refused(status: StatusCode, reason: &str) -> Response {
    answer(status, &json!({ "error": reason }))
}

/// With a line end, for the terminal that curl writes it to.
fn answer(status: StatusCode, value: &Value) -> Response {
    let headers = [(CONTENT_TYPE, "application/json")];
    (status, headers, format!("{value}\n")).into_response()
}

const ECHO_BYTES_MAX: usize = 1024 * 1024;
const EVENTS: u32 = 10;

#[cfg(test)]
mod tests;
