//! Health checks: one question to a target, on a connection of its own.
//!
//! The connection is made as those of the requests are, so that a check fails by what they would
//! fail by: the certificate, the name in it, the protocol. It is closed after, and what the target
//! sends is read only as far as it decides the check.

mod grpc;
mod http2;

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::timeout;
use warmfront_config::{
    HealthCheck, Probe, TargetGroup, TargetName, TargetProtocol, TargetTls, Verification,
};

use crate::health::CheckFailure;
use crate::peer::{CheckConnection, target_peer};
use crate::tls::TargetConnection;

const CHECKER: HeaderValue =
    HeaderValue::from_static(concat!("warmfront-health-check/", env!("CARGO_PKG_VERSION")));
/// What tells the end of the check from the end of the time to connect, where both are the same.
const AFTER_THE_CHECK: Duration = Duration::from_secs(1);

/// Asks a target at one of its addresses whether it is well, within the check's `timeout`.
///
/// `connection` is what `settings` names, loaded; `name` the target's in the file. Fails with what
/// was wrong. Called on a tokio runtime; may be given up at any time.
pub(crate) async fn check(
    settings: &TargetGroup,
    health_check: &HealthCheck,
    connection: &TargetConnection,
    group_name: &str,
    address: SocketAddr,
    name: &TargetName,
) -> Result<(), CheckFailure> {
    let port = health_check.port;
    let address = SocketAddr::new(address.ip(), port.unwrap_or_else(|| address.port()));
    let asked = TargetName { host: name.host.clone(), port: port.unwrap_or(name.port) };
    let settings = as_checked(settings, health_check);
    let peer = target_peer(group_name, &settings, connection, address, name, Duration::ZERO);
    let within = health_check.timeout;
    let asking = async {
        let connection = CheckConnection::open(peer).await?;
        ask(connection, settings.protocol, &health_check.probe, &asked).await
    };
    timeout(within, Box::pin(asking)).await.unwrap_or(Err(CheckFailure::Timeout(within)))
}

/// The group's settings, as far as a check differs from a request.
fn as_checked(settings: &TargetGroup, health_check: &HealthCheck) -> TargetGroup {
    let mut settings = settings.clone();
    match health_check.probe {
        Probe::Http { tls: false, .. } => settings.tls = None,
        Probe::Http { tls: true, .. } => {
            settings.tls.get_or_insert(TargetTls {
                server_name: None,
                ca_file: None,
                client_certificate: None,
                verification: Verification::Full,
            });
        }
        Probe::Tcp => {}
        Probe::Grpc(_) => settings.protocol = TargetProtocol::Http2,
    }
    if settings.connect_timeout >= health_check.timeout {
        settings.connect_timeout = health_check.timeout + AFTER_THE_CHECK;
    }
    settings
}

async fn ask(
    connection: CheckConnection,
    protocol: TargetProtocol,
    probe: &Probe,
    asked: &TargetName,
) -> Result<(), CheckFailure> {
    match probe {
        Probe::Http { path, host, statuses, .. } => {
            let host = host.as_ref().map_or_else(|| authority(asked), |host| Ok(host.clone()))?;
            let status = match protocol {
                TargetProtocol::Http1 => connection.get(path, &http1_fields(host)).await?,
                TargetProtocol::Http2 => http2::get(connection, path, &host).await?,
            };
            passes(status, statuses)
        }
        Probe::Tcp => {
            connection.close().await;
            Ok(())
        }
        Probe::Grpc(call) => grpc::call(connection, call, &authority(asked)?).await,
    }
}

fn authority(asked: &TargetName) -> Result<HeaderValue, CheckFailure> {
    HeaderValue::try_from(asked.to_string())
        .map_err(|_| CheckFailure::Broken(format!("`{asked}` cannot be a Host field")))
}

fn http1_fields(host: HeaderValue) -> HeaderMap {
    let close = HeaderValue::from_static("close");
    HeaderMap::from_iter([(HOST, host), (USER_AGENT, CHECKER), (CONNECTION, close)])
}

fn passes(status: StatusCode, statuses: &[RangeInclusive<u16>]) -> Result<(), CheckFailure> {
    let status = status.as_u16();
    if statuses.iter().any(|range| range.contains(&status)) {
        Ok(())
    } else {
        Err(CheckFailure::Status(status))
    }
}

// === impl CheckFailure ===

/// What a connection ended with that had been established. In TLS 1.3 a target refuses the edge's
/// certificate only after the handshake.
impl From<&io::Error> for CheckFailure {
    fn from(error: &io::Error) -> Self {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        match cause {
            Some(cause) => Self::Tls(cause.to_string()),
            None => Self::Broken(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
