//! How a request goes through the front.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::super::reply::HungUp;
use super::{Asked, Book, Kind, Moment, Renewal, Spoiled, Word, count};

pub(super) async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, book: Arc<Book>) {
    let acceptor = TlsAcceptor::from(tls);
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let conversing = converse(tcp, acceptor.clone(), book.clone());
        let mut connections = book.connections.lock();
        connections.spawn(conversing);
        while connections.try_join_next().is_some() {}
    }
}

/// A client that hangs up is part of many tests.
async fn converse(tcp: TcpStream, acceptor: TlsAcceptor, book: Arc<Book>) {
    let Ok(stream) = acceptor.accept(tcp).await else { return };
    let service = service_fn(move |request| {
        // In a task of its own: what a client has asked is done even if it dies meanwhile.
        let answering = tokio::spawn(answer(book.clone(), request));
        async { answering.await.expect("it does not panic").ok_or(HungUp) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// None closes the connection.
async fn answer(book: Arc<Book>, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let asked = Asked::new(&head, &body);
    let (place, nth) = book.note(&asked);
    book.pass_gate(Moment::Asked, &asked).await?;
    let answer = match book.spoils(asked.kind, nth) {
        Some(spoiled) => spoiled.give().await?,
        None => match book.own(&asked) {
            Some(own) => own,
            None => book.ask_pebble(&asked, Request::from_parts(head, Full::new(body))).await?,
        },
    };
    let status = answer.status().as_u16();
    book.asked.send_modify(|all| all[place].status = Some(status));
    book.pass_gate(Moment::Answered, &asked).await?;
    Some(answer)
}

// === impl Book ===

impl Book {
    /// Where it stands among all, and which one of its kind it is, from 1.
    fn note(&self, asked: &Asked) -> (usize, usize) {
        let mut place = (0, 0);
        self.asked.send_modify(|all| {
            all.push(asked.clone());
            place = (all.len() - 1, count(all, asked.kind));
        });
        place
    }

    fn spoils(&self, kind: Kind, nth: usize) -> Option<Spoiled> {
        let spoiled = self.spoiled.lock();
        let mut fitting =
            spoiled.iter().filter(|(of, which, _)| *of == kind && which.contains(&nth));
        fitting.next().map(|(_, _, with)| with.clone())
    }

    /// Waits for the test's word, if it holds such a request; none if the connection is to be closed.
    async fn pass_gate(&self, moment: Moment, asked: &Asked) -> Option<()> {
        let waiting = {
            let mut all = self.waiting.lock();
            let fits = all.iter().position(|it| it.kind == asked.kind && it.moment == moment);
            fits.map(|it| all.remove(it))
        };
        let Some(waiting) = waiting else { return Some(()) };
        // The test may have seen enough.
        let _ = waiting.bell.send(asked.clone());
        (waiting.word.await == Ok(Word::Pass)).then_some(())
    }

    /// What the front answers without Pebble.
    fn own(&self, asked: &Asked) -> Option<Response<Full<Bytes>>> {
        let offers = self.offers.lock();
        match asked.kind {
            Kind::RenewalInfo => Some(offers.renewal.as_ref().map_or_else(missing, renewal_info)),
            Kind::NewOrder if offers.refuses_replaces && !asked.payload["replaces"].is_null() => {
                let body = json!({
                    "type": "urn:ietf:params:acme:error:alreadyReplaced", "status": 409,
                    "detail": "cannot indicate an order replaces a certificate already replaced",
                });
                let answer = Response::builder().status(StatusCode::CONFLICT);
                let answer = answer.header(header::CONTENT_TYPE, "application/problem+json");
                Some(answer.body(Full::from(body.to_string())).unwrap())
            }
            _ => None,
        }
    }

    /// Pebble's answer, with what it does not know itself; none if Pebble is gone.
    async fn ask_pebble(
        &self,
        asked: &Asked,
        request: Request<Full<Bytes>>,
    ) -> Option<Response<Full<Bytes>>> {
        let (mut head, body) = self.pebble.pass(request).await.ok()?.into_parts();
        head.headers.remove(header::CONTENT_LENGTH);
        head.headers.remove(header::TRANSFER_ENCODING);
        if !head.status.is_success() {
            return Some(Response::from_parts(head, Full::new(body)));
        }
        let body = match asked.kind {
            Kind::Directory => self.directory(&body),
            Kind::NewOrder => echo(&body, &asked.payload),
            _ => body,
        };
        Some(Response::from_parts(head, Full::new(body)))
    }

    fn directory(&self, body: &[u8]) -> Bytes {
        let mut directory: Value = serde_json::from_slice(body).unwrap();
        let offers = self.offers.lock();
        if offers.renewal.is_some() {
            directory["renewalInfo"] = format!("https://{}/renewal-info", self.address).into();
        }
        if !offers.profiles.is_empty() {
            directory["meta"]["profiles"] = json!(offers.profiles);
        }
        directory.to_string().into()
    }
}

/// An order says what it was asked for (RFC 9773 §5, draft-ietf-acme-profiles §4).
fn echo(body: &[u8], payload: &Value) -> Bytes {
    let mut order: Value = serde_json::from_slice(body).unwrap();
    for field in ["replaces", "profile"] {
        if let Some(value) = payload.get(field) {
            order[field] = value.clone();
        }
    }
    order.to_string().into()
}

fn renewal_info(renewal: &Renewal) -> Response<Full<Bytes>> {
    let Renewal { window, again } = renewal;
    let body = json!({
        "suggestedWindow": { "start": written(window.start), "end": written(window.end) },
        "explanationURL": "https://example.test/why",
    });
    let mut answer = Response::builder().header(header::CONTENT_TYPE, "application/json");
    if let Some(again) = again {
        answer = answer.header(header::RETRY_AFTER, again);
    }
    answer.body(Full::from(body.to_string())).unwrap()
}

fn missing() -> Response<Full<Bytes>> {
    Response::builder().status(StatusCode::NOT_FOUND).body(Full::default()).unwrap()
}

fn written(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap()
}
