//! What is known of a client's connection, and how many of them there are.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use prometheus::IntGauge;
use tokio::sync::watch;
use warmfront_certs::Presented;
use warmfront_config::Listen;
use warmfront_semantics::errand::Scheme;

use crate::listen::date::KeptDate;
use crate::prefetch::Ended;

/// Whom origins take the edge's own requests to be from: what they answer is for everybody, and many
/// show more to the host they run on. It is an address that no client has (RFC 5737 §3), since without
/// one they would look at the connection's.
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// One connection, as the rooms see it.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The client's address; IPv4 even when it came in through an IPv6 socket.
    pub(crate) client: SocketAddr,
    /// The address it connected to.
    pub(crate) local: SocketAddr,
    pub(crate) whose: Whose,
    /// What its requests are said to have come by.
    pub(crate) scheme: Scheme,
    /// TLS, if it was negotiated; the edge has nothing to hide from itself.
    pub(crate) tls: Option<Tls>,
    /// How many more requests it may carry.
    pub(crate) allowance: Allowance,
    /// HTTP/1: of the response that is about to be written.
    pub(crate) date: KeptDate,
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) enum Whose {
    /// A client.
    Client,
    /// The edge itself, which asks what clients are going to ask; what came of it is left here.
    Edge(Mutex<Option<Ended>>),
}

/// The requests that are left to a connection. HTTP/1 closes by itself; HTTP/2 is told to.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: AtomicU32,
    spent: watch::Sender<bool>,
}

/// What a TLS handshake came to.
#[derive(Debug)]
pub(crate) struct Tls {
    /// The certificate that was presented.
    pub(crate) presented: Arc<Presented>,
    /// `TLSv1.3`, as OpenSSL and CloudFront's log spell it.
    pub(crate) version: &'static str,
    /// The cipher suite, as IANA spells it.
    pub(crate) cipher: &'static str,
}

/// Counts open connections, in all and by client.
#[derive(Debug)]
pub(crate) struct Census {
    total_max: usize,
    client_max: usize,
    total: IntGauge,
    clients: Mutex<HashMap<IpAddr, usize>>,
}

/// A counted connection; dropping it takes it off the count.
#[derive(Debug)]
pub(crate) struct Counted {
    census: Arc<Census>,
    client: IpAddr,
}

/// Why a connection is closed as soon as it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// `limits.connections`.
    Node,
    /// `limits.connections_per_client`.
    Client,
}

// === impl Connection ===

impl Connection {
    /// A connection of the edge's own, to the first socket of a scheme. No client has it: it is in no
    /// census.
    pub(crate) fn of_edge(scheme: Scheme, listen: &Listen) -> Self {
        let (spent, _) = watch::channel(false);
        let sockets = match scheme {
            Scheme::Http => &listen.http,
            Scheme::Https => &listen.https,
        };
        let port = sockets.first().map_or_else(|| scheme.default_port(), SocketAddr::port);
        Self {
            client: SocketAddr::from((NOBODY, 0)),
            local: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            whose: Whose::Edge(Mutex::default()),
            scheme,
            tls: None,
            allowance: Allowance::new(u32::MAX, spent),
            date: KeptDate::default(),
        }
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The port that needs no saying.
    pub(crate) fn default_port(&self) -> u16 {
        self.scheme.default_port()
    }
}

// === impl Allowance ===

impl Allowance {
    /// `spent` turns true with the last request.
    pub(crate) fn new(requests: u32, spent: watch::Sender<bool>) -> Self {
        Self { left: AtomicU32::new(requests), spent }
    }

    pub(crate) fn take_one(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.spent.send_replace(true);
        }
    }

    /// The node stops: what is under way is finished, and nothing else is taken in.
    pub(crate) fn end(&self) {
        self.spent.send_replace(true);
    }
}

// === impl Census ===

impl Census {
    /// `total` is kept at the number of open connections, for whoever scrapes it.
    pub(crate) fn new(total_max: usize, client_max: usize, total: IntGauge) -> Arc<Self> {
        Arc::new(Self { total_max, client_max, total, clients: Mutex::default() })
    }

    pub(crate) fn count(self: &Arc<Self>, client: IpAddr) -> Result<Counted, Crowded> {
        let client = household(client);
        let mut clients = self.clients.lock();
        if usize::try_from(self.total.get()).is_ok_and(|open| open >= self.total_max) {
            return Err(Crowded::Node);
        }
        let open = clients.entry(client).or_insert(0);
        if *open >= self.client_max {
            return Err(Crowded::Client);
        }
        *open += 1;
        self.total.inc();
        Ok(Counted { census: self.clone(), client })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut clients = self.census.clients.lock();
        if let Some(open) = clients.get_mut(&self.client) {
            *open -= 1;
            if *open == 0 {
                clients.remove(&self.client);
            }
        }
        self.census.total.dec();
    }
}

/// An IPv6 client has a whole /64 to connect from.
fn household(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_a_closed_connection_makes_room() {
        let census = Census::new(3, 2, IntGauge::new("open", "open").unwrap());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = census.count(address("2001:db8::1")).unwrap();
        let _two = census.count(address("2001:db8::2")).unwrap();
        assert_eq!(census.count(address("2001:db8::3")).unwrap_err(), Crowded::Client);
        let _three = census.count(address("10.0.0.1")).unwrap();
        assert_eq!(census.count(address("10.0.0.2")).unwrap_err(), Crowded::Node);
        drop(one);
        assert!(census.count(address("2001:db8::3")).is_ok());
    }
}
