//! Somebody who signs URLs: keys of every kind, and botocore's `CloudFrontSigner`.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::{output, part, program, told};

/// Private keys and what is public of them; gone when dropped.
#[derive(Debug)]
pub(crate) struct Signer {
    dir: TempDir,
}

/// The signer's keys. Their ids are their names here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Rsa,
    Ecdsa,
    /// An RSA key of a group that no site trusts.
    Stranger,
}

/// What is to be signed.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    key: Key,
    order: Value,
}

const KEYS: [Key; 3] = [Key::Rsa, Key::Ecdsa, Key::Stranger];

// === impl Signer ===

impl Signer {
    pub(crate) async fn start() -> Self {
        let signer = Self { dir: tempfile::tempdir().unwrap() };
        for key in KEYS {
            let made = signer.path(key, "pem").display().to_string();
            let kind: &[&str] = match key {
                Key::Rsa | Key::Stranger => &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                Key::Ecdsa => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            };
            openssl(&[&["genpkey", "-out", &made, "-algorithm"], kind].concat()).await;
            let public = signer.path(key, "pub").display().to_string();
            openssl(&["pkey", "-in", &made, "-pubout", "-out", &public]).await;
        }
        signer
    }

    /// `[key_groups]`: `team` has a key of each kind, `others` the stranger's.
    pub(crate) fn groups(&self) -> String {
        let key = |key: Key| {
            let (id, file) = (key.id(), self.path(key, "pub"));
            format!("{{ id = \"{id}\", public_key_file = \"{}\" }}", file.display())
        };
        format!(
            "[key_groups]\nteam.keys = [{}, {}]\nothers.keys = [{}]\n",
            key(Key::Rsa),
            key(Key::Ecdsa),
            key(Key::Stranger)
        )
    }

    /// Signs in the order of the orders.
    pub(crate) async fn sign<const N: usize>(&self, orders: [Order; N]) -> [String; N] {
        let orders = orders.map(|Order { key, mut order }| {
            order["key"] = self.path(key, "pem").display().to_string().into();
            order
        });
        let mut python = program(&part("target/parts/venv/bin/python").display().to_string());
        let orders = Value::from(orders.to_vec()).to_string();
        let signed = told(python.arg(part("tests/parts/sign.py")), &orders).await;
        assert_eq!(signed.code, 0, "{signed:?}");
        let urls: Vec<String> = serde_json::from_str(&signed.stdout).unwrap();
        urls.try_into().expect("one for each order")
    }

    /// One URL until a date, by the command of the AWS CLI.
    pub(crate) async fn sign_by_aws(&self, url: &str, more: &[&str]) -> String {
        let (made, old) = (self.path(Key::Rsa, "pem"), self.path(Key::Rsa, "old"));
        let (made, old) = (made.display().to_string(), old.display().to_string());
        openssl(&["pkey", "-in", &made, "-traditional", "-out", &old]).await;
        let mut aws = program(&part("target/parts/venv/bin/aws").display().to_string());
        let key = format!("file://{old}");
        aws.args(["cloudfront", "sign", "--url", url, "--key-pair-id", Key::Rsa.id()]);
        let signed = output(aws.args(["--private-key", &key]).args(more)).await;
        assert_eq!(signed.code, 0, "{signed:?}");
        signed.stdout.trim().to_owned()
    }

    fn path(&self, key: Key, kind: &str) -> PathBuf {
        self.dir.path().join(format!("{}.{kind}", key.id()))
    }
}

// === impl Key ===

impl Key {
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Rsa => "K2RSA",
            Self::Ecdsa => "K3ECDSA",
            Self::Stranger => "K4STRANGER",
        }
    }
}

// === impl Order ===

impl Order {
    /// With a canned policy, for an hour.
    pub(crate) fn canned(url: &str) -> Self {
        let order = json!({ "url": url, "until": in_seconds(3600) });
        Self { key: Key::Rsa, order }.by(Key::Rsa).digest("sha1")
    }

    /// With a custom policy for `resource`, for an hour.
    pub(crate) fn custom(url: &str, resource: &str) -> Self {
        Self::canned(url).set("resource", resource)
    }

    /// With a custom policy of these very octets.
    pub(crate) fn written(url: &str, policy: &str) -> Self {
        Self::canned(url).set("policy", policy)
    }

    pub(crate) fn by(self, key: Key) -> Self {
        Self { key, ..self }.named(key.id())
    }

    /// Says that another key has signed.
    pub(crate) fn named(self, id: &str) -> Self {
        self.set("id", id)
    }

    /// `sha1` or `sha256`; which of them it is does not stand in the URL.
    pub(crate) fn digest(self, digest: &str) -> Self {
        self.set("hash", digest)
    }

    /// `DateLessThan`, in seconds from now.
    pub(crate) fn until(self, seconds: i64) -> Self {
        self.set("until", in_seconds(seconds))
    }

    /// `DateGreaterThan`, in seconds from now.
    pub(crate) fn after(self, seconds: i64) -> Self {
        self.set("after", in_seconds(seconds))
    }

    /// `AWS:SourceIp`.
    pub(crate) fn address(self, address: &str) -> Self {
        self.set("address", address)
    }

    fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.order[name] = value.into();
        self
    }
}

/// That moment, in seconds from 1970.
pub(crate) fn in_seconds(seconds: i64) -> u64 {
    let now: SystemTime = warmfront_proxy::now();
    now.duration_since(UNIX_EPOCH).unwrap().as_secs().checked_add_signed(seconds).unwrap()
}

async fn openssl(words: &[&str]) {
    let ended = output(program("openssl").args(words)).await;
    assert_eq!(ended.code, 0, "openssl {words:?}: {ended:?}");
}
