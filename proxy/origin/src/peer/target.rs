//! What a connection to a target looks like.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use warmfront_config::{TargetGroup, TargetName, TargetProtocol, TargetTls, Verification};

use super::{Authorities, HttpPeer, Identity, PeerOptions, server_name, set_timeouts};
use crate::tls::TargetConnection;

/// Requests under way on one HTTP/2 connection: what servers allow at least (RFC 9113 §6.5.2).
const H2_STREAMS_MAX: usize = 100;
/// What a target may send of one answer before a client has taken it, in bytes: 10 MB/s at a round
/// trip of 50 ms.
const H2_STREAM_WINDOW: u32 = 512 * 1024;
/// All streams' windows together, so that clients that do not read do not stop the others'.
#[expect(clippy::cast_possible_truncation, reason = "100")]
const H2_CONNECTION_WINDOW: u32 = H2_STREAM_WINDOW * H2_STREAMS_MAX as u32;
/// A dead connection is found so much later at least; the answer to a ping has another 5 s.
const H2_PING_MIN: Duration = Duration::from_secs(10);
/// What gRPC servers take from anybody.
const H2_PING_MAX: Duration = Duration::from_mins(5);

/// How to connect to a target of the group at one of its addresses.
///
/// `connection` is what `settings` names, loaded; `name` the target's in the file or the one that
/// `address` was found by. `idle` is how long the connection is kept for the next request.
/// Connections are shared by requests only where all of it is the same.
pub fn target_peer(
    group_name: &str,
    settings: &TargetGroup,
    connection: &TargetConnection,
    address: SocketAddr,
    name: &TargetName,
    idle: Duration,
) -> HttpPeer {
    let tls = settings.tls.as_ref();
    let written = tls.and_then(|tls| tls.server_name.as_ref());
    let asked = written.filter(|name| !name.is_empty()).unwrap_or(&name.host);
    let mut peer = HttpPeer::new(address, tls.is_some(), server_name(asked.clone(), address));
    peer.group_key = group_key(group_name, settings, connection);
    set_timeouts(&mut peer, settings.connect_timeout, settings.response_timeout);
    peer.options.idle_timeout = Some(idle);
    if let Some(tls) = tls {
        set_tls(&mut peer, tls, connection);
    }
    match settings.protocol {
        TargetProtocol::Http1 => peer.options.set_http_version(1, 1),
        TargetProtocol::Http2 => {
            let quiet = settings.response_timeout.max(idle);
            set_http2(&mut peer.options, quiet);
        }
    }
    peer
}

fn set_tls(peer: &mut HttpPeer, tls: &TargetTls, connection: &TargetConnection) {
    let verified = tls.verification == Verification::Full;
    peer.options.verify_cert = verified;
    peer.options.verify_hostname = verified;
    peer.options.ca = connection.authorities.as_ref().map(Authorities::for_peer);
    peer.client_cert_key = connection.identity.as_ref().map(Identity::for_peer);
}

/// `quiet` is the longest that a connection in use may have nothing to say.
fn set_http2(options: &mut PeerOptions, quiet: Duration) {
    options.set_http_version(2, 2);
    options.max_h2_streams = H2_STREAMS_MAX;
    options.h2_stream_window_size = Some(H2_STREAM_WINDOW);
    options.h2_connection_window_size = Some(H2_CONNECTION_WINDOW);
    // gRPC servers close a connection at its fourth ping since they last sent something, unless
    // pings come 5 minutes apart; so there are three at most until the quiet ends.
    options.h2_ping_interval = Some((quiet / 3).clamp(H2_PING_MIN, H2_PING_MAX));
}

/// The pool's key knows neither the roots nor all of the certificate that is shown.
fn group_key(group: &str, settings: &TargetGroup, connection: &TargetConnection) -> u64 {
    let mut hasher = DefaultHasher::new();
    let http2 = settings.protocol == TargetProtocol::Http2;
    (group, http2, connection.fingerprint).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
