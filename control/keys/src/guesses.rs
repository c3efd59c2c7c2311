//! How often a client may guess at a key.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

/// Wrong keys of one client in one window; from then on it is told to wait.
const GUESSES_MAX: u32 = 10;
/// How long wrong keys are remembered.
const WINDOW: Duration = Duration::from_mins(1);
/// Clients that are told apart. The one whose window is oldest makes room.
const CLIENTS_MAX: usize = 4_096;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An address; of IPv6 the /64, which is what one client is given.
    Tcp(IpAddr),
    /// Whoever may open the socket.
    Unix,
}

/// Whether a client that was wrong may be told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// It may.
    Allowed,
    /// It may try again after this long.
    TooMany(Duration),
}

/// Wrong keys by client, wherever they are shown: to the control API, and to the data plane in
/// `X-Warmfront-Explain`. Only failures are counted and refused: a right key always passes.
#[derive(Debug, Default)]
pub struct Guesses(Mutex<HashMap<Peer, Window>>);

#[derive(Debug, Clone, Copy)]
struct Window {
    since: SystemTime,
    failures: u32,
}

// === impl Peer ===

impl Peer {
    /// The client behind an address.
    pub fn tcp(address: IpAddr) -> Self {
        Self::Tcp(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
            }
        })
    }
}

// === impl Guesses ===

impl Guesses {
    /// Notes that this client's key was wrong.
    pub fn wrong(&self, peer: Peer, now: SystemTime) -> Guess {
        let mut clients = self.0.lock();
        if !clients.contains_key(&peer) && clients.len() >= CLIENTS_MAX {
            make_room(&mut clients, now);
        }
        let fresh = Window { since: now, failures: 0 };
        let window = clients.entry(peer).or_insert(fresh);
        if window.left(now).is_none() {
            *window = fresh;
        }
        window.failures = window.failures.saturating_add(1);
        match window.left(now) {
            Some(left) if window.failures > GUESSES_MAX => Guess::TooMany(left),
            _ => Guess::Allowed,
        }
    }

    /// Whether this client was wrong so often that one more would be too many.
    pub fn is_spent(&self, peer: Peer, now: SystemTime) -> bool {
        let clients = self.0.lock();
        let window = clients.get(&peer).filter(|window| window.left(now).is_some());
        window.is_some_and(|window| window.failures >= GUESSES_MAX)
    }
}

// === impl Window ===

impl Window {
    /// What is left of the window. A wall clock that was set back ends it.
    fn left(&self, now: SystemTime) -> Option<Duration> {
        let elapsed = now.duration_since(self.since).ok()?;
        WINDOW.checked_sub(elapsed).filter(|left| !left.is_zero())
    }
}

fn make_room(clients: &mut HashMap<Peer, Window>, now: SystemTime) {
    clients.retain(|_, window| window.left(now).is_some());
    if clients.len() < CLIENTS_MAX {
        return;
    }
    let oldest = clients.iter().min_by_key(|(_, window)| window.since);
    if let Some(peer) = oldest.map(|(peer, _)| *peer) {
        clients.remove(&peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::tcp(address.parse().unwrap())
    }

    #[test]
    fn ten_guesses_a_minute_and_client() {
        let guesses = Guesses::default();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        for _ in 0..10 {
            assert!(!guesses.is_spent(peer("2001:db8::2"), start));
            assert_eq!(guesses.wrong(peer("2001:db8::1"), start), Guess::Allowed);
        }
        assert!(guesses.is_spent(peer("2001:db8::2"), start));
        assert!(!guesses.is_spent(peer("2001:db8::2"), start + WINDOW));
        let later = start + Duration::from_secs(20);
        let wait = Guess::TooMany(Duration::from_secs(40));
        assert_eq!(guesses.wrong(peer("2001:db8::2"), later), wait);
        assert_eq!(guesses.wrong(peer("2001:db8:0:1::1"), later), Guess::Allowed);
        let over = start + WINDOW;
        assert_eq!(guesses.wrong(peer("2001:db8::1"), over), Guess::Allowed);
        let set_back = start - Duration::from_secs(500);
        assert_eq!(guesses.wrong(peer("2001:db8::1"), set_back), Guess::Allowed);
    }

    #[test]
    fn clients_are_bounded() {
        let guesses = Guesses::default();
        let now = SystemTime::UNIX_EPOCH;
        for number in 0..10_000_u32 {
            guesses.wrong(Peer::tcp(IpAddr::V4(number.into())), now);
        }
        assert_eq!(guesses.0.lock().len(), CLIENTS_MAX);
    }
}
