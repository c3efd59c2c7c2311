use std::fs;
use std::sync::Arc;

use http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use super::*;

/// What a server does with a request.
pub(crate) enum Reply {
    Answer(Response<Bytes>),
    /// Nothing, and the connection stays.
    Silence,
}

/// An HTTPS server on a free port, with a certificate of its own.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) requests: Arc<Mutex<Vec<Request<Bytes>>>>,
    /// Told when a request is met with silence.
    pub(crate) silent: Arc<Notify>,
    folder: TempDir,
}

impl Server {
    pub(crate) async fn start(
        reply: impl Fn(&Request<Bytes>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_as(&CertificateParams::new(["127.0.0.1".to_owned()]).unwrap(), reply).await
    }

    async fn start_as(
        who: &CertificateParams,
        reply: impl Fn(&Request<Bytes>) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = who.self_signed(&key).unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, silent) = (Arc::default(), Arc::default());
        let server = Self { port, requests, silent, folder };
        let seen = (server.requests.clone(), server.silent.clone());
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::new(reply), seen));
        server
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }
}

type Seen = (Arc<Mutex<Vec<Request<Bytes>>>>, Arc<Notify>);

async fn serve<R>(listener: TcpListener, tls: TlsAcceptor, reply: Arc<R>, seen: Seen)
where
    R: Fn(&Request<Bytes>) -> Reply + Send + Sync + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, reply, seen) = (tls.clone(), reply.clone(), seen.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (reply, (requests, silent)) = (reply.clone(), seen.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let request = Request::from_parts(head, body);
                let answer = reply(&request);
                requests.lock().push(request);
                if let Reply::Answer(answer) = answer {
                    return Ok::<_, hyper::Error>(answer.map(Full::new));
                }
                silent.notify_one();
                std::future::pending().await
            }
        });
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

pub(crate) fn answer(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

async fn ask(https: &Https, url: &str) -> Result<Response<Bytes>, String> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    https.exchange(request).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_answer_is_whole_or_an_error_in_words() {
    let server = Server::start(|request| match request.uri().path() {
        "/large" => Reply::Answer(answer(200, vec![b'.'; BODY_BYTES_MAX + 1])),
        "/largest" => Reply::Answer(answer(200, vec![b'.'; BODY_BYTES_MAX])),
        _ => Reply::Answer(answer(404, "nothing here")),
    })
    .await;
    let https = Https::new(Some(&server.ca_file())).unwrap();
    let found = ask(&https, &server.url("/")).await.unwrap();
    assert_eq!((found.status().as_u16(), found.body().as_ref()), (404, b"nothing here".as_slice()));
    let largest = ask(&https, &server.url("/largest")).await.unwrap();
    assert_eq!(largest.body().len(), BODY_BYTES_MAX);
    for (url, error) in [
        (server.url("/large"), "an answer of more than 1 MiB"),
        ("https://127.0.0.1:1/".to_owned(), "the connection failed: Connection refused"),
        (
            server.url("/").replace("https", "http"),
            "the connection failed: unsupported scheme http",
        ),
    ] {
        let found = ask(&https, &url).await.unwrap_err();
        assert!(found.starts_with(error), "{found}");
    }
}

#[tokio::test]
async fn whoever_is_not_trusted_is_not_told_a_thing() {
    let server = Server::start(|_| Reply::Answer(answer(200, ""))).await;
    let other = Server::start(|_| Reply::Silence).await;
    let https = Https::new(Some(&other.ca_file())).unwrap();
    let error = ask(&https, &server.url("/")).await.unwrap_err();
    let roots = other.ca_file();
    let sentence = format!(
        "its HTTPS certificate is signed by nobody whom we trust: the roots in {} do not vouch for it",
        roots.display()
    );
    assert_eq!(error, sentence);
    let without = distrust(&CertificateError::UnknownIssuer, None);
    assert!(without.ends_with("for a private authority, set ca_file"), "{without}");
    assert!(server.requests.lock().is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said_in_words() {
    let usual = || CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let mut wrong = [usual(), usual(), usual(), usual()];
    wrong[0].not_after = date_time_ymd(2020, 1, 1);
    wrong[1].not_before = date_time_ymd(2999, 1, 1);
    wrong[2] = CertificateParams::new(["localhost".to_owned()]).unwrap();
    wrong[3].is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let sentences = [
        "has expired, or the clock of this node is wrong",
        "is not valid yet, or the clock of this node is wrong",
        "is not valid for the name by which the authority is asked",
        "is one that signs others, which no server may show: for a private authority, have it sign \
         one for its server",
    ];
    for (who, sentence) in wrong.iter().zip(sentences) {
        let server = Server::start_as(who, |_| Reply::Silence).await;
        let https = Https::new(Some(&server.ca_file())).unwrap();
        let error = ask(&https, &server.url("/")).await.unwrap_err();
        assert_eq!(error, format!("its HTTPS certificate {sentence}"));
    }
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_half_a_minute() {
    let server = Server::start(|_| Reply::Silence).await;
    let https = Https::new(Some(&server.ca_file())).unwrap();
    let url = server.url("/");
    let asking = tokio::spawn(async move { ask(&https, &url).await });
    server.silent.notified().await;
    tokio::time::pause();
    tokio::time::advance(TIMEOUT).await;
    assert_eq!(asking.await.unwrap().unwrap_err(), "no answer within 30 s");
}

#[test]
fn roots_come_from_the_file_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ca.pem");
    let error = |path: &Path| Https::new(Some(path)).map(|_| ()).unwrap_err().to_string();
    assert!(error(&path).starts_with(&format!("cannot read {}: ", path.display())));
    for (text, reason) in [
        ("", "holds no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot read"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "cannot read"),
    ] {
        fs::write(&path, text).unwrap();
        assert!(error(&path).contains(reason), "{}", error(&path));
    }
}

#[test]
fn what_failed_is_told_without_the_help_for_programmers() {
    let told = |kind, text: &str| {
        let error = io::Error::new(kind, text.to_owned());
        ExchangeError::of(&error, None).to_string()
    };
    let closed = "peer closed connection without sending TLS close_notify";
    let help = format!("{closed}: https://docs.rs/rustls/latest/rustls/manual/index.html#eof");
    for (text, sentence) in [
        (help.as_str(), closed),
        ("Connection refused (os error 111)", "Connection refused"),
        ("one\r\n\u{1b}[31mtwo\u{202e}", "one [31mtwo"),
    ] {
        let found = told(io::ErrorKind::UnexpectedEof, text);
        assert_eq!(found, format!("the connection failed: {sentence}"));
    }
}
