use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::digest::Output;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use super::*;
use crate::exchange::{exchange, status};

#[tokio::test]
async fn only_the_right_key_and_clock_get_in() {
    let (bucket, _root) = started().await;
    let now = OffsetDateTime::now_utc();
    let unknown = keys("somebody", "secret");
    let wrong = keys("us", "guess");
    let table = [
        (Some((keys("us", "secret"), now)), "200", "hello"),
        (None, "403", "AccessDenied"),
        (Some((unknown, now)), "403", "InvalidAccessKeyId"),
        (Some((wrong, now)), "403", "SignatureDoesNotMatch"),
        (
            Some((keys("us", "secret"), now - Duration::from_mins(16))),
            "403",
            "RequestTimeTooSkewed",
        ),
        (
            Some((keys("us", "secret"), now + Duration::from_mins(16))),
            "403",
            "RequestTimeTooSkewed",
        ),
    ];
    for (signer, expected, says) in table {
        let address = bucket.address();
        let head = match &signer {
            Some((keys, at)) => signed("GET", "/one/a.txt", address, keys, *at),
            None => format!("GET /one/a.txt HTTP/1.1\r\nhost: {address}"),
        };
        let answer = exchange(address, &head, b"").await;
        assert_eq!(status(&answer), expected, "{answer}");
        assert!(answer.contains(says), "{answer}");
    }
}

#[tokio::test]
async fn an_object_comes_back_with_its_fields() {
    let (bucket, _root) = started().await;
    let answer = get(&bucket, "/one/a.txt", "").await;
    for field in [
        "content-type: text/plain",
        "cache-control: max-age=60",
        "accept-ranges: bytes",
        "last-modified: ",
        "etag: \"5d41402abc4b2a76b9719d911017c592\"",
    ] {
        assert!(answer.contains(field), "{field} in {answer}");
    }
}

#[tokio::test]
async fn a_read_may_be_partial_or_conditional() {
    let (bucket, _root) = started().await;
    let tag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let table = [
        ("range: bytes=1-3", "206", "\r\n\r\nell"),
        ("range: bytes=9-", "416", "InvalidRange"),
        (&*format!("if-none-match: {tag}"), "304", tag),
        (&*format!("if-none-match: \"x\", W/{tag}"), "304", tag),
        ("if-none-match: \"x\"", "200", "hello"),
        ("if-modified-since: Fri, 01 Jan 2100 00:00:00 GMT", "304", tag),
        ("if-modified-since: Fri, 01 Jan 2010 00:00:00 GMT", "200", "hello"),
    ];
    for (field, expected, says) in table {
        let answer = get(&bucket, "/one/a.txt", field).await;
        assert_eq!(status(&answer), expected, "{field}: {answer}");
        assert!(answer.contains(says), "{field}: {answer}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let (bucket, _root) = started().await;
    bucket.put("one", upload("dir/b.txt", "b")).await.unwrap();
    let table = [
        ("/one/none.txt", "NoSuchKey"),
        ("/one/dir", "NoSuchKey"),
        ("/one/a.txt/b", "NoSuchKey"),
        ("/one/../two/a.txt", "NoSuchKey"),
        ("/two/a.txt", "NoSuchBucket"),
    ];
    for (path, code) in table {
        let answer = get(&bucket, path, "").await;
        assert_eq!(status(&answer), "404", "{path}: {answer}");
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{path}: {answer}");
    }
}

#[tokio::test]
async fn every_key_is_an_object_of_its_own() {
    let (bucket, _root) = started().await;
    let table = [
        ("a b.txt", "/one/a%20b.txt"),
        ("a+b.txt", "/one/a%2Bb.txt"),
        ("100%.txt", "/one/100%25.txt"),
        ("~.txt", "/one/~.txt"),
        ("größe.txt", "/one/gr%C3%B6%C3%9Fe.txt"),
        ("d/s.txt", "/one/d/s.txt"),
        ("d//s.txt", "/one/d//s.txt"),
        ("/s.txt", "/one//s.txt"),
    ];
    for (key, _) in table {
        bucket.put("one", upload(key, key)).await.unwrap();
    }
    for (key, path) in table {
        let answer = get(&bucket, path, "").await;
        assert!(answer.ends_with(&format!("\r\n\r\n{key}")), "{path}: {answer}");
    }
}

async fn started() -> (Bucket, tempfile::TempDir) {
    let root = tempfile::tempdir().unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let bucket = Bucket::start(listen, root.path(), &["one"], &keys("us", "secret")).await.unwrap();
    bucket.put("one", upload("a.txt", "hello")).await.unwrap();
    (bucket, root)
}

fn upload<'a>(key: &'a str, body: &'a str) -> Upload<'a> {
    Upload {
        key,
        body: body.as_bytes(),
        content_type: "text/plain",
        cache_control: Some("max-age=60"),
    }
}

fn keys(id: &str, secret: &str) -> Keys {
    Keys { id: id.to_owned(), secret: secret.to_owned() }
}

/// A signed GET with one more field, or none.
async fn get(bucket: &Bucket, path: &str, field: &str) -> String {
    let address = bucket.address();
    let now = OffsetDateTime::now_utc();
    let mut head = signed("GET", path, address, &keys("us", "secret"), now);
    if !field.is_empty() {
        head = format!("{head}\r\n{field}");
    }
    exchange(address, &head, b"").await
}

/// A request head with an AWS Signature Version 4 over it.
fn signed(method: &str, path: &str, host: SocketAddr, keys: &Keys, at: OffsetDateTime) -> String {
    let at = at.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap();
    let (day, _) = at.split_once('T').unwrap();
    let scope = format!("{day}/us-east-1/s3/aws4_request");
    let names = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:{at}\n\n\
         {names}\nUNSIGNED-PAYLOAD"
    );
    let digest = Sha256::digest(canonical);
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest:x}");
    let dated = hmac(format!("AWS4{}", keys.secret).as_bytes(), day);
    let key = ["us-east-1", "s3", "aws4_request"].iter().fold(dated, |key, part| hmac(&key, part));
    let signature = hmac(&key, &to_sign);
    let id = &keys.id;
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nx-amz-date: {at}\r\n\
         x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential={id}/{scope}, SignedHeaders={names}, Signature={signature:x}"
    )
}

fn hmac(key: &[u8], text: &str) -> Output<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes()
}
