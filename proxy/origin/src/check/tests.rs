//! Goal: a check passes where a request would be answered well, and says in a few words why it does
//! not. Method: real targets on the loopback that do one thing each.

mod grpc;
mod http;
mod targets;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use warmfront_config::{HealthCheck, Probe, TargetGroup, TargetName};

use super::check;
use crate::health::CheckFailure;
use crate::tls::TargetConnection;

/// Longer than any check here takes that is not about the time.
const AMPLE: Duration = Duration::from_secs(30);
/// For checks that can end in nothing else.
const SHORT: Duration = Duration::from_millis(100);

fn http_probe(tls: bool) -> Probe {
    Probe::Http { tls, path: "/health?deep=1".to_owned(), host: None, statuses: vec![200..=200] }
}

fn asking(probe: Probe, timeout: Duration) -> HealthCheck {
    let interval = Duration::from_secs(30);
    HealthCheck { probe, port: None, interval, timeout, healthy: 5, unhealthy: 2 }
}

async fn ask(
    settings: &TargetGroup,
    health_check: &HealthCheck,
    address: SocketAddr,
) -> Result<(), CheckFailure> {
    let name = TargetName { host: "app.test".to_owned(), port: address.port() };
    let connection = TargetConnection::load("api", settings).unwrap();
    check(settings, health_check, &connection, "api", address, &name).await
}

fn broken(words: &str) -> Result<(), CheckFailure> {
    Err(CheckFailure::Broken(words.to_owned()))
}
