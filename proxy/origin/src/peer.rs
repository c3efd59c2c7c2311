//! The one door to Pingora: what a connection to an origin looks like, and the edge's own requests.

mod certificates;
mod check_connection;
mod switch;
mod target;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use pingora_core::connectors::TransportConnector;
use pingora_core::connectors::http::Connector;
use pingora_core::connectors::l4::Connect as L4Connect;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::protocols::http::v1::client::HttpSession as Http1Session;
use pingora_core::protocols::l4::socket::SocketAddr as PeerAddress;
use pingora_core::protocols::l4::stream::Stream as L4Stream;
use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora_core::protocols::tls::{ALPN, CaType};
use pingora_core::upstreams::peer::{HttpPeer, PeerOptions};
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use pingora_core::{Error, ErrorType};
use pingora_http::{RequestHeader, ResponseHeader};

pub(crate) use self::certificates::{Authorities, Identity};
pub(crate) use self::check_connection::{Agreed, CheckConnection};
pub use self::switch::to_switch;
pub use self::target::target_peer;
use crate::bucket::{Bucket, BucketRequest};
use crate::refusal::{Answer, ERROR_BYTES_MAX};

/// To an established connection with a bucket, TLS included.
const BUCKET_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// To the first byte of a bucket's answer, and between reads.
const BUCKET_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an idle connection is kept for the next request. S3 closes its own somewhat later.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// The edge's own connections: diagnoses and probes, kept apart from what carries traffic.
static CONNECTOR: LazyLock<Connector> = LazyLock::new(|| Connector::new(None));

/// Why the edge's own request got no answer. `Display` is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreachable {
    /// Refused, no route, or too slow.
    #[error("no connection to the bucket: {0}")]
    Connection(String),
    /// The other side cannot be trusted, or does not speak TLS.
    #[error("no TLS connection to the bucket: {0}")]
    Tls(String),
    /// Connected, and then something other than HTTP happened.
    #[error("the bucket gave no HTTP answer: {0}")]
    Answer(String),
}

/// How to connect to a bucket at one of its addresses.
pub fn bucket_peer(bucket: &Bucket, address: SocketAddr) -> HttpPeer {
    let mut peer = HttpPeer::new(address, bucket.tls(), server_name(bucket.host(), address));
    peer.group_key = group_key(bucket.name());
    set_timeouts(&mut peer, BUCKET_CONNECT_TIMEOUT, BUCKET_READ_TIMEOUT);
    peer
}

/// Sends a GET of the edge's own and reads as much of the answer as tells what is wrong.
pub(crate) async fn ask(
    bucket: &Bucket,
    address: SocketAddr,
    request: &BucketRequest,
) -> Result<Answer, Unreachable> {
    let peer = bucket_peer(bucket, address);
    let connected = CONNECTOR.get_http_session(&peer).await;
    let (mut session, _) = connected.map_err(|error| unreachable(&error))?;
    let no_answer = |error: Box<Error>| Unreachable::Answer(words(&error));
    let head = request_head(request).map_err(no_answer)?;
    session.write_request_header(head).await.map_err(no_answer)?;
    // The session is dropped rather than given back: the body may be left unread.
    read_answer(&mut session).await.map_err(no_answer)
}

/// Pingora turns verification off, without a word, for an empty server name.
fn server_name(host: String, address: SocketAddr) -> String {
    if host.is_empty() { address.ip().to_string() } else { host }
}

/// Origins do not share connections, even where they share an address.
fn group_key(origin: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    origin.hash(&mut hasher);
    hasher.finish()
}

fn set_timeouts(peer: &mut HttpPeer, connect: Duration, response: Duration) {
    let options = &mut peer.options;
    options.connection_timeout = Some(connect);
    options.total_connection_timeout = Some(connect);
    options.read_timeout = Some(response);
    options.write_timeout = Some(response);
    options.idle_timeout = Some(IDLE_TIMEOUT);
    options.verify_cert = true;
    options.verify_hostname = true;
}

fn request_head(request: &BucketRequest) -> Result<Box<RequestHeader>, Box<Error>> {
    let mut head = RequestHeader::build("GET", request.path.as_bytes(), None)?;
    for (name, value) in &request.fields {
        head.insert_header(name, value)?;
    }
    Ok(Box::new(head))
}

