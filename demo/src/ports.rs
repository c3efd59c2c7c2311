//! The edge's own addresses, proven free before anything starts.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use crate::serving::cannot_listen;
use crate::{DemoError, Options};

/// Where warmfront is going to listen.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) http: Vec<SocketAddr>,
    pub(crate) https: Vec<SocketAddr>,
    pub(crate) admin: SocketAddr,
}

impl Listeners {
    /// The addresses, and what keeps others from them until the rest of the demo has its ports.
    pub(crate) fn choose(options: &Options) -> Result<(Self, Vec<Held>), DemoError> {
        let loopbacks = loopbacks();
        let http = claim(options.http, &loopbacks)?;
        let https = claim(options.https, &loopbacks)?;
        let admin = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.admin)))?;
        let listeners = Self {
            http: http.iter().map(|held| held.address).collect(),
            https: https.iter().map(|held| held.address).collect(),
            admin: admin.address,
        };
        Ok((listeners, http.into_iter().chain(https).chain([admin]).collect()))
    }

    /// The port a browser is told; every address of a listener has the same.
    pub(crate) fn http_port(&self) -> u16 {
        self.http.first().map_or(0, SocketAddr::port)
    }

    /// As [`Self::http_port`], for TLS.
    pub(crate) fn https_port(&self) -> u16 {
        self.https.first().map_or(0, SocketAddr::port)
    }
}

/// An address that is listened on, and free again when this is dropped.
pub(crate) struct Held {
    address: SocketAddr,
    _listener: TcpListener,
}

/// `localhost` is both, but in many containers IPv6 is switched off.
fn loopbacks() -> Vec<IpAddr> {
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).map(|_| Ipv6Addr::LOCALHOST.into());
    [Ok(Ipv4Addr::LOCALHOST.into()), v6].into_iter().flatten().collect()
}

/// One port on every loopback address.
fn claim(port: u16, loopbacks: &[IpAddr]) -> Result<Vec<Held>, DemoError> {
    let mut attempts_left = FREE_PORT_ATTEMPTS;
    loop {
        let mut held: Vec<Held> = Vec::new();
        let all = loopbacks.iter().try_for_each(|&ip| {
            let port = held.first().map_or(port, |first| first.address.port());
            held.push(bind(SocketAddr::new(ip, port))?);
            Ok(())
        });
        attempts_left -= 1;
        match all {
            Ok(()) => return Ok(held),
            // A port that is free on one address may be taken on the next.
            Err(DemoError::PortInUse { .. }) if port == 0 && attempts_left > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

fn bind(address: SocketAddr) -> Result<Held, DemoError> {
    let bound = || -> io::Result<Held> {
        let listener = TcpListener::bind(address)?;
        Ok(Held { address: listener.local_addr()?, _listener: listener })
    };
    bound().map_err(|source| cannot_listen(address, source))
}

const FREE_PORT_ATTEMPTS: u32 = 16;
