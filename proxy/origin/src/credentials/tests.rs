//! Goal: keys are there when a request needs them, and whoever gives them is not pestered.
//! Method: a provider that counts; for the container endpoint a real HTTP server, and this very
//! test program run again with the environment a container would have.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use warmfront_config::{Credentials, Secret};

use super::{CredentialSource, CredentialsError, Kind, Provided, in_one_line};

const START: SystemTime = UNIX_EPOCH;

/// Gives keys called `key-1`, `key-2`… that last for an hour, or fails.
#[derive(Debug, Clone)]
struct Counting {
    asked: Arc<AtomicU64>,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Temporary,
    Lasting,
    Failure,
}

impl Counting {
    fn new(outcome: Outcome) -> Self {
        let asked = Arc::default();
        Self { asked, outcome }
    }

    fn times(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            tokio::task::yield_now().await;
            let turn = self.asked.fetch_add(1, Ordering::SeqCst);
            let until = START + Duration::from_hours(turn + 1);
            let until = match self.outcome {
                Outcome::Temporary => Some(until),
                Outcome::Lasting => None,
                Outcome::Failure => return Err(ProviderError::provider_error("no route to host")),
            };
            let id = format!("key-{}", turn + 1);
            Ok(aws_credential_types::Credentials::new(id, "s", None, until, "test"))
        })
    }
}

fn source(provider: &Counting) -> CredentialSource {
    let provider = SharedCredentialsProvider::new(provider.clone());
    let kind = Kind::Provided(Arc::new(Provided::new(provider)));
    CredentialSource { kind }
}

async fn key_id(source: &CredentialSource, after: Duration) -> Result<String, CredentialsError> {
    let keys = source.current(START + after).await?;
    Ok(keys.map(|keys| keys.access_key_id.clone()).unwrap_or_default())
}

/// Waits until a refresh in the background is through.
async fn settle(source: &CredentialSource) {
    if let Kind::Provided(provided) = &source.kind {
        drop(provided.turn.lock().await);
    }
}

#[tokio::test]
async fn what_the_file_says_needs_no_asking() {
    let anonymous = CredentialSource::new(&Credentials::Anonymous, "eu-west-1");
    assert_eq!(anonymous.current(START).await, Ok(None));

    let written = Credentials::Static {
        access_key_id: "AKID".to_owned(),
        secret_access_key: Secret::new("s"),
    };
    let written = CredentialSource::new(&written, "eu-west-1");
    assert_eq!(key_id(&written, Duration::ZERO).await, Ok("AKID".to_owned()));
}

#[tokio::test]
async fn temporary_keys_are_replaced_before_they_expire_and_nobody_waits() {
    let provider = Counting::new(Outcome::Temporary);
    let source = source(&provider);
    for (minutes, signs_with, asked_afterwards) in [
        (0, "key-1", 1),
        (54, "key-1", 1),
        // Five minutes before the end: the old key still signs this request.
        (55, "key-1", 2),
        (56, "key-2", 2),
        // Nobody came for hours: the old key is dead and this request waits.
        (300, "key-3", 3),
    ] {
        let id = key_id(&source, Duration::from_mins(minutes)).await;
        settle(&source).await;
        assert_eq!(id.as_deref(), Ok(signs_with), "after {minutes} min");
        assert_eq!(provider.times(), asked_afterwards, "after {minutes} min");
    }
}

#[tokio::test]
async fn lasting_keys_are_looked_at_again_after_a_quarter_of_an_hour() {
    let provider = Counting::new(Outcome::Lasting);
    let source = source(&provider);
    for (minutes, signs_with) in [(0, "key-1"), (14, "key-1"), (16, "key-1"), (17, "key-2")] {
        let id = key_id(&source, Duration::from_mins(minutes)).await;
        settle(&source).await;
        assert_eq!(id.as_deref(), Ok(signs_with), "after {minutes} min");
    }
}

#[tokio::test]
async fn keys_that_s3_refused_are_asked_for_anew() {
    let provider = Counting::new(Outcome::Lasting);
    let source = source(&provider);
    for (seconds, signs_with) in [(0, "key-1"), (2, "key-1"), (6, "key-1"), (7, "key-2")] {
        let id = key_id(&source, Duration::from_secs(seconds)).await;
        settle(&source).await;
        assert_eq!(id.as_deref(), Ok(signs_with), "after {seconds} s");
        if seconds == 0 {
            source.doubt();
        }
    }
    assert_eq!(provider.times(), 2);
}

#[tokio::test]
async fn however_many_wait_one_asks() {
    let provider = Counting::new(Outcome::Temporary);
    let source = Arc::new(source(&provider));
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let source = Arc::clone(&source);
            tokio::spawn(async move { key_id(&source, Duration::ZERO).await })
        })
        .collect();
    for waiter in waiting {
        assert_eq!(waiter.await.unwrap().as_deref(), Ok("key-1"));
    }
    assert_eq!(provider.times(), 1);
}

#[tokio::test]
async fn a_failing_chain_says_why_and_is_left_alone_for_five_seconds() {
    let provider = Counting::new(Outcome::Failure);
    let source = source(&provider);
    for (seconds, asked) in [(0, 1), (4, 1), (6, 2)] {
        let error = key_id(&source, Duration::from_secs(seconds)).await.unwrap_err();
        assert_eq!(error.to_string(), "no credentials to sign with: no route to host");
        assert_eq!(provider.times(), asked, "after {seconds} s");
    }
}

#[test]
fn a_list_of_reasons_becomes_one_line() {
    for (words, line) in [
        ("", ""),
        ("no route", "no route"),
        (
            "none found. Attempted:\n  Environment: not set\n  Profile: no file\n",
            "none found. Attempted: Environment: not set; Profile: no file",
        ),
    ] {
        assert_eq!(in_one_line(words), line);
    }
}

#[test]
fn a_containers_endpoint_is_asked() {
    let endpoint = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/role", endpoint.local_addr().unwrap());
    let server = std::thread::spawn(move || answer_with_keys(&endpoint));

    let nowhere = "/nonexistent";
    let in_container = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "credentials::tests::in_a_container", "--ignored"])
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", nowhere)
        .env("AWS_SHARED_CREDENTIALS_FILE", nowhere)
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_WEB_IDENTITY_TOKEN_FILE")
        .output()
        .unwrap();
    assert!(in_container.status.success(), "{}", String::from_utf8_lossy(&in_container.stdout));
    let request = server.join().unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /role "), "{request}");
    assert!(request.contains("authorization: let me in"), "{request}");
}

/// The other half of [`a_containers_endpoint_is_asked`].
#[tokio::test]
#[ignore = "needs the environment of a container"]
async fn in_a_container() {
    let source = CredentialSource::new(&Credentials::Default, "eu-west-1");
    let keys = source.current(START).await.unwrap().unwrap();
    assert_eq!(keys.access_key_id, "ASIACONTAINER");
    assert_eq!(keys.session_token, Some("token".to_owned()));
}

/// Answers one request as a container agent does, and returns its head.
fn answer_with_keys(endpoint: &TcpListener) -> String {
    let (mut connection, _) = endpoint.accept().unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    let keys = r#"{"AccessKeyId":"ASIACONTAINER","SecretAccessKey":"s","Token":"token","Expiration":"2100-01-01T00:00:00Z"}"#;
    let length = keys.len();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{keys}"
    )
    .unwrap();
    String::from_utf8(head).unwrap()
}
