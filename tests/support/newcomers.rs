//! Clients that come once each: a TLS connection of their own, one request, and gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsConnector;

use super::client::{Place, tls};
use super::process::POLL;

/// They come until they are told to end. Those that are there are cut when this is dropped.
#[derive(Debug)]
pub(crate) struct Newcomers {
    visits: Arc<Mutex<Vec<Visit>>>,
    stop: watch::Sender<bool>,
    coming: JoinSet<()>,
}

/// What came of one.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// The certificate it was shown and the status of its answer; else what went wrong.
    pub(crate) came: Result<(CertificateDer<'static>, u16), String>,
}

// === impl Newcomers ===

impl Newcomers {
    /// Clients of `host` who trust the place's CA alone and remember no session.
    pub(crate) fn come(place: &Arc<Place>, host: &str, per_second: u32) -> Self {
        let mut config = (*tls(&place.ca, &[b"http/1.1"])).clone();
        config.resumption = Resumption::disabled();
        let visits = Arc::<Mutex<Vec<Visit>>>::default();
        let (stop, stopped) = watch::channel(false);
        let one = One { place: place.clone(), host: host.to_owned(), config: Arc::new(config) };
        let mut coming = JoinSet::new();
        coming.spawn(come(one, Duration::from_secs(1) / per_second, visits.clone(), stopped));
        Self { visits, stop, coming }
    }

    /// Waits until one is shown a certificate that is none of these, and is answered; gives when that
    /// was, and the certificate.
    pub(crate) async fn shown_another(
        &self,
        known: &[CertificateDer<'static>],
    ) -> (Instant, CertificateDer<'static>) {
        loop {
            let another = |visit: &Visit| {
                let leaf = visit.leaf().filter(|leaf| !known.contains(leaf))?;
                Some((visit.ended, leaf.clone()))
            };
            let found = self.visits.lock().iter().find_map(another);
            match found {
                Some(found) => return found,
                None => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Nobody comes any more; what came of all.
    pub(crate) async fn end(mut self) -> Vec<Visit> {
        self.stop.send_replace(true);
        while let Some(ended) = self.coming.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.visits.lock())
    }
}

// === impl Visit ===

impl Visit {
    /// The certificate, if there was an answer as asked for.
    pub(crate) fn leaf(&self) -> Option<&CertificateDer<'static>> {
        let (leaf, status) = self.came.as_ref().ok()?;
        (*status == 200).then_some(leaf)
    }
}

/// Of those that did not go well, for the message of a test that fails.
pub(crate) fn failures(visits: &[Visit]) -> Vec<&Visit> {
    visits.iter().filter(|visit| visit.leaf().is_none()).collect()
}

async fn come(
    one: One,
    every: Duration,
    visits: Arc<Mutex<Vec<Visit>>>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut pace = interval(every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut there = JoinSet::new();
    loop {
        tokio::select! {
            _ = pace.tick() => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
        let (one, visits) = (one.clone(), visits.clone());
        there.spawn(async move {
            let began = Instant::now();
            let came = one.visit().await.map_err(|error| error.to_string());
            visits.lock().push(Visit { began, ended: Instant::now(), came });
        });
        while there.try_join_next().is_some() {}
    }
    while there.join_next().await.is_some() {}
}

#[derive(Debug, Clone)]
struct One {
    place: Arc<Place>,
    host: String,
    config: Arc<ClientConfig>,
}

// === impl One ===

impl One {
    async fn visit(
        &self,
    ) -> Result<(CertificateDer<'static>, u16), Box<dyn std::error::Error + Send + Sync>> {
        let tcp = TcpStream::connect(self.place.https).await?;
        let name = ServerName::try_from(self.host.clone())?;
        let stream = TlsConnector::from(self.config.clone()).connect(name, tcp).await?;
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let leaf = shown.first().ok_or("no certificate")?.clone().into_owned();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        // What goes wrong is told to whoever waits for the answer.
        driver.spawn(async { drop(connection.await) });
        let request = Request::get("/").header(header::HOST, &self.host);
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await?;
        Ok((leaf, status))
    }
}
