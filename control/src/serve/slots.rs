//! How many connections may be open at once: of this machine, of others, and of one of those.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warmfront_keys::Peer;

/// Connections of other machines; further ones are closed.
const FAR_MAX: u32 = 1_024;
/// Connections of one other client, so that nobody keeps the rest out.
const CLIENT_MAX: u32 = 128;
/// Connections of this machine, which strangers leave alone: whatever happens outside, its commands and
/// what watches over the node get through.
const NEAR_MAX: u32 = 1_024;

/// Those there are.
#[derive(Debug)]
pub(super) struct Slots {
    near: Arc<Semaphore>,
    far: Arc<Semaphore>,
    clients: Arc<Mutex<HashMap<Peer, u32>>>,
}

/// Held as long as a connection is open.
#[derive(Debug)]
pub(super) struct Slot {
    peer: Peer,
    clients: Arc<Mutex<HashMap<Peer, u32>>>,
    _room: OwnedSemaphorePermit,
}

// === impl Slots ===

impl Slots {
    pub(super) fn new() -> Self {
        let semaphore = |slots: u32| Arc::new(Semaphore::new(slots as usize));
        Self { near: semaphore(NEAR_MAX), far: semaphore(FAR_MAX), clients: Arc::default() }
    }

    /// A slot for this client, unless there is none left for it.
    pub(super) fn take(&self, peer: Peer) -> Option<Slot> {
        let (all, most) =
            if is_near(peer) { (&self.near, NEAR_MAX) } else { (&self.far, CLIENT_MAX) };
        let room = all.clone().try_acquire_owned().ok()?;
        let mut clients = self.clients.lock();
        let open = clients.entry(peer).or_insert(0);
        if *open >= most {
            return None;
        }
        *open += 1;
        drop(clients);
        Some(Slot { peer, clients: self.clients.clone(), _room: room })
    }

    /// Waits until all are free, or this long.
    pub(super) async fn emptied(&self, wait: Duration) {
        let all = async {
            let _ = self.near.acquire_many(NEAR_MAX).await;
            let _ = self.far.acquire_many(FAR_MAX).await;
        };
        let _ = tokio::time::timeout(wait, all).await;
    }
}

/// Whether it is a program of this machine.
fn is_near(peer: Peer) -> bool {
    match peer {
        // `::1` goes by its /64, in which nobody else can be.
        Peer::Tcp(address) => address.is_loopback() || address.is_unspecified(),
        Peer::Unix => true,
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut clients = self.clients.lock();
        if let Some(open) = clients.get_mut(&self.peer) {
            *open -= 1;
            if *open == 0 {
                clients.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::tcp(address.parse().unwrap())
    }

    #[test]
    fn one_client_cannot_take_every_slot() {
        let slots = Slots::new();
        let (one, other) = (peer("10.0.0.1"), peer("10.0.0.2"));
        let mut held: Vec<_> = (0..CLIENT_MAX).filter_map(|_| slots.take(one)).collect();
        assert_eq!(held.len(), CLIENT_MAX as usize);
        assert!(slots.take(one).is_none());
        assert!(slots.take(other).is_some());
        held.pop();
        assert!(slots.take(one).is_some());
        drop(held);
        assert!(slots.clients.lock().is_empty(), "nobody is remembered who has gone");
    }

    #[tokio::test]
    async fn many_clients_cannot_keep_this_machine_out() {
        let slots = Slots::new();
        let far = (0..=u8::MAX).flat_map(|n| [peer(&format!("10.0.0.{n}")); 5]);
        let held: Vec<_> = far.filter_map(|peer| slots.take(peer)).collect();
        assert_eq!(held.len(), FAR_MAX as usize);
        for near in [peer("127.0.0.1"), peer("::1"), Peer::Unix] {
            assert!(slots.take(near).is_some(), "{near:?}");
        }
        drop(held);
        slots.emptied(Duration::from_secs(10)).await;
        assert!(slots.take(peer("10.0.0.1")).is_some());
    }
}