async fn read_answer(session: &mut HttpSession) -> Result<Answer, Box<Error>> {
    let mut answer = Answer::default();
    while answer.status < 200 {
        session.read_response_header().await?;
        let head = session.response_header();
        answer = head.map(answer_head).unwrap_or_default();
        if head.is_none() || answer.status == 101 {
            return Ok(answer);
        }
    }
    // Only an error document is worth reading: an object may be of any size.
    while answer.status >= 300
        && answer.body.len() < ERROR_BYTES_MAX
        && let Some(part) = session.read_response_body().await?
    {
        let room = ERROR_BYTES_MAX - answer.body.len();
        answer.body.extend(part.iter().take(room));
    }
    Ok(answer)
}

fn answer_head(head: &ResponseHeader) -> Answer {
    let field = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    Answer {
        status: head.status.as_u16(),
        date: field("date").and_then(|date| httpdate::parse_http_date(date).ok()),
        region: field("x-amz-bucket-region").map(str::to_owned),
        code: field("x-amz-error-code").map(str::to_owned),
        body: Vec::new(),
    }
}

fn unreachable(error: &Error) -> Unreachable {
    match error.etype() {
        ErrorType::TLSHandshakeFailure
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::HandshakeError
        | ErrorType::InvalidCert => Unreachable::Tls(tls_words(error)),
        ErrorType::ConnectNoRoute => Unreachable::Connection("no route to the host".to_owned()),
        ErrorType::ConnectRefused => Unreachable::Connection("connection refused".to_owned()),
        ErrorType::ConnectTimedout => Unreachable::Connection("the time ran out".to_owned()),
        _ => Unreachable::Connection(words(error)),
    }
}

/// What an error says itself, or what caused it where that is not of Pingora's making: its own
/// causes name addresses and not reasons.
fn words(error: &Error) -> String {
    match (&error.context, &error.cause) {
        (Some(context), _) => context.as_str().to_owned(),
        (None, Some(_)) => error.root_cause().to_string(),
        (None, None) => error.reason_str().to_owned(),
    }
}

/// A failed handshake comes as one string, `… cause: REASON, SNI: NAME`.
fn tls_words(error: &Error) -> String {
    let words = words(error);
    let reason = words.rsplit("cause: ").next().unwrap_or_default();
    let reason = reason.split(", SNI: ").next().unwrap_or_default();
    reason.to_owned()
}

#[cfg(test)]
mod tests {
    use warmfront_config::{Credentials, Endpoint, S3};

    use super::{HttpPeer, bucket_peer};
    use crate::bucket::Bucket;
    use crate::resolver::Resolver;

    fn bucket(name: &str, host: &str) -> Bucket {
        let s3 = S3 {
            bucket: "web".to_owned(),
            region: "eu-west-1".to_owned(),
            endpoint: Some(Endpoint { tls: true, host: host.to_owned(), port: 443 }),
            path_style: true,
            prefix: String::new(),
            website: false,
            credentials: Credentials::Anonymous,
            headers: Vec::new(),
        };
        Bucket::new(name, &s3, &Resolver::new(&warmfront_config::Resolver::default()).unwrap())
    }

    fn verifies(peer: &HttpPeer) -> bool {
        !peer.sni.is_empty() && peer.options.verify_cert && peer.options.verify_hostname
    }

    #[test]
    fn a_bucket_is_verified_whatever_its_host_is_called() {
        let address = "192.0.2.1:443".parse().unwrap();
        for (host, sni) in [("s3.local", "s3.local"), ("192.0.2.1", "192.0.2.1"), ("", "192.0.2.1")]
        {
            let peer = bucket_peer(&bucket("web", host), address);
            assert_eq!((peer.sni.as_str(), verifies(&peer), peer.is_tls()), (sni, true, true));
        }
    }

    #[test]
    fn origins_share_no_connections() {
        let address = "192.0.2.1:443".parse().unwrap();
        let [one, again, other] =
            ["one", "one", "other"].map(|name| bucket_peer(&bucket(name, "s3"), address).group_key);
        assert_eq!(one, again);
        assert_ne!(one, other);
    }
}
