//! What the tests are made of: the real program, real origins, and clients that see every byte.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

pub(crate) mod app;
pub(crate) mod authority;
pub(crate) mod aws;
pub(crate) mod bucket;
pub(crate) mod client;
pub(crate) mod coding;
pub(crate) mod control;
pub(crate) mod disk;
pub(crate) mod dnsmasq;
pub(crate) mod edge;
pub(crate) mod exchange;
pub(crate) mod express;
pub(crate) mod flaky;
pub(crate) mod frame_target;
pub(crate) mod http2;
pub(crate) mod kept;
pub(crate) mod knot;
pub(crate) mod load;
pub(crate) mod moto;
pub(crate) mod names;
pub(crate) mod newcomers;
pub(crate) mod nginx;
pub(crate) mod octets;
pub(crate) mod origin;
pub(crate) mod own;
pub(crate) mod pebble;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod reply;
pub(crate) mod schemathesis;
pub(crate) mod secure;
pub(crate) mod shown;
pub(crate) mod signer;
pub(crate) mod sigv4;
pub(crate) mod standing;
pub(crate) mod websocket;
pub(crate) mod world;

pub(crate) use app::App;
pub(crate) use authority::{Authority, Kind, Spoiled};
pub(crate) use aws::{Aws, Call, SDKS, Sdk};
pub(crate) use bucket::TestBucket;
pub(crate) use client::Over;
pub(crate) use dnsmasq::Dnsmasq;
pub(crate) use edge::{Edge, Setup};
pub(crate) use express::Express;
pub(crate) use flaky::Flaky;
pub(crate) use knot::Knot;
pub(crate) use load::Load;
pub(crate) use moto::Moto;
pub(crate) use names::Names;
pub(crate) use nginx::Nginx;
pub(crate) use origin::Origin;
pub(crate) use reply::{Gate, Reply};
pub(crate) use shown::{Shown, trusted};
pub(crate) use world::World;

/// The host most sites of the tests answer to; the edge's certificate covers it and its siblings.
pub(crate) const WWW: &str = "www.example.test";

/// Runs a test, which fails rather than hangs: everything in it waits for what must come.
pub(crate) fn run(test: impl Future<Output = ()>) {
    run_within(Duration::from_mins(1), test);
}

/// As [`run`], for what takes its time.
pub(crate) fn run_within(limit: Duration, test: impl Future<Output = ()>) {
    // Pingora and hyper would not agree on one. All but the first test find it installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Still alive when the watchdog panics, so that its processes print what they said.
        let mut test = pin!(test);
        let ended = tokio::time::timeout(limit, test.as_mut()).await;
        assert!(ended.is_ok(), "the test was not done within {limit:?}");
    });
}
