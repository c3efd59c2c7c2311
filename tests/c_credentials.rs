//! Where the keys that sign for a bucket come from when the file does not hold them.

use std::time::Duration;

use http::StatusCode;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::bucket::{KEY_ID, SECRET};
use crate::support::process::POLL;
use crate::support::{Edge, Origin, Reply, Setup, TestBucket, WWW, run};

#[test]
fn from_the_environment() {
    run(async {
        let bucket = bucket().await;
        let setup = Setup::new(&bucket.site(DEFAULT, ""))
            .variable("AWS_ACCESS_KEY_ID", KEY_ID)
            .variable("AWS_SECRET_ACCESS_KEY", SECRET);
        assert_eq!(setup.start().await.get(WWW, "/a.txt").await.text(), "a");
    });
}

#[test]
fn from_a_profile() {
    run(async {
        let bucket = bucket().await;
        let setup = Setup::new(&bucket.site(DEFAULT, "")).variable("AWS_PROFILE", "edge");
        let text =
            format!("[edge]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n");
        std::fs::create_dir(setup.dir().join(".aws")).unwrap();
        std::fs::write(setup.dir().join(".aws/credentials"), text).unwrap();
        assert_eq!(setup.start().await.get(WWW, "/a.txt").await.text(), "a");
    });
}

#[test]
fn from_a_container_and_renewed_before_they_expire() {
    run(async {
        let bucket = bucket().await;
        let container = Origin::start().await;
        container.answer("/keys", Reply::text(&keys_for(Duration::from_mins(1))));
        let edge = Setup::new(&bucket.site(DEFAULT, ""))
            .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{container}/keys"))
            .start()
            .await;

        assert_eq!(edge.get(WWW, "/a.txt").await.text(), "a");
        assert_eq!(container.seen("/keys").len(), 1);
        // The test is over long before the minute is.
        while container.seen("/keys").len() < 2 {
            let answer = edge.ask("GET", WWW, "/a.txt").field("authorization", "Basic eDp5");
            assert_eq!(answer.send().await.status, StatusCode::OK);
            assert_eq!(edge.get(WWW, "/missing.txt").await.status, StatusCode::NOT_FOUND);
            tokio::time::sleep(POLL).await;
        }
    });
}

#[test]
fn from_nowhere_is_said_in_the_log() {
    run(async {
        let bucket = bucket().await;
        let edge = Edge::start(&bucket.site(DEFAULT, "")).await;
        assert_eq!(edge.get(WWW, "/a.txt").await.status, StatusCode::BAD_GATEWAY);
        let line = edge.logged("/a.txt").await;
        assert_eq!(line["fault"], "credentials");
        assert!(line["detail"].as_str().unwrap().contains("no credentials"), "{line}");
    });
}

async fn bucket() -> TestBucket {
    let bucket = TestBucket::start().await;
    bucket.put("a.txt", "text/plain", b"a").await;
    bucket
}

/// What a container's agent answers.
fn keys_for(lifetime: Duration) -> String {
    let expiration = OffsetDateTime::from(warmfront_proxy::now() + lifetime);
    let expiration = expiration.format(&Rfc3339).unwrap();
    format!(
        r#"{{"AccessKeyId":"{KEY_ID}","SecretAccessKey":"{SECRET}","Token":"","Expiration":"{expiration}"}}"#
    )
}

const DEFAULT: &str = "\"default\"";
