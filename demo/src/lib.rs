//! Everything `warmfront demo` needs beside warmfront itself: a bucket, two app servers, a
//! development CA and the configuration file that ties them together.
//!
//! None of it is a mock. The bucket verifies signatures, the app servers speak HTTP and the
//! certificates verify, so the end-to-end tests use the same parts.

pub mod apps;
pub mod authority;
pub mod bucket;
mod config;
mod error;
#[cfg(test)]
mod exchange;
mod files;
mod greeting;
mod ports;
mod serving;
mod site;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rand::Rng;
use rand::distr::Alphanumeric;

use crate::apps::App;
use crate::authority::Authority;
use crate::bucket::{Bucket, Keys};
pub use crate::error::DemoError;
use crate::ports::Listeners;

/// The demo's parts, running until this value is dropped.
#[derive(Debug)]
pub struct Demo {
    dir: PathBuf,
    listeners: Listeners,
    bucket: Bucket,
    _apps: [App; 2],
}

/// Where the demo lives. A port of 0 means any free one.
#[derive(Debug, Clone)]
pub struct Options {
    /// Created with mode 0700; the CA and warmfront's state stay in it from run to run.
    pub dir: PathBuf,
    /// The edge's plain port.
    pub http: u16,
    /// The edge's TLS port.
    pub https: u16,
    /// The edge's control port.
    pub admin: u16,
    /// The bucket's port.
    pub bucket: u16,
    /// The two app servers' ports.
    pub apps: [u16; 2],
}

impl Demo {
    /// Lays out the directory, starts the bucket and the app servers, and writes the
    /// configuration file for a warmfront to run from.
    ///
    /// Fails when the directory cannot be written or a port is taken, the edge's ports included:
    /// those are tried here so that nothing starts half, and left for warmfront to bind.
    pub async fn start(options: Options, now: SystemTime) -> Result<Self, DemoError> {
        let (listeners, held) = Listeners::choose(&options)?;
        let dir = files::private_dir(&options.dir)?;
        Authority::open(&dir, now)?.keep_leaf(&dir, &LEAF_NAMES, now)?;

        let keys = bucket_keys(&dir)?;
        let on_loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let root = dir.join("bucket");
        let bucket = Bucket::start(on_loopback(options.bucket), &root, &[BUCKET], &keys).await?;
        site::upload(&bucket, BUCKET).await?;
        files::write(&dir.join(CHANGED_PAGE), site::changed_page().as_bytes())?;

        let [first, second] = options.apps;
        let apps = [
            App::start(on_loopback(first), "app-1").await?,
            App::start(on_loopback(second), "app-2").await?,
        ];
        let text = config::text(&config::Parts {
            dir: &dir,
            listeners: &listeners,
            bucket: bucket.address(),
            key_id: &keys.id,
            apps: [apps[0].address(), apps[1].address()],
        })?;
        files::write_private(&dir.join(CONFIG), text.as_bytes())?;
        drop(held);
        Ok(Self { dir, listeners, bucket, _apps: apps })
    }

    /// The configuration file to run warmfront from.
    pub fn config_path(&self) -> PathBuf {
        self.dir.join(CONFIG)
    }

    /// The CA that signed the edge's certificate, for `curl --cacert`.
    pub fn ca_path(&self) -> PathBuf {
        self.dir.join(authority::CA_FILE)
    }

    /// The directory everything is in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The bucket, whose one bucket is named `app`.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// What to tell the person at the terminal once warmfront serves: numbered lines to copy.
    /// `exe` is how they started warmfront.
    pub fn greeting(&self, exe: &str) -> String {
        greeting::text(&greeting::Places {
            exe,
            dir: &self.dir,
            listeners: &self.listeners,
            bucket: self.bucket.address(),
        })
    }

    /// `~/.cache/warmfront-demo`, or a directory under `temp` for a user without a home.
    pub fn default_dir(home: Option<&Path>, temp: &Path) -> PathBuf {
        home.map_or_else(|| temp.to_path_buf(), |home| home.join(".cache")).join("warmfront-demo")
    }
}

impl Options {
    /// The ports the README names: 8080, 8443 and 9900 for the edge, 9910 to 9912 behind it.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, http: 8080, https: 8443, admin: 9900, bucket: 9910, apps: [9911, 9912] }
    }

    /// Any free ports, for tests that run side by side.
    pub fn any_ports(dir: PathBuf) -> Self {
        Self { http: 0, https: 0, admin: 0, bucket: 0, apps: [0, 0], ..Self::new(dir) }
    }
}

/// A fixed id and a secret made at the first start, so that a bucket whose port is reachable from
/// elsewhere is not open to everyone who read the source.
fn bucket_keys(dir: &Path) -> Result<Keys, DemoError> {
    let path = dir.join(BUCKET_SECRET);
    let secret = if let Some(kept) = files::read_if_there(&path)? {
        kept
    } else {
        let made: String = (0..40).map(|_| char::from(rand::rng().sample(Alphanumeric))).collect();
        files::write_private(&path, made.as_bytes())?;
        made
    };
    Ok(Keys { id: KEY_ID.to_owned(), secret: secret.trim().to_owned() })
}

const BUCKET: &str = "app";
const BUCKET_SECRET: &str = "bucket.secret";
const CHANGED_PAGE: &str = "changed.html";
const KEY_ID: &str = "warmfront-demo";
const CONFIG: &str = "warmfront.toml";
const LEAF_NAMES: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];
/// Any region would do; this is the one Amazon's tools fall back to.
const REGION: &str = "us-east-1";
/// What CloudFront's API calls the site.
const DISTRIBUTION: &str = "E1WARMFRONTDEMO";

#[cfg(test)]
mod tests;
