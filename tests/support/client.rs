//! A client: one request on a connection of its own, every byte of the answer visible.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where an edge listens, and whose signature its certificate has.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) ca: String,
}

/// A request that is being put together.
#[derive(Debug)]
pub(crate) struct Ask {
    place: Arc<Place>,
    host: String,
    path: String,
    request: http::request::Builder,
    body: Bytes,
    over: Over,
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// HTTP/1.1 in clear.
    Plain,
    /// HTTP/1.1 over TLS.
    Http1,
    /// HTTP/2 over TLS.
    Http2,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Bytes,
    /// The heads with a status of 1xx before it; of HTTP/1.1 alone.
    pub(crate) interim: Vec<Interim>,
}

/// A status of 1xx and its fields.
pub(crate) type Interim = (StatusCode, HeaderMap);

/// An answer whose body is still to come. The connection is cut when this is dropped.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) head: http::response::Parts,
    body: Incoming,
    interim: Arc<Mutex<Vec<Interim>>>,
    _connection: JoinSet<()>,
}

// === impl Place ===

impl Place {
    /// A TLS connection as a client of `host` that remembers its sessions in `config`.
    pub(crate) async fn connect(
        &self,
        host: &str,
        config: Arc<ClientConfig>,
    ) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(self.https).await.unwrap();
        handshake(tcp, host, config).await
    }
}

// === impl Ask ===

impl Ask {
    pub(crate) fn new(place: Arc<Place>, method: &str, host: &str, path: &str) -> Self {
        Self {
            place,
            host: host.to_owned(),
            path: path.to_owned(),
            request: Request::builder().method(method),
            body: Bytes::new(),
            over: Over::Http2,
        }
    }

    pub(crate) fn over(mut self, over: Over) -> Self {
        self.over = over;
        self
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// A field with any octets.
    pub(crate) fn octets(mut self, name: &str, value: &[u8]) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The whole answer.
    pub(crate) async fn send(self) -> Answer {
        self.attempt().await.expect("a whole answer")
    }

    /// The whole answer, or how it broke off.
    pub(crate) async fn attempt(self) -> hyper::Result<Answer> {
        self.open().await?.rest().await
    }

    /// The head of the answer.
    pub(crate) async fn open(self) -> hyper::Result<Opened> {
        let address = match self.over {
            Over::Plain => self.place.http,
            Over::Http1 | Over::Http2 => self.place.https,
        };
        let uri = match self.over {
            Over::Http2 => format!("https://{}{}", self.host, self.path),
            Over::Plain | Over::Http1 => self.path,
        };
        let mut request = self.request.uri(uri);
        if self.over != Over::Http2 {
            request = request.header(header::HOST, &*self.host);
        }
        let request = request.body(Full::new(self.body)).unwrap();
        let tcp = TcpStream::connect(address).await.unwrap();
        match self.over {
            Over::Plain => over_http1(tcp, request).await,
            Over::Http1 => {
                let config = tls(&self.place.ca, &[b"http/1.1"]);
                over_http1(handshake(tcp, &self.host, config).await, request).await
            }
            Over::Http2 => {
                let config = tls(&self.place.ca, &[b"h2"]);
                over_http2(handshake(tcp, &self.host, config).await, request).await
            }
        }
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A field's values, separated by commas; empty without the field.
    pub(crate) fn field(&self, name: &str) -> String {
        let values = self.fields.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.collect::<Vec<_>>().join(", ")
    }

    /// The first word of `X-Cache`: Hit, Miss, Error …
    pub(crate) fn cache(&self) -> String {
        let x_cache = self.field("x-cache");
        x_cache.split(' ').next().unwrap_or_default().to_owned()
    }
}

// === impl Opened ===

impl Opened {
    /// The next bytes of the body; HTTP/2 may end it with a frame that has none.
    pub(crate) async fn chunk(&mut self) -> hyper::Result<Option<Bytes>> {
        loop {
            match self.body.frame().await.transpose()? {
                Some(frame) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
                    _ => {}
                },
                None => return Ok(None),
            }
        }
    }

    pub(crate) async fn rest(self) -> hyper::Result<Answer> {
        let body = self.body.collect().await?.to_bytes();
        Ok(Answer {
            status: self.head.status,
            version: self.head.version,
            fields: self.head.headers,
            body,
            interim: self.interim.lock().clone(),
        })
    }
}

/// A request over HTTP/1.1 in clear, to the address as its host.
pub(crate) async fn plain(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Result<Answer, Box<dyn std::error::Error>> {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header(header::HOST, address.to_string());
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
    let tcp = TcpStream::connect(address).await?;
    Ok(over_http1(tcp, request).await?.rest().await?)
}

/// Octets on a connection of their own, and all that comes back until the edge closes it.
pub(crate) async fn raw(address: SocketAddr, octets: &[u8]) -> String {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(octets).await.unwrap();
    let mut answer = Vec::new();
    // An edge that resets the connection has closed it too.
    let _ = tcp.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The client's side of TLS, trusting one CA.
pub(crate) fn tls(ca: &str, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(ca.as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    Arc::new(config)
}

/// A TLS connection to the edge as a client of `host`, for what no HTTP client would send.
pub(crate) async fn tls_stream(
    place: &Place,
    host: &str,
    protocols: &[&[u8]],
) -> TlsStream<TcpStream> {
    place.connect(host, tls(&place.ca, protocols)).await
}

async fn handshake(tcp: TcpStream, host: &str, config: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connected = TlsConnector::from(config).connect(name, tcp).await;
    connected.unwrap_or_else(|error| panic!("TLS as {host}: {error}"))
}

async fn over_http1(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    mut request: Request<Full<Bytes>>,
) -> hyper::Result<Opened> {
    let interim = Arc::<Mutex<Vec<Interim>>>::default();
    let hints = interim.clone();
    hyper::ext::on_informational(&mut request, move |head| {
        hints.lock().push((head.status(), head.headers().clone()));
    });
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut driver = JoinSet::new();
    // What goes wrong is told to whoever waits for the answer.
    driver.spawn(async { drop(connection.await) });
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok(Opened { head, body, interim, _connection: driver })
}

async fn over_http2(
    stream: TlsStream<TcpStream>,
    request: Request<Full<Bytes>>,
) -> hyper::Result<Opened> {
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await?;
    let mut driver = JoinSet::new();
    // As above.
    driver.spawn(async { drop(connection.await) });
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok(Opened { head, body, interim: Arc::default(), _connection: driver })
}
