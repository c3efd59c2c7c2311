//! Goal: the object's own refusals go to clients, the edge's own faults are named, and asking is
//! cheap. Method: a socket that answers with what it is told and counts the connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use warmfront_config::{Credentials, Endpoint, S3, Secret};

use super::Diagnosis;
use crate::bucket::Bucket;
use crate::resolver::Resolver;

/// 3 h after the Date of every answer below.
const NOW: SystemTime = UNIX_EPOCH;

fn bucket(host: &str, port: u16, tls: bool) -> Bucket {
    let s3 = S3 {
        bucket: "web".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some(Endpoint { tls, host: host.to_owned(), port }),
        path_style: true,
        prefix: String::new(),
        website: false,
        headers: Vec::new(),
        credentials: Credentials::Static {
            access_key_id: "AKID".to_owned(),
            secret_access_key: Secret::new("s"),
        },
    };
    let resolver = Resolver::new(&warmfront_config::Resolver::default()).unwrap();
    Bucket::new("web", &s3, &resolver)
}

struct FakeBucket {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl FakeBucket {
    async fn answering(head: &str, body: &str) -> Self {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {head}\r\nDate: Thu, 01 Jan 1970 03:00:00 GMT\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(connection, answer.clone()));
            }
        });
        Self { address, asked }
    }

    async fn refusing(status: &str, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code></Error>");
        Self::answering(status, &body).await
    }

    fn bucket(&self) -> Bucket {
        bucket("127.0.0.1", self.address.port(), false)
    }
}

async fn serve(mut connection: TcpStream, answer: String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /web/"), "{head}");
    assert!(head.contains("authorization: aws4-hmac-sha256"), "{head}");
    let _ = connection.write_all(answer.as_bytes()).await;
}

#[tokio::test]
async fn the_objects_own_answer_is_told_from_the_edges_fault() {
    let trouble = |words: &str| Diagnosis::Trouble(words.to_owned());
    for (status, code, diagnosis) in [
        ("404 Not Found", "NoSuchKey", Diagnosis::ObjectsOwn),
        ("403 Forbidden", "AccessDenied", Diagnosis::ObjectsOwn),
        ("200 OK", "anything", Diagnosis::ObjectsOwn),
        (
            "403 Forbidden",
            "RequestTimeTooSkewed",
            trouble("the bucket refused the signature: this machine's clock is 3 h behind S3's"),
        ),
        ("404 Not Found", "NoSuchBucket", trouble("the bucket does not exist (NoSuchBucket)")),
    ] {
        let fake = FakeBucket::refusing(status, code).await;
        let bucket = fake.bucket();
        assert_eq!(bucket.diagnose("/a", NOW).await, diagnosis, "{code}");
        assert_eq!(bucket.probe(NOW).await.is_ok(), diagnosis == Diagnosis::ObjectsOwn);
    }
}

#[tokio::test]
async fn one_asks_for_all_and_the_answer_holds_for_a_while() {
    for (code, kept) in [("NoSuchKey", 30), ("NoSuchBucket", 5)] {
        let fake = FakeBucket::refusing("404 Not Found", code).await;
        let bucket = Arc::new(fake.bucket());
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let bucket = Arc::clone(&bucket);
                tokio::spawn(async move { bucket.diagnose("/a", NOW).await })
            })
            .collect();
        for waiter in asking {
            waiter.await.unwrap();
        }
        for (seconds, asked) in [(kept - 1, 1), (kept, 2)] {
            bucket.diagnose("/b", NOW + Duration::from_secs(seconds)).await;
            assert_eq!(fake.asked.load(Ordering::SeqCst), asked, "{code} after {seconds} s");
        }
    }
}

#[tokio::test]
async fn a_region_is_learned_from_the_refusal() {
    let head = "301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1";
    let fake = FakeBucket::answering(head, "").await;
    let bucket = fake.bucket();
    let sentence = bucket.probe(NOW).await.unwrap_err();
    assert_eq!(sentence, "the bucket is in the region `eu-west-1`, not in `us-east-1`");
    assert_eq!(bucket.region(), "eu-west-1");
}

#[tokio::test]
async fn what_keeps_the_edge_from_asking_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let refused = bucket("127.0.0.1", port, false).probe(NOW).await.unwrap_err();
    assert!(refused.starts_with("no connection to the bucket: "), "{refused}");
    assert!(refused.contains("refused"), "{refused}");

    let nowhere = bucket("no-such-host.invalid", 80, false).probe(NOW).await.unwrap_err();
    assert!(nowhere.starts_with("the name `no-such-host.invalid` does not resolve"), "{nowhere}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bucket = bucket("127.0.0.1", listener.local_addr().unwrap().port(), true);
    let acceptor = self_signed("127.0.0.1");
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let _ = acceptor.accept(connection).await;
        }
    });
    let sentence = bucket.probe(NOW).await.unwrap_err();
    assert_eq!(
        sentence,
        "no TLS connection to the bucket: invalid peer certificate: UnknownIssuer (`127.0.0.1`)"
    );
}

#[tokio::test]
async fn a_bucket_that_speaks_no_tls_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bucket = bucket("127.0.0.1", listener.local_addr().unwrap().port(), true);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let sentence = bucket.probe(NOW).await.unwrap_err();
    assert!(sentence.starts_with("no TLS connection to the bucket: "), "{sentence}");
}

fn self_signed(host: &str) -> TlsAcceptor {
    let signed = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
