//! A private bucket: a server that verifies signatures, and objects in it.

use std::net::{Ipv4Addr, SocketAddr};

use tempfile::TempDir;
use warmfront_demo::bucket::{Bucket, Keys, Upload};

/// One bucket, named `web`; it is gone when dropped.
#[derive(Debug)]
pub(crate) struct TestBucket {
    bucket: Bucket,
    root: TempDir,
}

// === impl TestBucket ===

impl TestBucket {
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let keys = Keys { id: KEY_ID.to_owned(), secret: SECRET.to_owned() };
        let bucket = Bucket::start(listen, root.path(), &["web"], &keys).await;
        Self { bucket: bucket.unwrap(), root }
    }

    /// Where it speaks S3.
    pub(crate) fn address(&self) -> SocketAddr {
        self.bucket.address()
    }

    /// Puts an object that may be kept for a minute.
    pub(crate) async fn put(&self, key: &str, content_type: &str, body: &[u8]) {
        self.put_cached(key, content_type, "max-age=60", body).await;
    }

    /// Puts an object with a Cache-Control of its own.
    pub(crate) async fn put_cached(&self, key: &str, content_type: &str, cache: &str, body: &[u8]) {
        let upload = Upload { key, body, content_type, cache_control: Some(cache) };
        self.bucket.put("web", upload).await.unwrap();
    }

    /// Takes an object out, as `aws s3 sync --delete` does.
    pub(crate) fn remove(&self, key: &str) {
        std::fs::remove_file(self.root.path().join("web").join(key)).unwrap();
    }

    /// The configuration of an origin, `web`, and of a site before it, with `more` keys.
    pub(crate) fn site(&self, credentials: &str, more: &str) -> String {
        self.site_of("web", credentials, more)
    }

    /// As [`Self::site`], of another bucket of the same server.
    pub(crate) fn site_of(&self, bucket: &str, credentials: &str, more: &str) -> String {
        format!(
            r#"
[origins.web.s3]
bucket = "{bucket}"
region = "us-east-1"
endpoint = "http://{}"
path_style = true
credentials = {credentials}

[sites.www]
hosts = ["www.example.test"]
origin = "web"
{more}
"#,
            self.bucket.address()
        )
    }
}

/// Credentials in the configuration file.
pub(crate) fn in_file(secret: &str) -> String {
    format!(r#"{{ access_key_id = "{KEY_ID}", secret_access_key = "{secret}" }}"#)
}

pub(crate) const KEY_ID: &str = "TESTKEYID";
pub(crate) const SECRET: &str = "a-secret-of-some-length";
