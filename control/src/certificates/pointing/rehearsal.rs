//! What an authority will ask, asked by ourselves.

mod handshake;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::time::timeout;
use warmfront_certs::{Certificates, Challenges};

use crate::cause::cause;

/// How long one address may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes: ours is shorter.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// An answer of ours that is published as long as this lives, and asked for.
pub(super) struct Rehearsal<'a> {
    host: &'a str,
    challenges: &'a Challenges,
    question: Question,
}

enum Question {
    Http { token: String, content: String },
    Tls { certificate: CertificateDer<'static> },
}

// === impl Rehearsal ===

impl<'a> Rehearsal<'a> {
    /// As http-01 will be asked for (RFC 8555 §8.3).
    pub(super) fn http(host: &'a str, certificates: &'a Certificates) -> Self {
        let (token, content) = (random(), random());
        let challenges = certificates.challenges();
        challenges.publish_http(&token, &content);
        Self { host, challenges, question: Question::Http { token, content } }
    }

    /// As tls-alpn-01 will be asked for (RFC 8737 §3). Fails if no certificate can be made.
    pub(super) fn tls(host: &'a str, certificates: &'a Certificates) -> Result<Self, String> {
        let challenges = certificates.challenges();
        let certificate = challenges.publish_tls(host, &rand::random());
        let certificate = certificate.map_err(|error| error.to_string())?;
        let question = Question::Tls { certificate: certificate.into() };
        Ok(Self { host, challenges, question })
    }

    /// Whether our answer comes back from this address; else what came instead, in a few words.
    pub(super) async fn ask(&self, address: SocketAddr) -> Result<(), String> {
        let asked = async {
            let stream = TcpStream::connect(address).await.map_err(|error| cause(&error))?;
            match &self.question {
                Question::Http { token, content } => self.fetch(stream, token, content).await,
                Question::Tls { certificate } => {
                    handshake::shows(stream, self.host, certificate).await
                }
            }
        };
        let answered = timeout(ANSWER_TIME_MAX, asked).await;
        let late = |_| Err(format!("no answer within {} s", ANSWER_TIME_MAX.as_secs()));
        answered.unwrap_or_else(late).map_err(|why| format!("port {}: {why}", address.port()))
    }

    /// Redirects are not followed: an authority would, but what answers with one is not this node.
    async fn fetch(&self, stream: TcpStream, token: &str, content: &str) -> Result<(), String> {
        let request = Request::get(format!("/.well-known/acme-challenge/{token}"))
            .header(HOST, authority(self.host))
            .header(USER_AGENT, concat!("warmfront/", env!("CARGO_PKG_VERSION")))
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| error.to_string())?;
        // It ends with the sender; what it fails with, the answer fails with, too.
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("it answered with status {}", status.as_u16()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        if body.trim_ascii() == content.as_bytes() {
            return Ok(());
        }
        Err("another server answered".to_owned())
    }
}

impl Drop for Rehearsal<'_> {
    fn drop(&mut self) {
        match &self.question {
            Question::Http { token, .. } => self.challenges.withdraw_http(token),
            Question::Tls { .. } => self.challenges.withdraw_tls(self.host),
        }
    }
}

/// As it stands in `Host` (RFC 9110 §7.2): an IPv6 address in brackets.
fn authority(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

/// 256 random bits, in letters that a path takes.
fn random() -> String {
    let bits: [u128; 2] = rand::random();
    let [high, low] = bits;
    format!("{high:032x}{low:032x}")
}
